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
	first := slices.IndexFunc(queue, func(e state.ReadyReport) bool { return concerns(&e, done) })
	if first < 0 {
		return queue
	}
	edited := slices.Clone(queue[:first])
	for i := first; i < len(queue); i++ {
		e := queue[i]
		if done.has(&e.Report.Package.Hash) {
			continue
		}
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
	done := packages(immediate)
	var queue []state.ReadyReport
	for i := range ready {
		queue = append(queue, edit(ready[(phase+i)%len(ready)], done)...)
	}
	queue = append(queue, edit(queued, done)...)
	return append(slices.Clone(immediate), prioritize(queue)...)
}

// prioritize is Q: again and again it takes the reports that wait for nothing, until there are none. GP §12.1.
//
// The paper edits the whole queue after each round. Here each entry counts what it still waits for, so that a round
// costs no more than what it releases.
func prioritize(queue []state.ReadyReport) []*block.Report {
	var round []int
	for i := range queue {
		if len(queue[i].Dependencies) == 0 {
			round = append(round, i)
		}
	}
	if len(round) == 0 {
		return nil
	}
	g := newGraph(queue)
	var order []*block.Report
	for len(round) > 0 {
		for _, i := range round {
			order = append(order, &queue[i].Report)
		}
		var next []int
		for _, i := range round {
			next = g.finish(queue[i].Report.Package.Hash, next)
		}
		// An entry can be released and gone in one round, if its package was reported twice.
		next = slices.DeleteFunc(next, func(i int) bool { return g.gone[i] })
		slices.Sort(next)
		round = next
	}
	return order
}

// graph knows of each package which entries of a queue are its reports, and which wait for it.
type graph struct {
	nodes   map[protocol.Hash]*node
	waiting []int  // how many packages an entry still waits for
	gone    []bool // whether E has removed an entry
}

type node struct{ reports, waiting []int }

func newGraph(queue []state.ReadyReport) *graph {
	g := &graph{
		nodes:   make(map[protocol.Hash]*node, len(queue)),
		waiting: make([]int, len(queue)),
		gone:    make([]bool, len(queue)),
	}
	of := func(h protocol.Hash) *node {
		n := g.nodes[h]
		if n == nil {
			n = new(node)
			g.nodes[h] = n
		}
		return n
	}
	for i := range queue {
		n := of(queue[i].Report.Package.Hash)
		n.reports = append(n.reports, i)
		g.waiting[i] = len(queue[i].Dependencies)
		for _, h := range queue[i].Dependencies {
			n := of(h)
			n.waiting = append(n.waiting, i)
		}
	}
	return g
}

// finish takes a package as accumulated and appends the entries that now wait for nothing.
func (g *graph) finish(h protocol.Hash, released []int) []int {
	n := g.nodes[h]
	for _, i := range n.reports {
		g.gone[i] = true
	}
	for _, i := range n.waiting {
		if g.waiting[i]--; g.waiting[i] == 0 {
			released = append(released, i)
		}
	}
	n.waiting = nil // reports of one package finish it once
	return released
}
