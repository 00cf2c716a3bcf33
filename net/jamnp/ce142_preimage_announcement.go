package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// PreimageAnnounced tells that somebody has a preimage that a service asks for: CE 142.
type PreimageAnnounced struct {
	Service protocol.ServiceID
	Hash    protocol.Hash
	Length  uint32
}

// PreimageAnnouncedLimit bounds the announcement of a preimage.
func PreimageAnnouncedLimit(*protocol.Params) int { return 4 + 32 + 4 }

// AppendTo appends the message.
func (m *PreimageAnnounced) AppendTo(b []byte) []byte {
	b = append(codec.AppendU32(b, uint32(m.Service)), m.Hash[:]...)
	return codec.AppendU32(b, m.Length)
}

// Decode reads the message.
func (m *PreimageAnnounced) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("preimage_announcement")
		m.Service = protocol.ServiceID(d.U32())
		m.Hash = d.Hash()
		m.Length = d.U32()
	})
}
