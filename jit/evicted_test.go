package jit

import (
	"testing"
	"time"
)

// TestEvictedCodeIsFreed compiles much more than fits the cache, and allocates hardly anything beside: the memory of the
// code must come back nevertheless.
func TestEvictedCodeIsFreed(t *testing.T) {
	e, err := New(nil, Options{CacheBytes: 1})
	if err != nil {
		t.Skip(err)
	}
	waiting := func() int64 {
		e.evicted.mu.Lock()
		defer e.evicted.mu.Unlock()
		return e.evicted.octets
	}
	large, other := hostile(t, hostileUnits["store_imm"], 400_000), program(t, 1)
	most := int64(0)
	for range 60 { // 120 MB of code: other collections may come before enough of it has gathered
		c, err := e.Compile(large)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.(*code); !ok {
			t.Fatal("not recompiled")
		}
		if _, err := e.Compile(other); err != nil {
			t.Fatal(err)
		}
		most = max(most, waiting())
		for range 1000 {
			if waiting() < 2*maxEvicted {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	if most > 2*maxEvicted+10<<20 {
		t.Errorf("%d octets waited to be freed", most)
	}
	if n := waiting(); n >= 2*maxEvicted+10<<20 {
		t.Errorf("%d octets were never freed", n)
	}
}
