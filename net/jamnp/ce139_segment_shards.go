package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// SegmentShardsRequest asks for shards of segments: CE 139, and CE 140 with a justification for each.
//
// It is answered by ShardList and, in CE 140, as many messages that Justification.DecodeSegment reads.
type SegmentShardsRequest []SegmentShardsOf

// SegmentShardsOf names shards of some segments of one package.
type SegmentShardsOf struct {
	ShardRequest
	Segments []uint16
}

// SegmentShardsRequestLimit bounds a request for shards of segments.
func SegmentShardsRequestLimit(p *protocol.Params) int {
	return maxRequestedShards(p) * (shardRequestOctets + 1 + 2)
}

// RequestedShardsLimit bounds the shards that answer CE 139.
func RequestedShardsLimit(p *protocol.Params) int {
	return maxRequestedShards(p) * SegmentShardOctets(p)
}

// ProvenShardsLimit bounds the answer of CE 140 with so many shards.
func ProvenShardsLimit(p *protocol.Params, shards int) int {
	return shards * (SegmentShardOctets(p) + JustificationLimit(p))
}

// maxRequestedShards is 2 W_M. JAMNP-S, CE 139.
func maxRequestedShards(p *protocol.Params) int { return 2 * p.MaxPackageImports }

// AppendTo appends the message.
func (m *SegmentShardsRequest) AppendTo(b []byte) []byte {
	for i := range *m {
		b = appendIndices((*m)[i].AppendTo(b), (*m)[i].Segments)
	}
	return b
}

// Decode reads the message.
func (m *SegmentShardsRequest) Decode(b []byte, p *protocol.Params) error {
	left := maxRequestedShards(p)
	return decode(b, func(d *codec.Decoder) {
		*m = list(d, left, func(e *SegmentShardsOf) {
			e.decodeFrom(d, p)
			e.Segments = decodeIndices(d, &left)
		})
	})
}

// Count gives how many shards are asked for.
func (m SegmentShardsRequest) Count() (n int) {
	for i := range m {
		n += len(m[i].Segments)
	}
	return n
}

func appendIndices(b []byte, indices []uint16) []byte {
	b = codec.AppendCount(b, len(indices))
	for _, index := range indices {
		b = codec.AppendU16(b, index)
	}
	return b
}

// decodeIndices reads indices of segments, and takes their number from what is left of the limit for the whole message.
func decodeIndices(d *codec.Decoder, left *int) []uint16 {
	d.Field("segment_indices")
	out := make([]uint16, d.Count(*left, 2))
	*left -= len(out)
	for i := range out {
		out[i] = d.U16()
	}
	return out
}
