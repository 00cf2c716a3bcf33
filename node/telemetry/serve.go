package telemetry

import (
	"errors"
	"io"

	"damson/net/jamnp"
	"damson/node/guarantor"
)

// exchange tells how a request of a peer goes.
type exchange struct {
	jamnp.Exchange
	p     *Probe
	of    *answering
	begun uint64
	heard bool // the first message has come
	pack  *submission
}

// answering is what is told of the requests of a kind; what is zero is left out.
type answering struct {
	begin  func(x *exchange) uint64
	first  func(x *exchange, message []byte) // the first message has come
	failed func(x *exchange, err error)
	sent   func(x *exchange, messages [][]byte)
}

// serve has a request of a peer told.
func (p *Probe) serve(x jamnp.Exchange) jamnp.Exchange {
	of := answers[x.Kind()]
	if of == nil {
		return x
	}
	e := &exchange{Exchange: x, p: p, of: of}
	if of.begin != nil {
		e.begun = of.begin(e)
	}
	return e
}

// Next implements jamnp.Exchange.
func (x *exchange) Next(limit int, then func([]byte, error)) {
	x.Exchange.Next(limit, func(message []byte, err error) {
		if err == nil && !x.heard {
			x.heard = true
			if x.of.first != nil {
				x.of.first(x, message)
			}
		}
		then(message, err)
	})
}

// Stream implements jamnp.Exchange.
func (x *exchange) Stream(limit int, read func(io.Reader) error, then func(error)) {
	x.heard = true // what is read so is told by the duty
	x.Exchange.Stream(limit, read, then)
}

// Answer implements jamnp.Exchange.
func (x *exchange) Answer(messages ...[]byte) {
	if x.of.sent != nil {
		x.of.sent(x, messages)
	}
	x.Exchange.Answer(messages...)
}

// Reject implements jamnp.Exchange.
func (x *exchange) Reject(reason error) {
	if x.of.failed != nil {
		x.of.failed(x, reason)
	}
	x.Exchange.Reject(reason)
}

func (x *exchange) peer() Peer { return Peer(x.Peer()) }

// answers are the kinds of which there is something to be told.
var answers = map[jamnp.Kind]*answering{
	jamnp.BlockRequest: {
		begin:  beginning(ReceivingBlockRequest),
		first:  firstBlocks,
		failed: failing(BlockRequestFailed),
		sent:   func(x *exchange, messages [][]byte) { x.p.transferred(x.begun, messages) },
	},
	jamnp.TicketToProxy:      hearing((*Probe).heardTicket),
	jamnp.TicketFromProxy:    hearing((*Probe).heardTicket),
	jamnp.WorkPackage:        submissions(false),
	jamnp.WorkBundle:         submissions(true),
	jamnp.PackageSharing:     {begin: beginning(PackageShared), failed: refusing, sent: func(x *exchange, _ [][]byte) { x.p.Emit(ReportSignatureSent, x.begun) }},
	jamnp.ReportDistribution: {begin: beginning(ReceivingGuarantee), first: firstGuarantee, failed: unheard(GuaranteeReceiveFailed)},
	jamnp.ShardDistribution: {
		begin: beginning(ReceivingShardRequest), first: firstShard(ShardRequestReceived), failed: failing(ShardRequestFailed),
		sent: sending(ShardsTransferred),
	},
	jamnp.AuditShardRequest: {
		begin: beginning(ReceivingBundleShardRequest), first: firstShard(BundleShardRequestReceived),
		failed: failing(BundleShardRequestFailed), sent: sending(BundleShardTransferred),
	},
	jamnp.SegmentShards:         segmentShards(false),
	jamnp.ProvenSegmentShards:   segmentShards(true),
	jamnp.AssuranceDistribution: hearing((*Probe).heardAssurance),
	jamnp.PreimageAnnouncement:  hearing((*Probe).heardPreimage),
	jamnp.PreimageRequest: {
		begin: beginning(ReceivingPreimageRequest), first: firstHash(PreimageRequestReceived), failed: failing(PreimageRequestFailed),
		sent: func(x *exchange, messages [][]byte) { x.p.Emit(PreimageTransferred, x.begun, length(messages)) },
	},
	jamnp.BundleRequest: {
		begin: beginning(ReceivingBundleRequest), first: firstHash(BundleRequestReceived), failed: failing(BundleRequestFailed),
		sent: sending(BundleTransferred),
	},
	jamnp.SegmentRequest: {
		begin: beginning(ReceivingSegmentRequest), first: firstSegments, failed: failing(SegmentRequestFailed),
		sent: sending(SegmentsTransferred),
	},
}

func beginning(code Code) func(*exchange) uint64 {
	return func(x *exchange) uint64 { return x.p.Emit(code, x.peer()) }
}

func failing(code Code) func(*exchange, error) {
	return func(x *exchange, err error) { x.p.Emit(code, x.begun, words(err)) }
}

// unheard tells of what failed before it was heard. What is wrong with it afterwards is the peer's misbehaviour.
func unheard(code Code) func(*exchange, error) {
	return func(x *exchange, err error) {
		if !x.heard {
			x.p.Emit(code, x.begun, words(err))
		}
	}
}

func sending(code Code) func(*exchange, [][]byte) {
	return func(x *exchange, _ [][]byte) { x.p.Emit(code, x.begun) }
}

// hearing is for what peers tell in one message: it is told when it has come, or that it has not.
func hearing(tell func(p *Probe, x *exchange, message []byte, err error)) *answering {
	return &answering{
		first: func(x *exchange, message []byte) { tell(x.p, x, message, nil) },
		failed: func(x *exchange, err error) {
			if !x.heard {
				tell(x.p, x, nil, err)
			}
		},
	}
}

func (p *Probe) heardTicket(x *exchange, message []byte, err error) {
	p.ticket(x.Peer(), Remote, x.Kind(), message, err)
}

func (p *Probe) heardPreimage(x *exchange, message []byte, err error) {
	p.preimage(x.Peer(), Remote, message, err)
}

func (p *Probe) heardAssurance(x *exchange, message []byte, err error) {
	var m jamnp.Assurance
	if err == nil {
		err = m.Decode(message, p.params)
	}
	if err != nil {
		p.Emit(AssuranceReceiveFailed, x.peer(), words(err))
		return
	}
	p.Emit(AssuranceReceived, x.peer(), Hash(m.Anchor))
}

func firstBlocks(x *exchange, message []byte) {
	var m jamnp.BlocksRequest
	if m.Decode(message, x.p.params) == nil {
		x.p.Emit(BlockRequestReceived, x.begun, Hash(m.Block), uint8(m.Direction), m.Maximum)
	}
}

func firstShard(code Code) func(*exchange, []byte) {
	return func(x *exchange, message []byte) {
		var m jamnp.ShardRequest
		if m.Decode(message, x.p.params) == nil {
			x.p.Emit(code, x.begun, Hash(m.ErasureRoot), m.Shard)
		}
	}
}

func firstHash(code Code) func(*exchange, []byte) {
	return func(x *exchange, message []byte) {
		var m jamnp.HashRequest
		if m.Decode(message, x.p.params) == nil {
			x.p.Emit(code, x.begun, Hash(m.Hash))
		}
	}
}

func firstSegments(x *exchange, message []byte) {
	var m jamnp.SegmentsRequest
	if m.Decode(message, x.p.params) == nil {
		x.p.Emit(SegmentRequestReceived, x.begun, uint16(m.Count()))
	}
}

func firstGuarantee(x *exchange, message []byte) {
	m := new(jamnp.GuaranteedReport)
	if err := m.Decode(message, x.p.params); err != nil {
		x.p.Emit(GuaranteeReceiveFailed, x.begun, words(err))
		return
	}
	x.p.Emit(GuaranteeReceived, x.begun, guaranteeOf(&m.Guarantee))
}

func segmentShards(proven bool) *answering {
	return &answering{
		begin: func(x *exchange) uint64 { return x.p.Emit(ReceivingSegmentShardRequest, x.peer(), proven) },
		first: func(x *exchange, message []byte) {
			var m jamnp.SegmentShardsRequest
			if m.Decode(message, x.p.params) == nil {
				x.p.Emit(SegmentShardRequestReceived, x.begun, uint16(m.Count()))
			}
		},
		failed: failing(SegmentShardRequestFailed),
		sent:   sending(SegmentShardsTransferred),
	}
}

func submissions(whole bool) *answering {
	return &answering{
		begin:  func(x *exchange) uint64 { return x.p.Emit(PackageSubmission, x.peer(), whole) },
		failed: refusing,
	}
}

// refusing tells why a package is not taken.
func refusing(x *exchange, err error) {
	if x.pack != nil && errors.Is(err, guarantor.ErrKnown) {
		x.p.Emit(DuplicatePackage, x.begun, x.pack.core, Hash(x.pack.hash))
		return
	}
	x.p.Emit(PackageFailed, x.begun, words(err))
}
