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

// hugePage is the larger page size of the hardware.
const hugePage = 2 << 20

// arenaSize bounds all machine code of the process.
const arenaSize = 512 << 20

// Where guest code may be: read by the signal handlers, written once before these are installed.
var (
	arenaBase   uintptr //nolint:unused // read in assembly
	arenaLength uintptr //nolint:unused // read in assembly
)

// arena hands out stretches of the low 2 GiB of the process, where 32-bit absolute addresses reach. A page of it is
// either writable, while code is copied in, or executable, never both.
type arena struct {
	mu   sync.Mutex
	free []span // by address, not touching
}

// span is a stretch of the arena: octets [from, to).
type span struct{ from, to uintptr }

var codeArena arena

// Code is published machine code. It stays until [Code.Free].
type Code struct{ span span }

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
		return nil
	}
	return fmt.Errorf("no room for code below 2 GiB: %w", err)
}

// Publish makes room for size octets, lets fill write them, and makes them executable. What fill leaves untouched is
// not executable in any sense: it traps.
func Publish(size int, fill func(code []byte, base uint32)) (*Code, error) {
	s, err := codeArena.take(size)
	if err != nil {
		return nil, err
	}
	code := octets(s.from, int(s.to-s.from))
	if err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		codeArena.give(s)
		return nil, fmt.Errorf("make code writable: %w", err)
	}
	fill(code[:size], uint32(s.from))
	FillTraps(code[size:])
	if err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		codeArena.give(s)
		return nil, fmt.Errorf("make code executable: %w", err)
	}
	synchronize(s.from, s.to)
	return &Code{s}, nil
}

// Free gives the code's room back. Nothing may run it any more.
func (c *Code) Free() {
	_ = unix.Mprotect(octets(c.span.from, int(c.span.to-c.span.from)), unix.PROT_NONE)
	codeArena.give(c.span)
	c.span = span{}
}

// take finds the first free stretch that is long enough. Large ones are made of huge pages: code that is spread over
// many small ones runs up to a third slower.
func (a *arena) take(size int) (span, error) {
	unit := uintptr(PageSize)
	if size > hugePage/4 {
		unit = hugePage
	}
	need := (uintptr(size) + unit - 1) &^ (unit - 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.free {
		from := (s.from + unit - 1) &^ (unit - 1)
		if from+need > s.to {
			continue
		}
		taken := span{from, from + need}
		rest := slices.DeleteFunc([]span{{s.from, from}, {taken.to, s.to}}, func(r span) bool { return r.from == r.to })
		a.free = slices.Replace(a.free, i, i+1, rest...)
		return taken, nil
	}
	return span{}, ErrFull
}

// give returns a stretch and joins it with its neighbours.
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
