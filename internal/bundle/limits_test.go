package bundle

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// limitCase is a limit of the paper: a package made to have so many of something, and how many are allowed.
type limitCase struct {
	make  func(n int) *block.WorkPackage
	limit int
	want  error
}

func limitCases(p *protocol.Params) map[string]limitCase {
	items := func(n int) *block.WorkPackage { return &block.WorkPackage{Items: make([]block.WorkItem, n)} }
	// split gives halves of n to the first and the last of three items.
	split := func(n int, set func(w *block.WorkItem, n int)) *block.WorkPackage {
		w := items(3)
		set(&w.Items[0], n/2)
		set(&w.Items[2], n-n/2)
		return w
	}
	imports := func(n, packages int) []block.Import {
		list := make([]block.Import, n)
		for i := range list {
			if i < packages {
				list[i] = block.Import{Root: protocol.Hash{byte(i), 1}, ByPackage: true}
			}
		}
		return list
	}
	cases := map[string]limitCase{
		"items": {items, p.MaxPackageItems, ErrItems},
		"exports": {func(n int) *block.WorkPackage {
			return split(n, func(w *block.WorkItem, n int) { w.Exports = uint16(n) })
		}, p.MaxPackageExports, ErrExports},
		"imports": {func(n int) *block.WorkPackage {
			return split(n, func(w *block.WorkItem, n int) { w.Imports = imports(n, 0) })
		}, p.MaxPackageImports, ErrImports},
		"extrinsics": {func(n int) *block.WorkPackage {
			return split(n, func(w *block.WorkItem, n int) { w.Extrinsics = make([]block.ExtrinsicRef, n) })
		}, p.MaxPackageExtrinsics, ErrExtrinsics},
		"refine gas": {func(n int) *block.WorkPackage {
			return split(n, func(w *block.WorkItem, n int) { w.RefineGas = protocol.Gas(n) })
		}, int(p.RefineGas) - 1, ErrRefineGas},
		"accumulate gas": {func(n int) *block.WorkPackage {
			return split(n, func(w *block.WorkItem, n int) { w.AccumulateGas = protocol.Gas(n) })
		}, int(p.ReportGas) - 1, ErrAccumulateGas},
		"prerequisites": {func(n int) *block.WorkPackage {
			w := items(1)
			w.Context.Prerequisites = make([]protocol.Hash, n)
			return w
		}, p.MaxReportDeps, ErrDependencies},
		"packages imported from": {func(n int) *block.WorkPackage {
			w := items(2)
			w.Items[0].Imports, w.Items[1].Imports = imports(2*n, n), imports(n, n) // each twice
			return w
		}, p.MaxReportDeps, ErrDependencies},
		"both": {func(n int) *block.WorkPackage {
			w := items(1)
			w.Context.Prerequisites, w.Items[0].Imports = make([]protocol.Hash, 3), imports(n, n-3)
			return w
		}, p.MaxReportDeps, ErrDependencies},
		"import's index": {func(n int) *block.WorkPackage {
			w := items(1)
			w.Items[0].Imports = []block.Import{{Index: uint16(n)}}
			return w
		}, 1<<15 - 2, nil},
	}
	for name, set := range map[string]func(w *block.WorkPackage, n int){
		"token":   func(w *block.WorkPackage, n int) { w.AuthToken = make([]byte, n) },
		"config":  func(w *block.WorkPackage, n int) { w.AuthConfig = make([]byte, n) },
		"payload": func(w *block.WorkPackage, n int) { w.Items[0].Payload = make([]byte, n) },
		"extrinsic": func(w *block.WorkPackage, n int) {
			w.Items[0].Extrinsics = []block.ExtrinsicRef{{Length: uint32(n / 2)}, {Length: uint32(n - n/2)}}
		},
		"all": func(w *block.WorkPackage, n int) {
			w.AuthToken, w.AuthConfig, w.Items[0].Payload = make([]byte, 1), make([]byte, 2), make([]byte, 3)
			w.Items[1].Imports = make([]block.Import, 4)
			w.Items[2].Extrinsics = []block.ExtrinsicRef{{Length: uint32(n - 6 - 4*p.SegmentFootprint())}}
		},
	} {
		cases["size by "+name] = limitCase{func(n int) *block.WorkPackage {
			w := items(3)
			set(w, n)
			return w
		}, p.MaxBundle, ErrTooBig}
	}
	return cases
}

// Each limit at itself, one below and one above, by both ways in.
func TestLimits(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for name, tc := range limitCases(p) {
			for n := tc.limit - 1; n <= tc.limit+1; n++ {
				w := tc.make(n)
				var want error
				if n > tc.limit {
					want = tc.want
				}
				if err := Check(w, p); !errors.Is(err, want) {
					t.Errorf("%s: %d of %d: %v, want %v", name, n, tc.limit, err, want)
				}
				octets := w.AppendTo(nil)
				got, read, err := ReadPackage(bytes.NewReader(octets), p)
				if !errors.Is(err, want) {
					t.Errorf("%s: %d of %d: read: %v, want %v", name, n, tc.limit, err, want)
				}
				if want == nil && (err != nil || !bytes.Equal(read, octets) || got.Hash() != w.Hash() || len(octets) > MaxPackageOctets(p)) {
					t.Errorf("%s: %d of %d: read differently: %v", name, n, tc.limit, err)
				}
			}
		}
	}
	if err := Check(new(block.WorkPackage), protocol.Tiny()); !errors.Is(err, ErrItems) {
		t.Errorf("no items: %v", err)
	}
	// A sum that goes round.
	w := &block.WorkPackage{Items: []block.WorkItem{{RefineGas: 1 << 63}, {RefineGas: 1 << 63}}}
	if err := Check(w, protocol.Tiny()); !errors.Is(err, ErrRefineGas) {
		t.Errorf("gas that goes round: %v", err)
	}
}

// A bundle whose package is over a limit is refused before its data is looked at, and one at the limit is taken, by both ways
// in.
func TestBundleLimits(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		both := func(octets []byte) (decoded *Bundle, err, readErr error) {
			decoded, err = Decode(octets, p)
			_, readErr = Read(bytes.NewReader(octets), p)
			return decoded, err, readErr
		}
		w := &block.WorkPackage{Items: []block.WorkItem{{
			Payload: make([]byte, 4096), Imports: make([]block.Import, p.MaxPackageImports),
		}}}
		b := New(w)
		for j := range b.Imports[0] {
			b.Imports[0][j], b.Proofs[0][j] = make([]byte, p.SegmentOctets()), make([]protocol.Hash, maxDepth(p))
		}
		for token, want := range map[int]error{127: nil, 128: nil, 129: ErrTooBig} { // 64 octets for it, 64 for the trace
			w.AuthToken = make([]byte, token)
			octets := b.AppendTo(nil)
			got, err, readErr := both(octets)
			if !errors.Is(err, want) || !errors.Is(readErr, want) {
				t.Errorf("token of %d: %v, read: %v, want %v", token, err, readErr, want)
			}
			if want == nil && (len(octets) > MaxOctets(p) || !bytes.Equal(got.AppendTo(nil), octets)) {
				t.Errorf("token of %d: %d octets, of %d", token, len(octets), MaxOctets(p))
			}
		}
		w.AuthToken = nil
		for depth, want := range map[int]error{maxDepth(p) - 1: nil, maxDepth(p): nil, maxDepth(p) + 1: codec.ErrCount} {
			b.Proofs[0][0] = make([]protocol.Hash, depth)
			octets := b.AppendTo(nil)
			if _, err, readErr := both(octets); !errors.Is(err, want) || !errors.Is(readErr, want) {
				t.Errorf("proof of %d: %v, read: %v, want %v", depth, err, readErr, want)
			}
			if want != nil { // nothing of the proof is read
				at := len(w.AppendTo(nil)) + p.MaxPackageImports*p.SegmentOctets() + 1
				c := &counter{from: bytes.NewReader(octets)}
				if _, err := Read(c, p); !errors.Is(err, want) || c.n != at {
					t.Errorf("proof of %d: %d octets read, not %d: %v", depth, c.n, at, err)
				}
			}
		}
	}
}

// counter counts what is read of it.
type counter struct {
	from io.Reader
	n    int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += n
	return n, err
}

// A package over a limit is refused at the octet that proves it: with that octet the error comes, and nothing behind is
// read; without it there is only an end too early.
func TestReadNoFurther(t *testing.T) {
	p := protocol.Full()
	for name, tc := range limitCases(p) {
		if tc.want == nil {
			continue
		}
		octets := tc.make(tc.limit + 1).AppendTo(nil)
		c := &counter{from: bytes.NewReader(octets)}
		if _, _, err := ReadPackage(c, p); !errors.Is(err, tc.want) {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, err := ReadPackage(bytes.NewReader(octets[:c.n-1]), p); !errors.Is(err, codec.ErrShort) {
			t.Errorf("%s: refused after %d octets, but known before: %v", name, c.n, err)
		}
		// Before that octet, what follows may still be within the limit.
		within := false
		for octet := range 256 {
			other := append(bytes.Clone(octets[:c.n-1]), bytes.Repeat([]byte{byte(octet)}, 64)...)
			r := &counter{from: bytes.NewReader(other)}
			_, _, err := ReadPackage(r, p)
			within = within || r.n > c.n && !errors.Is(err, codec.ErrNatural)
		}
		if !within {
			t.Errorf("%s: refused after %d octets, but proven before", name, c.n)
		}
		if name == "size by payload" && c.n > 400 {
			t.Errorf("%s: %d octets read", name, c.n)
		}
	}
}

// Numbers of either form are refused at the first octet after which none that is allowed can follow, and not before.
func TestNumberLimits(t *testing.T) {
	const all = 1 << 16
	for name, way := range map[string]struct {
		encode func(v uint64) []byte
		read   func(s *source, room uint64) uint64
	}{
		"natural": {
			func(v uint64) []byte { return codec.AppendNatural(nil, v) },
			func(s *source, room uint64) uint64 { return s.natural(room, ErrTooBig) },
		},
		"fixed": {
			func(v uint64) []byte { return codec.AppendU32(nil, uint32(v)) },
			func(s *source, room uint64) uint64 { return s.fixed(4, room, ErrTooBig) },
		},
	} {
		for _, room := range []uint64{0, 1, 8, 16, 127, 128, 255, 256, 300, 3072, 16383, 16384, 20000, all - 1} {
			possible := map[string]bool{} // beginnings of what is allowed
			for v := range room + 1 {
				for octets, n := way.encode(v), 1; n <= len(octets); n++ {
					possible[string(octets[:n])] = true
				}
			}
			for v := uint64(0); v < 1<<30; v += 1 + v/64 {
				octets := way.encode(v)
				proof := 1
				for proof < len(octets) && possible[string(octets[:proof])] {
					proof++
				}
				var want error
				if v > room {
					want = ErrTooBig
				}
				c := &counter{from: bytes.NewReader(octets)}
				s := &source{from: c}
				got := way.read(s, room)
				if !errors.Is(s.err, want) || c.n != proof || want == nil && got != v {
					t.Fatalf("%s: %d of %d: %d and %v after %d octets of %x, want %d", name, v, room, got, s.err, c.n, octets, proof)
				}
			}
		}
	}
	for _, octets := range [][]byte{{0x80, 127}, {0xff, 255, 255, 255, 255, 255, 255, 255, 0}} {
		s := &source{from: bytes.NewReader(octets)}
		if s.natural(1<<64-1, ErrTooBig); !errors.Is(s.err, codec.ErrNatural) {
			t.Errorf("%x: %v", octets, s.err)
		}
	}
	s := &source{from: bytes.NewReader(bytes.Repeat([]byte{255}, 9))}
	if v := s.natural(1<<64-1, ErrTooBig); v != 1<<64-1 || s.err != nil {
		t.Errorf("the greatest: %d, %v", v, s.err)
	}
}

// Whoever promises as much as there may be and sends nothing of it costs little.
func TestPromiseLimit(t *testing.T) {
	s := source{from: bytes.NewReader(nil)}
	if s.take(protocol.Full().MaxBundle); !errors.Is(s.err, codec.ErrShort) || cap(s.octets) > 2*chunkOctets {
		t.Errorf("%d octets kept: %v", cap(s.octets), s.err)
	}
}

func TestReadExtrinsics(t *testing.T) {
	b, _ := sample(rand.New(rand.NewPCG(7, 8)), protocol.Tiny(), 4)
	var octets []byte
	for _, list := range b.Extrinsics {
		for _, x := range list {
			octets = append(octets, x...)
		}
	}
	got, err := ReadExtrinsics(bytes.NewReader(octets), b.Package)
	if err != nil {
		t.Fatal(err)
	}
	b.Extrinsics = got
	if b.Imports, b.Proofs = New(b.Package).Imports, New(b.Package).Proofs; len(octets) == 0 {
		t.Fatal("no extrinsics to test with")
	}
	if _, err := ReadExtrinsics(bytes.NewReader(octets[:len(octets)-1]), b.Package); !errors.Is(err, codec.ErrShort) {
		t.Errorf("cut: %v", err)
	}
	octets[0]++
	c := &counter{from: bytes.NewReader(octets)}
	if _, err := ReadExtrinsics(c, b.Package); !errors.Is(err, ErrExtrinsic) || c.n == len(octets) {
		t.Errorf("broken: %v after %d of %d", err, c.n, len(octets))
	}
}
