package author

import (
	"damson/internal/protocol"
	"damson/node/chain"
)

// Epochs tells when what depends on the validators of an epoch changes: not before the first block of the epoch is final,
// and some slots have passed. JAMNP-S, "Epoch transitions". It belongs to the goroutine of the node's loop.
type Epochs struct {
	Params *protocol.Params
	Chain  *chain.Chain

	epoch   uint32
	changed bool
	slot    protocol.Slot // in which it changed
}

// At is called in every slot. It gives the slot in which the change to the slot's epoch was applied; false before it is.
func (e *Epochs) At(slot protocol.Slot) (protocol.Slot, bool) {
	epoch, phase := e.Params.Epoch(slot)
	if epoch != e.epoch {
		e.epoch, e.changed = epoch, false
	}
	final, _ := e.Params.Epoch(e.Chain.Finalized().Slot)
	if !e.changed && final == epoch && phase >= max(e.Params.EpochLength/30, 1) {
		e.changed, e.slot = true, slot
	}
	return e.slot, e.changed
}

// Delays of tickets, in slots after the change. JAMNP-S, "CE 131/132".
func sendAfter(p *protocol.Params) protocol.Slot    { return max(p.EpochLength/60, 1) }
func forwardAfter(p *protocol.Params) protocol.Slot { return max(p.EpochLength/20, 1) }

// forwardUntil gives the phase up to which tickets are passed on: half-way through the contest.
func forwardUntil(p *protocol.Params) protocol.Slot { return p.ContestLength / 2 }
