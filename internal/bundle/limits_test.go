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

// A bundle whose package is over a limit is refused before its data is looked at, and one at the limit is decoded.
func TestDecodeLimits(t *testing.T) {
	p := protocol.Tiny()
	w := &block.WorkPackage{Items: []block.WorkItem{{
		Payload: make([]byte, 4096), Imports: make([]block.Import, p.MaxPackageImports),
	}}}
	w.AuthToken = make([]byte, 128)
	b := New(w)
	for j := range b.Imports[0] {
		b.Imports[0][j], b.Proofs[0][j] = make([]byte, p.SegmentOctets()), make([]protocol.Hash, maxDepth(p))
	}
	octets := b.AppendTo(nil)
	if _, err := Decode(octets, p); err != nil || len(octets) <= p.MaxBundle || len(octets) > MaxOctets(p) {
		t.Errorf("a full bundle of %d octets: %v", len(octets), err)
	}
	w.AuthToken = make([]byte, 129)
	if _, err := Decode(w.AppendTo(nil), p); !errors.Is(err, ErrTooBig) {
		t.Errorf("one octet above the limit: %v", err)
	}
	w.AuthToken = nil
	b.Proofs[0][0] = make([]protocol.Hash, maxDepth(p)+1)
	if _, err := Decode(b.AppendTo(nil), p); !errors.Is(err, codec.ErrCount) {
		t.Errorf("a proof that is too long: %v", err)
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
		if name == "size by payload" && c.n > 400 {
			t.Errorf("%s: %d octets read", name, c.n)
		}
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
