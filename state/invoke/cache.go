package invoke

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"damson/internal/protocol"
	"damson/internal/pvm"
)

// programs keeps decoded programs, the most recently used ones, by the hash of what they came in.
type programs struct {
	mu    sync.Mutex
	byKey map[programKey]*list.Element // of *program
	order list.List                    // the most recently used first
	bytes int64
	limit int64
}

// programKey names a program: by the hash of the preimage that holds it, or if it is one for inner machines of its blob.
type programKey struct {
	hash  protocol.Hash
	inner bool
}

// program is a program ready to run.
type program struct {
	key    programKey
	size   int64 // 0 until it is made
	once   sync.Once
	source []byte     // what it was made of
	image  *pvm.Image // nil for service code that is no standard program, which panics, and for inner programs
	code   pvm.Code
	err    error // this node's
}

// errUnfinished is a program whose making ended in a panic.
var errUnfinished = errors.New("the program could not be made ready")

// programOverhead is what every program counts for at least.
const programOverhead = 1 << 10

func (c *programs) init(limit int64) {
	c.byKey = make(map[programKey]*list.Element)
	c.limit = limit
	c.order.Init()
}

// get finds a program, or makes it of the code. Only one goroutine makes it while others wait.
func (c *programs) get(key programKey, code []byte, engine pvm.Engine) (*program, error) {
	c.mu.Lock()
	e := c.byKey[key]
	if e == nil {
		e = c.order.PushFront(&program{key: key})
		c.byKey[key] = e
	} else {
		c.order.MoveToFront(e)
	}
	p := e.Value.(*program)
	c.mu.Unlock()
	p.once.Do(func() {
		p.source = code
		p.err = errUnfinished
		size := programOverhead + len(code)
		defer func() { c.admit(p, size) }() // even after a panic: then it is forgotten
		var more int
		more, p.err = p.decode(code, engine)
		size += more
	})
	if p.err == nil && !same(p.source, code) {
		p = &program{key: key}
		_, p.err = p.decode(code, engine)
	}
	return p, p.err
}

// same reports whether two blobs are equal, which they are where preimages match their hashes; a state that is handed
// to the node need not be so. Usually they are one in memory.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || bytes.Equal(a, b))
}

// decode decodes and compiles, and tells what that holds beside the code, which is kept as well.
func (p *program) decode(code []byte, engine pvm.Engine) (size int, err error) {
	var decoded *pvm.Program
	if p.key.inner {
		if decoded, err = pvm.Decode(code); err != nil {
			return 0, fmt.Errorf("inner program %v: %w", p.key.hash, err)
		}
		size = decoded.Size()
	} else {
		if p.image, err = pvm.DecodeImage(code); err != nil {
			p.image = nil
			return 0, nil
		}
		decoded, size = p.image.Program, p.image.Size()
	}
	if p.code, err = engine.Compile(decoded); err != nil {
		return size, fmt.Errorf("compile program %v: %w", p.key.hash, err)
	}
	return size, nil
}

// admit counts a program just made, and evicts what has become too much.
func (c *programs) admit(p *program, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.err != nil {
		c.evict(c.byKey[p.key])
		return
	}
	p.size = int64(size)
	c.bytes += p.size
	for e := c.order.Back(); e != nil && c.bytes > c.limit; {
		older := e.Prev()
		if old := e.Value.(*program); old != p && old.size > 0 {
			c.evict(e)
		}
		e = older
	}
}

func (c *programs) evict(e *list.Element) {
	p := c.order.Remove(e).(*program)
	delete(c.byKey, p.key)
	c.bytes -= p.size
}

// memories keeps a few memories between runs, because a program starts much faster in one that it ran in before.
type memories struct {
	mu   sync.Mutex
	idle []idleMemory // the longest idle first
}

type idleMemory struct {
	usedBy *program
	memory *pvm.Memory
}

// maxIdleHeap is the end of the heap above which a memory is not kept.
const maxIdleHeap = 16 << 20

// take gives a memory for a run of the program.
func (l *memories) take(p *program, engine pvm.Engine) *pvm.Memory {
	l.mu.Lock()
	for i := len(l.idle) - 1; i >= 0; i-- {
		if m := l.idle[i].memory; l.idle[i].usedBy == p {
			l.idle = slices.Delete(l.idle, i, i+1)
			l.mu.Unlock()
			return m
		}
	}
	l.mu.Unlock()
	return engine.NewMemory()
}

// giveBack keeps a memory for another run, or releases it or the one longest idle.
func (l *memories) giveBack(p *program, m *pvm.Memory) {
	if m.HeapEnd() <= maxIdleHeap {
		l.mu.Lock()
		l.idle = append(l.idle, idleMemory{p, m})
		m = nil
		if len(l.idle) > 4*runtime.GOMAXPROCS(0) {
			m = l.idle[0].memory
			l.idle = slices.Delete(l.idle, 0, 1)
		}
		l.mu.Unlock()
	}
	if m != nil {
		m.Release()
	}
}
