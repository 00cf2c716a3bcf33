//go:build linux && (amd64 || arm64)

package exec

import (
	"bytes"
	"testing"
	"time"
)

// settled waits until nobody makes memory ready.
func settled(t *testing.T) {
	t.Helper()
	for range 1000 {
		codeArena.mu.Lock()
		busy := codeArena.preparing
		codeArena.mu.Unlock()
		if !busy {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("memory is still being made ready")
}

func publish(t *testing.T, size int) *Code {
	t.Helper()
	c, err := Publish(size, func(code []byte, _ uint32) {
		for i := range code {
			code[i] = byte(i)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReserve publishes code and wants as much memory again to be ready soon, and no more in the end than may be idle.
func TestReserve(t *testing.T) {
	if err := Available(); err != nil {
		t.Skip(err)
	}
	var codes []*Code
	for range 30 {
		codes = append(codes, publish(t, 5<<20))
		settled(t)
		codeArena.mu.Lock()
		i, _ := codeArena.find(reserveSize, hugePage)
		codeArena.mu.Unlock()
		if i < 0 {
			t.Fatal("there is no reserve")
		}
	}
	for _, c := range codes {
		c.Free()
	}
	settled(t)
	codeArena.mu.Lock()
	defer codeArena.mu.Unlock()
	if idle := codeArena.ready - codeArena.free[len(codeArena.free)-1].from; idle > idleSize+hugePage {
		t.Errorf("%d octets are idle", idle)
	}
}

// TestUnusedMemoryTraps looks at what stands around code and where code has been.
func TestUnusedMemoryTraps(t *testing.T) {
	if err := Available(); err != nil {
		t.Skip(err)
	}
	for _, size := range []int{1, 4097, 300_001, 1_500_000, 3_000_000} {
		for range 2 {
			first := publish(t, size)
			if rest := octets(first.span.from+first.size, int(first.span.to-first.span.from-first.size)); !allTraps(rest, int(first.size)) {
				t.Fatalf("behind %d octets of code is something else than traps", size)
			}
			first.Free()
			again, err := Publish(size, func(code []byte, _ uint32) {
				if !allTraps(code, 0) {
					t.Errorf("%d octets of memory hold something else than traps", len(code))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			again.Free()
		}
	}
}

// allTraps says whether octets at a distance from the beginning of a page are as FillTraps has them: a trap may be longer than one.
func allTraps(code []byte, from int) bool {
	want := make([]byte, from+len(code))
	FillTraps(want)
	return bytes.Equal(code, want[from:])
}
