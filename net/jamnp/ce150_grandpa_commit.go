package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Commit is what is sent on CE 150, and the justification of a finalized block: precommits of one round that together make
// the target final. Who equivocates counts if both of his precommits are there. The answer is empty.
type Commit struct {
	Round      uint64
	Set        uint32
	Target     Ballot
	Precommits []SignedBallot
}

// CommitLimit bounds CE 150.
func CommitLimit(p *protocol.Params) int { return roundOctets + ballotOctets + ballotsLimit(p) }

// AppendTo appends the message.
func (m *Commit) AppendTo(b []byte) []byte {
	b = codec.AppendU32(codec.AppendU64(b, m.Round), m.Set)
	return appendBallots(m.Target.AppendTo(b), m.Precommits)
}

// DecodeFrom reads a commit that stands within something else.
func (m *Commit) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("grandpa.commit")
	m.Round, m.Set = d.U64(), d.U32()
	m.Target.DecodeFrom(d)
	m.Precommits = decodeBallots(d, p)
}

// Decode reads the message.
func (m *Commit) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) { m.DecodeFrom(d, p) })
}
