package importer_test

import (
	"runtime"
	"slices"
	"testing"

	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
	"damson/node/importer"
	"damson/state"
)

// maxEmptyBlock is the most that the import of a block without extrinsics may allocate, once a chain is going.
const maxEmptyBlock = 64 << 10

// emptyChain makes a chain of empty blocks on tiny parameters, longer than an epoch.
func emptyChain(tb testing.TB) *devchain.Chain {
	tb.Helper()
	p := protocol.Tiny()
	b := devchain.New(devchain.Options{Params: p, Engine: interp.New()})
	a, err := devchain.NewAuthor(b, &devchain.Genesis{
		Params: p, Validators: b.Validators(), Seed: "empty blocks", Configurations: []string{"all"},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	for range 2*p.EpochLength + 2 {
		a.Good(func(*devchain.Draft) {})
	}
	if a.Err != nil {
		tb.Fatal(a.Err)
	}
	return a.Chain
}

// TestEmptyBlockAllocates imports empty blocks one after another and bounds what the usual one allocates: decoding,
// execution, claims, root.
func TestEmptyBlockAllocates(t *testing.T) {
	c := emptyChain(t)
	im, err := importer.New(importer.Options{Params: c.Params, Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	var octets []uint64
	for range 3 { // the first time caches are filled
		octets = octets[:0]
		chain := importer.NewChain(im)
		if err := chain.Put(c.Header.Hash(), c.Genesis); err != nil {
			t.Fatal(err)
		}
		for i := range c.Steps {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := chain.Import(c.Steps[i].Block)
			if err != nil {
				t.Fatal(err)
			}
			root := s.Root()
			runtime.ReadMemStats(&after)
			if root != c.Steps[i].Post.Root() {
				t.Fatalf("block %d: wrong root %s", i, root)
			}
			octets = append(octets, after.TotalAlloc-before.TotalAlloc)
		}
	}
	slices.Sort(octets)
	usual := octets[len(octets)/2]
	vectors.Figure(t, "empty-block", "%d octets allocated, at most %d (with an epoch change)", usual, octets[len(octets)-1])
	if usual >= maxEmptyBlock {
		t.Errorf("an empty block allocates %d octets, must be below %d", usual, maxEmptyBlock)
	}
}

// BenchmarkEmptyBlock is for profiles of what an empty block costs.
func BenchmarkEmptyBlock(b *testing.B) {
	c := emptyChain(b)
	im, err := importer.New(importer.Options{Params: c.Params, Engine: interp.New()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		chain := importer.NewChain(im)
		if err := chain.Put(c.Header.Hash(), c.Genesis); err != nil {
			b.Fatal(err)
		}
		for i := range c.Steps {
			if _, err := chain.Import(c.Steps[i].Block); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(c.Steps)), "blocks/op")
}
