package jamnp

import (
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Final names a block and says when it was: the latest finalized one, or a leaf.
type Final struct {
	Hash protocol.Hash
	Slot protocol.Slot
}

// Handshake is the first message on a UP 0 stream, from either side.
type Handshake struct {
	Final  Final   // the latest finalized block
	Leaves []Final // its known descendants without known children
}

// Announcement is every later message on a UP 0 stream.
type Announcement struct {
	Header block.Header
	Final  Final // the latest finalized block of who announces

	octets []byte // of the header, if it was decoded
}

const (
	finalOctets = 32 + 4
	// MaxLeaves bounds the leaves that are taken in a handshake. JAMNP-S gives no bound.
	MaxLeaves = 1024
)

// AppendTo appends the name and the slot.
func (m *Final) AppendTo(b []byte) []byte {
	return codec.AppendU32(append(b, m.Hash[:]...), uint32(m.Slot))
}

func (m *Final) decodeFrom(d *codec.Decoder) {
	m.Hash = d.Hash()
	m.Slot = protocol.Slot(d.U32())
}

// HandshakeLimit bounds a handshake.
func HandshakeLimit(*protocol.Params) int { return finalOctets + 2 + MaxLeaves*finalOctets }

// AppendTo appends the message.
func (m *Handshake) AppendTo(b []byte) []byte {
	b = codec.AppendCount(m.Final.AppendTo(b), len(m.Leaves))
	for i := range m.Leaves {
		b = m.Leaves[i].AppendTo(b)
	}
	return b
}

// Decode reads the message.
func (m *Handshake) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("handshake.final")
		m.Final.decodeFrom(d)
		d.Field("handshake.leaves")
		m.Leaves = codec.Resize(m.Leaves, d.Count(MaxLeaves, finalOctets))
		for i := range m.Leaves {
			m.Leaves[i].decodeFrom(d)
		}
	})
}

// HeaderLimit bounds a header: one with both marks, and all validators of two sets as offenders.
func HeaderLimit(p *protocol.Params) int {
	fixed := 3*32 + 4 + 1 + 1 + 2 + 96 + 3 + 96
	return fixed + 64 + 64*p.Validators + 33*int(p.EpochLength) + 32*2*p.Validators
}

// AnnouncementLimit bounds an announcement.
func AnnouncementLimit(p *protocol.Params) int { return HeaderLimit(p) + finalOctets }

// AppendTo appends the message.
func (m *Announcement) AppendTo(b []byte) []byte { return m.Final.AppendTo(m.Header.AppendTo(b)) }

// Decode reads the message. Its header may share b.
func (m *Announcement) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		m.Header.DecodeFrom(d, p)
		m.octets = b[:d.Offset()]
		d.Field("announcement.final")
		m.Final.decodeFrom(d)
	})
}

// Hash names the block of an announcement that was decoded.
func (m *Announcement) Hash() protocol.Hash { return blake2b.Sum256(m.octets) }
