package merkle

import (
	"math/bits"
	"slices"

	"damson/internal/protocol"
)

// Root returns the root of the well-balanced tree over items: M_B, GP eq:simplemerkleroot.
func Root[Item ~[]byte](items []Item, hash Hash) (root protocol.Hash) {
	if len(items) == 1 {
		return hash.sum(items[0])
	}
	copy(root[:], node(items, hash))
	return root
}

// RootOfHashes is Root for items that are hashes themselves.
func RootOfHashes(items []protocol.Hash, hash Hash) protocol.Hash {
	blobs := make([][]byte, len(items))
	for i := range items {
		blobs[i] = items[i][:]
	}
	return Root(blobs, hash)
}

// Trace returns the nodes opposite to the way from the root to items[index], from top to bottom: T of GP §E.1. With
// the item they justify that it is in the tree, and [RootFromTrace] checks it. An element is a hash, or at the
// bottom an item, which it then aliases. An index out of range gives nil.
func Trace[Item ~[]byte](items []Item, index int, hash Hash) [][]byte {
	if index < 0 || index >= len(items) {
		return nil
	}
	var trace [][]byte
	for len(items) > 1 {
		middle := (len(items) + 1) / 2
		if index < middle {
			trace = append(trace, node(items[middle:], hash))
			items = items[:middle]
		} else {
			trace = append(trace, node(items[:middle], hash))
			items, index = items[middle:], index-middle
		}
	}
	return trace
}

// Tree is a well-balanced tree that keeps its nodes, for whoever wants many traces.
type Tree[Item ~[]byte] struct {
	items []Item
	rows  [][][]byte // rows[i] has the 2^i nodes at that depth, from the left; a node may be an item
	hash  Hash
}

// NewTree hashes the well-balanced tree over items, which it keeps.
func NewTree[Item ~[]byte](items []Item, hash Hash) *Tree[Item] {
	t := &Tree[Item]{items: items, hash: hash}
	if len(items) < 2 {
		return t
	}
	q := queue{hash: hash}
	t.rows = append(t.rows, lowest(items, &q))
	for row := t.rows[0]; len(row) > 1; {
		for i := 0; i < len(row); i += 2 {
			q.add(nodePrefix, row[i], row[i+1])
		}
		above := q.take(len(row) / 4)
		row = make([][]byte, len(above))
		for i := range above {
			row[i] = above[i][:]
		}
		t.rows = append(t.rows, row)
	}
	slices.Reverse(t.rows)
	return t
}

// Root returns what [Root] does.
func (t *Tree[Item]) Root() protocol.Hash {
	if len(t.items) < 2 {
		return Root(t.items, t.hash)
	}
	return protocol.Hash(t.rows[0][0])
}

// Trace returns what [Trace] does. It aliases the tree.
func (t *Tree[Item]) Trace(index int) [][]byte {
	if index < 0 || index >= len(t.items) {
		return nil
	}
	var trace [][]byte
	at := 0 // place in the row
	for depth, step := range turns(index, len(t.items)) {
		at *= 2
		if !step.left {
			at++
		}
		switch {
		case depth+1 < len(t.rows):
			trace = append(trace, t.rows[depth+1][at^1])
		case step.left: // of the two items that make a lowest node
			trace = append(trace, t.items[index+1])
		default:
			trace = append(trace, t.items[index-1])
		}
	}
	return trace
}

// TraceLength returns how long the trace of index in the well-balanced tree over count items is, or -1 where there is
// no such index.
func TraceLength(index, count int) int {
	if index < 0 || index >= count {
		return -1
	}
	return len(turns(index, count))
}

// turn is a step of the way from the root to an item.
type turn struct {
	left bool // it goes to the left
	item bool // what it leaves aside is a single item
}

// turns is the way from the root of the tree over count items to index.
func turns(index, count int) (way []turn) {
	for count > 1 {
		middle := count - count/2 // the larger half, without overflow
		if index < middle {
			way = append(way, turn{true, count-middle == 1})
			count = middle
		} else {
			way = append(way, turn{false, middle == 1})
			index, count = index-middle, count-middle
		}
	}
	return way
}

// RootFromTrace returns the root of the well-balanced tree over count items of equal length that has item at index, if its
// trace is the right one. It reports false where no tree of that size has such a trace. Whoever trusts the proof compares
// the root with one that he trusts.
func RootFromTrace(item []byte, index, count int, trace [][]byte, hash Hash) (root protocol.Hash, ok bool) {
	if index < 0 || index >= count {
		return root, false
	}
	if count == 1 {
		return hash.sum(item), len(trace) == 0
	}
	way := turns(index, count)
	if len(trace) != len(way) {
		return root, false
	}
	below := item
	for level := len(way) - 1; level >= 0; level-- {
		beside := trace[level]
		switch {
		case len(beside) != len(root) && !way[level].item, len(beside) != len(item) && way[level].item:
			return root, false // or a node could be read in two ways
		case way[level].left:
			root = hash.join(nodePrefix, below, beside)
		default:
			root = hash.join(nodePrefix, beside, below)
		}
		below = root[:]
	}
	return root, true
}

// node is N of GP eq:merklenode. The result is a hash, or an item itself.
//
// Halving keeps the parts of a level equal but for one item. Hence one level above the deepest items every part
// has one item or two, and from there on the tree is perfect.
func node[Item ~[]byte](items []Item, hash Hash) []byte {
	switch len(items) {
	case 0:
		return make([]byte, len(protocol.Hash{}))
	case 1:
		return items[0]
	}
	q := queue{hash: hash}
	row := lowest(items, &q)
	for ; len(row) > 1; row = row[:len(row)/2] {
		for i := 0; i < len(row); i += 2 {
			q.add(nodePrefix, row[i], row[i+1])
		}
		above := q.take(len(row) / 4)
		for i := range above {
			row[i] = above[i][:]
		}
	}
	return row[0]
}

// lowest returns the lowest row of a tree over two items or more that is full: of nodes over two items, and single items.
func lowest[Item ~[]byte](items []Item, q *queue) [][]byte {
	level := bits.Len(uint(len(items)-1)) - 1
	row := make([][]byte, 1<<level)
	q.take(len(row))
	at := 0
	for i := range row {
		if partSize(len(items), level, i) == 1 {
			row[i] = items[at]
			at++
		} else {
			q.add(nodePrefix, items[at], items[at+1])
			at += 2
		}
	}
	hashed := q.take(len(row) / 2)
	for i := range row {
		if partSize(len(items), level, i) == 2 {
			row[i], hashed = hashed[0][:], hashed[1:]
		}
	}
	return row
}

// partSize returns the size of part i from the left after halving count items as often as level says, the first half
// being the larger one.
func partSize(count, level, i int) int {
	for bit := level - 1; bit >= 0; bit-- {
		count += 1 - i>>bit&1
		count /= 2
	}
	return count
}
