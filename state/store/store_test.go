package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/trie"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// model is a chain of invented blocks, the same for everybody who asks for the same seed. Block n changes some entries.
type model struct {
	seed uint64
	keys int
}

func (m model) key(i int) (k protocol.StateKey) {
	h := blake2b.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)+m.seed<<32))
	copy(k[:], h[:])
	return k
}

// changes gives what block n changes; fork tells siblings apart.
func (m model) changes(n, fork int) []trie.Change {
	rng := rand.New(rand.NewPCG(m.seed, uint64(n)<<8|uint64(fork)))
	var out []trie.Change
	count := 1 + rng.IntN(30)
	if n == 0 {
		count = m.keys
	}
	for i := range count {
		at := i
		if n > 0 {
			at = rng.IntN(2 * m.keys)
		}
		c := trie.Change{Key: m.key(at)}
		if n == 0 || rng.IntN(4) > 0 {
			c.Value = make([]byte, rng.IntN(100))
			if rng.IntN(10) == 0 {
				c.Value = make([]byte, rng.IntN(3000))
			}
			for i := range c.Value {
				c.Value[i] = byte(rng.Uint32())
			}
		}
		out = append(out, c)
	}
	return out
}

func (m model) hash(n, fork int) protocol.Hash {
	return blake2b.Sum256(m.header(n, fork))
}

func (m model) header(n, fork int) []byte {
	return binary.LittleEndian.AppendUint64([]byte("header"), m.seed<<40|uint64(n)<<8|uint64(fork))
}

// block gives block n on the state of its parent; nil begins the chain.
func (m model) block(n, fork, parentFork int, prior *state.State) *Block {
	b := &Block{
		Hash: m.hash(n, fork), Slot: protocol.Slot(10 + 2*n), Header: m.header(n, fork),
		Body: bytes.Repeat([]byte{byte(n)}, 500), Best: true,
	}
	if n == 0 {
		b.State = state.New(protocol.Tiny(), m.changes(0, 0))
		return b
	}
	b.Parent = m.hash(n-1, parentFork)
	b.State = prior.Apply(&state.Delta{Services: m.changes(n, fork)})
	return b
}

// states gives the states of the first blocks, in memory.
func (m model) states(blocks int) []*state.State {
	list := []*state.State{state.New(protocol.Tiny(), m.changes(0, 0))}
	for n := 1; n < blocks; n++ {
		list = append(list, list[n-1].Apply(&state.Delta{Services: m.changes(n, 0)}))
	}
	return list
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	if o.Params == nil {
		o.Params = protocol.Tiny()
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && s.failed.get() == nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// extend commits the blocks from first to last, each on its parent's state as the store gives it.
func (m model) extend(t testing.TB, s *Store, first, last int) {
	t.Helper()
	var prior *state.State
	var err error
	if first > 0 {
		if prior, err = s.State(m.hash(first-1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for n := first; n <= last; n++ {
		if prior, err = s.Commit(m.block(n, 0, 0, prior)); err != nil {
			t.Fatal(err)
		}
	}
}

func same(t testing.TB, got, want *state.State) {
	t.Helper()
	if got.Root() != want.Root() {
		t.Fatalf("root %s, want %s", got.Root(), want.Root())
	}
	entries := maps.Collect(want.All())
	n := 0
	for k, v := range got.All() {
		if !bytes.Equal(v, entries[k]) {
			t.Fatalf("%s is %x, want %x", k, v, entries[k])
		}
		n++
	}
	if err := got.Err(); err != nil {
		t.Fatal(err)
	}
	if n != len(entries) {
		t.Fatalf("%d entries, want %d", n, len(entries))
	}
}

func TestReopen(t *testing.T) {
	m := model{seed: 1, keys: 500}
	dir := t.TempDir()
	want := m.states(41)
	for first := 0; first <= 40; first += 10 {
		s := open(t, dir, Options{CacheBytes: 1 << 20})
		m.extend(t, s, first, min(first+9, 40))
		best, ok, err := s.Best()
		if err != nil || !ok || best.Hash != m.hash(min(first+9, 40), 0) {
			t.Fatalf("best is %v, %v, %v", best, ok, err)
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, Options{CacheBytes: 1 << 20})
	for n, want := range want {
		got, err := s.State(m.hash(n, 0))
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
		octets, err := s.Block(m.hash(n, 0))
		if b := m.block(n, 0, 0, want); err != nil || !bytes.Equal(octets, append(b.Header, b.Body...)) {
			t.Fatalf("block %d: %x, %v", n, octets, err)
		}
	}
	entries, err := s.BySlot(14, 20)
	if err != nil || len(entries) != 4 || entries[0].Hash != m.hash(2, 0) || entries[3].Height != 5 {
		t.Fatalf("slots 14 to 20: %v, %v", entries, err)
	}
	if _, err := s.State(protocol.Hash{1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a block that is not there: %v", err)
	}
	if _, err := Open(dir, Options{Params: protocol.Tiny()}); err == nil {
		t.Error("two could open one store")
	}
}

func TestOtherParameters(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Params: protocol.Full()}); err == nil {
		t.Fatal("a chain was opened with other parameters")
	}
}

func TestAncestor(t *testing.T) {
	m := model{seed: 2, keys: 10}
	s := open(t, "chain", Options{FS: vfs.NewMem()})
	m.extend(t, s, 0, 200)
	prior, err := s.State(m.hash(99, 0))
	if err != nil {
		t.Fatal(err)
	}
	fork := m.block(100, 1, 0, prior)
	if _, err := s.Commit(fork); err != nil {
		t.Fatal(err)
	}
	slot := func(n int) protocol.Slot { return protocol.Slot(10 + 2*n) }
	for of := 0; of <= 200; of += 7 {
		for n := range 201 {
			ok, err := s.Ancestor(m.hash(of, 0), m.hash(n, 0), slot(n))
			if err != nil || ok != (n <= of) {
				t.Fatalf("block %d is ancestor of %d: %v, %v", n, of, ok, err)
			}
		}
	}
	for n := range 201 {
		if ok, err := s.Ancestor(fork.Hash, m.hash(n, 0), slot(n)); err != nil || ok != (n < 100) {
			t.Fatalf("block %d is ancestor of the fork: %v, %v", n, ok, err)
		}
	}
	for at := range slot(150) + 5 {
		for _, of := range []protocol.Hash{m.hash(150, 0), fork.Hash} {
			e, err := s.AncestorAt(of, at)
			want := min(int(at-10)/2, 150)
			switch {
			case at < 10:
				if !errors.Is(err, ErrNotFound) {
					t.Fatalf("slot %d: %+v, %v", at, e, err)
				}
			case of == fork.Hash && want >= 100:
				if err != nil || e.Hash != fork.Hash {
					t.Fatalf("slot %d: %+v, %v, want the fork", at, e, err)
				}
			case err != nil || e.Hash != m.hash(want, 0):
				t.Fatalf("slot %d: %+v, %v, want block %d", at, e, err, want)
			}
		}
	}
	if ok, _ := s.Ancestor(m.hash(50, 0), m.hash(40, 0), slot(41)); ok {
		t.Error("an ancestor was found in a slot that is not its own")
	}
}

// count gives the number of keys with a prefix.
func (s *Store) count(t testing.TB, prefix byte) (n int) {
	t.Helper()
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.SeekGE([]byte{prefix}); ok && it.Key()[0] == prefix; ok = it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPruning has forks, finalizes some blocks and looks at what is left: nothing but what is needed.
func TestPruning(t *testing.T) {
	m := model{seed: 3, keys: 300}
	want := m.states(61)
	for _, archive := range []bool{false, true} {
		fs := vfs.NewMem()
		o := Options{FS: fs, StateSlots: 20, BlockSlots: 60, Archive: archive, CacheBytes: 1 << 16}
		s := open(t, "chain", o)
		m.extend(t, s, 0, 60)
		for _, n := range []int{5, 20, 39, 40, 59} {
			if _, err := s.Commit(m.block(n, 1, 0, want[n-1])); err != nil {
				t.Fatal(err)
			}
			if n < 59 {
				if _, err := s.Commit(m.block(n+1, 2, 1, m.block(n, 1, 0, want[n-1]).State)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.SetBest(m.hash(60, 0)); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{10, 40, 50} {
			if err := s.Finalize(m.hash(n, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Finalize(m.hash(59, 1)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		o.Archive = false
		s = open(t, "chain", o)
		if err := s.prune(); err != nil {
			t.Fatal(err)
		}
		checkPruned(t, s)
	}
}

// checkPruned checks the state of TestPruning: slot of block n is 10+2n; 59' is final, in slot 128.
func checkPruned(t *testing.T, s *Store) {
	t.Helper()
	m := model{seed: 3, keys: 300}
	want := m.states(61)
	reachable := 0
	for n := range want {
		_, err := s.State(m.hash(n, 0))
		_, blockErr := s.Block(m.hash(n, 0))
		slot := 10 + 2*n
		gone := n >= 59
		if kept := !gone && slot+20 >= 128; kept != (err == nil) {
			t.Errorf("state %d: %v", n, err)
		}
		if kept := !gone && slot+60 >= 128; kept != (blockErr == nil) {
			t.Errorf("block %d: %v", n, blockErr)
		}
	}
	entries, err := s.BySlot(0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if got, err := s.State(e.Hash); err == nil && e.Slot < 128 {
			same(t, got, want[(e.Slot-10)/2])
		} else if err == nil {
			same(t, got, m.block(59, 1, 0, want[58]).State)
		}
		reachable++
	}
	if got := s.count(t, prefixBody); got != reachable {
		t.Errorf("%d bodies for %d blocks", got, reachable)
	}
	checkRecords(t, s, entries)
}

// noted is a source that notes what is read.
type noted struct {
	source
	ids map[uint64]bool
}

func (n noted) Read(id uint64) ([]byte, error) {
	n.ids[id] = true
	return n.source.Read(id)
}

// checkRecords fails if the store holds records that no state needs.
func checkRecords(t testing.TB, s *Store, entries []*Entry) {
	t.Helper()
	ids := noted{source{s}, map[uint64]bool{}}
	for _, e := range entries {
		if _, err := s.State(e.Hash); err != nil {
			continue
		}
		all, err := trie.NewPages(ids, 1<<30).Open(e.top, e.Root)
		if err != nil {
			t.Fatal(err)
		}
		for range all.All() {
		}
		if err := all.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.count(t, prefixRecord); got != len(ids.ids) {
		t.Errorf("%d records, of which %d are needed", got, len(ids.ids))
	}
}

func TestFinalizedIsFinal(t *testing.T) {
	m := model{seed: 4, keys: 50}
	want := m.states(12)
	s := open(t, "chain", Options{FS: vfs.NewMem()})
	m.extend(t, s, 0, 10)
	fork := m.block(6, 1, 0, want[5])
	if _, err := s.Commit(fork); err != nil {
		t.Fatal(err)
	}
	if err := s.Finalize(m.hash(7, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Entry(fork.Hash); !errors.Is(err, ErrNotFound) {
		t.Errorf("the fork is still there: %v", err)
	}
	if _, err := s.Commit(m.block(7, 1, 0, want[6])); !errors.Is(err, ErrFinalized) {
		t.Errorf("a block before the finalized one: %v", err)
	}
	if err := s.Finalize(m.hash(6, 0)); !errors.Is(err, ErrNotDescendant) {
		t.Errorf("finality went back: %v", err)
	}
	if _, err := s.Commit(m.block(8, 1, 0, want[7])); err != nil {
		t.Errorf("a block on the finalized one: %v", err)
	}
}
