package bundle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/erasure"
	"damson/internal/merkle"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

func newCoder(tb testing.TB, p *protocol.Params) *Coder {
	tb.Helper()
	c, err := NewCoder(p)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func specify(tb testing.TB, c *Coder, octets []byte, exports [][]byte) *Available {
	tb.Helper()
	a, err := c.Specify(protocol.Hash{1}, octets, exports)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// The availability specification as the paper's formula has it.
func TestSpecify(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		c := newCoder(t, p)
		for _, exports := range []int{0, 1, 2, 65} {
			octets, segments := random(rng, 1+rng.IntN(5000)), randomSegments(rng, p, exports)
			a := specify(t, c, octets, segments)
			all := slices.Concat(segments, NewSegments(segments).ProofPages(p))
			var shards [][][]byte // of each segment
			for _, s := range all {
				shards = append(shards, c.code.Encode(s))
			}
			var pairs [][]byte
			for v, shard := range c.code.Encode(octets) {
				var own [][]byte
				for i := range shards {
					own = append(own, shards[i][v])
				}
				h, root := blake2b.Sum256(shard), merkle.Root(own, merkle.Blake2b)
				pairs = append(pairs, append(h[:], root[:]...))
			}
			want := block.PackageSpec{
				Hash: protocol.Hash{1}, BundleLength: uint32(len(octets)), ErasureRoot: merkle.Root(pairs, merkle.Blake2b),
				ExportsRoot: merkle.ConstantDepthRoot(segments, merkle.Blake2b), ExportsCount: uint16(exports),
			}
			if a.Spec != want {
				t.Errorf("%d validators, %d exports: %+v, want %+v", p.Validators, exports, a.Spec, want)
			}
		}
	}
}

func TestShards(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		c := newCoder(t, p)
		const exports = 70
		a := specify(t, c, random(rng, 5000), randomSegments(rng, p, exports))
		indices := []int{0, 1, p.Validators / 2, p.Validators - 1, rng.IntN(p.Validators)}
		for _, index := range indices {
			s := a.Shards(index)
			checkShards(t, rng, p, a, s, exports)
		}
	}
}

func checkShards(t *testing.T, rng *rand.Rand, p *protocol.Params, a *Available, s *Shards, exports int) {
	t.Helper()
	root, n := a.Spec.ErasureRoot, p.Validators
	if !s.Verify(root, n) || len(s.Segments) != exports+Pages(exports) {
		t.Fatalf("shards %d do not verify", s.Index)
	}
	broken := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		return b
	}
	for name, change := range map[string]func(s *Shards){
		"bundle":        func(s *Shards) { s.Bundle = broken(s.Bundle) },
		"segment":       func(s *Shards) { s.Segments[3] = broken(s.Segments[3]) },
		"a segment few": func(s *Shards) { s.Segments = s.Segments[1:] },
		"justification": func(s *Shards) { s.Justification[1] = broken(s.Justification[1]) },
		"its length":    func(s *Shards) { s.Justification = s.Justification[1:] },
		"index":         func(s *Shards) { s.Index = (s.Index + 1) % n },
		"no index":      func(s *Shards) { s.Index = -1 },
	} {
		bad := Shards{s.Index, s.Bundle, slices.Clone(s.Segments), slices.Clone(s.Justification)}
		change(&bad)
		if bad.Verify(root, n) {
			t.Errorf("shards %d with %s changed verify", s.Index, name)
		}
	}
	j := s.BundleJustification()
	if !VerifyBundleShard(root, s.Index, n, s.Bundle, j) || VerifyBundleShard(root, s.Index, n, broken(s.Bundle), j) ||
		VerifyBundleShard(root, s.Index, n, s.Bundle, j[1:]) || VerifyBundleShard(root, s.Index, n, s.Bundle, nil) {
		t.Errorf("shard %d of the bundle: wrong verdict", s.Index)
	}
	some := []int{0, 5, exports - 1, exports, exports + 1}
	justifications := s.SegmentJustifications(some)
	for at, i := range some {
		j := justifications[at]
		if !VerifySegmentShard(root, s.Index, n, s.Segments[i], i, exports, j) {
			t.Errorf("shard %d of segment %d does not verify", s.Index, i)
		}
		for k := range j {
			bad := slices.Clone(j)
			bad[k] = broken(bad[k])
			if VerifySegmentShard(root, s.Index, n, s.Segments[i], i, exports, bad) {
				t.Errorf("shard %d of segment %d verifies with step %d broken", s.Index, i, k)
			}
		}
		if VerifySegmentShard(root, s.Index, n, broken(s.Segments[i]), i, exports, j) ||
			!bytes.Equal(s.Segments[i], s.Segments[i^1]) && VerifySegmentShard(root, s.Index, n, s.Segments[i], i^1, exports, j) ||
			VerifySegmentShard(root, s.Index, n, s.Segments[i], i, exports, j[1:]) ||
			VerifySegmentShard(root, s.Index, n, s.Segments[i], -1, exports, j) {
			t.Errorf("shard %d of segment %d: a broken one verifies", s.Index, i)
		}
	}
	if s.SegmentJustifications([]int{0, len(s.Segments)}) != nil || s.SegmentJustifications([]int{-1}) != nil {
		t.Error("a segment that is none has a justification")
	}
}

// Part 5, A2: a bundle of full size is encoded, distributed in memory, and recovered from random sufficient sets, from all
// parity, and not from one too few; a corrupted shard is found by its proof.
func TestDistribution(t *testing.T) {
	sets, size := 10, 1_000_000
	if vectors.Thorough() {
		sets, size = 100, protocol.Full().MaxBundle
	}
	rng := rand.New(rand.NewPCG(vectors.Seed(t), 9))
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		t.Run(fmt.Sprintf("%dof%d", p.RecoveryThreshold(), p.Validators), func(t *testing.T) {
			c := newCoder(t, p)
			octets := random(rng, size)
			a := specify(t, c, octets, randomSegments(rng, p, 3))
			shards := make([]*Shards, p.Validators)
			for i := range shards {
				if shards[i] = a.Shards(i); !shards[i].Verify(a.Spec.ErasureRoot, p.Validators) {
					t.Fatalf("shards %d do not verify", i)
				}
			}
			k := p.RecoveryThreshold()
			parity := make([]int, p.Validators-k)
			for i := range parity {
				parity[i] = k + i
			}
			recovers(t, c, octets, a, shards, parity[:k])
			recovers(t, c, octets, a, shards, parity[len(parity)-k:])
			for range sets {
				recovers(t, c, octets, a, shards, rng.Perm(p.Validators)[:k])
			}
			bad := *shards[rng.IntN(p.Validators)]
			bad.Bundle = bytes.Clone(bad.Bundle)
			bad.Bundle[rng.IntN(len(bad.Bundle))] ^= 1 << rng.IntN(8)
			if bad.Verify(a.Spec.ErasureRoot, p.Validators) {
				t.Errorf("corrupted shard %d verifies", bad.Index)
			}
			vectors.Figure(t, fmt.Sprintf("data availability %d of %d", k, p.Validators), "%d octets from %d sets", size, sets+2)
		})
	}
}

// recovers checks recovery of the bundle and the segments from a set of indices, and that one less is not enough.
func recovers(t *testing.T, c *Coder, octets []byte, a *Available, shards []*Shards, set []int) {
	t.Helper()
	var ofBundle, ofSegments []erasure.Shard
	for _, i := range set {
		ofBundle = append(ofBundle, erasure.Shard{Index: i, Data: shards[i].Bundle})
		ofSegments = append(ofSegments, erasure.Shard{Index: i, Data: slices.Concat(shards[i].Segments...)})
	}
	if got, err := c.RecoverBundle(ofBundle, len(octets)); err != nil || !bytes.Equal(got, octets) {
		t.Fatalf("not recovered from %v: %v", set, err)
	}
	got, err := c.RecoverSegments(ofSegments, len(shards[0].Segments))
	if err != nil || !slices.EqualFunc(got[:len(a.Segments.Exports)], a.Segments.Exports, bytes.Equal) {
		t.Fatalf("segments not recovered from %v: %v", set, err)
	}
	if _, err := c.RecoverBundle(ofBundle[1:], len(octets)); err == nil {
		t.Fatal("recovered from one too few")
	}
}

func BenchmarkSpecify(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := protocol.Full()
	c := newCoder(b, p)
	for _, tc := range []struct{ octets, exports int }{{1 << 20, 0}, {p.MaxBundle, 0}, {1000, 64}, {p.MaxBundle, 3072}} {
		octets, exports := random(rng, tc.octets), randomSegments(rng, p, tc.exports)
		b.Run(fmt.Sprintf("bundle=%d/exports=%d", tc.octets, tc.exports), func(b *testing.B) {
			b.SetBytes(int64(tc.octets + tc.exports*p.SegmentOctets()))
			for b.Loop() {
				specify(b, c, octets, exports)
			}
		})
	}
}

// FuzzVerify hands over shards as a hostile assurer would: true ones with octets changed must not verify.
func FuzzVerify(f *testing.F) {
	p := protocol.Tiny()
	rng := rand.New(rand.NewPCG(3, 4))
	c := newCoder(f, p)
	const exports = 3
	a := specify(f, c, random(rng, 100), randomSegments(rng, p, exports))
	own := a.Shards(4)
	flat := func(nodes [][]byte) (b []byte) {
		for _, node := range nodes {
			b = append(append(b, byte(len(node)>>8), byte(len(node))), node...)
		}
		return b
	}
	f.Add(4, 1, own.Segments[1], flat(own.SegmentJustifications([]int{1})[0]))
	f.Add(4, 0, own.Bundle, flat(own.BundleJustification()))
	f.Add(4, 0, own.Bundle, flat(own.Justification))
	f.Fuzz(func(t *testing.T, index, segment int, shard, octets []byte) {
		var nodes [][]byte
		for len(octets) >= 2 {
			n := min(int(octets[0])<<8|int(octets[1]), len(octets)-2)
			nodes, octets = append(nodes, octets[2:2+n]), octets[2+n:]
		}
		root := a.Spec.ErasureRoot
		if VerifySegmentShard(root, index, p.Validators, shard, segment, exports, nodes) &&
			!bytes.Equal(shard, a.Shards(index).Segments[segment]) {
			t.Fatal("a false shard of a segment verifies")
		}
		if VerifyBundleShard(root, index, p.Validators, shard, nodes) && !bytes.Equal(shard, a.Shards(index).Bundle) {
			t.Fatal("a false shard of the bundle verifies")
		}
		s := Shards{Index: index, Bundle: shard, Segments: own.Segments, Justification: nodes}
		if s.Verify(root, p.Validators) && !bytes.Equal(shard, a.Shards(index).Bundle) {
			t.Fatal("a false shard verifies")
		}
	})
}
