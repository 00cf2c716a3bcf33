// Package trie commits to the state: the binary Patricia Merkle trie of GP §D.2 over 31-octet keys.
//
// A [Trie] never changes: [Trie.Apply] gives a new one that shares all nodes that the changes do not touch,
// so a fork of a chain costs only what it changes. Changes come sorted, all of a block at once; the nodes
// that they dirty are gathered by depth and every depth is hashed by one call, from the deepest upwards.
//
// A trie may be larger than memory: [Pages] writes it as records and reads them again when they are needed.
package trie

import (
	"bytes"
	"iter"
	"slices"

	"damson/internal/protocol"
)

// Trie maps keys to values and knows its root. The zero value is empty. It is safe for concurrent use.
type Trie struct {
	top   *node
	fault *fault // nil if all of it is in memory
}

// Change sets the value of a key, or removes the key if Value is nil; an empty value is not nil.
type Change struct {
	Key   protocol.StateKey
	Value []byte // must not change afterwards
}

// node is a branch, with at least two leaves below it, or a leaf, or stands for a subtrie that is kept elsewhere.
type node struct {
	hash        protocol.Hash
	left, right *node // nil where there is nothing; both nil in a leaf
	leaf        *leaf // nil in a branch
	away        *away // what this node stands for; then all of the above but the hash is nil
}

type leaf struct {
	key   protocol.StateKey
	value []byte
	away  *away // the value, if it is kept elsewhere
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
				return l.get(t.fault)
			}
			return nil, false
		}
		next := n.right
		if bit(&key, depth) == 0 {
			next = n.left
		}
		if next == nil && n.away != nil {
			next = n.here(t.fault)
			depth--
		}
		n = next
	}
	return nil, false
}

// All gives the keys in ascending order with their values.
func (t *Trie) All() iter.Seq2[protocol.StateKey, []byte] {
	return func(yield func(protocol.StateKey, []byte) bool) { t.top.walk(t.fault, yield) }
}

func (n *node) walk(f *fault, yield func(protocol.StateKey, []byte) bool) bool {
	if n = n.here(f); n == nil {
		return f.err() == nil
	}
	if n.leaf != nil {
		value, ok := n.leaf.get(f)
		return ok && yield(n.leaf.key, value)
	}
	return n.left.walk(f, yield) && n.right.walk(f, yield)
}

// Diff gives what must change in t to make it other, in ascending order. Shared nodes are not visited.
func (t *Trie) Diff(other *Trie) []Change {
	d := differ{from: t.fault, to: other.fault}
	d.nodes(t.top, other.top)
	return d.out
}

type differ struct {
	from, to *fault
	out      []Change
}

func (d *differ) nodes(from, to *node) {
	if from == to || from != nil && to != nil && from.hash == to.hash {
		return
	}
	from, to = from.here(d.from), to.here(d.to)
	if from == nil || to == nil || from.leaf != nil || to.leaf != nil {
		d.leaves(from, to)
		return
	}
	d.nodes(from.left, to.left)
	d.nodes(from.right, to.right)
}

// leaves compares what is below two nodes of different kinds.
func (d *differ) leaves(from, to *node) {
	before := make(map[protocol.StateKey][]byte)
	from.walk(d.from, func(k protocol.StateKey, v []byte) bool { before[k] = v; return true })
	start := len(d.out)
	to.walk(d.to, func(k protocol.StateKey, v []byte) bool {
		if old, ok := before[k]; !ok || !bytes.Equal(old, v) {
			d.out = append(d.out, Change{k, v})
		}
		delete(before, k)
		return true
	})
	for k := range before {
		d.out = append(d.out, Change{Key: k})
	}
	slices.SortFunc(d.out[start:], Compare)
}

// bit is bit i of a key, the most significant bit of an octet first.
func bit(key *protocol.StateKey, i uint) byte { return key[i/8] >> (7 - i%8) & 1 }
