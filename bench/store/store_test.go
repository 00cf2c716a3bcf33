// Package store times the chain on disk: commits, reopening, cold reads, and blocks on a state of 10^6 keys.
package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/store"
	"damson/state/trie"
)

const bigKeys = 1_000_000

func key(i int) protocol.StateKey {
	h := blake2b.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	return protocol.StateKey(h[:31])
}

// changes gives n changes of keys below limit.
func changes(rng *rand.Rand, n, limit int) []trie.Change {
	list := make([]trie.Change, n)
	for i := range list {
		value := make([]byte, 16+rng.IntN(64))
		binary.LittleEndian.PutUint64(value, rng.Uint64())
		list[i] = trie.Change{Key: key(rng.IntN(limit)), Value: value}
	}
	return list
}

func open(b *testing.B, dir string, cacheMiB int64) *store.Store {
	b.Helper()
	s, err := store.Open(dir, store.Options{Params: protocol.Full(), CacheBytes: cacheMiB << 20})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func block(n int, s *state.State) *store.Block {
	b := &store.Block{Slot: protocol.Slot(n), State: s, Best: true, Header: make([]byte, 300), Body: make([]byte, 2000)}
	binary.LittleEndian.PutUint64(b.Hash[:], uint64(n)+1)
	if n > 0 {
		binary.LittleEndian.PutUint64(b.Parent[:], uint64(n))
	}
	return b
}

// begin makes a chain whose first state has so many keys.
func begin(b *testing.B, dir string, keys int, cacheMiB int64) (*store.Store, *state.State) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	list := changes(rng, keys, keys)
	for i := range list {
		list[i].Key = key(i)
	}
	s := open(b, dir, cacheMiB)
	st, err := s.Commit(block(0, state.New(protocol.Full(), list)))
	if err == nil {
		err = s.Sync()
	}
	if err != nil {
		b.Fatal(err)
	}
	return s, st
}

// BenchmarkCommit commits blocks that change 30 keys of 10^5, and waits for the disk each time, after every 16, or never.
func BenchmarkCommit(b *testing.B) {
	for _, every := range []int{1, 16, 0} {
		b.Run(fmt.Sprintf("synced=%d", every), func(b *testing.B) {
			s, st := begin(b, b.TempDir(), 100_000, 64)
			rng := rand.New(rand.NewPCG(2, 1))
			n := 0
			var err error
			b.ReportAllocs()
			for b.Loop() {
				n++
				post := st.Apply(&state.Delta{Services: changes(rng, 30, 100_000)})
				if st, err = s.Commit(block(n, post)); err != nil {
					b.Fatal(err)
				}
				if every > 0 && n%every == 0 {
					if err := s.Sync(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkBig has a state of 10^6 keys: applying 1,000 changes to it with the new root and committing them, with a cache
// that holds a part of it and with one that holds all; opening it again; reading keys that are not in memory.
func BenchmarkBig(b *testing.B) {
	dir := b.TempDir()
	s, _ := begin(b, dir, bigKeys, 64)
	for _, cacheMiB := range []int64{64, 768} {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		s = open(b, dir, cacheMiB)
		b.Run(fmt.Sprintf("op=apply/changed=1000/cache=%dMiB", cacheMiB), func(b *testing.B) { timeApply(b, s) })
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("op=reopen", func(b *testing.B) {
		for b.Loop() {
			s := open(b, dir, 64)
			best, _, err := s.Best()
			if err == nil {
				_, err = s.State(best.Hash)
			}
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("op=get", func(b *testing.B) {
		s := open(b, dir, 64)
		best, _, err := s.Best()
		if err != nil {
			b.Fatal(err)
		}
		st, err := s.State(best.Hash)
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(4, 1))
		for b.Loop() {
			if _, ok := st.Get(key(rng.IntN(bigKeys))); !ok {
				b.Fatal(st.Err())
			}
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

// timeApply goes on with a chain.
func timeApply(b *testing.B, s *store.Store) {
	best, _, err := s.Best()
	if err != nil {
		b.Fatal(err)
	}
	st, err := s.State(best.Hash)
	if err != nil {
		b.Fatal(err)
	}
	for range st.All() {
	}
	rng := rand.New(rand.NewPCG(3, best.Height))
	var apply, commit time.Duration
	b.ReportAllocs()
	blocks := 0
	for b.Loop() {
		delta := &state.Delta{Services: changes(rng, 1000, bigKeys)}
		blocks++
		start := time.Now()
		post := st.Apply(delta)
		applied := time.Now()
		if st, err = s.Commit(block(int(best.Height)+blocks, post)); err != nil {
			b.Fatal(err)
		}
		apply += applied.Sub(start)
		commit += time.Since(applied)
	}
	b.ReportMetric(float64(apply.Microseconds())/1000/float64(blocks), "apply-ms/block")
	b.ReportMetric(float64(commit.Microseconds())/1000/float64(blocks), "commit-ms/block")
}
