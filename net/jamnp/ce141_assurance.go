package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Assurance tells which reports' data a validator has, for a block's extrinsic: CE 141. Who says so is known by the connection.
type Assurance struct {
	Anchor    protocol.Hash // the parent of the block
	Bitfield  []byte        // a bit for each core
	Signature protocol.Ed25519Signature
}

// ErrBitfield means that a bit is set for a core that there is not.
const ErrBitfield = protocol.Invalid("jamnp/bit_without_core")

// AssuranceLimit bounds an assurance.
func AssuranceLimit(p *protocol.Params) int { return 32 + p.BitfieldOctets() + 64 }

// AppendTo appends the message.
func (m *Assurance) AppendTo(b []byte) []byte {
	return append(append(append(b, m.Anchor[:]...), m.Bitfield...), m.Signature[:]...)
}

// Decode reads the message. The bitfield shares b.
func (m *Assurance) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("assurance")
		m.Anchor = d.Hash()
		m.Bitfield = d.Bytes(p.BitfieldOctets())
		if n := len(m.Bitfield); p.Cores%8 != 0 && n > 0 && m.Bitfield[n-1]>>(p.Cores%8) != 0 {
			d.Fail(ErrBitfield)
		}
		d.Copy(m.Signature[:])
	})
}
