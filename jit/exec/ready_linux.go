//go:build linux && (amd64 || arm64)

package exec

import "golang.org/x/sys/unix"

// The memory of the arena is made ready before code comes: it is there, which the kernel may take milliseconds for, it is made of huge
// pages, and it is full of traps. A goroutine that ends by itself does that whenever little is left, beginning with when
// the arena is opened, so that those who wait for code do not wait for memory as well. What is ready and not in use
// cannot be accessed in any way.

// hugePage is the larger page size of the hardware.
const hugePage = 2 << 20

// Bounds on memory that is ready and not in use.
const (
	reserveSize = 8 << 20  // what is kept for the next code, in one piece
	idleSize    = 64 << 20 // more than that, at the end, is given back to the kernel
)

// reserve has the reserve made if there is less. It is called with the lock held.
func (a *arena) reserve() {
	if a.preparing || a.ready == a.end {
		return
	}
	if i, _ := a.find(reserveSize, hugePage); i >= 0 {
		return
	}
	a.preparing = true
	go func() {
		a.grow(reserveSize, hugePage)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.preparing = false
	}()
}

// grow makes memory ready until there is a free stretch of so much, and reports whether there is.
func (a *arena) grow(need, unit uintptr) bool {
	a.growing.Lock()
	defer a.growing.Unlock()
	for {
		a.mu.Lock()
		i, _ := a.find(need, unit)
		from, to := a.ready, min(roundUp(a.ready+1, hugePage), a.end)
		a.mu.Unlock()
		if i >= 0 {
			return true
		}
		if from == to || !fillReady(from, to) {
			return false
		}
		a.mu.Lock()
		a.ready = to
		a.mu.Unlock()
	}
}

// fillReady makes memory that nobody uses ready.
func fillReady(from, to uintptr) bool {
	memory := octets(from, int(to-from))
	if unix.Mprotect(memory, unix.PROT_READ|unix.PROT_WRITE) != nil {
		return false
	}
	// Within a system call, so that the garbage collector need not wait. A kernel that cannot will do it while traps are written.
	_ = unix.Madvise(memory, unix.MADV_POPULATE_WRITE)
	FillTraps(memory)
	return unix.Mprotect(memory, unix.PROT_NONE) == nil
}

// shrink gives memory back if much of it is idle at the end of what is ready.
func (a *arena) shrink() {
	a.growing.Lock()
	defer a.growing.Unlock()
	a.mu.Lock()
	from, to := a.ready, a.ready
	if n := len(a.free); n > 0 && a.free[n-1].to == a.end {
		from = min(roundUp(a.free[n-1].from+idleSize, hugePage), a.ready)
	}
	a.ready = from
	a.mu.Unlock()
	if from < to {
		_ = unix.Madvise(octets(from, int(to-from)), unix.MADV_DONTNEED)
	}
}
