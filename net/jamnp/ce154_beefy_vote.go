package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// BeefyVote is the kind of streams on which signatures of accumulation outputs go. It is ours: docs/adr/0016-beefy-votes.md.
const BeefyVote Kind = 154

// beefySignatureOctets is the length of a BLS signature with what proves it: docs/adr/0015-beefy.md.
const beefySignatureOctets = 48 + 2*32

// BeefySigned is a validator's signature of the accumulation outputs of a finalized block: CE 154. The answer is empty.
type BeefySigned struct {
	Block     protocol.Hash
	Validator protocol.Validator
	Signature [beefySignatureOctets]byte
}

// BeefySignedLimit bounds CE 154.
func BeefySignedLimit(*protocol.Params) int { return 32 + 2 + beefySignatureOctets }

// AppendTo appends the message.
func (m *BeefySigned) AppendTo(b []byte) []byte {
	return append(codec.AppendU16(append(b, m.Block[:]...), uint16(m.Validator)), m.Signature[:]...)
}

// Decode reads the message.
func (m *BeefySigned) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("beefy_vote")
		m.Block = d.Hash()
		m.Validator = protocol.Validator(d.U16())
		if int(m.Validator) >= p.Validators {
			d.Fail(codec.ErrTooLarge)
		}
		d.Copy(m.Signature[:])
	})
}
