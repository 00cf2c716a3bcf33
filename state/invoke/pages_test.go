package invoke

import (
	"math/rand/v2"
	"testing"
)

func TestPageSetIsASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		var s pageSet
		model := map[uint64]bool{}
		for range 20 {
			first, count := uint64(r.IntN(3*blockPages)), uint64(r.IntN(2)*r.IntN(2*blockPages)+r.IntN(3))
			want := uint64(0)
			for page := first; page < first+count; page++ {
				if !model[page] {
					want++
				}
				model[page] = true
			}
			if got := s.add(first, count); got != want {
				t.Fatalf("%d pages from %d: %d are new, want %d", count, first, got, want)
			}
		}
	}
}
