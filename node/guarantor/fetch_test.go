package guarantor_test

import (
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/merkle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability"
	"damson/state/workreport"
)

// exported has a package exported, and waits until it is accumulated.
func (w *world) exported(count byte) (*block.Report, *validator) {
	w.t.Helper()
	b := w.pack(block.WorkItem{Service: theExporter, Exports: uint16(count), Payload: []byte{count}})
	by := w.submit(0, b)
	var report *block.Report
	w.until(4, "reported", func() bool {
		pending, err := w.best().State.Reports()
		w.must(err)
		if pending[0] != nil {
			report = &pending[0].Report
		}
		return report != nil
	})
	w.until(4, "available", func() bool {
		pending, err := w.best().State.Reports()
		w.must(err)
		return pending[0] == nil
	})
	return report, by
}

// Segments are had from guarantors, or else from shards, and if those are wrong from shards that are proven.
func TestSegmentsAreFetched(t *testing.T) {
	for name, tc := range map[string]struct {
		whole, shards, proven func([][]byte) [][]byte // of all nodes but one, or of all for whole segments
		blamed                bool
	}{
		"from guarantors": {whole: identity, shards: nil, proven: nil},
		"from shards":     {whole: nil, shards: identity, proven: nil},
		"wrong segments":  {whole: spoil, shards: identity, proven: nil, blamed: true},
		"proven shards":   {whole: nil, shards: spoil, proven: identity},
		"wrong proofs":    {whole: nil, shards: spoil, proven: spoil, blamed: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			report, _ := w.exported(70)
			known := w.nodes[0].Keeper.Report(report.Package.ErasureRoot)
			var asks *validator // who did not guarantee
			for _, n := range w.nodes {
				if !slices.Contains(known.Guarantors, n.Self) {
					asks = n
				}
			}
			honest := (asks.index + 1) % len(w.nodes) // with our own shard it is enough
			for i, n := range w.nodes {
				n.lie(jamnp.SegmentRequest, tc.whole)
				if i != honest {
					n.lie(jamnp.SegmentShards, tc.shards)
					n.lie(jamnp.ProvenSegmentShards, tc.proven)
				}
			}
			var got map[uint16]availability.Segment
			var why error
			for range 6 { // the order in which others are asked is random
				got = nil
				asks.Keeper.Segments(report.Package.ExportsRoot, []uint16{69, 0, 64, 0}, func(found map[uint16]availability.Segment, err error) {
					got, why = found, err
				})
				w.until(2, "fetched", func() bool { return got != nil || why != nil })
				w.must(why)
			}
			for index, first := range map[uint16]byte{0: 70, 64: 6, 69: 1} {
				s := got[index]
				if len(s.Octets) != w.params.SegmentOctets() || s.Octets[0] != first {
					t.Errorf("segment %d is another", index)
					continue
				}
				leaf := merkle.Leaf(s.Octets, merkle.Blake2b)
				if root, ok := merkle.RootFromPage([]protocol.Hash{leaf}, 0, int(index), s.Proof, merkle.Blake2b); !ok || root != report.Package.ExportsRoot {
					t.Errorf("segment %d is not proven", index)
				}
			}
			if blames := len(asks.net.blamed) > 0; blames != tc.blamed {
				t.Errorf("blamed: %v", asks.net.blamed)
			}
		})
	}
}

// Shards that no guarantor gives are made from what others hold, so that the report is available all the same.
func TestSilentGuarantors(t *testing.T) {
	w := newWorld(t, nil)
	for _, n := range w.nodes {
		for _, kind := range []jamnp.Kind{jamnp.ShardDistribution, jamnp.BundleRequest, jamnp.SegmentRequest} {
			n.lie(kind, nil)
		}
	}
	report, _ := w.exported(3)
	rebuilt := uint64(0)
	for _, n := range w.nodes {
		rebuilt += n.Keeper.Counts().Rebuilt
	}
	if known := w.nodes[0].Keeper.Report(report.Package.ErasureRoot); rebuilt == 0 || int(rebuilt) > len(w.nodes)-len(known.Guarantors) {
		t.Errorf("%d nodes have put the data together, %d are guarantors", rebuilt, len(known.Guarantors))
	}
	w.nobodyBlamed()
}

func identity(m [][]byte) [][]byte { return m }

// Bundles are had from guarantors, or else from shards.
func TestBundlesAreFetched(t *testing.T) {
	for name, tc := range map[string]struct {
		whole, shards func([][]byte) [][]byte
		blamed        bool
	}{
		"from guarantors": {whole: identity, shards: nil},
		"from shards":     {whole: nil, shards: identity},
		"wrong bundle":    {whole: spoil, shards: identity, blamed: true},
		"wrong shards":    {whole: nil, shards: spoil, blamed: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			report, _ := w.exported(3)
			known := w.nodes[0].Keeper.Report(report.Package.ErasureRoot)
			var asks *validator
			for i, n := range w.nodes {
				if !slices.Contains(known.Guarantors, n.Self) {
					asks = n
				}
				n.lie(jamnp.BundleRequest, tc.whole)
				if i < 3 {
					n.lie(jamnp.AuditShardRequest, tc.shards)
				}
			}
			var got *bundle.Bundle
			var why error
			asks.Keeper.Bundle(report, func(b *bundle.Bundle, err error) { got, why = b, err })
			w.run(2)
			w.must(why)
			out, err := asks.Computer.Compute(&workreport.Input{Core: report.Core, Bundle: got, SegmentRoots: report.SegmentRoot, State: w.best().State})
			w.must(err)
			if out.Report.Hash() != report.Hash() {
				t.Error("the auditor comes to another report")
			}
			if blames := len(asks.net.blamed) > 0; blames != tc.blamed {
				t.Errorf("blamed: %v", asks.net.blamed)
			}
		})
	}
}

// segmentsOf gives all exports of a report.
func (w *world) segmentsOf(r *block.Report) map[uint16]availability.Segment {
	w.t.Helper()
	var got map[uint16]availability.Segment
	var indices []uint16
	for i := range r.Package.ExportsCount {
		indices = append(indices, i)
	}
	w.nodes[0].Keeper.Segments(r.Package.ExportsRoot, indices, func(found map[uint16]availability.Segment, err error) {
		w.must(err)
		got = found
	})
	w.until(2, "fetched", func() bool { return got != nil })
	return got
}
