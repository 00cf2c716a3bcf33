package erasure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"damson/internal/impl"
)

// FuzzRecover hands over shards as a hostile peer would. Two octets of index, then the data.
func FuzzRecover(f *testing.F) {
	c, err := New(2, 6)
	if err != nil {
		f.Fatal(err)
	}
	seed := func(shards [][]byte, indices ...int) (b []byte) {
		for _, i := range indices {
			b = append(binary.LittleEndian.AppendUint16(b, uint16(i)), shards[i]...)
		}
		return b
	}
	shards := c.Encode([]byte("twelve bytes"))
	f.Add(12, 6, seed(shards, 0, 1))
	f.Add(11, 6, seed(shards, 3, 5))
	f.Add(0, 0, []byte{1, 0, 2, 0})
	f.Fuzz(func(t *testing.T, length, size int, input []byte) {
		var chosen []Shard
		size = max(0, min(size, 1000))
		for len(input) >= 2+size {
			chosen = append(chosen, Shard{int(int16(binary.LittleEndian.Uint16(input))), input[2 : 2+size]})
			input = input[2+size:]
		}
		data, err := c.Recover(chosen, length)
		if err == nil {
			// Whatever two shards say, there is one message that has them.
			encoded := c.Encode(data)
			if len(data) == size*c.threshold && len(chosen) == c.threshold {
				for _, s := range chosen {
					if !bytes.Equal(encoded[s.Index], s.Data) {
						t.Errorf("shard %d comes back as %x, was %x", s.Index, encoded[s.Index], s.Data)
					}
				}
			}
		}
		_, _ = c.RecoverSegments(chosen, length, 4)
	})
}

func BenchmarkEncode(b *testing.B) {
	for _, chain := range []string{"tiny", "full"} {
		c := coder(b, chain)
		for _, length := range []int{4104, 684 * 2048, 13_791_360} {
			if chain == "tiny" && length > 1<<20 {
				continue
			}
			data := random(rand.New(rand.NewPCG(1, 1)), length)
			b.Run(fmt.Sprintf("chain=%s/size=%d", chain, length), func(b *testing.B) {
				impl.TestAll(b, "erasure", func(b *testing.B) {
					b.SetBytes(int64(length))
					for b.Loop() {
						c.Encode(data)
					}
				})
			})
		}
	}
}

func BenchmarkEncodeSegments(b *testing.B) {
	c := coder(b, "full")
	var segments [][]byte
	for range 64 {
		segments = append(segments, random(rand.New(rand.NewPCG(1, 1)), 4104))
	}
	impl.TestAll(b, "erasure", func(b *testing.B) {
		b.SetBytes(64 * 4104)
		for b.Loop() {
			if _, err := c.EncodeSegments(segments); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRecover(b *testing.B) {
	c := coder(b, "full")
	for _, length := range []int{4104, 684 * 2048} {
		data := random(rand.New(rand.NewPCG(1, 1)), length)
		shards := c.Encode(data)
		for name, first := range map[string]int{"near": 400, "far": c.shards - c.threshold} {
			var chosen []Shard
			for i := first; i < first+c.threshold; i++ {
				chosen = append(chosen, Shard{i, shards[i]})
			}
			b.Run(fmt.Sprintf("size=%d/shards=%s", length, name), func(b *testing.B) {
				impl.TestAll(b, "erasure", func(b *testing.B) {
					b.SetBytes(int64(length))
					for b.Loop() {
						if _, err := c.Recover(chosen, length); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		}
	}
}
