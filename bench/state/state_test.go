// Package state times the state trie and the decoding of blocks.
package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state/trie"
)

// entries gives n keys like those of service storage, sorted, with values of 16 to 79 octets.
func entries(n int) []trie.Change {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]trie.Change, n)
	for i := range list {
		for j := 0; j+8 <= len(list[i].Key); j += 8 {
			binary.LittleEndian.PutUint64(list[i].Key[j:], rng.Uint64())
		}
		list[i].Value = make([]byte, 16+rng.IntN(64))
		binary.LittleEndian.PutUint64(list[i].Value, rng.Uint64())
	}
	slices.SortFunc(list, trie.Compare)
	return list
}

// BenchmarkRoot makes the trie of a whole state and its root.
func BenchmarkRoot(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			list := entries(n)
			b.ReportAllocs()
			for b.Loop() {
				trie.New(list)
			}
		})
	}
}

// BenchmarkChange makes the root of a state of 10^6 keys of which some change.
func BenchmarkChange(b *testing.B) {
	list := entries(1_000_000)
	base := trie.New(list)
	for _, changed := range []int{20, 1000} {
		b.Run(fmt.Sprintf("keys=1000000/changed=%d", changed), func(b *testing.B) {
			changes := make([]trie.Change, changed)
			for i := range changes {
				changes[i] = trie.Change{Key: list[i*997].Key, Value: []byte{byte(i), 1, 2}}
			}
			b.ReportAllocs()
			for b.Loop() {
				base.Apply(changes)
			}
		})
	}
}

// BenchmarkDecode decodes a block into a view that held one before.
func BenchmarkDecode(b *testing.B) {
	for _, chain := range []string{"tiny", "full"} {
		b.Run("chain="+chain, func(b *testing.B) {
			p, _ := protocol.Named(chain)
			for f := range vectors.Files(b, "codec/"+chain, "block.bin") {
				var v block.View
				if err := v.Decode(f.Data, p); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(f.Data)))
				b.ReportAllocs()
				for b.Loop() {
					if err := v.Decode(f.Data, p); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
