package store

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/trie"
)

// Bounds of the acceptance points for a state of 10^6 keys. They hold on a machine that does nothing else.
const (
	bigKeys      = 1_000_000
	bigApply     = 15 * time.Millisecond
	bigOpen      = time.Second
	bigHeapBytes = 1200 << 20
)

// TestBigState changes 1,000 keys of 10^6, block after block, closes the chain and opens it again. Times are checked in a
// thorough run only: other tests share the machine with a short one, which has a tenth of the keys.
func TestBigState(t *testing.T) {
	keys := bigKeys / 10
	if vectors.Thorough() {
		keys = bigKeys
	}
	rng := rand.New(rand.NewPCG(vectors.Seed(t), 5))
	m := model{seed: 6}
	some := func(n int) []trie.Change {
		list := make([]trie.Change, n)
		for i := range list {
			list[i] = trie.Change{Key: m.key(i * (keys / n)), Value: binary.LittleEndian.AppendUint64(make([]byte, 8+rng.IntN(64)), rng.Uint64())}
		}
		return list
	}
	dir, o := t.TempDir(), Options{CacheBytes: 512 << 20}
	s := open(t, dir, o)
	post, err := s.Commit(&Block{Hash: m.hash(0, 0), Slot: 1, State: state.New(protocol.Tiny(), some(keys)), Best: true})
	if err != nil {
		t.Fatal(err)
	}
	var applied []time.Duration
	for n := 1; n <= 20; n++ {
		changes := some(1000)
		start := time.Now()
		next := post.Apply(&state.Delta{Services: changes})
		applied = append(applied, time.Since(start))
		b := &Block{Hash: m.hash(n, 0), Parent: m.hash(n-1, 0), Slot: protocol.Slot(1 + n), State: next, Best: true}
		if post, err = s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	root := post.Root()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s = open(t, dir, o)
	best, _, err := s.Best()
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.State(best.Hash)
	if err != nil || got.Root() != root {
		t.Fatal(got.Root(), err)
	}
	opened := time.Since(start)
	post = nil
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	slices.Sort(applied)
	median := applied[len(applied)/2]
	vectors.Figure(t, "big-state", "%d keys: 1,000 changed in %v (median), reopened in %v, %d MiB of memory from the system",
		keys, median, opened, memory.Sys>>20)
	if vectors.Thorough() && (median > bigApply || opened > bigOpen || memory.Sys > bigHeapBytes) {
		t.Errorf("want at most %v, %v and %d MiB", bigApply, bigOpen, bigHeapBytes>>20)
	}
}
