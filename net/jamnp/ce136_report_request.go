package jamnp

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// HashRequest asks for what has a hash: a report (CE 136), a preimage (CE 143), or the bundle with an erasure root (CE 147).
type HashRequest struct{ Hash protocol.Hash }

// ReportAnswer answers CE 136.
type ReportAnswer struct{ Report block.Report }

// HashRequestLimit bounds a request by hash.
func HashRequestLimit(*protocol.Params) int { return 32 }

// AppendTo appends the message.
func (m *HashRequest) AppendTo(b []byte) []byte { return append(b, m.Hash[:]...) }

// Decode reads the message.
func (m *HashRequest) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("hash")
		m.Hash = d.Hash()
	})
}

// AppendTo appends the message.
func (m *ReportAnswer) AppendTo(b []byte) []byte { return m.Report.AppendTo(b) }

// Decode reads the message. The report shares b.
func (m *ReportAnswer) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) { m.Report.DecodeFrom(d, p) })
}
