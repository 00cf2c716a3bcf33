package pvm

import (
	"math/rand/v2"
	"testing"
)

// TestCopyFrom changes a memory again and again and keeps a copy up to date.
func TestCopyFrom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m, twin := NewMemory(), NewMemory()
	for range 2000 {
		first, count := 16+rng.Uint32N(40), 1+rng.Uint32N(4)
		switch rng.IntN(4) {
		case 0:
			m.Map(first, count, Access(rng.IntN(3)))
		case 1:
			m.Protect(first, count, Access(rng.IntN(3)))
		default:
			m.Write(uint64(first)*PageSize+rng.Uint64N(8000), []byte{byte(rng.Uint32()), 1, 2})
		}
		if rng.IntN(3) > 0 {
			continue
		}
		twin.CopyFrom(m)
		if page, differs := m.Differs(twin); differs {
			t.Fatalf("page %d differs", page)
		}
	}
}
