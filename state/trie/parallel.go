package trie

import (
	"runtime"
	"sync/atomic"

	"damson/internal/invariants"
)

// From parallelFrom changes on, or parallelReads of a trie that may have to be read, subtries are made by several
// goroutines, about so many pieces of them.
const (
	parallelFrom  = 1 << 13
	parallelReads = 1 << 8
	pieces        = 64
)

// piece is a subtrie and the changes to it. It is made at once, or from two of half of its keys.
type piece struct {
	was, inner  *node // the subtrie, and what it stands for
	depth       uint
	changes     []Change
	left, right *piece // nil if it is made at once
	post        *node  // of a piece made at once
}

func (t *Trie) applyParallel(changes []Change) *Trie {
	cut := cutter{fault: t.fault, most: max(1, len(changes)/pieces)}
	whole := cut.cut(t.top, 0, changes)
	var next atomic.Int64
	var group invariants.Group
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			dirty := newDirty(t.fault)
			defer dirty.finish()
			for i := next.Add(1) - 1; i < int64(len(cut.todo)); i = next.Add(1) - 1 {
				p := cut.todo[i]
				p.post = dirty.update(p.was, p.depth, p.changes)
				dirty.hash()
			}
		})
	}
	group.Wait()
	dirty := newDirty(t.fault)
	top := dirty.join(whole)
	dirty.finish()
	return &Trie{top: top, fault: t.fault}
}

// cutter cuts changes into pieces.
type cutter struct {
	fault *fault
	most  int // changes of a piece that is made at once
	todo  []*piece
}

// cut follows the bits of the keys, however many of them a service's keys have in common, until the pieces are small.
func (c *cutter) cut(n *node, depth uint, changes []Change) *piece {
	p := &piece{was: n, inner: n, depth: depth, changes: changes}
	whole := len(changes) <= c.most
	if !whole {
		p.inner = n.here(c.fault)
		whole = n != nil && (p.inner == nil || p.inner.leaf != nil) // if nil, the fault is noted
	}
	if whole {
		c.todo = append(c.todo, p)
		return p
	}
	var left, right *node
	if p.inner != nil {
		left, right = p.inner.left, p.inner.right
	}
	at := split(changes, depth)
	p.left = c.cut(left, depth+1, changes[:at])
	p.right = c.cut(right, depth+1, changes[at:])
	return p
}

// join makes the branches above the pieces, as update would have.
func (d *dirtyNodes) join(p *piece) *node {
	if p.left == nil {
		return p.post
	}
	if post := d.branch(p.inner, d.join(p.left), d.join(p.right), p.depth); post != p.inner || post == nil {
		return post
	}
	return p.was
}
