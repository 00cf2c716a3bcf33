package devchain_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/interp"
)

// TestMutants changes an octet of every block, again and again. Each must be refused, since all that a block says is signed,
// and the state before must stay as it is.
func TestMutants(t *testing.T) {
	const flips, seed = 10, 1
	c := author(t)
	im := newImporter(t, c, interp.New())
	random := rand.New(rand.NewPCG(seed, 0))
	undecoded, refused, accepted := 0, 0, 0
	for i := range c.Steps {
		s := &c.Steps[i]
		root := s.Prior.Root()
		for range flips {
			octets := slices.Clone(s.Block)
			at := random.IntN(len(octets))
			octets[at] ^= byte(1 + random.IntN(255))
			var v block.View
			if err := v.Decode(octets, c.Params); err != nil {
				if _, ok := errors.AsType[*codec.Error](err); !ok {
					t.Fatalf("%s, octet %d: %v", s.Name, at, err)
				}
				undecoded++
				continue
			}
			_, err := im.Apply(s.Prior, &v)
			if _, invalid := errors.AsType[protocol.Invalid](err); err != nil && !invalid {
				t.Fatalf("%s, octet %d: this node failed: %v", s.Name, at, err)
			}
			if err == nil {
				accepted++
			} else {
				refused++
			}
		}
		if state := s.Prior; state.Root() != root {
			t.Fatalf("%s: the state before has changed", s.Name)
		}
	}
	t.Logf("%d do not decode, %d are refused, %d accepted", undecoded, refused, accepted)
	if accepted > 0 {
		t.Errorf("%d mutants are accepted", accepted)
	}
}
