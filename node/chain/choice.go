package chain

import (
	"bytes"
	"cmp"
)

// equivocal says whether the slot of a block has another valid block, as far as we see.
//
// The paper does not ask who made them, nor whether one is an ancestor of what the other is on. We look at blocks that descend
// from the finalized block: what finality has cut off spoils nothing any more.
func (c *Chain) equivocal(b *Block) bool {
	return b != c.root && len(c.slots[b.Slot]) > 1 && !c.opts.Mistakes.IgnoreEquivocations
}

// acceptable says whether a block may be on the best chain if its parent may.
func (c *Chain) acceptable(b *Block) bool {
	return b == c.root || !c.equivocal(b) && !c.condemned[b.Hash]
}

// audited says whether a block may be voted for if its parent may. GP §19 asks of the best block alone that it was audited;
// whoever finalizes it finalizes its ancestors too, so we ask it of all that are not final.
func (c *Chain) audited(b *Block) bool { return c.acceptable(b) && (b == c.root || c.opts.Audited(b)) }

// compare says which of two acceptable blocks is better: above zero if a is. It is the one with more tickets behind it, which
// is m of GP §19. Where the paper leaves it open, it is the one with more blocks behind it, and of these the one of the
// earlier slot: its chain has the fewest slots without a block. No two acceptable blocks have the same slot, so that the
// hash decides only between those that are not. All nodes that know the same blocks agree, whenever they learnt of them.
func compare(a, b *Block) int {
	return cmp.Or(cmp.Compare(a.Tickets, b.Tickets), cmp.Compare(a.Height, b.Height),
		cmp.Compare(b.Slot, a.Slot), bytes.Compare(b.Hash[:], a.Hash[:]))
}

// choose gives the best block whose ancestors may all be on the chain. GP §19.
func (c *Chain) choose(acceptable func(*Block) bool) *Block {
	best := c.root
	for open := []*Block{c.root}; len(open) > 0; {
		b := open[len(open)-1]
		open = open[:len(open)-1]
		if !acceptable(b) {
			continue
		}
		if compare(b, best) > 0 {
			best = b
		}
		open = append(open, b.children...)
	}
	return best
}

// reconsider is choose after a block was added: it need not look at the others, if the new one did not spoil them.
func (c *Chain) reconsider(added *Block) *Block {
	if c.equivocal(added) {
		return c.choose(c.acceptable)
	}
	if compare(added, c.best) <= 0 {
		return c.best
	}
	for b := added; b != c.best && b != c.root; b = b.parent {
		if !c.acceptable(b) {
			return c.best
		}
	}
	return added
}

// Reconsider picks the block to vote for again, after Options.Audited has changed its mind.
func (c *Chain) Reconsider() {
	c.stale = true
	now := c.Candidate()
	if now == c.told {
		return
	}
	c.told = now
	c.eachWatcher(func(e *Events) {
		if e.Candidate != nil {
			e.Candidate(now)
		}
	})
}

// Condemn has a block and all its descendants disregarded: they are not built on and not voted for. Others may still make
// them final. GP §17.
func (c *Chain) Condemn(b *Block) {
	if c.blocks[b.Hash] != b || b == c.root || c.condemned[b.Hash] {
		return
	}
	c.condemned[b.Hash], c.stale = true, true
	c.log.Warn("block condemned", "slot", b.Slot, "hash", b.Hash)
	c.setBest(c.choose(c.acceptable))
	c.Reconsider()
}

// Condemned says whether a block is one that was condemned, or a descendant of it.
func (c *Chain) Condemned(b *Block) bool {
	for ; b != nil && b != c.root; b = b.parent {
		if c.condemned[b.Hash] {
			return true
		}
	}
	return false
}

func (c *Chain) setBest(best *Block) {
	before := c.best
	c.best = best
	c.moved(before, best)
}

// moved tells of a new best block.
func (c *Chain) moved(before, best *Block) {
	if before == best {
		return
	}
	if best.parent != before {
		c.log.Debug("reorganized", "from", before.Hash, "slot", before.Slot, "to", best.Hash, "best", best.Slot)
	}
	c.write("best", func() error { return c.opts.Store.SetBest(best.Hash) })
	c.eachWatcher(func(e *Events) {
		if e.Best != nil {
			e.Best(before, best)
		}
	})
}
