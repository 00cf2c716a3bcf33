package accumulate

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
)

// literalQ is Q as the paper writes it.
func literalQ(queue []state.ReadyReport) []*block.Report {
	var g []*block.Report
	for i := range queue {
		if len(queue[i].Dependencies) == 0 {
			g = append(g, &queue[i].Report)
		}
	}
	if len(g) == 0 {
		return nil
	}
	return append(g, literalQ(literalE(queue, packages(g)))...)
}

// literalE is E as the paper writes it.
func literalE(queue []state.ReadyReport, x set) []state.ReadyReport {
	var edited []state.ReadyReport
	for _, e := range queue {
		if x.has(&e.Report.Package.Hash) {
			continue
		}
		var left []protocol.Hash
		for _, h := range e.Dependencies {
			if !x.has(&h) {
				left = append(left, h)
			}
		}
		edited = append(edited, state.ReadyReport{Report: e.Report, Dependencies: left})
	}
	return edited
}

// randomQueue has packages that are reported twice, that wait for themselves, for each other, and for nobody.
func randomQueue(r *rand.Rand, size int) []state.ReadyReport {
	queue := make([]state.ReadyReport, size)
	for i := range queue {
		e := &queue[i]
		e.Report.Package.Hash = protocol.Hash{byte(i)}
		if r.IntN(8) == 0 {
			e.Report.Package.Hash[0] = byte(r.IntN(size))
		}
		e.Report.Core = protocol.Core(i) // tells reports of one package apart
		for range r.IntN(4) {
			e.Report.Context.Prerequisites = append(e.Report.Context.Prerequisites, protocol.Hash{byte(r.IntN(size + 2))})
		}
		if r.IntN(3) == 0 {
			e.Report.SegmentRoot = []block.SegmentRootEntry{{Package: protocol.Hash{byte(r.IntN(size))}}}
		}
		e.Dependencies = dependencies(&e.Report)
	}
	return queue
}

// equalQueue compares encodings, which takes far less time than values.
func equalQueue(t *testing.T, what string, got, want []state.ReadyReport) {
	t.Helper()
	if !bytes.Equal(state.Ready{got}.AppendTo(nil), state.Ready{want}.AppendTo(nil)) {
		vectors.Equal(t, what, got, want)
	}
}

func cores(reports []*block.Report) (list []protocol.Core) {
	for _, r := range reports {
		list = append(list, r.Core)
	}
	return list
}

func TestQueueFunctionsAreThoseOfThePaper(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		queue := randomQueue(r, 1+r.IntN(40))
		before := state.Ready{queue}.AppendTo(nil)
		x := make(set)
		for range r.IntN(5) {
			x[protocol.Hash{byte(r.IntN(len(queue) + 5))}] = struct{}{}
		}
		edited := literalE(queue, x)
		equalQueue(t, "E", edit(queue, x), edited)
		vectors.Equal(t, "Q", cores(prioritize(appendEntries(nil, queue), x)), cores(literalQ(edited)))
		vectors.Equal(t, "the queue afterwards", state.Ready{queue}.AppendTo(nil), before)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestWStarIsThatOfThePaper compares W* with the formula, ω being full and ξ not empty.
func TestWStarIsThatOfThePaper(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 2))
		all := randomQueue(r, 40)
		ready := make(state.Ready, 6)
		for i := range 24 {
			at := r.IntN(len(ready))
			ready[at] = append(ready[at], all[i])
		}
		var available []*block.Report
		for i := 24; i < len(all); i++ {
			available = append(available, &all[i].Report)
		}
		accumulated := state.Accumulated{{{3}, {4}}, nil, {{30}}, {{41}}}
		cup := set{{3}: {}, {4}: {}, {30}: {}, {41}: {}}
		phase := r.IntN(len(ready))

		immediate, queued := partition(available, accumulated)
		got := accumulatable(ready, phase, immediate, queued)

		var wantImmediate []*block.Report
		var wantQueued []state.ReadyReport
		for _, w := range available {
			if len(w.Context.Prerequisites)+len(w.SegmentRoot) == 0 {
				wantImmediate = append(wantImmediate, w)
			} else {
				wantQueued = append(wantQueued, state.ReadyReport{Report: *w, Dependencies: dependencies(w)})
			}
		}
		wantQueued = literalE(wantQueued, cup)
		q := slices.Concat(slices.Concat(ready[phase:]...), slices.Concat(ready[:phase]...), wantQueued)
		want := append(wantImmediate, literalQ(literalE(q, packages(wantImmediate)))...)
		equalQueue(t, "WQ", queued, wantQueued)
		vectors.Equal(t, "W*", cores(got), cores(want))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestShifts compares ω′ and ξ′ with the formulas, for all gaps between slots.
func TestShifts(t *testing.T) {
	const length = 6
	r := rand.New(rand.NewPCG(3, 3))
	all := randomQueue(r, 40)
	ready := make(state.Ready, length)
	for i := range 30 {
		ready[i%length] = append(ready[i%length], all[i])
	}
	accumulated := state.Accumulated{{{1}}, {{2}}, {{3}}, {{4}}, {{5}}, {{6}}}
	queued := all[30:]
	done := set{{5}: {}, {7}: {}, {33}: {}}
	for before := protocol.Slot(100); before < 100+length; before++ {
		for slot := before + 1; slot < before+2*length; slot++ {
			want := make(state.Ready, length)
			m := int(slot % length)
			for i := range length {
				at := ((m-i)%length + length) % length
				switch {
				case i == 0:
					want[at] = literalE(queued, done)
				case i < int(slot-before):
				default:
					want[at] = literalE(ready[at], done)
				}
			}
			got := shiftReady(ready, before, slot, queued, done)
			if !bytes.Equal(got.AppendTo(nil), want.AppendTo(nil)) {
				vectors.Equal(t, "ω′", got, want)
			}
		}
	}
	vectors.Equal(t, "ξ′", shiftAccumulated(accumulated, done),
		state.Accumulated{{{2}}, {{3}}, {{4}}, {{5}}, {{6}}, {{5}, {7}, {33}}})
	vectors.Equal(t, "ξ", accumulated, state.Accumulated{{{1}}, {{2}}, {{3}}, {{4}}, {{5}}, {{6}}})
}

// BenchmarkPrioritize has a full-size queue in one long chain, the worst case of the recursion in the paper.
func BenchmarkPrioritize(b *testing.B) {
	const size = 341 * 600
	queue := make([]state.ReadyReport, size)
	hash := func(i int) protocol.Hash { return protocol.Hash{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range queue {
		queue[i].Report.Package.Hash = hash(i)
		if i+1 < size {
			queue[i].Dependencies = []protocol.Hash{hash(i + 1)}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(prioritize(appendEntries(nil, queue), nil)); n != size {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/report")
}
