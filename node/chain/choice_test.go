package chain

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
)

// invented is a chain of blocks without contents.
func invented() *Chain {
	root := &Block{State: state.New(protocol.Tiny(), nil)}
	return &Chain{
		root: root, best: root, blocks: map[protocol.Hash]*Block{root.Hash: root}, slots: map[protocol.Slot][]*Block{},
		opts: Options{Params: protocol.Tiny()},
	}
}

// sprout gives some blocks of a tree, parents before children.
func sprout(rng *rand.Rand, n int) []*Block {
	list := []*Block{{}}
	for i := range n {
		parent := list[max(len(list)-1-rng.IntN(5), 0)]
		slot := parent.Slot + 1 + protocol.Slot(rng.IntN(3))
		if rng.IntN(3) > 0 { // most slots have one block
			for _, other := range list {
				slot = max(slot, other.Slot+1)
			}
		}
		b := &Block{
			Hash: blake2b.Sum256(binary.LittleEndian.AppendUint64(nil, rng.Uint64()+uint64(i))), Parent: parent.Hash,
			Slot: slot, Ticketed: rng.IntN(2) == 0, State: state.New(protocol.Tiny(), nil),
		}
		list = append(list, b)
	}
	return list[1:]
}

// best is GP §19 word by word: of all blocks descending from the finalized one without an unfinalized ancestor of whose slot
// there is another block, it takes the one with the most ticketed ancestors, and so on as compare says.
func (c *Chain) bestByPaper() *Block {
	var best *Block
	for _, b := range c.blocks {
		descends, clean := false, true
		for a := b; a != nil; a = a.parent {
			if a == c.root {
				descends = true
				break
			}
			for _, other := range c.blocks {
				clean = clean && (other == a || other == c.root || other.Slot != a.Slot)
			}
		}
		if descends && clean && (best == nil || compare(b, best) > 0) {
			best = b
		}
	}
	return best
}

// TestChoice adds blocks in orders of all kinds and finalizes some: the best block is always the paper's, and that of a
// chain that learnt of the same blocks in another order.
func TestChoice(t *testing.T) {
	seed := vectors.Seed(t)
	for round := range 300 {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		a, b := invented(), invented()
		list := sprout(rng, 30)
		other := append([]*Block(nil), list...)
		rng.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		for added := true; added; {
			added = false
			for _, block := range other {
				twin := *block
				if parent := b.blocks[block.Parent]; parent != nil && b.blocks[block.Hash] == nil {
					b.insert(parent, &twin)
					b.best, added = b.reconsider(&twin), true
				}
			}
		}
		for i, block := range list {
			a.insert(a.blocks[block.Parent], block)
			a.best = a.reconsider(block)
			if want := a.bestByPaper(); a.best != want {
				t.Fatalf("seed %d, round %d, block %d: best is of slot %d, want %d", seed, round, i, a.best.Slot, want.Slot)
			}
		}
		if a.best.Hash != b.best.Hash {
			t.Fatalf("seed %d, round %d: the order matters: %d, %d", seed, round, a.best.Slot, b.best.Slot)
		}
		for len(a.root.children) > 0 {
			next := a.root.children[rng.IntN(len(a.root.children))]
			a.finalizeTree(next)
			if want := a.bestByPaper(); a.best != want || !a.IsAncestor(a.root, a.best) {
				t.Fatalf("seed %d, round %d: finalized %d: best is of slot %d, want %d",
					seed, round, next.Slot, a.best.Slot, want.Slot)
			}
		}
	}
}

func TestCommonAncestor(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := invented()
	list := sprout(rng, 40)
	for _, b := range list {
		c.insert(c.blocks[b.Parent], b)
	}
	for _, a := range list {
		for _, b := range list {
			got := c.CommonAncestor(a, b)
			if !c.IsAncestor(got, a) || !c.IsAncestor(got, b) {
				t.Fatal("no common ancestor")
			}
			for _, child := range got.children {
				if c.IsAncestor(child, a) && c.IsAncestor(child, b) {
					t.Fatal("not the youngest one")
				}
			}
		}
	}
}
