package erasure

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
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

// FuzzEncode compares the kernels, and takes every message there and back.
func FuzzEncode(f *testing.F) {
	c, err := New(5, 17)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, uint64(0))
	f.Add([]byte("one piece"), uint64(1))
	f.Add(make([]byte, 1300), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		var first [][]byte
		impl.TestAll(t, "erasure", func(t *testing.T) {
			shards := c.Encode(data)
			if first == nil {
				first = shards
			}
			var chosen []Shard
			for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(17)[:5] {
				chosen = append(chosen, Shard{i, shards[i]})
			}
			got, err := c.Recover(chosen, len(data))
			if err != nil || !bytes.Equal(got, data) || !slices.EqualFunc(shards, first, bytes.Equal) {
				t.Fatalf("%d octets, seed %d: %v", len(data), seed, err)
			}
		})
	})
}

// A coder is shared by all that a node does at once.
func TestConcurrentUse(t *testing.T) {
	c := coder(t, "full")
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(8, uint64(worker)))
			for range 10 {
				data := random(rng, 1+rng.IntN(20000))
				shards := c.Encode(data)
				var chosen []Shard
				for _, i := range rng.Perm(c.shards)[:c.threshold] {
					chosen = append(chosen, Shard{i, shards[i]})
				}
				if got, err := c.Recover(chosen, len(data)); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d octets: %v", len(data), err)
				}
			}
		})
	}
	wg.Wait()
}
