package jit

import (
	"sync"

	"damson/internal/pvm"
	"damson/jit/exec"
)

// guest is an address space as a pvm.Memory wants it.
type guest struct {
	space *exec.Space
	bytes []byte
}

// accesses translates what pages allow.
var accesses = [...]exec.Access{pvm.None: exec.None, pvm.Read: exec.ReadOnly, pvm.Write: exec.ReadWrite}

// Bytes implements pvm.Backing.
func (g *guest) Bytes() []byte { return g.bytes }

// Protect implements pvm.Backing.
func (g *guest) Protect(first, count uint32, a pvm.Access) {
	g.space.Protect(first, count, accesses[a])
}

// Discard implements pvm.Backing.
func (g *guest) Discard(first, count uint32) { g.space.Discard(first, count) }

// Bounds on what is kept for the next run.
const (
	defaultSpaces = 64
	maxIdlePages  = 4096  // of one memory: what is larger is emptied
	maxPagesTotal = 32768 // of all of them
)

// spaces keeps memories that were released: as they were, since most will be loaded with the same program again.
type spaces struct {
	mu    sync.Mutex
	idle  []idleSpace
	pages int // open in the idle ones
	bound int
}

// idleSpace is a memory that waits, and how many pages are open in it.
type idleSpace struct {
	memory *pvm.Memory
	pages  int
}

func (s *spaces) init(bound int) {
	if bound == 0 {
		bound = defaultSpaces
	}
	s.bound = bound
}

// get returns a memory whose content nobody should rely on. Without address space it is of the plain form, on which
// programs are interpreted.
func (s *spaces) get() *pvm.Memory {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		last := s.idle[n-1]
		s.idle, s.pages = s.idle[:n-1], s.pages-last.pages
		s.mu.Unlock()
		return last.memory
	}
	s.mu.Unlock()
	space, err := exec.NewSpace()
	if err != nil {
		return pvm.NewMemory()
	}
	return pvm.NewBacked(&guest{space, space.Bytes()}, s.put)
}

// put takes a memory back.
func (s *spaces) put(m *pvm.Memory) {
	g := m.Backing().(*guest)
	if !g.space.Exact() || g.space.Pages() > maxIdlePages {
		m.Reset()
		g.space.Reset()
	}
	pages := g.space.Pages()
	s.mu.Lock()
	keep := len(s.idle) < s.bound && s.pages+pages <= maxPagesTotal
	if keep {
		s.idle = append(s.idle, idleSpace{m, pages})
		s.pages += pages
	}
	s.mu.Unlock()
	if !keep {
		g.space.Close()
	}
}
