package disputes

import (
	"math/rand/v2"
	"testing"

	"damson/internal/protocol"
)

func TestUnion(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		in := make(map[protocol.Hash]bool)
		var sets [2][]protocol.Hash
		for i := range sets {
			for range random.IntN(20) {
				h := protocol.Hash{byte(random.IntN(40))}
				sets[i] = append(sets[i], h)
				in[h] = true
			}
		}
		first := union(nil, sets[0])
		all := union(first, sets[1])
		if len(all) != len(in) {
			t.Fatalf("%d elements, want %d", len(all), len(in))
		}
		for i := range all {
			if !in[all[i]] || i > 0 && compare(all[i-1], all[i]) >= 0 {
				t.Fatalf("element %d is wrong", i)
			}
		}
		for i := range 40 {
			if h := (protocol.Hash{byte(i)}); contains(all, h) != in[h] {
				t.Fatalf("contains %d: %v", i, !in[h])
			}
		}
	}
}
