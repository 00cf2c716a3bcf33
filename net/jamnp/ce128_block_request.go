package jamnp

import (
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Direction says which way a sequence of blocks goes.
type Direction uint8

// The directions.
const (
	AscendingExclusive  Direction = 0 // children of the block named: the first of the answer is one, and so on
	DescendingInclusive Direction = 1 // the block named, its parent, and so on
)

// ErrDirection means that a block request has a direction that there is not.
const ErrDirection = protocol.Invalid("jamnp/bad_direction")

// BlocksRequest asks for blocks: CE 128.
type BlocksRequest struct {
	Block     protocol.Hash
	Direction Direction
	Maximum   uint32 // how many blocks at most
}

// Blocks answers a BlocksRequest.
type Blocks []EncodedBlock

// EncodedBlock is a block as it came, and what its header says of its place.
type EncodedBlock struct {
	Octets       []byte
	Hash, Parent protocol.Hash
	Slot         protocol.Slot
}

const (
	blocksRequestOctets = 32 + 1 + 4
	// MaxBlocks bounds the blocks of an answer.
	MaxBlocks = 1024
	// AnswerOctets is how long an answer of several elements may be, beyond the first of them.
	AnswerOctets = 4 << 20
)

// What BlockLimit allows for lists that the Gray Paper does not bound by constants.
const (
	preimageOctets = 16 << 20
	disputeOctets  = 4 << 20
	reportOctets   = 8 << 10 // of a report besides its blobs (W_R): digests, look-ups, prerequisites, signatures
)

// BlockLimit bounds a block. The Gray Paper bounds the octets of neither preimages nor disputes; this does.
func BlockLimit(p *protocol.Params) int {
	tickets := p.MaxBlockTickets * 785
	guarantees := p.Cores * (p.MaxReportBlobs + reportOctets)
	assurances := p.Validators * (32 + p.BitfieldOctets() + 2 + 64)
	return HeaderLimit(p) + tickets + guarantees + assurances + preimageOctets + disputeOctets
}

// BlocksRequestLimit bounds a request for blocks.
func BlocksRequestLimit(*protocol.Params) int { return blocksRequestOctets }

// BlocksLimit bounds an answer with blocks.
func BlocksLimit(p *protocol.Params) int { return BlockLimit(p) + AnswerOctets }

// AppendTo appends the message.
func (m *BlocksRequest) AppendTo(b []byte) []byte {
	b = append(b, m.Block[:]...)
	b = append(b, byte(m.Direction))
	return codec.AppendU32(b, m.Maximum)
}

// Decode reads the message.
func (m *BlocksRequest) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("block_request.hash")
		m.Block = d.Hash()
		d.Field("block_request.direction")
		if m.Direction = Direction(d.U8()); m.Direction > DescendingInclusive {
			d.Fail(ErrDirection)
		}
		d.Field("block_request.maximum")
		m.Maximum = d.U32()
	})
}

// AppendTo appends the message.
func (m *Blocks) AppendTo(b []byte) []byte {
	for i := range *m {
		b = append(b, (*m)[i].Octets...)
	}
	return b
}

// Decode reads the message. Whether one block follows from the other is not looked at. The blocks share b.
func (m *Blocks) Decode(b []byte, p *protocol.Params) error {
	var view block.View
	return decode(b, func(d *codec.Decoder) {
		*m = list(d, MaxBlocks, func(e *EncodedBlock) {
			before := d.Rest()
			view.DecodeFrom(d, p)
			if d.Err() != nil {
				return
			}
			n := len(before) - len(d.Rest())
			e.Octets = before[:n:n]
			e.Hash, e.Parent, e.Slot = blake2b.Sum256(view.HeaderOctets()), view.Header.Parent, view.Header.Slot
		})
	})
}
