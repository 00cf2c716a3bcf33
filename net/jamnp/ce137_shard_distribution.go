package jamnp

import (
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// ErrShardIndex means that there are not so many shards.
const ErrShardIndex = protocol.Invalid("jamnp/no_such_shard")

// ShardRequest asks for the shards with an index: of a bundle and its segments (CE 137), or of the bundle alone (CE 138).
//
// CE 137 is answered by three messages: the bundle's shard, ShardList and a Justification. CE 138 is answered by the bundle's
// shard and a Justification.
type ShardRequest struct {
	ErasureRoot protocol.Hash
	Shard       uint16
}

// ShardList are shards of segments, which are all equally long.
type ShardList [][]byte

// Justification is a co-path in a Merkle tree: the nodes beside the way from the root to a leaf. GP §E.1.1.
type Justification []Step

// Step is one node of a Justification.
type Step struct {
	Kind   StepKind
	Octets []byte
}

// StepKind says what stands in a step.
type StepKind uint8

// The kinds of steps.
const (
	HashStep  StepKind = 0 // a hash
	PairStep  StepKind = 1 // two hashes: the leaf of another shard index
	ShardStep StepKind = 2 // the shard of another segment; in CE 140 only
)

const (
	shardRequestOctets = 32 + 2
	// MaxSteps bounds a justification: trees of at most 2^16 leaves stand on each other, with a hash between them.
	MaxSteps = 2*17 + 1
	// proofSegments is how many segments one proof segment is for: 2^6. GP §14.3.
	proofSegments = 64
)

// ShardRequestLimit bounds a request for shards.
func ShardRequestLimit(*protocol.Params) int { return shardRequestOctets }

// BundleShardLimit bounds the shard of a bundle: its part of two octets of every piece. GP §H.
func BundleShardLimit(p *protocol.Params) int {
	pieces := (bundle.MaxOctets(p) + p.PieceOctets - 1) / p.PieceOctets
	return 2 * pieces
}

// SegmentShardOctets is how long the shard of a segment is.
func SegmentShardOctets(p *protocol.Params) int { return 2 * p.SegmentPieces }

// ShardListLimit bounds all shards of one index: of as many segments as there can be, and of those with their proofs.
func ShardListLimit(p *protocol.Params) int {
	return maxSegments(p) * SegmentShardOctets(p)
}

func maxSegments(p *protocol.Params) int {
	return p.MaxPackageExports + (p.MaxPackageExports+proofSegments-1)/proofSegments
}

// JustificationLimit bounds a justification.
func JustificationLimit(p *protocol.Params) int {
	return MaxSteps * (1 + max(64, SegmentShardOctets(p)))
}

// AppendTo appends the message.
func (m *ShardRequest) AppendTo(b []byte) []byte {
	return codec.AppendU16(append(b, m.ErasureRoot[:]...), m.Shard)
}

// Decode reads the message.
func (m *ShardRequest) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) { m.decodeFrom(d, p) })
}

func (m *ShardRequest) decodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("shard_request.erasure_root")
	m.ErasureRoot = d.Hash()
	d.Field("shard_request.shard_index")
	if m.Shard = d.U16(); int(m.Shard) >= p.Validators {
		d.Fail(ErrShardIndex)
	}
}

// AppendTo appends the message.
func (m *ShardList) AppendTo(b []byte) []byte {
	for _, shard := range *m {
		b = append(b, shard...)
	}
	return b
}

// Decode reads the message: up to twice as many shards as CE 139 may ask for. They share b.
func (m *ShardList) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("segment_shards")
		limit := max(maxSegments(p), 2*p.MaxPackageImports)
		*m = list(d, limit, func(shard *[]byte) { *shard = d.Bytes(SegmentShardOctets(p)) })
	})
}

// NewJustification makes a justification of what merkle.Trace gives.
func NewJustification(trace [][]byte) Justification {
	out := make(Justification, len(trace))
	for i, octets := range trace {
		out[i] = Step{ShardStep, octets}
		switch len(octets) {
		case 32:
			out[i].Kind = HashStep
		case 64:
			out[i].Kind = PairStep
		}
	}
	return out
}

// Trace gives what merkle.RootFromTrace takes.
func (m Justification) Trace() [][]byte {
	out := make([][]byte, len(m))
	for i := range m {
		out[i] = m[i].Octets
	}
	return out
}

// AppendTo appends the message.
func (m *Justification) AppendTo(b []byte) []byte {
	for i := range *m {
		b = append(append(b, byte((*m)[i].Kind)), (*m)[i].Octets...)
	}
	return b
}

// Decode reads the message as in CE 137 and 138, where no step holds a segment's shard. Steps share b.
func (m *Justification) Decode(b []byte, p *protocol.Params) error { return m.decode(b, p, PairStep) }

// DecodeSegment reads the message as in CE 140. Steps share b.
func (m *Justification) DecodeSegment(b []byte, p *protocol.Params) error {
	return m.decode(b, p, ShardStep)
}

func (m *Justification) decode(b []byte, p *protocol.Params, last StepKind) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("justification")
		*m = list(d, MaxSteps, func(s *Step) {
			s.Kind = StepKind(d.U8())
			switch {
			case s.Kind > last:
				d.Fail(codec.ErrSelector)
			case s.Kind == HashStep:
				s.Octets = d.Bytes(32)
			case s.Kind == PairStep:
				s.Octets = d.Bytes(64)
			default:
				s.Octets = d.Bytes(SegmentShardOctets(p))
			}
		})
	})
}
