package telemetry

import (
	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// ended is told what came of a request.
type ended func(answer [][]byte, err error)

// request tells of a request that the node makes. It gives nil for those of which there is nothing to be told.
func (p *Probe) request(id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, connected bool) ended {
	if len(messages) == 0 {
		return nil
	}
	first := messages[0]
	switch kind { //nolint:exhaustive // JIP-3 has no events for the others
	case jamnp.BlockRequest:
		return p.requestBlocks(id, first, connected)
	case jamnp.TicketToProxy, jamnp.TicketFromProxy:
		return func(_ [][]byte, err error) { p.ticket(id, Local, kind, first, err) }
	case jamnp.PackageSharing:
		return p.share(id, connected)
	case jamnp.ReportDistribution:
		return p.distribute(id, first)
	case jamnp.ShardDistribution, jamnp.AuditShardRequest:
		return p.requestShard(id, kind, first, connected)
	case jamnp.AssuranceDistribution:
		return p.assure(id, first)
	case jamnp.PreimageAnnouncement:
		return func(_ [][]byte, err error) { p.preimage(id, Local, first, err) }
	case jamnp.PreimageRequest:
		return p.requestPreimage(id, first, connected)
	case jamnp.SegmentShards, jamnp.ProvenSegmentShards:
		return p.requestSegmentShards(id, kind, first, connected)
	case jamnp.BundleRequest:
		begun := p.Emit(SendingBundleRequest, None, Peer(id))
		return p.simple(begun, connected, BundleRequestSent, BundleRequestFailed, BundleTransferred)
	case jamnp.SegmentRequest:
		return p.requestSegments(id, first, connected)
	}
	return nil
}

// simple is a request that fails or succeeds.
func (p *Probe) simple(begun uint64, connected bool, sent, failed, transferred Code) ended {
	if connected {
		p.Emit(sent, begun)
	}
	return func(_ [][]byte, err error) {
		if err != nil {
			p.Emit(failed, begun, words(err))
			return
		}
		p.Emit(transferred, begun)
	}
}

func (p *Probe) requestBlocks(id jamnp.PeerID, message []byte, connected bool) ended {
	var m jamnp.BlocksRequest
	if m.Decode(message, p.params) != nil {
		return nil
	}
	begun := p.Emit(SendingBlockRequest, Peer(id), Hash(m.Block), uint8(m.Direction), m.Maximum)
	if connected {
		p.Emit(BlockRequestSent, begun)
	}
	return func(answer [][]byte, err error) {
		if err != nil {
			p.Emit(BlockRequestFailed, begun, words(err))
			return
		}
		p.transferred(begun, answer)
	}
}

// transferred tells of blocks, which it reads beside the loop.
func (p *Probe) transferred(begun uint64, answer [][]byte) {
	p.loop.Go("telemetry", func() func() {
		var all []jamnp.EncodedBlock
		for _, message := range answer {
			var blocks jamnp.Blocks
			if blocks.Decode(message, p.params) != nil {
				break // the node blames the peer
			}
			all = append(all, blocks...)
		}
		var v block.View
		for i := range all {
			if b := &all[i]; v.Decode(b.Octets, p.params) == nil {
				p.Emit(BlockTransferred, begun, b.Slot, outline(&v, b.Hash, len(b.Octets)), i == len(all)-1)
			}
		}
		return nil
	})
}

// maxOutputs bounds the tickets whose names are remembered.
const maxOutputs = 1 << 14

// ticket tells of a ticket that was sent or received, or was not.
func (p *Probe) ticket(id jamnp.PeerID, by Side, kind jamnp.Kind, message []byte, err error) {
	proxied := kind == jamnp.TicketFromProxy
	var m jamnp.Ticket
	if err == nil {
		err = m.Decode(message, p.params)
	}
	if err != nil {
		p.Emit(TicketTransferFailed, Peer(id), by, proxied, words(err))
		return
	}
	name, known := p.outputs[[32]byte(m.Proof.Proof[:32])]
	if !known {
		output, err := bandersnatch.Output(m.Proof.Proof[:])
		if err != nil {
			p.Emit(TicketTransferFailed, Peer(id), by, proxied, words(err))
			return
		}
		name = Hash(output)
		if len(p.outputs) >= maxOutputs {
			clear(p.outputs)
		}
		p.outputs[[32]byte(m.Proof.Proof[:32])] = name
	}
	p.Emit(TicketTransferred, Peer(id), by, proxied, m.Epoch, m.Proof.Attempt, name)
}

func (p *Probe) requestShard(id jamnp.PeerID, kind jamnp.Kind, message []byte, connected bool) ended {
	var m jamnp.ShardRequest
	if m.Decode(message, p.params) != nil {
		return nil
	}
	if kind == jamnp.AuditShardRequest {
		begun := p.Emit(SendingBundleShardRequest, None, Peer(id), m.Shard)
		return p.simple(begun, connected, BundleShardRequestSent, BundleShardRequestFailed, BundleShardTransferred)
	}
	begun := p.Emit(SendingShardRequest, Peer(id), Hash(m.ErasureRoot), m.Shard)
	return p.simple(begun, connected, ShardRequestSent, ShardRequestFailed, ShardsTransferred)
}

// join counts a message of those that are sent to many; begin tells of the first. Done reports whether it was the last.
func (p *Probe) join(b *broadcast, message []byte, begin func() uint64) (id uint64, done func() bool) {
	if b.message != &message[0] {
		id = begin()
		*b = broadcast{message: &message[0], id: id, open: new(int)}
	}
	open := b.open
	*open++
	return b.id, func() bool {
		*open--
		return *open == 0
	}
}

// assure tells of an assurance, which goes to many.
func (p *Probe) assure(id jamnp.PeerID, message []byte) ended {
	var m jamnp.Assurance
	if m.Decode(message, p.params) != nil {
		return nil
	}
	begun, done := p.join(&p.assurance, message,
		func() uint64 { return p.Emit(DistributingAssurance, Hash(m.Anchor), Octets(m.Bitfield)) })
	return func(_ [][]byte, err error) {
		if err != nil {
			p.Emit(AssuranceSendFailed, begun, Peer(id), words(err))
		} else {
			p.Emit(AssuranceSent, begun, Peer(id))
		}
		if done() {
			p.Emit(AssuranceDistributed, begun)
		}
	}
}

// preimage tells of an announcement that was sent or received, or was not.
func (p *Probe) preimage(id jamnp.PeerID, by Side, message []byte, err error) {
	var m jamnp.PreimageAnnounced
	if err == nil {
		err = m.Decode(message, p.params)
	}
	if err != nil {
		p.Emit(PreimageAnnouncementFailed, Peer(id), by, words(err))
		return
	}
	p.Emit(PreimageAnnounced, Peer(id), by, m.Service, Hash(m.Hash), m.Length)
}

func (p *Probe) requestPreimage(id jamnp.PeerID, message []byte, connected bool) ended {
	var m jamnp.HashRequest
	if m.Decode(message, p.params) != nil {
		return nil
	}
	begun := p.Emit(SendingPreimageRequest, Peer(id), Hash(m.Hash))
	if connected {
		p.Emit(PreimageRequestSent, begun)
	}
	return func(answer [][]byte, err error) {
		if err != nil {
			p.Emit(PreimageRequestFailed, begun, words(err))
			return
		}
		p.Emit(PreimageTransferred, begun, length(answer))
	}
}

func length(messages [][]byte) (n uint32) {
	for _, m := range messages {
		n += uint32(len(m))
	}
	return n
}

func (p *Probe) requestSegmentShards(id jamnp.PeerID, kind jamnp.Kind, message []byte, connected bool) ended {
	var m jamnp.SegmentShardsRequest
	if m.Decode(message, p.params) != nil {
		return nil
	}
	of := p.fetching()
	shards := []ShardOf{}
	for i := range m {
		for _, index := range m[i].Segments {
			shards = append(shards, ShardOf{of.importOf(protocol.Hash{}, index), m[i].Shard})
		}
	}
	begun := p.Emit(SendingSegmentShardRequest, of.event(), Peer(id), kind == jamnp.ProvenSegmentShards, shards)
	return p.simple(begun, connected, SegmentShardRequestSent, SegmentShardRequestFailed, SegmentShardsTransferred)
}

func (p *Probe) requestSegments(id jamnp.PeerID, message []byte, connected bool) ended {
	var m jamnp.SegmentsRequest
	if m.Decode(message, p.params) != nil {
		return nil
	}
	of := p.fetching()
	list := []uint16{}
	for i := range m {
		for _, index := range m[i].Segments {
			list = append(list, of.importOf(m[i].Root, index))
		}
	}
	begun := p.Emit(SendingSegmentRequest, of.event(), Peer(id), list)
	return p.simple(begun, connected, SegmentRequestSent, SegmentRequestFailed, SegmentsTransferred)
}
