package finality

import (
	"slices"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// node is a block as voters see it. The tree keeps those that the chain has cut off for as long as votes of rounds under way
// may be for them.
type node struct {
	jamnp.Ballot
	parent *node
	height uint64
}

// tree has the blocks above the one that was final when the oldest round under way began.
type tree struct {
	root  *node
	nodes map[protocol.Hash]*node
	chain Chain
	epoch func(protocol.Slot) uint32
}

func newTree(chain Chain, root Block, epoch func(protocol.Slot) uint32) *tree {
	n := &node{Ballot: root.ballot()}
	return &tree{root: n, nodes: map[protocol.Hash]*node{n.Header: n}, chain: chain, epoch: epoch}
}

// find gives a block, if this node has it.
func (t *tree) find(hash protocol.Hash) *node {
	if n := t.nodes[hash]; n != nil {
		return n
	}
	var fresh []Block // the block and its ancestors up to one in the tree
	var parent *node
	for at := hash; parent == nil; parent = t.nodes[at] {
		b, ok := t.chain.Block(at)
		if !ok {
			return nil
		}
		fresh = append(fresh, b)
		at = b.Parent
	}
	for _, b := range slices.Backward(fresh) {
		n := &node{Ballot: b.ballot(), parent: parent, height: parent.height + 1}
		t.nodes[b.Hash] = n
		parent = n
	}
	return parent
}

// prune forgets all that does not descend from a block, which becomes the root.
func (t *tree) prune(root *node) {
	if root == t.root {
		return
	}
	all := make([]*node, 0, len(t.nodes))
	for _, n := range t.nodes {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *node) int { return int(a.height) - int(b.height) }) // parents first; otherwise any order does
	clear(t.nodes)
	t.root, root.parent = root, nil
	t.nodes[root.Header] = root
	for _, n := range all {
		if n.parent != nil && t.nodes[n.parent.Header] == n.parent {
			t.nodes[n.Header] = n
		}
	}
}

// within says whether a is b or an ancestor of b.
func within(a, b *node) bool {
	for b != nil && b.height > a.height {
		b = b.parent
	}
	return a == b
}

// beyond says whether a block lies after the first block of a later epoch than a set's: the set has no say there.
func (t *tree) beyond(n *node, set uint32) bool {
	return n.parent != nil && t.epoch(n.parent.Slot) > set
}

// last says whether a block is the first of a later epoch than a set's, the last one that the set finalizes.
func (t *tree) last(n *node, set uint32) bool { return t.epoch(n.Slot) > set }

// limited gives the youngest block on the way to n that a set may vote for.
func (t *tree) limited(n *node, set uint32) *node {
	for n.parent != nil && t.beyond(n, set) {
		n = n.parent
	}
	return n
}
