//go:build linux && (amd64 || arm64)

package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arenaSize bounds all machine code of the process.
const arenaSize = 512 << 20

// Where guest code may be: read by the signal handlers, written once before these are installed.
var (
	arenaBase   uintptr //nolint:unused // read in assembly
	arenaLength uintptr //nolint:unused // read in assembly
)

// arena hands out stretches of the low 2 GiB of the process, where 32-bit absolute addresses reach. A page of it is
// either writable, while code is written, or executable, never both.
type arena struct {
	mu        sync.Mutex
	free      []span  // by address, not touching
	end       uintptr // of all of it
	ready     uintptr // how far it was made ready; nothing behind that is in use
	preparing bool    // somebody keeps the reserve

	growing sync.Mutex // held by who changes ready; taken before mu
}

// span is a stretch of the arena: octets [from, to).
type span struct{ from, to uintptr }

var codeArena arena

// Code is published machine code. It stays until [Code.Free].
type Code struct {
	span span
	size uintptr // of what was filled in
}

// Base is the address of the first octet.
func (c *Code) Base() uintptr { return c.span.from }

// at views n octets at an address that is not the Go heap's.
//
// SAFETY: the only conversion of a number to a pointer in the recompiler. The addresses come from mmap; the garbage
// collector does not look at them, and the memory outlives the view (a Space or Code is not released while in use).
func at[T any](address uintptr) *T {
	return (*T)(*(*unsafe.Pointer)(unsafe.Pointer(&address)))
}

func octets(address uintptr, n int) []byte { return unsafe.Slice(at[byte](address), n) }

// open reserves the arena at a random place.
func (a *arena) open() error {
	const low, high = 16 << 20, 1<<31 - arenaSize
	var err error
	for range 64 {
		where := (low + rand.N[uintptr](high-low)) &^ (PageSize - 1)
		var got unsafe.Pointer
		got, err = unix.MmapPtr(-1, 0, *(*unsafe.Pointer)(unsafe.Pointer(&where)), arenaSize, unix.PROT_NONE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED_NOREPLACE)
		if err != nil {
			continue
		}
		if uintptr(got) != where { // a kernel too old to know MAP_FIXED_NOREPLACE, and not free
			_ = unix.MunmapPtr(got, arenaSize)
			err = unix.EEXIST
			continue
		}
		_ = unix.Madvise(octets(where, arenaSize), unix.MADV_HUGEPAGE) // where the kernel has none, small ones will do
		arenaBase, arenaLength = where, arenaSize
		a.free = []span{{where, where + arenaSize}}
		a.ready, a.end = where, where+arenaSize
		return nil
	}
	return fmt.Errorf("no room for code below 2 GiB: %w", err)
}

// Free gives the code's room back, filled with traps again. Nothing may run it any more.
func (c *Code) Free() {
	code := octets(c.span.from, int(c.span.to-c.span.from))
	err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_WRITE)
	if err == nil {
		FillTraps(code[:c.size])
		err = unix.Mprotect(code, unix.PROT_NONE)
	}
	if err == nil { // else the kernel is out of memory, and the room is lost
		codeArena.give(c.span)
		codeArena.shrink()
	}
	*c = Code{}
}

// room is so many octets in whole pages, and how large these are. Large code is made of huge pages: code that is spread
// over many small ones runs up to a third slower.
func room(size int) (need, unit uintptr) {
	unit = PageSize
	if size > hugePage/4 {
		unit = hugePage
	}
	return roundUp(uintptr(size), unit), unit
}

func roundUp(n, unit uintptr) uintptr { return (n + unit - 1) &^ (unit - 1) }

// take finds room for code, in memory that was made ready ahead if there is enough of it.
func (a *arena) take(size int) (span, error) {
	need, unit := room(size)
	for {
		if s, ok := a.takeReady(need, unit); ok {
			return s, nil
		}
		if !a.grow(need, unit) {
			return span{}, ErrFull
		}
	}
}

// takeReady takes the first stretch that is long enough from what is ready, and sees to the reserve.
func (a *arena) takeReady(need, unit uintptr) (span, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, from := a.find(need, unit)
	if i < 0 {
		return span{}, false
	}
	s, taken := a.free[i], span{from, from + need}
	rest := slices.DeleteFunc([]span{{s.from, from}, {taken.to, s.to}}, func(r span) bool { return r.from == r.to })
	a.free = slices.Replace(a.free, i, i+1, rest...)
	a.reserve()
	return taken, true
}

// find finds the first free stretch of what is ready that is long enough, and where in it to begin; or -1.
func (a *arena) find(need, unit uintptr) (i int, from uintptr) {
	for i, s := range a.free {
		if from := roundUp(s.from, unit); from+need <= min(s.to, a.ready) {
			return i, from
		}
	}
	return -1, 0
}

// give returns a stretch, which holds traps, and joins it with its neighbours.
func (a *arena) give(s span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, _ := slices.BinarySearchFunc(a.free, s.from, func(f span, from uintptr) int {
		if f.from < from {
			return -1
		}
		return 1
	})
	a.free = slices.Insert(a.free, i, s)
	if i+1 < len(a.free) && a.free[i].to == a.free[i+1].from {
		a.free[i].to = a.free[i+1].to
		a.free = slices.Delete(a.free, i+1, i+2)
	}
	if i > 0 && a.free[i-1].to == a.free[i].from {
		a.free[i-1].to = a.free[i].to
		a.free = slices.Delete(a.free, i, i+1)
	}
}
