package jit

import (
	"container/list"
	"errors"
	"hash/maphash"
	"sync"

	"damson/internal/pvm"
)

// defaultCacheBytes bounds the cache where nobody says how.
const defaultCacheBytes = 256 << 20

// errNoCode says that neither engine takes a program, which cannot happen to a decoded one.
var errNoCode = errors.New("jit: program refused")

// cache keeps compiled programs, those longest unused going first when they are more than the bound. Code that is thrown
// out stays usable for whoever has it, and its memory is given back when nobody has.
type cache struct {
	mu       sync.Mutex
	seed     maphash.Seed
	entries  map[uint64]*list.Element // by fingerprint
	recent   list.List                // of *entry, the last used first
	pointers map[*pvm.Program]*list.Element
	bytes    int64
	bound    int64
	compiled uint64         // programs, since the beginning
	thrown   func(pvm.Code) // told what is removed, with the lock held
}

// entry is a compiled program. While it is being compiled others wait for done.
type entry struct {
	id      uint64
	program *pvm.Program // the one that led here first
	done    chan struct{}
	code    pvm.Code
	bytes   int64
}

func (c *cache) init(bound int64) {
	if bound == 0 {
		bound = defaultCacheBytes
	}
	c.bound = bound
	c.seed = maphash.MakeSeed()
	c.entries = make(map[uint64]*list.Element)
	c.pointers = make(map[*pvm.Program]*list.Element)
}

// get returns the code of a program, compiling it if need be; two callers do not compile the same program twice.
func (c *cache) get(p *pvm.Program, compile func() (pvm.Code, int)) (pvm.Code, error) {
	c.mu.Lock()
	el := c.pointers[p]
	if el == nil {
		c.mu.Unlock()
		id := p.Fingerprint(c.seed)
		c.mu.Lock()
		if el = c.entries[id]; el != nil && !el.Value.(*entry).program.Same(p) {
			c.remove(el) // one that happens to look alike
			el = nil
		}
		if el == nil {
			return c.add(id, p, compile)
		}
	}
	c.recent.MoveToFront(el)
	c.mu.Unlock()
	e := el.Value.(*entry)
	<-e.done
	if e.code == nil {
		return nil, errNoCode
	}
	return e.code, nil
}

// add compiles a new program. It is called with the lock held, and gives it up.
func (c *cache) add(id uint64, p *pvm.Program, compile func() (pvm.Code, int)) (pvm.Code, error) {
	e := &entry{id: id, program: p, done: make(chan struct{})}
	el := c.recent.PushFront(e)
	c.entries[id], c.pointers[p] = el, el
	c.mu.Unlock()

	code, size := compile()
	e.code = code
	close(e.done)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.compiled++
	switch {
	case c.entries[id] != el:
	case size == unkept:
		c.remove(el)
	default:
		e.bytes = int64(size)
		c.bytes += e.bytes
		c.shrink(el)
	}
	if code == nil {
		return nil, errNoCode
	}
	return code, nil
}

// unkept is the size of what is not to be kept.
const unkept = -1

func (c *cache) remove(el *list.Element) {
	e := c.recent.Remove(el).(*entry)
	c.bytes -= e.bytes
	delete(c.entries, e.id)
	delete(c.pointers, e.program)
	if c.thrown != nil && e.bytes > 0 {
		c.thrown(e.code)
	}
}

// shrink throws out what was longest unused, but not keep and nothing that is being compiled.
func (c *cache) shrink(keep *list.Element) {
	for el := c.recent.Back(); el != nil && c.bytes > c.bound; {
		before := el.Prev()
		if e := el.Value.(*entry); el != keep && e.bytes > 0 {
			c.remove(el)
		}
		el = before
	}
}
