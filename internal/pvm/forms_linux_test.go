package pvm

import (
	"syscall"
	"testing"
)

// forms runs a test on both forms of memory.
func forms(t *testing.T, test func(t *testing.T, m *Memory)) {
	t.Run("plain", func(t *testing.T) { test(t, NewMemory()) })
	t.Run("backed", func(t *testing.T) {
		all, err := syscall.Mmap(-1, 0, memorySize, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Munmap(all); err != nil {
				t.Error(err)
			}
		}()
		test(t, NewBacked(&reservation{t, all}, nil))
	})
}

// reservation is a simple Backing: a touch of what is not allowed ends the test binary.
type reservation struct {
	t   *testing.T
	all []byte
}

func (r *reservation) Bytes() []byte { return r.all }

func (r *reservation) Protect(first, count uint32, a Access) {
	protection := map[Access]int{None: syscall.PROT_NONE, Read: syscall.PROT_READ, Write: syscall.PROT_READ | syscall.PROT_WRITE}
	if err := syscall.Mprotect(r.pages(first, count), protection[a]); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reservation) Discard(first, count uint32) {
	if err := syscall.Madvise(r.pages(first, count), syscall.MADV_DONTNEED); err != nil {
		r.t.Fatal(err)
	}
	r.Protect(first, count, None)
}

func (r *reservation) pages(first, count uint32) []byte {
	return r.all[uint64(first)*PageSize : (uint64(first)+uint64(count))*PageSize]
}
