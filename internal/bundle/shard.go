package bundle

import (
	"damson/crypto/blake2b"
	"damson/internal/merkle"
	"damson/internal/protocol"
)

// Shards are what a validator keeps of a package: all with one index. JAMNP-S, CE 137.
type Shards struct {
	Index    int
	Bundle   []byte
	Segments [][]byte // of the exported segments, then of the pages with their proofs
	// Justification is the way from the erasure root to both, from top to bottom: the nodes beside it, each a hash or, at
	// the bottom, what the root commits to for another index.
	Justification [][]byte
}

// Verify tells whether the shards belong to an erasure root over so many validators.
func (s *Shards) Verify(erasureRoot protocol.Hash, validators int) bool {
	l := newLeaf(blake2b.Sum256(s.Bundle), segmentsRoot(s.Segments))
	return s.verify(erasureRoot, validators, l, s.Justification)
}

func (s *Shards) verify(erasureRoot protocol.Hash, validators int, l leaf, justification [][]byte) bool {
	root, ok := merkle.RootFromTrace(l[:], s.Index, validators, justification, merkle.Blake2b)
	return ok && root == erasureRoot
}

// BundleJustification is the justification of the bundle's shard alone: that of all shards, and the root of the
// segments' shards. JAMNP-S, CE 138.
func (s *Shards) BundleJustification() [][]byte {
	root := segmentsRoot(s.Segments)
	return append(s.Justification[:len(s.Justification):len(s.Justification)], root[:])
}

// SegmentJustifications are the justifications of the shards of some segments: for each that of all shards, the hash of the
// bundle's shard, and the way to the segment among all segments. JAMNP-S, CE 140. It is nil where there is no such
// segment.
func (s *Shards) SegmentJustifications(segments []int) [][][]byte {
	return s.SegmentJustificationsBeside(blake2b.Sum256(s.Bundle), segments)
}

// SegmentJustificationsBeside is SegmentJustifications where nothing but its hash is left of the bundle's shard.
func (s *Shards) SegmentJustificationsBeside(bundle protocol.Hash, segments []int) [][][]byte {
	upper := append(s.Justification[:len(s.Justification):len(s.Justification)], bundle[:])
	tree := merkle.NewTree(s.Segments, merkle.Blake2b)
	out := make([][][]byte, len(segments))
	for i, segment := range segments {
		if segment < 0 || segment >= len(s.Segments) {
			return nil
		}
		out[i] = append(upper[:len(upper):len(upper)], tree.Trace(segment)...)
	}
	return out
}

// VerifyBundleShard tells whether a bundle's shard belongs to an erasure root, by the justification of CE 138.
func VerifyBundleShard(erasureRoot protocol.Hash, index, validators int, shard []byte, justification [][]byte) bool {
	last := len(justification) - 1
	if last < 0 || len(justification[last]) != len(protocol.Hash{}) {
		return false
	}
	s := Shards{Index: index}
	l := newLeaf(blake2b.Sum256(shard), protocol.Hash(justification[last]))
	return s.verify(erasureRoot, validators, l, justification[:last])
}

// VerifySegmentShard tells whether the shard of a segment belongs to an erasure root, by the justification of CE 140.
// exports is how many segments the package exported; the pages with their proofs come after them.
func VerifySegmentShard(
	erasureRoot protocol.Hash, index, validators int, shard []byte, segment, exports int, justification [][]byte,
) bool {
	count := exports + Pages(exports)
	upper, lower := merkle.TraceLength(index, validators), merkle.TraceLength(segment, count)
	if upper < 0 || lower < 0 || len(justification) != upper+1+lower || len(justification[upper]) != len(protocol.Hash{}) {
		return false
	}
	root, ok := merkle.RootFromTrace(shard, segment, count, justification[upper+1:], merkle.Blake2b)
	if !ok {
		return false
	}
	s := Shards{Index: index}
	return s.verify(erasureRoot, validators, newLeaf(protocol.Hash(justification[upper]), root), justification[:upper])
}
