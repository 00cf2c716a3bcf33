package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// SegmentsRequest asks for segments: CE 148. It is answered by Segments and ImportProofs.
type SegmentsRequest []SegmentsOf

// SegmentsOf names some segments of one package.
type SegmentsOf struct {
	Root     protocol.Hash // of its exports
	Segments []uint16
}

// SegmentsRequestLimit bounds a request for segments.
func SegmentsRequestLimit(p *protocol.Params) int { return p.MaxPackageImports * (32 + 1 + 2) }

// AppendTo appends the message.
func (m *SegmentsRequest) AppendTo(b []byte) []byte {
	for i := range *m {
		b = appendIndices(append(b, (*m)[i].Root[:]...), (*m)[i].Segments)
	}
	return b
}

// Decode reads the message.
func (m *SegmentsRequest) Decode(b []byte, p *protocol.Params) error {
	left := p.MaxPackageImports // W_M in all: JAMNP-S, CE 148
	return decode(b, func(d *codec.Decoder) {
		*m = list(d, left, func(e *SegmentsOf) {
			d.Field("segments_root")
			e.Root = d.Hash()
			e.Segments = decodeIndices(d, &left)
		})
	})
}

// Count gives how many segments are asked for.
func (m SegmentsRequest) Count() (n int) {
	for i := range m {
		n += len(m[i].Segments)
	}
	return n
}
