// Package jit makes machine code of programs: the recompiling engine. GP §A.
//
// A whole program is lowered in one pass (lower.go and its neighbours, an opcode at a time, each block of it beginning
// with paying for all of it), published as executable memory by package exec, and entered where a block begins.
// Whatever is rare or ends a run (traps, faults, gas that ends inside a block, counters inside a block) is left to the
// interpreter, which is handed in as an engine: machine code only ever has to be right about what goes on.
//
// RATIONALE.md says why it is safe to run such code in a Go process.
package jit

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"damson/internal/pvm"
	"damson/jit/exec"
)

// Options configures New. The zero value is fit for production.
type Options struct {
	CacheBytes int64     // bound on what is kept of compiled programs; 0 means 256 MiB
	Spaces     int       // bound on idle memories that are kept; 0 means 64
	PerfMap    io.Writer // where to name compiled blocks for perf, in the format of /tmp/perf-PID.map
	Sabotage   int       // for tests of the tests: plants mistake 1 to Sabotages
}

// Engine recompiles programs.
type Engine struct {
	fallback pvm.Engine
	cache    cache
	evicted  *evicted // apart, since cleanups hold it, which must not hold the cache
	spaces   spaces
	lowerers lowerers
	names    *perfMap // nil if nobody wants them
}

// New returns a recompiler, or an error that says why this process cannot have one (exec.ErrUnavailable). What it cannot
// or need not recompile is run by fallback, whose code must be a pvm.Stepper.
func New(fallback pvm.Engine, o Options) (*Engine, error) {
	if err := exec.Available(); err != nil {
		return nil, err
	}
	e := &Engine{fallback: fallback, evicted: new(evicted)}
	e.cache.init(o.CacheBytes)
	e.cache.thrown = e.thrown
	e.spaces.init(o.Spaces)
	if o.PerfMap != nil {
		e.names = &perfMap{w: o.PerfMap}
	}
	e.lowerers.sabotage = o.Sabotage
	return e, nil
}

// Compile implements pvm.Engine. A program that was compiled not long ago, by content, costs nothing but a look.
func (e *Engine) Compile(p *pvm.Program) (pvm.Code, error) {
	return e.cache.get(p, func() (pvm.Code, int) {
		c, err := e.recompile(p)
		if err != nil { // too large, or no room: that is no reason not to run it
			size := p.Size()
			if errors.Is(err, exec.ErrFull) { // until the next collection: try again another time
				size = unkept
			}
			c, err := e.fallback.Compile(p)
			if err != nil {
				return nil, unkept
			}
			return c, size
		}
		return c, c.size + p.Size() + 4*len(c.labels) + 12*len(c.sites)
	})
}

// recompile makes machine code of a program.
func (e *Engine) recompile(p *pvm.Program) (*code, error) {
	a := e.lowerers.get()
	defer e.lowerers.put(a)
	defer a.close()
	if err := lower(a, p); err != nil {
		return nil, err
	}
	c, err := publish(a, p)
	if err != nil {
		return nil, err
	}
	c.fallback = newFallback(e.fallback, p)
	c.locate = func(at uint32) site {
		a := e.lowerers.get()
		defer e.lowerers.put(a)
		return a.locate(c, at)
	}
	if e.names != nil {
		if err := e.names.add(c); err != nil {
			return nil, fmt.Errorf("jit: write the perf map: %w", err)
		}
	}
	c.weight = &weight{native: c.native, octets: int64(c.size)}
	runtime.AddCleanup(c, e.evicted.free, c.weight)
	return c, nil
}

// thrown notes that the cache has thrown out code.
func (e *Engine) thrown(c pvm.Code) {
	if c, ok := c.(*code); ok {
		e.evicted.add(c.weight)
	}
}

// Bounds on assemblers that wait for the next program.
const (
	maxLowerers   = 2
	maxIdleOutput = 8 << 20 // octets of machine code that one has room for
)

// lowerers keeps assemblers with the room that they have grown: to come by it again would take as long as to lower a large
// program. A sync.Pool would lose them to the garbage collector, since programs do not come often.
type lowerers struct {
	mu       sync.Mutex
	idle     []assembler
	sabotage int
}

func (s *lowerers) get() assembler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		a := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return a
	}
	return newAssembler(s.sabotage)
}

func (s *lowerers) put(a assembler) {
	pass := a.common()
	pass.insts, pass.blocks, pass.labels = nil, nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) < maxLowerers && cap(a.code()) <= maxIdleOutput {
		s.idle = append(s.idle, a)
	}
}

// NewMemory implements pvm.Engine.
func (e *Engine) NewMemory() *pvm.Memory { return e.spaces.get() }

var _ pvm.Engine = (*Engine)(nil)
