package testnet

import (
	"cmp"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/node"
	"damson/node/chain"
)

// Summary is what became of a run.
type Summary struct {
	Slots          int     `json:"slots"`
	BlocksAuthored int     `json:"blocks_authored"` // forks included
	BlocksMissed   int     `json:"blocks_missed"`   // slots of the run without a block in the best chain
	BestSlot       uint32  `json:"best_slot"`
	FinalizedSlot  uint32  `json:"finalized_slot"`
	FinalityLag    float64 `json:"finality_lag_slots"`     // how far the finalized block was behind at the end of a slot, on average
	FinalityLagMax int     `json:"finality_lag_slots_max"` // and at most
	FinalityP95    float64 `json:"finality_p95_seconds"`   // from the beginning of a block's slot until it is final
	Forks          int     `json:"forks"`                  // blocks that are not in the best chain
	Ticketed       int     `json:"ticketed_blocks"`
	Fallback       int     `json:"fallback_blocks"`
	Agree          bool    `json:"agree"` // all nodes, on the best block, the finalized one, and the state
	StateRoot      string  `json:"state_root"`
}

// seen is a block that a node has imported.
type seen struct {
	parent   protocol.Hash
	slot     protocol.Slot
	ticketed bool
}

// record is what a node has seen. It belongs to the node's loop.
type record struct {
	blocks map[protocol.Hash]seen
	took   []time.Duration // from the beginning of a block's slot until it was final
}

func (r *record) follow(n *node.Node) {
	last := n.Chain.Finalized().Slot
	n.Chain.Watch(chain.Events{
		Imported: func(b *chain.Block) { r.blocks[b.Hash] = seen{b.Parent, b.Slot, b.Ticketed} },
		Finalized: func(b *chain.Block) {
			now := n.Loop.Now()
			for hash := b.Hash; ; {
				s, ok := r.blocks[hash]
				if !ok || s.slot <= last {
					break
				}
				r.took = append(r.took, now.Sub(n.Slots.Start(s.slot)))
				hash = s.parent
			}
			last = b.Slot
		},
	})
}

// Lag is how far the finalized block of a node is behind a slot.
func (n *Net) Lag(i int, slot protocol.Slot) (lag int, ok bool) {
	ok = n.Do(i, func(running *node.Node) { lag = int(slot) - int(running.Chain.Finalized().Slot) })
	return lag, ok
}

// Summarize tells what became of a run of so many slots, with the lags of finality that were seen at their ends.
func (n *Net) Summarize(count int, lags []int) *Summary {
	s := &Summary{Slots: count, Agree: true}
	var first *node.Status
	var took []time.Duration
	for i := range n.hosts {
		n.Do(i, func(running *node.Node) {
			status := running.Status()
			took = append(took, n.records[i].took...)
			if first == nil {
				first = &status
				n.records[i].summarize(n, status.Best, s)
			}
			s.Agree = s.Agree && status.Best.Hash == first.Best.Hash && status.Best.StateRoot == first.Best.StateRoot &&
				status.Finalized.Hash == first.Finalized.Hash
		})
	}
	if first == nil {
		s.Agree = false
		return s
	}
	s.BestSlot, s.FinalizedSlot = uint32(first.Best.Slot), uint32(first.Finalized.Slot)
	s.StateRoot = first.Best.StateRoot.String()
	for _, lag := range lags {
		s.FinalityLag += float64(lag) / float64(len(lags))
		s.FinalityLagMax = max(s.FinalityLagMax, lag)
	}
	if slices.Sort(took); len(took) > 0 {
		s.FinalityP95 = took[len(took)*95/100].Seconds()
	}
	return s
}

// summarize counts the blocks of the run.
func (r *record) summarize(n *Net, best *chain.Block, s *Summary) {
	end := n.First + protocol.Slot(s.Slots)
	within := func(b seen) bool { return b.slot >= n.First && b.slot < end }
	for _, b := range r.blocks {
		if within(b) {
			s.BlocksAuthored++
		}
	}
	chained := 0
	for hash := best.Hash; ; {
		b, ok := r.blocks[hash]
		if !ok {
			break
		}
		if hash = b.parent; !within(b) {
			continue
		}
		chained++
		if b.ticketed {
			s.Ticketed++
		} else {
			s.Fallback++
		}
	}
	s.Forks = s.BlocksAuthored - chained
	s.BlocksMissed = s.Slots - chained
}

// Statuses gives how each node is; nil for those that do not run.
func (n *Net) Statuses() []*node.Status {
	all := make([]*node.Status, len(n.hosts))
	for i := range n.hosts {
		n.Do(i, func(running *node.Node) {
			status := running.Status()
			all[i] = &status
		})
	}
	return all
}

// Settle waits, for some slots at most, until all nodes have made the best block of the network final.
func (n *Net) Settle(slots int) {
	for range slots * 4 {
		all := n.Statuses()
		best := slices.MaxFunc(all, func(a, b *node.Status) int { return cmp.Compare(slotOf(a), slotOf(b)) })
		if best == nil || !slices.ContainsFunc(all, func(s *node.Status) bool { return s != nil && s.Finalized.Hash != best.Best.Hash }) {
			return
		}
		time.Sleep(n.Slot / 4)
	}
}

func slotOf(s *node.Status) protocol.Slot {
	if s == nil {
		return 0
	}
	return s.Best.Slot
}

// Quiet makes all nodes stop to make blocks.
func (n *Net) Quiet() {
	for i := range n.hosts {
		n.Do(i, func(running *node.Node) { running.Author.Stop() })
	}
}
