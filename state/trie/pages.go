package trie

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// Source holds the records of tries that do not fit into memory.
type Source interface {
	// Read gives a record. The caller may keep it.
	Read(id uint64) ([]byte, error)
}

// RecordError says that a record could not be read or is not what it was. It is not the fault of a block.
type RecordError struct {
	ID  uint64
	Err error
}

func (e *RecordError) Error() string { return fmt.Sprintf("state: record %d: %v", e.ID, e.Err) }

// Unwrap gives what happened.
func (e *RecordError) Unwrap() error { return e.Err }

// Pages keeps tries as records: pages, which hold some nodes each, and large values. What is read stays in a cache of
// bounded size. It is safe for concurrent use.
type Pages struct {
	source Source
	limit  int64

	mu   sync.Mutex // guards what follows: the cache, swept as a clock
	ring []*away
	hand int
	used int64
}

// NewPages makes Pages that keep about cacheOctets of what they read in memory.
func NewPages(source Source, cacheOctets int64) *Pages {
	return &Pages{source: source, limit: cacheOctets}
}

// Open gives the trie of which Write said that its top is the record id. Nothing but this record is read; it is checked
// against the root, as every other will be when it is needed.
func (p *Pages) Open(id uint64, root protocol.Hash) (*Trie, error) {
	t := &Trie{fault: new(fault)}
	if id == 0 {
		return t, nil
	}
	t.top = &node{hash: root, away: &away{pages: p, id: id, hash: root}}
	t.top.here(t.fault)
	return t, t.Err()
}

// Err tells why what t gave cannot be relied upon: a record of it, or of a trie that it was made from or that was made of
// it, could not be read. Get then says that there is no such key, and whoever relies on t must ask Err in the end.
func (t *Trie) Err() error { return t.fault.err() }

// fault is the first error of reading, shared by the tries that come from one another.
type fault struct{ first atomic.Pointer[error] }

func (f *fault) err() error {
	if f == nil {
		return nil
	}
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *fault) note(err error) {
	if f != nil {
		f.first.CompareAndSwap(nil, &err)
	}
}

// away is a page or a large value that is kept as a record.
type away struct {
	pages *Pages
	id    uint64
	size  int           // of the value; 0 for a page
	hash  protocol.Hash // of the value or of the page's top node

	content atomic.Pointer[content] // nil if it is not in memory
	used    atomic.Bool             // since the clock's hand came by
}

type content struct {
	top   *node  // of a page
	value []byte // or the value
	cost  int64  // octets of memory, about
}

// Costs of keeping a record in memory. A page's nodes take about four times its octets.
const (
	recordCost = 192
	pageCost   = 4
)

// here gives the node itself, or the top of the page that it stands for; nil if that cannot be read.
func (n *node) here(f *fault) *node {
	if n == nil || n.away == nil {
		return n
	}
	if c := n.away.get(f); c != nil {
		return c.top
	}
	return nil
}

// get gives the value, and reports false if it cannot be read.
func (l *leaf) get(f *fault) ([]byte, bool) {
	if l.away == nil {
		return l.value, true
	}
	if c := l.away.get(f); c != nil {
		return c.value, true
	}
	return nil, false
}

// equals says whether the value is the one given, without reading it.
func (l *leaf) equals(value []byte) bool {
	if l.away == nil {
		return bytes.Equal(value, l.value)
	}
	return len(value) == l.away.size && protocol.Hash(blake2b.Sum256(value)) == l.away.hash
}

func (a *away) get(f *fault) *content {
	if c := a.content.Load(); c != nil {
		if !a.used.Load() {
			a.used.Store(true)
		}
		return c
	}
	c, err := a.load()
	if err != nil {
		f.note(&RecordError{a.id, err})
		return nil
	}
	if a.content.CompareAndSwap(nil, c) {
		a.pages.keep(a, c)
	}
	return c
}

// load reads the record and checks it.
func (a *away) load() (*content, error) {
	record, err := a.pages.source.Read(a.id)
	if err != nil {
		return nil, err
	}
	if a.size > 0 {
		if len(record) != a.size || protocol.Hash(blake2b.Sum256(record)) != a.hash {
			return nil, errCorrupt
		}
		return &content{value: record, cost: recordCost + int64(len(record))}, nil
	}
	top, err := a.pages.decode(record)
	if err != nil {
		return nil, err
	}
	if top.hash != a.hash {
		return nil, errCorrupt
	}
	return &content{top: top, cost: recordCost + pageCost*int64(len(record))}, nil
}

// keep counts what was read or written as part of the cache, and drops what was not used lately if it is full.
func (p *Pages) keep(a *away, c *content) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.used.Store(true)
	p.ring = append(p.ring, a)
	p.used += c.cost
	for p.used > p.limit && len(p.ring) > 0 {
		p.hand %= len(p.ring)
		oldest := p.ring[p.hand]
		if oldest.used.Swap(false) {
			p.hand++
			continue
		}
		p.used -= oldest.content.Swap(nil).cost
		last := len(p.ring) - 1
		p.ring[p.hand], p.ring[last] = p.ring[last], nil
		p.ring = p.ring[:last]
	}
}

// Cached gives the octets of memory that the cache takes, about.
func (p *Pages) Cached() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
