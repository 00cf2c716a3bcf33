package shuffle

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

func TestVectors(t *testing.T) {
	type vector struct {
		Input   int    `json:"input"`
		Entropy string `json:"entropy"`
		Output  []int  `json:"output"`
	}
	vectors.Cases(t, "shuffle/shuffle_tests.json", func(t *testing.T, v *vector) {
		entropy, err := hex.DecodeString(v.Entropy)
		if err != nil {
			t.Fatal(err)
		}
		vectors.Equal(t, "sequence", Indices(v.Input, protocol.Hash(entropy)), v.Output)
	})
}

// literal follows GP eq:suffle and GP eq:sequencefromhash word by word.
func literal(s []int, h protocol.Hash) []int {
	var out []int
	for i, l := 0, len(s); l > 0; i, l = i+1, l-1 {
		hash := blake2b.Sum256(binary.LittleEndian.AppendUint32(slices.Clone(h[:]), uint32(i/8)))
		r := binary.LittleEndian.Uint32(hash[4*i%32:])
		chosen := int(r % uint32(l))
		out = append(out, s[chosen])
		s[chosen] = s[l-1]
		s = s[:l-1]
	}
	return out
}

func TestAgreesWithTheLetter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s := make([]int, rng.IntN(1100))
		for i := range s {
			s[i] = rng.Int()
		}
		var h protocol.Hash
		for i := range h {
			h[i] = byte(rng.Uint32())
		}
		got := slices.Clone(s)
		InPlace(got, h)
		if want := literal(slices.Clone(s), h); !slices.Equal(got, want) {
			t.Fatalf("%d elements, entropy %v: differs", len(s), h)
		}
	}
}

func BenchmarkIndices(b *testing.B) {
	for b.Loop() {
		Indices[uint16](1023, protocol.Hash{1})
	}
}
