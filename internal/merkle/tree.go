package merkle

import "damson/internal/protocol"

// Root returns the root of the well-balanced tree over items: M_B, GP eq:simplemerkleroot.
func Root[Item ~[]byte](items []Item, hash Hash) protocol.Hash {
	if len(items) == 1 {
		return hash(items[0])
	}
	h := newHasher(hash)
	var root protocol.Hash
	copy(root[:], node(items, &h, root[:0]))
	return root
}

// RootOfHashes is Root for items that are hashes themselves.
func RootOfHashes(items []protocol.Hash, hash Hash) protocol.Hash {
	if len(items) == 1 {
		return hash(items[0][:])
	}
	h := newHasher(hash)
	return nodeOfHashes(items, &h)
}

// Trace returns the nodes opposite to the way from the root to items[index], from top to bottom: T of GP §E.1. With
// the item they justify that it is in the tree, and [RootFromTrace] checks it. An element is a hash, or at the
// bottom an item, which it then aliases. An index out of range gives nil.
func Trace[Item ~[]byte](items []Item, index int, hash Hash) [][]byte {
	if index < 0 || index >= len(items) {
		return nil
	}
	h := newHasher(hash)
	var trace [][]byte
	for len(items) > 1 {
		middle := (len(items) + 1) / 2
		if index < middle {
			trace = append(trace, node(items[middle:], &h, nil))
			items = items[:middle]
		} else {
			trace = append(trace, node(items[:middle], &h, nil))
			items, index = items[middle:], index-middle
		}
	}
	return trace
}

// RootFromTrace returns the root of the well-balanced tree over count items that has item at index, if its trace
// is the right one. It reports false where no tree of that size has such a trace. Whoever trusts the proof compares the
// root with one that he trusts.
func RootFromTrace(item []byte, index, count int, trace [][]byte, hash Hash) (root protocol.Hash, ok bool) {
	if index < 0 || index >= count {
		return root, false
	}
	if count == 1 {
		return hash(item), len(trace) == 0
	}
	// The way down, a bit for each level: whether it goes to the left.
	var left []bool
	for count > 1 {
		middle := (count + 1) / 2
		left = append(left, index < middle)
		if index < middle {
			count = middle
		} else {
			index, count = index-middle, count-middle
		}
	}
	if len(trace) != len(left) {
		return root, false
	}
	h := newHasher(hash)
	below := item
	for level := len(left) - 1; level >= 0; level-- {
		if left[level] {
			root = h.join(nodePrefix, below, trace[level])
		} else {
			root = h.join(nodePrefix, trace[level], below)
		}
		below = root[:]
	}
	return root, true
}

// node is N of GP eq:merklenode. The result is a hash, which it appends to to, or an item itself.
func node[Item ~[]byte](items []Item, h *hasher, to []byte) []byte {
	switch len(items) {
	case 0:
		return append(to, make([]byte, len(protocol.Hash{}))...)
	case 1:
		return items[0]
	}
	middle := (len(items) + 1) / 2
	var room [2]protocol.Hash
	left := node(items[:middle], h, room[0][:0])
	right := node(items[middle:], h, room[1][:0])
	hash := h.join(nodePrefix, left, right)
	return append(to, hash[:]...)
}

// nodeOfHashes is N of GP eq:merklenode over hashes, where it cannot give anything else than a hash.
func nodeOfHashes(items []protocol.Hash, h *hasher) protocol.Hash {
	switch len(items) {
	case 0:
		return protocol.Hash{}
	case 1:
		return items[0]
	}
	middle := (len(items) + 1) / 2
	left := nodeOfHashes(items[:middle], h)
	right := nodeOfHashes(items[middle:], h)
	return h.join(nodePrefix, left[:], right[:])
}
