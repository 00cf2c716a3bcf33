package trie

import (
	"slices"
	"sort"
	"sync"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// New makes a trie of the changes, which are sorted in place. Of two with one key the later wins.
func New(entries []Change) *Trie {
	var empty Trie
	return empty.Apply(entries)
}

// Apply makes the trie that the changes turn t into. The changes are sorted in place; of two with one key
// the later wins. Values are kept, not copied. What already is as a change wants it keeps its node.
func (t *Trie) Apply(changes []Change) *Trie {
	sortChanges(changes)
	changes = lastOfEachKey(changes)
	if len(changes) >= parallelFrom || t.fault != nil && len(changes) >= parallelReads {
		return t.applyParallel(changes)
	}
	dirty := newDirty(t.fault)
	top := dirty.update(t.top, 0, changes)
	dirty.finish()
	return &Trie{top: top, fault: t.fault}
}

// lastOfEachKey drops all changes of a key but the last.
func lastOfEachKey(sorted []Change) []Change {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Key == sorted[i-1].Key {
			out := slices.Clone(sorted[:i-1])
			for j := i - 1; j < len(sorted); j++ {
				if j+1 == len(sorted) || sorted[j+1].Key != sorted[j].Key {
					out = append(out, sorted[j])
				}
			}
			return out
		}
	}
	return sorted
}

// dirtyNodes gathers the nodes made but not hashed yet: leaves, and branches by depth.
type dirtyNodes struct {
	fault    *fault // of the trie that changes
	leaves   []*node
	branches [][]*node
	octets   [][blake2b.NodeSize]byte
	hashes   [][blake2b.Size]byte
	values   [][]byte // of leaves of a batch, to be hashed
	valueOf  []int    // which leaf
}

// spareDirty holds dirtyNodes that are empty, for their memory.
var spareDirty = sync.Pool{New: func() any { return new(dirtyNodes) }}

func newDirty(f *fault) *dirtyNodes {
	d, _ := spareDirty.Get().(*dirtyNodes)
	d.fault = f
	return d
}

// finish hashes what is gathered and gives the memory back.
func (d *dirtyNodes) finish() {
	d.hash()
	d.fault = nil
	spareDirty.Put(d)
}

// update applies sorted changes to the subtrie n, whose keys agree in the first depth bits with theirs.
func (d *dirtyNodes) update(n *node, depth uint, changes []Change) *node {
	switch {
	case len(changes) == 0:
		return n
	case n == nil:
		return d.build(depth, changes)
	case n.leaf != nil:
		return d.updateLeaf(n, depth, changes)
	case n.away != nil:
		content := n.here(d.fault)
		if content == nil {
			return n // the fault is noted
		}
		if post := d.update(content, depth, changes); post != content {
			return post
		}
		return n
	}
	at := split(changes, depth)
	left := d.update(n.left, depth+1, changes[:at])
	right := d.update(n.right, depth+1, changes[at:])
	return d.branch(n, left, right, depth)
}

// updateLeaf is update for a subtrie of one leaf.
func (d *dirtyNodes) updateLeaf(n *node, depth uint, changes []Change) *node {
	same := func(c Change) bool {
		if c.Key == n.leaf.key {
			return c.Value != nil && n.leaf.equals(c.Value)
		}
		return c.Value == nil
	}
	if !slices.ContainsFunc(changes, func(c Change) bool { return !same(c) }) {
		return n
	}
	if _, found := slices.BinarySearchFunc(changes, Change{Key: n.leaf.key}, Compare); found {
		return d.build(depth, changes)
	}
	return d.around(n, depth, changes)
}

// around makes a subtrie of the changes and of a leaf that they leave as it is.
func (d *dirtyNodes) around(n *node, depth uint, changes []Change) *node {
	if !slices.ContainsFunc(changes, func(c Change) bool { return c.Value != nil }) {
		return n
	}
	at := split(changes, depth)
	if bit(&n.leaf.key, depth) == 0 {
		left := d.around(n, depth+1, changes[:at])
		return d.branch(nil, left, d.build(depth+1, changes[at:]), depth)
	}
	left := d.build(depth+1, changes[:at])
	return d.branch(nil, left, d.around(n, depth+1, changes[at:]), depth)
}

// build makes a subtrie of the changes alone.
func (d *dirtyNodes) build(depth uint, changes []Change) *node {
	for len(changes) > 0 && changes[0].Value == nil {
		changes = changes[1:]
	}
	for len(changes) > 0 && changes[len(changes)-1].Value == nil {
		changes = changes[:len(changes)-1]
	}
	switch len(changes) {
	case 0:
		return nil
	case 1:
		n := &leafNode{leaf: leaf{key: changes[0].Key, value: changes[0].Value}}
		n.node.leaf = &n.leaf
		d.leaves = append(d.leaves, &n.node)
		return &n.node
	}
	at := split(changes, depth)
	left := d.build(depth+1, changes[:at])
	right := d.build(depth+1, changes[at:])
	return d.branch(nil, left, right, depth)
}

// branch joins two subtries, reusing the branch that was there if it had the same.
func (d *dirtyNodes) branch(was, left, right *node, depth uint) *node {
	switch {
	case was != nil && was.left == left && was.right == right:
		return was
	case left == nil && (right == nil || right.leaf != nil):
		return right
	case right == nil && left.leaf != nil:
		return left
	}
	n := &node{left: left, right: right}
	for uint(len(d.branches)) <= depth {
		d.branches = append(d.branches, nil)
	}
	d.branches[depth] = append(d.branches[depth], n)
	return n
}

// split finds the first change whose key has bit depth set.
func split(changes []Change, depth uint) int {
	if len(changes) == 1 {
		return int(1 - bit(&changes[0].Key, depth))
	}
	return sort.Search(len(changes), func(i int) bool { return bit(&changes[i].Key, depth) == 1 })
}

// leafNode is a leaf in one piece of memory.
type leafNode struct {
	node node
	leaf leaf
}

// hash hashes what is gathered, leaves first and then branches from the deepest upwards, and forgets it.
func (d *dirtyNodes) hash() {
	d.hashAll(d.leaves, d.encodeLeaves)
	clear(d.leaves)
	d.leaves = d.leaves[:0]
	for i := len(d.branches) - 1; i >= 0; i-- {
		d.hashAll(d.branches[i], encodeBranches)
		clear(d.branches[i])
		d.branches[i] = d.branches[i][:0]
	}
}

// batch is how many nodes are encoded before they are hashed: what fits the first-level cache.
const batch = 256

func (d *dirtyNodes) hashAll(nodes []*node, encode func([]*node, [][blake2b.NodeSize]byte)) {
	if d.octets == nil && len(nodes) > 0 {
		d.octets = make([][blake2b.NodeSize]byte, batch)
		d.hashes = make([][blake2b.Size]byte, batch)
	}
	for len(nodes) > 0 {
		n := min(len(nodes), batch)
		encode(nodes[:n], d.octets)
		blake2b.SumNodes(d.hashes[:n], d.octets[:n])
		for i, node := range nodes[:n] {
			node.hash = protocol.Hash(d.hashes[i])
		}
		nodes = nodes[n:]
	}
}

// Marks in the first octet of a leaf. A branch has the first bit clear. GP §D.2.1.
const (
	embeddedLeaf = 0x80 // plus the value's length
	hashedLeaf   = 0xc0
	maxEmbedded  = 32
)

// encodeLeaves encodes a batch of leaves. Most values that must be hashed take one block, and are hashed together.
func (d *dirtyNodes) encodeLeaves(nodes []*node, out [][blake2b.NodeSize]byte) {
	d.values, d.valueOf = d.values[:0], d.valueOf[:0]
	for i, n := range nodes {
		l := n.leaf
		if l.away == nil && len(l.value) > maxEmbedded && len(l.value) <= blake2b.BlockSize {
			l.encodeHashed(&out[i], nil)
			d.values, d.valueOf = append(d.values, l.value), append(d.valueOf, i)
			continue
		}
		l.encode(&out[i])
	}
	blake2b.SumEach(d.hashes, d.values)
	for i, at := range d.valueOf {
		copy(out[at][32:], d.hashes[i][:])
	}
	clear(d.values)
}

// encode is L of GP §D.2.1.
func (l *leaf) encode(out *[blake2b.NodeSize]byte) {
	switch {
	case l.away != nil:
		l.encodeHashed(out, l.away.hash[:])
	case len(l.value) > maxEmbedded:
		hash := blake2b.Sum256(l.value)
		l.encodeHashed(out, hash[:])
	default:
		out[0] = embeddedLeaf | byte(len(l.value))
		copy(out[1:32], l.key[:])
		clear(out[32+copy(out[32:], l.value):])
	}
}

func (l *leaf) encodeHashed(out *[blake2b.NodeSize]byte, hash []byte) {
	out[0] = hashedLeaf
	copy(out[1:32], l.key[:])
	copy(out[32:], hash)
}

func encodeBranches(nodes []*node, out [][blake2b.NodeSize]byte) {
	for i, n := range nodes {
		n.encodeBranch(&out[i])
	}
}

// encodeBranch is B of GP §D.2.1.
func (n *node) encodeBranch(out *[blake2b.NodeSize]byte) {
	var zero protocol.Hash
	left, right := &zero, &zero
	if n.left != nil {
		left = &n.left.hash
	}
	if n.right != nil {
		right = &n.right.hash
	}
	copy(out[:32], left[:])
	out[0] &= 0x7f
	copy(out[32:], right[:])
}
