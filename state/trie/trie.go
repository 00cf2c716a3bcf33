// Package trie commits to the state: the binary Patricia Merkle trie of GP §D.2 over 31-octet keys.
//
// A [Trie] never changes: [Trie.Apply] gives a new one that shares all nodes that the changes do not touch,
// so a fork of a chain costs only what it changes. Changes come sorted, all of a block at once; the nodes
// that they dirty are gathered by depth and every depth is hashed by one call, from the deepest upwards.
package trie

import (
	"bytes"
	"iter"
	"slices"

	"damson/internal/protocol"
)

// Trie maps keys to values and knows its root. The zero value is empty. It is safe for concurrent use.
type Trie struct {
	top *node
}

// Change sets the value of a key, or removes the key if Value is nil; an empty value is not nil.
type Change struct {
	Key   protocol.StateKey
	Value []byte // must not change afterwards
}

// node is a branch, with at least two leaves below it, or a leaf.
type node struct {
	hash        protocol.Hash
	left, right *node // nil where there is nothing; both nil in a leaf
	leaf        *leaf // nil in a branch
}

type leaf struct {
	key   protocol.StateKey
	value []byte
}

// Compare orders changes by key.
func Compare(a, b Change) int { return bytes.Compare(a.Key[:], b.Key[:]) }

// Root is M of GP §D.2: zero for an empty trie.
func (t *Trie) Root() protocol.Hash {
	if t.top == nil {
		return protocol.Hash{}
	}
	return t.top.hash
}

// Get gives the value of a key. It must not be changed.
func (t *Trie) Get(key protocol.StateKey) (value []byte, ok bool) {
	n := t.top
	for depth := uint(0); n != nil; depth++ {
		if l := n.leaf; l != nil {
			if l.key == key {
				return l.value, true
			}
			return nil, false
		}
		if bit(&key, depth) == 0 {
			n = n.left
		} else {
			n = n.right
		}
	}
	return nil, false
}

// All gives the keys in ascending order with their values.
func (t *Trie) All() iter.Seq2[protocol.StateKey, []byte] {
	return func(yield func(protocol.StateKey, []byte) bool) { t.top.walk(yield) }
}

func (n *node) walk(yield func(protocol.StateKey, []byte) bool) bool {
	if n == nil {
		return true
	}
	if n.leaf != nil {
		return yield(n.leaf.key, n.leaf.value)
	}
	return n.left.walk(yield) && n.right.walk(yield)
}

// Diff gives what must change in t to make it other, in ascending order. Shared nodes are not visited.
func (t *Trie) Diff(other *Trie) []Change {
	return diff(nil, t.top, other.top, 0)
}

func diff(out []Change, from, to *node, depth uint) []Change {
	switch {
	case from == to || from != nil && to != nil && from.hash == to.hash:
		return out
	case from == nil || to == nil || from.leaf != nil || to.leaf != nil:
		return diffLeaves(out, from, to)
	}
	out = diff(out, from.left, to.left, depth+1)
	return diff(out, from.right, to.right, depth+1)
}

// diffLeaves compares what is below two nodes of different kinds.
func diffLeaves(out []Change, from, to *node) []Change {
	before := make(map[protocol.StateKey][]byte)
	from.walk(func(k protocol.StateKey, v []byte) bool { before[k] = v; return true })
	start := len(out)
	to.walk(func(k protocol.StateKey, v []byte) bool {
		if old, ok := before[k]; !ok || !bytes.Equal(old, v) {
			out = append(out, Change{k, v})
		}
		delete(before, k)
		return true
	})
	for k := range before {
		out = append(out, Change{Key: k})
	}
	slices.SortFunc(out[start:], Compare)
	return out
}

// bit is bit i of a key, the most significant bit of an octet first.
func bit(key *protocol.StateKey, i uint) byte { return key[i/8] >> (7 - i%8) & 1 }
