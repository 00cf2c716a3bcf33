package bundle

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/merkle"
	"damson/internal/protocol"
)

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func randomHash(rng *rand.Rand) protocol.Hash { return protocol.Hash(random(rng, 32)) }

func randomSegments(rng *rand.Rand, p *protocol.Params, n int) [][]byte {
	s := make([][]byte, n)
	for i := range s {
		s[i] = random(rng, p.SegmentOctets())
	}
	return s
}

// sample makes a bundle of some items, with roots for what they import.
func sample(rng *rand.Rand, p *protocol.Params, items int) (*Bundle, []block.SegmentRootEntry) {
	w := &block.WorkPackage{
		AuthCodeHost: 7, AuthCodeHash: randomHash(rng), AuthToken: random(rng, rng.IntN(9)), AuthConfig: random(rng, rng.IntN(9)),
	}
	var roots []block.SegmentRootEntry
	var sources []*Segments
	for range 3 {
		s := NewSegments(randomSegments(rng, p, 1+rng.IntN(5)))
		sources = append(sources, s)
		roots = append(roots, block.SegmentRootEntry{Package: randomHash(rng), Root: s.Root()})
	}
	var data [][][]byte
	var imports [][]int
	for range items {
		item := block.WorkItem{Service: 1, CodeHash: randomHash(rng), RefineGas: 5, AccumulateGas: 6, Payload: random(rng, rng.IntN(300))}
		data, imports = append(data, nil), append(imports, nil)
		for range rng.IntN(4) {
			x := random(rng, rng.IntN(1000))
			data[len(data)-1] = append(data[len(data)-1], x)
			item.Extrinsics = append(item.Extrinsics, block.ExtrinsicRef{Hash: blake2b.Sum256(x), Length: uint32(len(x))})
		}
		for range rng.IntN(4) {
			from := rng.IntN(len(sources))
			r := block.Import{Root: roots[from].Root, Index: uint16(rng.IntN(len(sources[from].Exports)))}
			if rng.IntN(2) == 0 {
				r.Root, r.ByPackage = roots[from].Package, true
			}
			imports[len(imports)-1] = append(imports[len(imports)-1], from)
			item.Imports = append(item.Imports, r)
		}
		w.Items = append(w.Items, item)
	}
	b := New(w)
	for i := range w.Items {
		copy(b.Extrinsics[i], data[i])
		for j, from := range imports[i] {
			index := int(w.Items[i].Imports[j].Index)
			b.Imports[i][j], b.Proofs[i][j] = sources[from].Exports[index], sources[from].Proof(index)
		}
	}
	return b, roots
}

func TestBundle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for range 30 {
			b, roots := sample(rng, p, 1+rng.IntN(4))
			if err := b.Verify(roots); err != nil {
				t.Fatal(err)
			}
			octets := b.AppendTo(nil)
			if len(octets) != b.Size() || len(octets) > MaxOctets(p) {
				t.Fatalf("%d octets, size %d", len(octets), b.Size())
			}
			got, err := Decode(octets, p)
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Verify(roots); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.AppendTo(nil), octets) {
				t.Fatal("encodes differently after decoding")
			}
			for _, cut := range []int{0, 1, len(octets) / 2, len(octets) - 1} {
				if _, err := Decode(octets[:cut], p); err == nil {
					t.Fatalf("decoded from %d of %d octets", cut, len(octets))
				}
			}
			if _, err := Decode(append(octets, 0), p); !errors.Is(err, codec.ErrTrailing) {
				t.Fatalf("with an octet too many: %v", err)
			}
		}
	}
}

// The encoding, written out: the paper has no lengths but of proofs.
func TestEncoding(t *testing.T) {
	p := protocol.Tiny()
	rng := rand.New(rand.NewPCG(2, 2))
	exports := randomSegments(rng, p, 3)
	s := NewSegments(exports)
	w := &block.WorkPackage{Items: []block.WorkItem{
		{Extrinsics: []block.ExtrinsicRef{{Length: 2}, {Length: 1}}},
		{Extrinsics: []block.ExtrinsicRef{{Length: 1}}, Imports: []block.Import{{Root: s.Root(), Index: 2}}},
	}}
	b := New(w)
	b.Extrinsics = [][][]byte{{[]byte("ab"), []byte("c")}, {[]byte("d")}}
	b.Imports[1][0], b.Proofs[1][0] = exports[2], s.Proof(2)
	var zero protocol.Hash
	left := blake2b.Sum256Parts([]byte("node"), leafOf(exports[0]), leafOf(exports[1]))
	want := slices.Concat(w.AppendTo(nil), []byte("abcd"), exports[2], []byte{2}, left[:], zero[:])
	if got := b.AppendTo(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded as %x, want %x", got, want)
	}
}

func leafOf(item []byte) []byte {
	hash := blake2b.Sum256Parts([]byte("leaf"), item)
	return hash[:]
}

func TestVerifyRefuses(t *testing.T) {
	p := protocol.Tiny()
	rng := rand.New(rand.NewPCG(3, 3))
	exports := randomSegments(rng, p, 5)
	s := NewSegments(exports)
	x := []byte("extrinsic")
	name := randomHash(rng)
	roots := []block.SegmentRootEntry{{Package: name, Root: s.Root()}}
	fresh := func() *Bundle {
		b := New(&block.WorkPackage{Items: []block.WorkItem{{
			Extrinsics: []block.ExtrinsicRef{{Hash: blake2b.Sum256(x), Length: uint32(len(x))}},
			Imports:    []block.Import{{Root: s.Root(), Index: 4}, {Root: name, ByPackage: true, Index: 1}},
		}}})
		b.Extrinsics[0][0] = x
		for j, index := range []int{4, 1} {
			b.Imports[0][j], b.Proofs[0][j] = exports[index], s.Proof(index)
		}
		return b
	}
	for name, tc := range map[string]struct {
		change func(*Bundle)
		want   error
	}{
		"nothing":        {func(*Bundle) {}, nil},
		"extrinsic":      {func(b *Bundle) { b.Extrinsics[0][0] = []byte("Extrinsic") }, ErrExtrinsic},
		"its length":     {func(b *Bundle) { b.Package.Items[0].Extrinsics[0].Length++ }, ErrExtrinsic},
		"segment":        {func(b *Bundle) { b.Imports[0][0] = exports[3] }, ErrImport},
		"index":          {func(b *Bundle) { b.Package.Items[0].Imports[0].Index = 3 }, ErrImport},
		"index too high": {func(b *Bundle) { b.Package.Items[0].Imports[0].Index = 12 }, ErrImport},
		"proof":          {func(b *Bundle) { b.Proofs[0][1][0][0]++ }, ErrImport},
		"short proof":    {func(b *Bundle) { b.Proofs[0][1] = b.Proofs[0][1][1:] }, ErrImport},
		"unknown":        {func(b *Bundle) { b.Package.Items[0].Imports[1].Root[0]++ }, ErrSegmentRoot},
		"no package":     {func(b *Bundle) { b.Package.Items[0].Imports[1].ByPackage = false }, ErrImport},
		"missing":        {func(b *Bundle) { b.Imports[0] = b.Imports[0][1:] }, ErrShape},
		"missing list":   {func(b *Bundle) { b.Extrinsics = nil }, ErrShape},
	} {
		b := fresh()
		tc.change(b)
		if err := b.Verify(roots); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestProofPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	p := protocol.Full()
	for _, n := range []int{0, 1, 2, 63, 64, 65, 127, 128, 129, 500, 3072} {
		exports := randomSegments(rng, p, n)
		s := NewSegments(exports)
		if s.Root() != merkle.ConstantDepthRoot(exports, merkle.Blake2b) {
			t.Fatalf("%d segments: wrong root", n)
		}
		pages := s.ProofPages(p)
		if len(pages) != (n+63)/64 || len(pages) != Pages(n) {
			t.Fatalf("%d segments: %d pages", n, len(pages))
		}
		for range min(n, 20) {
			i := rng.IntN(n)
			if len(pages[i/64]) != p.SegmentOctets() {
				t.Fatalf("a page of %d octets", len(pages[i/64]))
			}
			page, err := DecodePage(pages[i/64], i/64, s.Root(), p)
			if err != nil {
				t.Fatalf("%d segments, page %d: %v", n, i/64, err)
			}
			proof, err := page.Prove(exports[i], i)
			if err != nil || !slices.Equal(proof, s.Proof(i)) {
				t.Fatalf("segment %d of %d: proof %v, %v", i, n, proof, err)
			}
			if _, err := page.Prove(random(rng, p.SegmentOctets()), i); !errors.Is(err, ErrImport) {
				t.Fatalf("another segment: %v", err)
			}
			if _, err := page.Prove(exports[i], i+64); !errors.Is(err, ErrImport) {
				t.Fatalf("a segment of another page: %v", err)
			}
			if _, err := DecodePage(pages[i/64], i/64+1, s.Root(), p); !errors.Is(err, ErrPage) {
				t.Fatalf("another number: %v", err)
			}
			broken := bytes.Clone(pages[i/64])
			broken[rng.IntN(32*len(page.leaves))]++
			if _, err := DecodePage(broken, i/64, s.Root(), p); !errors.Is(err, ErrPage) {
				t.Fatalf("a broken page: %v", err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	p := protocol.Tiny()
	rng := rand.New(rand.NewPCG(5, 5))
	for range 3 {
		b, _ := sample(rng, p, 2)
		f.Add(b.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		b, err := Decode(octets, p)
		w, read, err2 := ReadPackage(bytes.NewReader(octets), p)
		if err != nil {
			return
		}
		if err2 != nil || !reflect.DeepEqual(w, b.Package) || !bytes.HasPrefix(octets, read) {
			t.Fatalf("read from a stream: %v", err2)
		}
		if got := b.AppendTo(nil); !bytes.Equal(got, octets) || b.Size() != len(octets) {
			t.Fatalf("encodes as %x", got)
		}
		_ = b.Verify(nil)
	})
}

// FuzzReadPackage compares reading from a stream with decoding all at once.
func FuzzReadPackage(f *testing.F) {
	p := protocol.Tiny()
	rng := rand.New(rand.NewPCG(8, 8))
	for range 3 {
		b, _ := sample(rng, p, 3)
		f.Add(b.Package.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		w, read, err := ReadPackage(bytes.NewReader(octets), p)
		if err == nil {
			if err := Check(w, p); err != nil || !bytes.HasPrefix(octets, read) || !bytes.Equal(w.AppendTo(nil), read) {
				t.Fatalf("read what is no package: %v", err)
			}
			return
		}
		if w, err2 := block.DecodeWorkPackage(octets, p); err2 == nil && Check(w, p) == nil {
			t.Fatalf("refused: %v", err)
		}
	})
}

func FuzzDecodePage(f *testing.F) {
	p := protocol.Tiny()
	rng := rand.New(rand.NewPCG(6, 6))
	s := NewSegments(randomSegments(rng, p, 70))
	root := s.Root()
	for i, page := range s.ProofPages(p) {
		f.Add(page, i, root[:])
	}
	f.Fuzz(func(t *testing.T, segment []byte, number int, root []byte) {
		var r protocol.Hash
		copy(r[:], root)
		if page, err := DecodePage(segment, number, r, p); err == nil && (len(page.leaves) == 0 || len(page.leaves) > 64) {
			t.Fatalf("%d leaves", len(page.leaves))
		}
	})
}
