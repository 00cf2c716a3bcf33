package invoke

import (
	"container/list"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"damson/internal/protocol"
	"damson/internal/pvm"
)

// programs keeps decoded programs, the most recently used ones, by the hash of the preimage that they came in.
type programs struct {
	mu     sync.Mutex
	byHash map[protocol.Hash]*list.Element // of *program
	order  list.List                       // the most recently used first
	bytes  int64
	limit  int64
}

// program is service code ready to run.
type program struct {
	hash  protocol.Hash
	size  int64 // 0 until it is made
	once  sync.Once
	image *pvm.Image // nil for code that is no standard program: it panics
	code  pvm.Code
	err   error // the engine's
}

// programOverhead is what every program counts for at least.
const programOverhead = 1 << 10

func (c *programs) init(limit int64) {
	c.byHash = make(map[protocol.Hash]*list.Element)
	c.limit = limit
	c.order.Init()
}

// get finds a program, or makes it of the code. Only one goroutine makes it while others wait.
func (c *programs) get(hash protocol.Hash, code []byte, engine pvm.Engine) (*program, error) {
	c.mu.Lock()
	e := c.byHash[hash]
	if e == nil {
		e = c.order.PushFront(&program{hash: hash})
		c.byHash[hash] = e
	} else {
		c.order.MoveToFront(e)
	}
	p := e.Value.(*program)
	c.mu.Unlock()
	p.once.Do(func() {
		p.decode(code, engine)
		c.admit(p, int64(len(code)))
	})
	return p, p.err
}

// decode decodes and compiles. The image keeps the code.
func (p *program) decode(code []byte, engine pvm.Engine) {
	image, err := pvm.DecodeImage(code)
	if err != nil {
		return
	}
	p.code, err = engine.Compile(image.Program)
	if err != nil {
		p.err = fmt.Errorf("compile service code %v: %w", p.hash, err)
		return
	}
	p.image = image
}

// admit counts a program just made, and evicts what has become too much.
func (c *programs) admit(p *program, codeSize int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.err != nil {
		c.evict(c.byHash[p.hash])
		return
	}
	p.size = codeSize + programOverhead
	if p.image != nil {
		p.size += int64(p.image.Size())
	}
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
	delete(c.byHash, p.hash)
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
