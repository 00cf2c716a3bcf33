package testnet

import (
	"context"
	"time"

	"damson/internal/protocol"
	"damson/node/host"
)

// record is what a node has told.
type record struct {
	next   uint64 // event to ask for
	blocks map[host.Hash]*seen
	final  host.Hash
	last   *host.Report    // nil: it does not answer
	took   []time.Duration // from the beginning of a block's slot until it was final
	joined protocol.Slot   // in which the node was started again: blocks from before were not final late
}

// seen is a block that a node has imported.
type seen struct {
	host.Event
	final bool
}

func newRecord() *record { return &record{blocks: make(map[host.Hash]*seen)} }

// take takes in a report.
func (r *record) take(n *Net, report *host.Report) {
	for _, e := range report.Events {
		if e.Kind == host.Imported {
			if r.blocks[e.Hash] == nil {
				r.blocks[e.Hash] = &seen{Event: e}
			}
			continue
		}
		for b := r.blocks[e.Hash]; b != nil && !b.final; b = r.blocks[b.Parent] {
			b.final = true
			if b.Slot <= r.joined {
				continue
			}
			r.took = append(r.took, time.UnixMilli(e.Time).Sub(n.Slots.Start(b.Slot)))
		}
	}
	r.next, r.last, r.final = report.Next, report, report.Final.Hash
	r.last.Events = nil
}

// look asks all nodes how they are.
func (n *Net) look() {
	reports := make([]*host.Report, len(n.members))
	done := make(chan struct{})
	count := 0
	for i, m := range n.members {
		if m == nil {
			continue
		}
		count++
		go func(since uint64) {
			reports[i], _ = m.Report(since)
			done <- struct{}{}
		}(n.records[i].next)
	}
	for range count {
		<-done
	}
	for i, report := range reports {
		n.records[i].last = nil
		if report != nil {
			n.records[i].take(n, report)
		}
	}
}

// View is how the network is at the end of a slot.
type View struct {
	Slot    protocol.Slot
	Done    int            // slots of the run that are over
	Reports []*host.Report // nil: the node does not run
	Lag     int            // how far the node that is furthest behind has the finalized block behind the slot
	Forks   int            // blocks of the run that are not in the chain
	Chain   int            // blocks of the run that are
	Block   time.Duration  // between two blocks, on average
	Note    string         // what the scenario does
}

// Run follows the network for so many slots, or until the context ends, and shows each. Then it waits until the last blocks are final.
func (n *Net) Run(ctx context.Context, count int, show func(*View)) (*Summary, error) {
	var lags []int
	done := 0
	for ; done < count && ctx.Err() == nil; done++ {
		slot := n.First + protocol.Slot(done)
		note, err := n.disturb(ctx, done, count)
		if err != nil {
			return nil, err
		}
		if !sleepUntil(ctx, n.Slots.Start(slot+1).Add(-time.Millisecond)) {
			break
		}
		n.look()
		v := n.view(slot, done+1)
		v.Note = note
		lags = append(lags, v.Lag)
		if show != nil {
			show(v)
		}
	}
	work := n.finishWork(ctx)
	end := n.First + protocol.Slot(done)
	// Also when the run was ended early: its last blocks are to be final.
	for i := 0; i < 4*n.Settling && done > 0 && !n.settled(end); i++ {
		time.Sleep(n.Slot / 4)
		n.look()
	}
	s := n.summarize(done, lags)
	s.Summary = work
	n.judge(s)
	return s, nil
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Net) view(slot protocol.Slot, done int) *View {
	v := &View{Slot: slot, Done: done, Reports: make([]*host.Report, len(n.members))}
	for i, r := range n.records {
		v.Reports[i] = r.last
		if r.last != nil {
			v.Lag = max(v.Lag, int(slot)-max(int(r.last.Final.Slot), int(n.First)-1))
		}
	}
	main, all := n.count(slot + 1)
	v.Chain, v.Forks = len(main), all-len(main)
	if v.Chain > 0 {
		v.Block = time.Duration(done) * n.Slot / time.Duration(v.Chain)
	}
	return v
}

// settled says whether all nodes have made final all blocks before a slot.
func (n *Net) settled(end protocol.Slot) bool {
	var first *seen
	for i, r := range n.records {
		if n.members[i] == nil {
			continue
		}
		if r.last == nil {
			return false
		}
		b := r.lastBefore(end)
		if b == nil || r.last.Final.Slot < b.Slot || !b.final && r.last.Final.Slot == b.Slot && r.last.Final.Hash != b.Hash {
			return false
		}
		if first == nil {
			first = b
		}
		if b.Hash != first.Hash {
			return false
		}
	}
	return first != nil
}

// lastBefore gives the last block before a slot in a node's best chain.
func (r *record) lastBefore(end protocol.Slot) *seen {
	if r.last == nil {
		return nil
	}
	b := r.blocks[r.last.Best.Hash]
	for b != nil && b.Slot >= end {
		b = r.blocks[b.Parent]
	}
	return b
}
