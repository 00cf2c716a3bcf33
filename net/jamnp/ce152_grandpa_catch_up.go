package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// CatchUpRequest is what is sent on CE 152 by who is in a round that others have left: it asks for a completed round.
type CatchUpRequest struct {
	Round uint64 // this one or a later one
	Set   uint32
}

// CatchUp is the answer: votes that show that a round is completable.
type CatchUp struct {
	Round      uint64
	Set        uint32
	Prevotes   []SignedBallot
	Precommits []SignedBallot
	Base       Ballot // the block that the answering node has finalized
}

// CatchUpRequestLimit bounds the request of CE 152.
func CatchUpRequestLimit(*protocol.Params) int { return roundOctets }

// CatchUpLimit bounds the answer of CE 152.
func CatchUpLimit(p *protocol.Params) int { return roundOctets + 2*ballotsLimit(p) + ballotOctets }

// AppendTo appends the message.
func (m *CatchUpRequest) AppendTo(b []byte) []byte {
	return codec.AppendU32(codec.AppendU64(b, m.Round), m.Set)
}

// Decode reads the message.
func (m *CatchUpRequest) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("grandpa.catch_up")
		m.Round, m.Set = d.U64(), d.U32()
	})
}

// AppendTo appends the message.
func (m *CatchUp) AppendTo(b []byte) []byte {
	b = codec.AppendU32(codec.AppendU64(b, m.Round), m.Set)
	return m.Base.AppendTo(appendBallots(appendBallots(b, m.Prevotes), m.Precommits))
}

// Decode reads the message.
func (m *CatchUp) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("grandpa.catch_up")
		m.Round, m.Set = d.U64(), d.U32()
		m.Prevotes, m.Precommits = decodeBallots(d, p), decodeBallots(d, p)
		m.Base.DecodeFrom(d)
	})
}
