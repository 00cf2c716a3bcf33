package accumulate

import (
	"bytes"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// set is a set of package hashes.
type set map[protocol.Hash]struct{}

func (s set) has(h *protocol.Hash) bool {
	_, ok := s[*h]
	return ok
}

func (s set) sorted() []protocol.Hash {
	list := make([]protocol.Hash, 0, len(s))
	for h := range s {
		list = append(list, h)
	}
	slices.SortFunc(list, compareHashes)
	return list
}

func compareHashes(a, b protocol.Hash) int { return bytes.Compare(a[:], b[:]) }

// packages is P: the packages of reports. GP §12.1.
func packages(reports []*block.Report) set {
	s := make(set, len(reports))
	for _, r := range reports {
		s[r.Package.Hash] = struct{}{}
	}
	return s
}

// partition splits W into W!, the reports that wait for nothing, and WQ, those that wait for others, from which
// what has been accumulated before is struck out. GP §12.1.
func partition(available []*block.Report, accumulated state.Accumulated) (immediate []*block.Report, queued []state.ReadyReport) {
	for _, r := range available {
		if len(r.Context.Prerequisites) == 0 && len(r.SegmentRoot) == 0 {
			immediate = append(immediate, r)
		} else {
			queued = append(queued, state.ReadyReport{Report: *r, Dependencies: dependencies(r)})
		}
	}
	return immediate, edit(queued, accumulatedOf(queued, accumulated))
}

// dependencies is the second of D(r): the packages that a report names, in order. GP §12.1.
func dependencies(r *block.Report) []protocol.Hash {
	list := make([]protocol.Hash, 0, len(r.Context.Prerequisites)+len(r.SegmentRoot))
	list = append(list, r.Context.Prerequisites...)
	for i := range r.SegmentRoot {
		list = append(list, r.SegmentRoot[i].Package)
	}
	slices.SortFunc(list, compareHashes)
	return slices.Compact(list)
}

// accumulatedOf gives those packages of all of ξ that matter to the queue.
func accumulatedOf(queue []state.ReadyReport, accumulated state.Accumulated) set {
	if len(queue) == 0 {
		return nil
	}
	wanted := make(set)
	for i := range queue {
		wanted[queue[i].Report.Package.Hash] = struct{}{}
		for _, h := range queue[i].Dependencies {
			wanted[h] = struct{}{}
		}
	}
	found := make(set)
	for _, slot := range accumulated {
		for i := range slot {
			if wanted.has(&slot[i]) {
				found[slot[i]] = struct{}{}
			}
		}
	}
	return found
}

// edit is E: it removes the reports of packages that are done, and the done ones from what others wait for. What it
// gives may share memory with the queue, which it leaves alone. GP §12.1.
func edit(queue []state.ReadyReport, done set) []state.ReadyReport {
	if len(done) == 0 {
		return queue
	}
	first := 0
	for first < len(queue) && !concerns(&queue[first], done) {
		first++
	}
	if first == len(queue) {
		return queue
	}
	edited := slices.Clone(queue[:first])
	for i := first; i < len(queue); i++ {
		if done.has(&queue[i].Report.Package.Hash) {
			continue
		}
		e := queue[i]
		if concerns(&e, done) {
			e.Dependencies = slices.DeleteFunc(slices.Clone(e.Dependencies), func(h protocol.Hash) bool { return done.has(&h) })
		}
		edited = append(edited, e)
	}
	return edited
}

// concerns reports whether E changes an entry.
func concerns(e *state.ReadyReport, done set) bool {
	if done.has(&e.Report.Package.Hash) {
		return true
	}
	for i := range e.Dependencies {
		if done.has(&e.Dependencies[i]) {
			return true
		}
	}
	return false
}

// accumulatable is W*: what can be accumulated in this block, in order. GP §12.1.
func accumulatable(ready state.Ready, phase int, immediate []*block.Report, queued []state.ReadyReport) []*block.Report {
	n := len(queued)
	for i := range ready {
		n += len(ready[i])
	}
	queue := make([]*state.ReadyReport, 0, n)
	for i := range ready {
		queue = appendEntries(queue, ready[(phase+i)%len(ready)])
	}
	queue = appendEntries(queue, queued)
	return append(slices.Clone(immediate), prioritize(queue, packages(immediate))...)
}

func appendEntries(queue []*state.ReadyReport, slot []state.ReadyReport) []*state.ReadyReport {
	for i := range slot {
		queue = append(queue, &slot[i])
	}
	return queue
}

// prioritize is Q(E(queue, done)): again and again it takes the reports that wait for nothing, until there are none.
// GP §12.1.
//
// The paper edits the whole queue after each round. Here each entry counts what it still waits for, so that a round
// costs no more than what it releases.
func prioritize(queue []*state.ReadyReport, done set) []*block.Report {
	var round []int32
	for i, e := range queue {
		if subset(e.Dependencies, done) && !done.has(&e.Report.Package.Hash) {
			round = append(round, int32(i))
		}
	}
	if len(round) == 0 {
		return nil
	}
	g := newGraph(queue, done)
	order := make([]*block.Report, 0, len(round))
	var next []int32
	for len(round) > 0 {
		next = next[:0]
		for _, i := range round {
			order = append(order, &queue[i].Report)
		}
		for _, i := range round {
			next = g.finish(g.own[i], next)
		}
		// An entry can be released and gone in one round, if its package was reported twice.
		next = slices.DeleteFunc(next, func(i int32) bool { return g.gone[i] })
		slices.Sort(next)
		round, next = next, round
	}
	return order
}

func subset(list []protocol.Hash, of set) bool {
	for i := range list {
		if !of.has(&list[i]) {
			return false
		}
	}
	return true
}

// graph knows of each package which entries of a queue are its reports, and which wait for it. It may have hundreds
// of thousands of nodes: lists are chains of indices, each with its first element in one slice and the elements
// after others in a second. -1 ends a chain.
type graph struct {
	packages map[protocol.Hash]int32
	reports  []int32 // of a package, the first entry that reports it
	own      []int32 // of an entry, the package that it reports
	another  []int32 // of an entry, the next one that reports the same package
	waits    []int32 // of a package, the first edge of those that wait for it
	edges    []edge

	waiting []int32 // of an entry, how many packages it still waits for
	gone    []bool  // of an entry, whether E has removed it
}

type edge struct{ entry, next int32 }

// newGraph leaves out what is done. Entries of packages that are done are gone.
func newGraph(queue []*state.ReadyReport, done set) *graph {
	g := &graph{
		packages: make(map[protocol.Hash]int32, len(queue)),
		reports:  make([]int32, 0, len(queue)),
		own:      make([]int32, len(queue)),
		another:  make([]int32, len(queue)),
		waits:    make([]int32, 0, len(queue)),
		edges:    make([]edge, 0, len(queue)),
		waiting:  make([]int32, len(queue)),
		gone:     make([]bool, len(queue)),
	}
	for i, e := range queue {
		if g.gone[i] = done.has(&e.Report.Package.Hash); g.gone[i] {
			continue
		}
		at := g.find(&e.Report.Package.Hash)
		g.own[i], g.another[i], g.reports[at] = at, g.reports[at], int32(i)
		for j := range e.Dependencies {
			if h := &e.Dependencies[j]; !done.has(h) {
				at := g.find(h)
				g.edges = append(g.edges, edge{int32(i), g.waits[at]})
				g.waits[at] = int32(len(g.edges) - 1)
				g.waiting[i]++
			}
		}
	}
	return g
}

func (g *graph) find(h *protocol.Hash) int32 {
	at, ok := g.packages[*h]
	if !ok {
		at = int32(len(g.reports))
		g.packages[*h] = at
		g.reports = append(g.reports, -1)
		g.waits = append(g.waits, -1)
	}
	return at
}

// finish takes a package as accumulated and appends the entries that now wait for nothing.
func (g *graph) finish(at int32, released []int32) []int32 {
	for i := g.reports[at]; i >= 0; i = g.another[i] {
		g.gone[i] = true
	}
	for i := g.waits[at]; i >= 0; i = g.edges[i].next {
		entry := g.edges[i].entry
		if g.waiting[entry]--; g.waiting[entry] == 0 {
			released = append(released, entry)
		}
	}
	g.waits[at] = -1 // reports of one package finish it once
	return released
}
