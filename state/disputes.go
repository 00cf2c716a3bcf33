package state

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Disputes is ψ: judgments of the past. Each list is in ascending order. GP eq:disputesspec.
type Disputes struct {
	Good      []protocol.Hash       // ψ_G: reports judged valid
	Bad       []protocol.Hash       // ψ_B: reports judged invalid
	Wonky     []protocol.Hash       // ψ_W: reports that nobody can judge
	Offenders []protocol.Ed25519Key // ψ_O: validators proved to have misbehaved
}

// DecodeDisputes reads C(5).
func DecodeDisputes(d *codec.Decoder, _ *protocol.Params) *Disputes {
	s := new(Disputes)
	s.Good = DecodeHashes(d, maxCount)
	s.Bad = DecodeHashes(d, maxCount)
	s.Wonky = DecodeHashes(d, maxCount)
	s.Offenders = make([]protocol.Ed25519Key, d.Count(maxCount, 32))
	for i := range s.Offenders {
		d.Copy(s.Offenders[i][:])
	}
	return s
}

// AppendTo appends C(5).
func (s *Disputes) AppendTo(b []byte) []byte {
	b = AppendHashes(b, s.Good)
	b = AppendHashes(b, s.Bad)
	b = AppendHashes(b, s.Wonky)
	b = codec.AppendCount(b, len(s.Offenders))
	for i := range s.Offenders {
		b = append(b, s.Offenders[i][:]...)
	}
	return b
}
