package chain

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/store"
)

// maxFresh bounds the blocks whose states have their components at hand. What other states are asked for is decoded anew.
const maxFresh = 64

func newBlock(hash protocol.Hash, h *block.Header, post *state.State) (*Block, error) {
	safrole, err := post.Safrole()
	if err != nil {
		return nil, err
	}
	return &Block{
		Hash: hash, Parent: h.Parent, Slot: h.Slot, Author: h.Author, Header: h,
		Ticketed: safrole.SealKeys.Tickets != nil, StateRoot: post.Root(), State: post,
	}, nil
}

// insert hangs a block into the tree.
func (c *Chain) insert(parent, b *Block) {
	b.parent = parent
	b.Height, b.Tickets = parent.Height+1, parent.Tickets
	if b.Ticketed {
		b.Tickets++
	}
	parent.children = append(parent.children, b)
	c.blocks[b.Hash] = b
	c.slots[b.Slot] = append(c.slots[b.Slot], b)
	c.stale = true
	c.touch(b)
}

// touch notes that a block's state has its components at hand, and lets go of those of the oldest such block.
func (c *Chain) touch(b *Block) {
	c.fresh = append(c.fresh, b)
	if len(c.fresh) > maxFresh {
		old := c.fresh[0]
		c.fresh = c.fresh[1:]
		old.State = state.Open(c.opts.Params, old.State.Trie())
	}
}

// Finalize makes a block final that descends from the finalized one, with all between them, and forgets all blocks that do
// not descend from it. That it is on disk is only sure when the store has synced.
func (c *Chain) Finalize(b *Block) error {
	if b == c.root {
		return nil
	}
	if c.blocks[b.Hash] != b {
		return fmt.Errorf("chain: finalize %s of slot %d above %s of slot %d: %w",
			b.Hash, b.Slot, c.root.Hash, c.root.Slot, store.ErrNotDescendant)
	}
	before, best := c.root, c.best
	c.finalizeTree(b)
	c.write("finalize", func() error { return c.opts.Store.Finalize(b.Hash) })
	c.log.Debug("finalized", "slot", b.Slot, "hash", b.Hash, "blocks", b.Height-before.Height)
	c.eachWatcher(func(e *Events) {
		if e.Finalized != nil {
			e.Finalized(b)
		}
	})
	c.moved(best, c.best)
	b.parent = nil // what was before is for the store to remember
	return nil
}

// finalizeTree makes b the root, and keeps its descendants alone.
func (c *Chain) finalizeTree(b *Block) {
	c.root = b
	clear(c.blocks)
	clear(c.slots)
	c.blocks[b.Hash] = b
	for kept := slices.Clone(b.children); len(kept) > 0; {
		at := kept[len(kept)-1]
		kept = append(kept[:len(kept)-1], at.children...)
		c.blocks[at.Hash] = at
		c.slots[at.Slot] = append(c.slots[at.Slot], at)
	}
	c.fresh = slices.DeleteFunc(c.fresh, func(at *Block) bool { return c.blocks[at.Hash] != at })
	for hash := range c.condemned {
		if c.blocks[hash] == nil || hash == b.Hash {
			delete(c.condemned, hash)
		}
	}
	c.best, c.stale = c.choose(c.acceptable), true
}

// write changes the store after all that was asked of it before.
func (c *Chain) write(what string, do func() error) {
	c.opts.Loop.Go(importQueue, func() func() {
		err := do()
		if err == nil {
			return nil
		}
		return func() { c.log.Error("the store failed", "at", what, "error", err) }
	})
}

// Parent gives the parent of a block; nil for the finalized block.
func (c *Chain) Parent(b *Block) *Block { return b.parent }

// Children gives the known children of a block. They must not be changed.
func (c *Chain) Children(b *Block) []*Block { return b.children }

// Leaves gives the blocks without children, by slot.
func (c *Chain) Leaves() []*Block {
	var leaves []*Block
	for _, b := range c.blocks {
		if len(b.children) == 0 {
			leaves = append(leaves, b)
		}
	}
	slices.SortFunc(leaves, func(a, b *Block) int {
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	return leaves
}

// IsAncestor says whether a is b or an ancestor of b.
func (c *Chain) IsAncestor(a, b *Block) bool {
	for b != nil && b.Height > a.Height {
		b = b.parent
	}
	return a == b
}

// CommonAncestor gives the youngest block that is an ancestor of both, or one of them; nil if they are known to have none.
func (c *Chain) CommonAncestor(a, b *Block) *Block {
	for a != b && a != nil && b != nil {
		if a.Height < b.Height {
			a, b = b, a
		}
		a = a.parent
	}
	if a != b {
		return nil
	}
	return a
}
