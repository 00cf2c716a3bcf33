package merkle

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/protocol"
)

var hashes = map[string]Hash{"blake2b": Blake2b, "keccak": Keccak}

// sizes are numbers of items: all small ones, and some around powers of two.
func sizes() []int {
	s := []int{63, 64, 65, 127, 128, 129, 342, 1023, 1024, 1025}
	for n := range 40 {
		s = append(s, n)
	}
	return s
}

func items(rng *rand.Rand, n, size int) [][]byte {
	v := make([][]byte, n)
	for i := range v {
		v[i] = make([]byte, size)
		for j := range v[i] {
			v[i][j] = byte(rng.Uint32())
		}
	}
	return v
}

func TestWellBalanced(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, hash := range hashes {
		for _, n := range sizes() {
			for _, size := range []int{0, 31, 32, 33, 100} {
				v := items(rng, n, size)
				root, tree := Root(v, hash), NewTree(v, hash)
				if want := literalMB(v, hash); root != want || tree.Root() != want {
					t.Fatalf("%s, %d items of %d: root %v, want %v", name, n, size, root, want)
				}
				if tree.Trace(-1) != nil || tree.Trace(n) != nil {
					t.Fatalf("%s, %d items: a trace of an item that is none", name, n)
				}
				if size == 32 {
					var h []protocol.Hash
					for _, item := range v {
						h = append(h, protocol.Hash(item))
					}
					if got := RootOfHashes(h, hash); got != root {
						t.Fatalf("%s, %d hashes: root %v, want %v", name, n, got, root)
					}
				}
				for _, i := range someIndices(rng, n) {
					trace := Trace(v, i, hash)
					if !slices.EqualFunc(trace, literalT(v, i, hash), bytes.Equal) {
						t.Fatalf("%s, %d items of %d: trace of %d differs", name, n, size, i)
					}
					if !slices.EqualFunc(trace, tree.Trace(i), bytes.Equal) {
						t.Fatalf("%s, %d items of %d: trace of %d by the tree differs", name, n, size, i)
					}
					if got, ok := RootFromTrace(v[i], i, n, trace, hash); !ok || got != root {
						t.Fatalf("%s, %d items of %d: trace of %d gives %v, want %v", name, n, size, i, got, root)
					}
				}
			}
		}
	}
}

func TestConstantDepth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, hash := range hashes {
		for _, n := range sizes() {
			v := items(rng, n, 50)
			root := ConstantDepthRoot(v, hash)
			if want := literalM(v, hash); root != want {
				t.Fatalf("%s, %d items: root %v, want %v", name, n, root, want)
			}
			pages := NewPages(v, hash)
			if pages.Root() != root {
				t.Fatalf("%s, %d items: pages have another root", name, n)
			}
			for _, pageBits := range []int{0, 1, 3, 6, 11} {
				count := (n + 1<<pageBits - 1) >> pageBits
				for _, page := range someIndices(rng, count) {
					where := fmt.Sprintf("%s, %d items, page %d of 2^%d", name, n, page, pageBits)
					path, leaves := pages.Path(pageBits, page), pages.Leaves(pageBits, page)
					if !slices.Equal(path, literalJ(pageBits, v, page, hash)) {
						t.Fatalf("%s: path differs", where)
					}
					if !slices.Equal(leaves, literalL(pageBits, v, page, hash)) {
						t.Fatalf("%s: leaves differ", where)
					}
					if got, ok := RootFromPage(leaves, pageBits, page, path, hash); !ok || got != root {
						t.Fatalf("%s: gives %v, want %v", where, got, root)
					}
				}
				if pages.Path(pageBits, count) != nil || pages.Leaves(pageBits, count) != nil {
					t.Fatalf("%s, %d items: there is a page %d of 2^%d", name, n, count, pageBits)
				}
			}
		}
	}
}

// Worked out by hand from the definitions: the cases that a general rule gets wrong first.
func TestSmallTrees(t *testing.T) {
	a, b, c := []byte("a"), []byte("bb"), []byte("ccc")
	h := func(parts ...[]byte) []byte {
		hash := Blake2b.sum(bytes.Join(parts, nil))
		return hash[:]
	}
	node, leaf, zero := []byte("node"), []byte("leaf"), make([]byte, 32)
	for _, tc := range []struct {
		name  string
		items [][]byte
		root  []byte // M_B
		depth []byte // M
	}{
		{"none", nil, zero, zero},
		{"one", [][]byte{a}, h(a), h(leaf, a)},
		{"two", [][]byte{a, b}, h(node, a, b), h(node, h(leaf, a), h(leaf, b))},
		{
			"three",
			[][]byte{a, b, c},
			h(node, h(node, a, b), c),
			h(node, h(node, h(leaf, a), h(leaf, b)), h(node, h(leaf, c), zero)),
		},
	} {
		if got := Root(tc.items, Blake2b); !bytes.Equal(got[:], tc.root) {
			t.Errorf("%s: M_B is %v, want %x", tc.name, got, tc.root)
		}
		if got := ConstantDepthRoot(tc.items, Blake2b); !bytes.Equal(got[:], tc.depth) {
			t.Errorf("%s: M is %v, want %x", tc.name, got, tc.depth)
		}
	}
	if got, want := Root(make([][]byte, 3), Blake2b), h(node, h(node)); !bytes.Equal(got[:], want) {
		t.Errorf("three items of no length: %v, want %x", got, want)
	}
	if Trace([][]byte{a}, 1, Blake2b) != nil || Trace([][]byte{a}, -1, Blake2b) != nil {
		t.Error("there is a trace of an item that is not there")
	}
}

func TestRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, hash := range hashes {
		var r, want Range
		var leaves []protocol.Hash
		for n := range 300 {
			leaf := protocol.Hash(items(rng, 1, 32)[0])
			leaves = append(leaves, leaf)
			before := slices.Clone(r)
			post := r.Append(leaf, hash)
			if !slices.Equal(r, before) {
				t.Fatalf("%s: Append changed the range of %d", name, n)
			}
			r, want = post, literalAppend(want, leaf, 0, hash)
			if !slices.Equal(r, want) {
				t.Fatalf("%s: range of %d differs", name, n+1)
			}
			var peaks []protocol.Hash
			total := 0
			for i, peak := range r {
				if peak.Present {
					peaks = append(peaks, peak.Hash)
					total += 1 << i
				}
			}
			if total != len(leaves) {
				t.Fatalf("%s: range holds %d leaves, want %d", name, total, len(leaves))
			}
			if got := r.SuperPeak(); got != literalSuperPeak(peaks) {
				t.Fatalf("%s: super-peak of %d is %v", name, n+1, got)
			}
		}
	}
	if (Range{{}, {}}).SuperPeak() != (protocol.Hash{}) || Range(nil).SuperPeak() != (protocol.Hash{}) {
		t.Error("an empty range has a super-peak other than zero")
	}
}

// Whatever is changed in a proof, the root changes with it or the proof is refused.
func TestChangedProofs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		n := 1 + rng.IntN(70)
		v := items(rng, n, 32)
		i := rng.IntN(n)
		root, trace := Root(v, Blake2b), Trace(v, i, Blake2b)
		item, index, count := v[i], i, n
		switch rng.IntN(4) {
		case 0:
			index = rng.IntN(n)
		case 1:
			item = items(rng, 1, 32)[0]
		case 2:
			trace = append(trace, items(rng, 1, 32)[0])
		case 3:
			trace = trace[:max(0, len(trace)-1)]
		}
		got, ok := RootFromTrace(item, index, count, trace, Blake2b)
		same := bytes.Equal(item, v[i]) && index == i && len(trace) == len(Trace(v, i, Blake2b))
		if (ok && got == root) != same {
			t.Fatalf("%d items, item %d: proof with index %d and %d nodes accepted", n, i, index, len(trace))
		}
	}
}

func TestHostileProofs(t *testing.T) {
	blob := make([]byte, 32)
	for _, count := range []int{-1, 0, 1, math.MaxInt - 1, math.MaxInt} {
		for _, index := range []int{-1, 0, 1, math.MaxInt - 1, math.MaxInt} {
			for _, length := range []int{0, 1, 2, 62, 63, 64} {
				_, ok := RootFromTrace(blob, index, count, slices.Repeat([][]byte{blob}, length), Blake2b)
				depth := bits.Len(uint(count - 1))
				if count > 1 && index == math.MaxInt-1 {
					depth-- // the last of 2^63 - 1 items is the only one that lies higher
				}
				if want := index >= 0 && index < count && length == depth; ok != want {
					t.Errorf("item %d of %d with %d nodes: %v", index, count, length, ok)
				}
			}
		}
	}
	for _, pageBits := range []int{-1, 0, 6, math.MaxInt} {
		for _, page := range []int{-1, 0, 1, math.MaxInt} {
			for _, length := range []int{0, 1, 100} {
				_, ok := RootFromPage([]protocol.Hash{{}}, pageBits, page, make([]protocol.Hash, length), Blake2b)
				if want := pageBits >= 0 && pageBits <= 6 && page >= 0 && page <= length && length <= 1; ok != want {
					t.Errorf("page %d of 2^%d with %d nodes: %v", page, pageBits, length, ok)
				}
			}
		}
	}
}

func someIndices(rng *rand.Rand, n int) []int {
	if n <= 8 {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	return []int{0, 1, n / 2, n - 1, rng.IntN(n), rng.IntN(n)}
}

func FuzzRootFromTrace(f *testing.F) {
	v := items(rand.New(rand.NewPCG(1, 1)), 21, 32)
	root := Root(v, Blake2b)
	for i := range v {
		f.Add(v[i], i, bytes.Join(Trace(v, i, Blake2b), nil))
	}
	f.Fuzz(func(t *testing.T, item []byte, index int, proof []byte) {
		trace := slices.Collect(slices.Chunk(proof, 32))
		got, ok := RootFromTrace(item, index, len(v), trace, Blake2b)
		if ok && got == root && !bytes.Equal(item, v[index]) {
			t.Errorf("%x is proved to be item %d", item, index)
		}
		if _, ok := RootFromTrace(item, index, len(proof), trace, Blake2b); ok && index >= len(proof) {
			t.Errorf("item %d of %d", index, len(proof))
		}
	})
}

func FuzzRootFromPage(f *testing.F) {
	const pageBits = 2
	v := items(rand.New(rand.NewPCG(1, 1)), 21, 32)
	pages := NewPages(v, Blake2b)
	root := pages.Root()
	for page := range 6 {
		f.Add(flat(pages.Leaves(pageBits, page)), pageBits, page, flat(pages.Path(pageBits, page)))
	}
	f.Fuzz(func(t *testing.T, leafBytes []byte, depth, page int, pathBytes []byte) {
		leaves, path := chunks(leafBytes), chunks(pathBytes)
		got, ok := RootFromPage(leaves, depth, page, path, Blake2b)
		if !ok || got != root || depth != pageBits {
			return
		}
		want := pages.Leaves(pageBits, page)
		for i, leaf := range leaves {
			if i < len(want) && leaf != want[i] || i >= len(want) && leaf != (protocol.Hash{}) {
				t.Errorf("page %d is proved to hold %v", page, leaves)
			}
		}
	})
}

func flat(hashes []protocol.Hash) (b []byte) {
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func chunks(b []byte) (hashes []protocol.Hash) {
	for ; len(b) >= 32; b = b[32:] {
		hashes = append(hashes, protocol.Hash(b))
	}
	return hashes
}

func BenchmarkRoot(b *testing.B) {
	for _, size := range []int{32, 64} {
		v := items(rand.New(rand.NewPCG(1, 1)), 1023, size)
		b.Run(fmt.Sprintf("items=1023/size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(1023 * size))
			b.ReportAllocs()
			for b.Loop() {
				Root(v, Blake2b)
			}
		})
	}
}

func BenchmarkPages(b *testing.B) {
	v := items(rand.New(rand.NewPCG(1, 1)), 3072, 4104)
	b.SetBytes(3072 * 4104)
	b.ReportAllocs()
	for b.Loop() {
		NewPages(v, Blake2b)
	}
}

// What can be known of a page and of the way to it is what the whole tree says.
func TestPathThroughPage(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, n := range sizes() {
		v := items(rng, n, 20)
		p := NewPages(v, Blake2b)
		if !slices.Equal(Leaves(v, Blake2b), p.levels[0][:n]) {
			t.Fatalf("%d items: other leaves", n)
		}
		for _, i := range someIndices(rng, n) {
			for _, bits := range []int{0, 1, 3, 6} {
				page, first := i>>bits, i>>bits<<bits
				path, leaves := p.Path(bits, page), p.Leaves(bits, page)
				got := PathThroughPage(leaves, bits, path, i-first, Blake2b)
				if !slices.Equal(got, p.Path(0, i)) {
					t.Fatalf("%d items, pages of %d bits: path of %d is %v", n, bits, i, got)
				}
				if PathThroughPage(leaves, bits, path, len(leaves), Blake2b) != nil || PathThroughPage(leaves, bits, path, -1, Blake2b) != nil {
					t.Fatalf("%d items, pages of %d bits: a path of an item that is none", n, bits)
				}
			}
		}
	}
}

// A trace is refused if a step is not as long as what stands there: two octet strings might join to a third in two ways.
func TestTraceLengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, n := range sizes() {
		v := items(rng, n, 64)
		for _, i := range someIndices(rng, n) {
			trace := Trace(v, i, Blake2b)
			if got := TraceLength(i, n); got != len(trace) {
				t.Fatalf("%d items: trace of %d has %d steps, not %d", n, i, len(trace), got)
			}
			if root, ok := RootFromTrace(v[i], i, n, trace, Blake2b); !ok || root != Root(v, Blake2b) {
				t.Fatalf("%d items: trace of %d refused", n, i)
			}
			for k := range trace {
				bad := slices.Clone(trace)
				bad[k] = append(slices.Clone(bad[k]), make([]byte, 32)...)
				if _, ok := RootFromTrace(v[i], i, n, bad, Blake2b); ok {
					t.Fatalf("%d items: trace of %d with a step too long", n, i)
				}
			}
		}
		if TraceLength(n, n) != -1 || TraceLength(-1, n) != -1 {
			t.Fatalf("%d items: a trace of an item that is none", n)
		}
	}
}
