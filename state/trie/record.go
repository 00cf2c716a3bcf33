package trie

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// A page is a subtrie in preorder, one octet of kind before each node. Subtries whose encoding grows to pageOctets
// become pages of their own, from below, so that a page has from pageOctets to about twice that. See docs/adr.
const (
	pageOctets   = 512
	inlineOctets = 128 // longer values are records of their own
)

// Kinds of nodes in a page.
const (
	kindNone   = iota // nothing
	kindBranch        // left, right
	kindLeaf          // key, length, value
	kindValue         // key, hash, length and record of the value
	kindPage          // hash and record of the page
)

// maxDepth bounds the nesting in a page: a branch for every bit of a key.
const maxDepth = 8 * len(protocol.StateKey{})

var errCorrupt = errors.New("its octets are not those that were written")

// Top gives the record that Open needs; 0 for an empty trie, or one that Write has not made.
func (t *Trie) Top() uint64 {
	if t.top == nil || t.top.away == nil {
		return 0
	}
	return t.top.away.id
}

// Written is a trie of which Write has made records.
type Written struct {
	Trie *Trie  // the trie as Pages keeps it
	Next uint64 // the next free number of a record

	pages *Pages
	fresh []fresh
}

// fresh is what was written and stays in memory at least until it can be read.
type fresh struct {
	away    *away
	content *content
}

// Readable tells that the Source has the records now. They stay in the cache as if they had just been read.
func (w *Written) Readable() {
	for _, f := range w.fresh {
		w.pages.keep(f.away, f.content)
	}
	w.fresh = nil
}

// Write gives to put all pages and values of a trie that p does not have yet, as records with the numbers next and
// following. The octets given to put change after it returns. Who has stored the records must call Readable.
func (p *Pages) Write(t *Trie, next uint64, put func(id uint64, record []byte) error) (*Written, error) {
	w := writer{pages: p, fault: t.fault, next: next, put: put}
	top := w.node(t.top)
	if top != nil && (top.away == nil || top.away.pages != p) {
		top = w.cut(top, 0)
	}
	if err := t.Err(); w.err == nil {
		w.err = err
	}
	if w.err != nil {
		return nil, w.err
	}
	post := &Trie{top: top, fault: t.fault}
	if post.fault == nil {
		post.fault = new(fault)
	}
	return &Written{Trie: post, Next: w.next, pages: p, fresh: w.fresh}, nil
}

type writer struct {
	pages *Pages
	fault *fault
	next  uint64
	put   func(id uint64, record []byte) error
	buf   []byte
	err   error
	fresh []fresh
}

// node appends the encoding of n and gives the node to put in its place.
func (w *writer) node(n *node) *node {
	switch {
	case n == nil:
		w.buf = append(w.buf, kindNone)
		return nil
	case n.away != nil && n.away.pages == w.pages:
		w.appendPage(n.away)
		return n
	}
	if n = n.here(w.fault); n == nil {
		return nil // the fault is noted
	}
	if n.leaf != nil {
		return w.leaf(n)
	}
	start := len(w.buf)
	w.buf = append(w.buf, kindBranch)
	left, right := w.node(n.left), w.node(n.right)
	if left != n.left || right != n.right {
		n = &node{hash: n.hash, left: left, right: right}
	}
	if len(w.buf)-start < pageOctets {
		return n
	}
	stub := w.cut(n, start)
	w.appendPage(stub.away)
	return stub
}

// cut makes what was appended since start a page of its own and gives the node that stands for it.
func (w *writer) cut(n *node, start int) *node {
	cost := recordCost + pageCost*int64(len(w.buf)-start)
	a := w.record(&away{hash: n.hash}, w.buf[start:], &content{top: n, cost: cost})
	w.buf = w.buf[:start]
	return &node{hash: n.hash, away: a}
}

func (w *writer) leaf(n *node) *node {
	l := n.leaf
	if l.away == nil && len(l.value) <= inlineOctets {
		w.buf = append(append(w.buf, kindLeaf), l.key[:]...)
		w.buf = binary.AppendUvarint(w.buf, uint64(len(l.value)))
		w.buf = append(w.buf, l.value...)
		return n
	}
	a := l.away
	if a == nil || a.pages != w.pages {
		value, ok := l.get(w.fault)
		if !ok {
			return n // the fault is noted
		}
		made := &away{size: len(value)}
		if a != nil {
			made.hash = a.hash
		} else {
			made.hash = blake2b.Sum256(value)
		}
		a = w.record(made, value, &content{value: value, cost: recordCost + int64(len(value))})
		n = &node{hash: n.hash, leaf: &leaf{key: l.key, away: a}}
	}
	w.buf = append(append(w.buf, kindValue), l.key[:]...)
	w.buf = append(w.buf, a.hash[:]...)
	w.buf = binary.AppendUvarint(w.buf, uint64(a.size))
	w.buf = binary.AppendUvarint(w.buf, a.id)
	return n
}

// record writes one and numbers it.
func (w *writer) record(a *away, octets []byte, c *content) *away {
	a.pages, a.id = w.pages, w.next
	w.next++
	if w.err == nil {
		w.err = w.put(a.id, octets)
	}
	a.content.Store(c)
	w.fresh = append(w.fresh, fresh{a, c})
	return a
}

func (w *writer) appendPage(a *away) {
	w.buf = append(append(w.buf, kindPage), a.hash[:]...)
	w.buf = binary.AppendUvarint(w.buf, a.id)
}

// decode reads a page and hashes its nodes.
func (p *Pages) decode(record []byte) (*node, error) {
	r := reader{pages: p, rest: record, dirty: newDirty(nil)}
	top := r.node(0)
	r.dirty.finish()
	if r.bad || top == nil || len(r.rest) > 0 {
		return nil, errCorrupt
	}
	return top, nil
}

// reader decodes a page. Once a record is bad it gives nothing but nil.
type reader struct {
	pages *Pages
	rest  []byte
	dirty *dirtyNodes
	bad   bool
}

func (r *reader) node(depth int) *node {
	kind := r.octets(1)
	if r.bad || depth > maxDepth {
		r.bad = true
		return nil
	}
	switch kind[0] {
	case kindNone:
		return nil
	case kindBranch:
		n := &node{}
		n.left, n.right = r.node(depth+1), r.node(depth+1)
		for len(r.dirty.branches) <= depth {
			r.dirty.branches = append(r.dirty.branches, nil)
		}
		r.dirty.branches[depth] = append(r.dirty.branches[depth], n)
		return n
	case kindLeaf, kindValue:
		return r.leaf(kind[0] == kindValue)
	case kindPage:
		a := &away{pages: r.pages}
		copy(a.hash[:], r.octets(len(a.hash)))
		a.id = r.number()
		return &node{hash: a.hash, away: a}
	}
	r.bad = true
	return nil
}

func (r *reader) leaf(apart bool) *node {
	l := new(leaf)
	copy(l.key[:], r.octets(len(l.key)))
	if apart {
		l.away = &away{pages: r.pages}
		copy(l.away.hash[:], r.octets(len(l.away.hash)))
		size := r.number()
		r.bad = r.bad || size == 0 || bits.Len64(size) > 31
		l.away.size = int(size & (1<<31 - 1))
		l.away.id = r.number()
	} else {
		size := r.number()
		if size > uint64(len(r.rest)) {
			r.bad = true
			return nil
		}
		l.value = append([]byte{}, r.octets(int(size))...)
	}
	n := &node{leaf: l}
	r.dirty.leaves = append(r.dirty.leaves, n)
	return n
}

func (r *reader) octets(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Retired gives the records of from, which Write has made, that to does not have any more, in ascending order: once
// all states up to from are forgotten and to is the only one that follows, nobody needs them.
func (p *Pages) Retired(from, to *Trie) ([]uint64, error) {
	r := retirement{from: from.fault, to: to.fault}
	r.walk(from.top, to.top, 0)
	if err := errors.Join(from.Err(), to.Err()); err != nil {
		return nil, err
	}
	slices.Sort(r.ids)
	return r.ids, nil
}

type retirement struct {
	from, to *fault
	ids      []uint64
}

// walk compares two subtries at one place. Where to ended in a leaf already, it stays that leaf further down.
func (r *retirement) walk(from, to *node, depth uint) {
	if from == nil || from == to {
		return
	}
	if a := from.away; a != nil {
		if to != nil && to.away != nil && to.away.id == a.id && to.away.pages == a.pages {
			return
		}
		r.ids = append(r.ids, a.id)
		if from = from.here(r.from); from == nil {
			return
		}
	}
	to = to.here(r.to)
	switch {
	case from.leaf != nil:
		if a := from.leaf.away; a != nil && !to.refers(from.leaf, depth, r.to) {
			r.ids = append(r.ids, a.id)
		}
	case to == nil || to.leaf != nil:
		r.walk(from.left, to, depth+1)
		r.walk(from.right, to, depth+1)
	default:
		r.walk(from.left, to.left, depth+1)
		r.walk(from.right, to.right, depth+1)
	}
}

// refers says whether the subtrie has the leaf's key with its very record as value.
func (n *node) refers(l *leaf, depth uint, f *fault) bool {
	for ; n != nil; depth++ {
		if n.leaf != nil {
			a := n.leaf.away
			return n.leaf.key == l.key && a != nil && a.id == l.away.id && a.pages == l.away.pages
		}
		if bit(&l.key, depth) == 0 {
			n = n.left.here(f)
		} else {
			n = n.right.here(f)
		}
	}
	return false
}
