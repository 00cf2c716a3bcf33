package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// VoterState is what is sent on CE 151: where a node stands, and which votes of its round it has. The answer is empty.
type VoterState struct {
	Round     uint64 // 0: the node does not vote
	Set       uint32
	Finalized protocol.Slot
	Want      bool // the node is waiting for votes: send what it lacks

	// A bit for each of the set's voters, in their order, the lowest bit of an octet first: whose votes of the round are there.
	Prevotes, Precommits []byte
}

func voterOctets(p *protocol.Params) int { return (p.Validators + 7) / 8 }

// VoterStateLimit bounds CE 151.
func VoterStateLimit(p *protocol.Params) int { return roundOctets + 4 + 1 + 2*(9+voterOctets(p)) }

// AppendTo appends the message.
func (m *VoterState) AppendTo(b []byte) []byte {
	b = codec.AppendU32(codec.AppendU64(b, m.Round), m.Set)
	b = codec.AppendBool(codec.AppendU32(b, uint32(m.Finalized)), m.Want)
	return codec.AppendBlob(codec.AppendBlob(b, m.Prevotes), m.Precommits)
}

// Decode reads the message.
func (m *VoterState) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("grandpa.state")
		m.Round, m.Set = d.U64(), d.U32()
		m.Finalized, m.Want = protocol.Slot(d.U32()), d.Bool()
		m.Prevotes, m.Precommits = d.Blob(), d.Blob()
		if max(len(m.Prevotes), len(m.Precommits)) > voterOctets(p) {
			d.Fail(ErrBitfield)
		}
	})
}
