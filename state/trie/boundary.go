package trie

import (
	"bytes"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// NodeSize is the length of a node's encoding. GP §D.2.1.
const NodeSize = blake2b.NodeSize

// Why a range is not what the root commits to.
const (
	ErrRangeOrder = protocol.Invalid("trie/range_not_in_order")
	ErrRangeNode  = protocol.Invalid("trie/range_lacks_boundary_node")
	ErrRangeEntry = protocol.Invalid("trie/range_does_not_match_root")
)

// Range gives the entries from one key to another, both included, in ascending order, until yield says no.
func (t *Trie) Range(start, end protocol.StateKey, yield func(protocol.StateKey, []byte) bool) error {
	r := ranger{t.fault, &start, &end, yield}
	r.walk(t.top, 0, true)
	return t.Err()
}

type ranger struct {
	fault      *fault
	start, end *protocol.StateKey
	yield      func(protocol.StateKey, []byte) bool
}

// walk goes through a subtrie; low says that the way to the start key leads through it.
func (r *ranger) walk(n *node, depth uint, low bool) bool {
	if n = n.here(r.fault); n == nil {
		return r.fault.err() == nil
	}
	if l := n.leaf; l != nil {
		if low && bytes.Compare(l.key[:], r.start[:]) < 0 {
			return true
		}
		if bytes.Compare(l.key[:], r.end[:]) > 0 {
			return false
		}
		value, ok := l.get(r.fault)
		return ok && r.yield(l.key, value)
	}
	if (!low || bit(r.start, depth) == 0) && !r.walk(n.left, depth+1, low) {
		return false
	}
	return r.walk(n.right, depth+1, low && bit(r.start, depth) == 1)
}

// Path gives the nodes on the way from the root to a key, as B and L of GP §D.2.1 encode them. Where the key is not in the trie
// it ends with a branch that has nothing on the key's side, or with the leaf of another key.
func (t *Trie) Path(key protocol.StateKey) ([][NodeSize]byte, error) {
	var out [][NodeSize]byte
	n := t.top.here(t.fault)
	for depth := uint(0); n != nil; depth++ {
		var octets [NodeSize]byte
		if n.leaf != nil {
			n.leaf.encode(&octets)
			return append(out, octets), t.Err()
		}
		n.encodeBranch(&octets)
		out = append(out, octets)
		if bit(&key, depth) == 0 {
			n = n.left.here(t.fault)
		} else {
			n = n.right.here(t.fault)
		}
	}
	return out, t.Err()
}

// Boundary gives the nodes that prove the entries from start to last, the key of the last one: those on the ways to both keys,
// parents before their children and none twice. JAMNP-S, CE 129.
func (t *Trie) Boundary(start, last protocol.StateKey) ([][NodeSize]byte, error) {
	out, err := t.Path(start)
	if err != nil || last == start {
		return out, err
	}
	more, err := t.Path(last)
	for i := range more {
		if i >= len(out) || more[i] != out[i] {
			return append(out, more[i:]...), err
		}
	}
	return out, err
}

// VerifyRange checks that the entries are all that a trie has from the start key to the last entry's, by the boundary nodes,
// and says whether it has more after that. No entries at all must mean that it has none from the start key on.
func VerifyRange(root protocol.Hash, start protocol.StateKey, nodes [][NodeSize]byte, entries []Change) (more bool, err error) {
	v := verifier{start: start, nodes: make(map[protocol.Hash]*[NodeSize]byte, len(nodes))}
	for i := range nodes {
		v.nodes[identity(blake2b.Sum256(nodes[i][:]))] = &nodes[i]
	}
	for i := range entries {
		if i > 0 && Compare(entries[i-1], entries[i]) >= 0 || bytes.Compare(entries[i].Key[:], start[:]) < 0 || entries[i].Value == nil {
			return false, ErrRangeOrder
		}
	}
	if len(entries) > 0 {
		v.last = entries[len(entries)-1].Key
	}
	err = v.check(root, 0, way{low: true, high: len(entries) > 0}, entries)
	return v.more, err
}

type verifier struct {
	start, last protocol.StateKey
	nodes       map[protocol.Hash]*[NodeSize]byte // by identity
	more        bool                              // there are keys after the last
}

// way says which boundaries lead through a subtrie: that of the start key and that of the last one.
type way struct{ low, high bool }

// identity is what all of a hash's places in a trie agree on: a left child loses its first bit.
func identity(hash protocol.Hash) protocol.Hash {
	hash[0] &= 0x7f
	return hash
}

// check compares the entries within a subtrie with its hash, as far as it is in the range.
func (v *verifier) check(hash protocol.Hash, depth uint, w way, entries []Change) error {
	if !w.low && !w.high {
		return v.whole(hash, depth, entries)
	}
	if identity(hash) == (protocol.Hash{}) {
		return nothing(entries)
	}
	octets := v.nodes[identity(hash)]
	if octets == nil || depth >= uint(maxDepth) {
		return ErrRangeNode
	}
	if octets[0]&embeddedLeaf != 0 {
		return v.leaf(octets, w, entries)
	}
	left, right := protocol.Hash(octets[:32]), protocol.Hash(octets[32:])
	at := 0
	if len(entries) > 0 {
		at = split(entries, depth)
	}
	switch {
	case w.low && bit(&v.start, depth) == 1: // what is left of it is not asked for
		if err := nothing(entries[:at]); err != nil {
			return err
		}
		return v.check(right, depth+1, w, entries[at:])
	case w.high && bit(&v.last, depth) == 0: // what is right of it comes later
		v.more = v.more || right != (protocol.Hash{})
		if err := nothing(entries[at:]); err != nil {
			return err
		}
		return v.check(left, depth+1, w, entries[:at])
	}
	if err := v.check(left, depth+1, way{low: w.low}, entries[:at]); err != nil {
		return err
	}
	return v.check(right, depth+1, way{high: w.high}, entries[at:])
}

// leaf checks a leaf on a boundary.
func (v *verifier) leaf(octets *[NodeSize]byte, w way, entries []Change) error {
	key := protocol.StateKey(octets[1:32])
	if w.low && bytes.Compare(key[:], v.start[:]) < 0 {
		return nothing(entries)
	}
	if len(entries) != 1 {
		return ErrRangeEntry
	}
	var have [NodeSize]byte
	(&leaf{key: entries[0].Key, value: entries[0].Value}).encode(&have)
	if have != *octets {
		return ErrRangeEntry
	}
	return nil
}

// whole checks a subtrie that is within the range altogether.
func (v *verifier) whole(hash protocol.Hash, depth uint, entries []Change) error {
	dirty := newDirty(nil)
	n := dirty.build(depth, entries)
	dirty.finish()
	var have protocol.Hash
	if n != nil {
		have = n.hash
	}
	if identity(have) != identity(hash) {
		return ErrRangeEntry
	}
	return nil
}

// Next gives the key after one; false after the last.
func Next(key protocol.StateKey) (protocol.StateKey, bool) {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i]++; key[i] != 0 {
			return key, true
		}
	}
	return key, false
}

func nothing(entries []Change) error {
	if len(entries) > 0 {
		return ErrRangeEntry
	}
	return nil
}
