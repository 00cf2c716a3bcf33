package trie

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

// octets is hexadecimal in JSON.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

func TestVectors(t *testing.T) {
	type vector struct {
		Input  map[string]octets `json:"input"`
		Output octets            `json:"output"`
	}
	vectors.Cases(t, "trie/derived-0.7.2-trie.json", func(t *testing.T, v *vector) {
		var entries []Change
		for k, value := range v.Input {
			raw, err := hex.DecodeString(k)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, Change{protocol.StateKey(raw[:31]), append([]byte{}, value...)})
		}
		if got := New(entries).Root(); !bytes.Equal(got[:], v.Output) {
			t.Errorf("root %s, want %x", got, []byte(v.Output))
		}
	})
}

// literal is M of GP §D.2 written as the paper has it.
func literal(entries []Change, depth uint) protocol.Hash {
	var out [blake2b.NodeSize]byte
	switch len(entries) {
	case 0:
		return protocol.Hash{}
	case 1:
		l := leaf{key: entries[0].Key, value: entries[0].Value}
		l.encode(&out)
		return blake2b.Sum256(out[:])
	}
	var sides [2][]Change
	for _, e := range entries {
		sides[bit(&e.Key, depth)] = append(sides[bit(&e.Key, depth)], e)
	}
	l, r := literal(sides[0], depth+1), literal(sides[1], depth+1)
	l[0] &= 0x7f
	return blake2b.Sum256Parts(l[:], r[:])
}

func sorted(m map[protocol.StateKey][]byte) (list []Change) {
	for k, v := range m {
		list = append(list, Change{k, v})
	}
	slices.SortFunc(list, Compare)
	return list
}

// randomKey draws from few keys that share long prefixes.
func randomKey(rng *rand.Rand) (k protocol.StateKey) {
	k[rng.IntN(31)] = byte(1 << rng.IntN(8))
	k[rng.IntN(3)] |= byte(rng.IntN(4))
	return k
}

func TestApplyAgreesWithTheLetter(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		model := map[protocol.StateKey][]byte{}
		trie := new(Trie)
		for step := range 40 {
			before, was := trie, trie.Root()
			var changes []Change
			next := maps.Clone(model)
			for range rng.IntN(20) {
				k := randomKey(rng)
				if rng.IntN(3) == 0 {
					changes = append(changes, Change{Key: k})
					delete(next, k)
					continue
				}
				v := make([]byte, rng.IntN(70))
				for i := range v {
					v[i] = byte(rng.Uint32())
				}
				changes = append(changes, Change{k, v})
				next[k] = v
			}
			trie = trie.Apply(changes)
			if want := literal(sorted(next), 0); trie.Root() != want {
				t.Fatalf("seed %d step %d: root %s, want %s", seed, step, trie.Root(), want)
			}
			if before.Root() != was {
				t.Fatalf("seed %d step %d: the prior trie changed", seed, step)
			}
			checkContent(t, trie, next)
			checkDiff(t, before, trie)
			model = next
		}
	}
}

func checkContent(t *testing.T, trie *Trie, want map[protocol.StateKey][]byte) {
	t.Helper()
	n := 0
	for k, v := range trie.All() {
		if !bytes.Equal(want[k], v) {
			t.Fatalf("%s is %x, want %x", k, v, want[k])
		}
		if got, ok := trie.Get(k); !ok || !bytes.Equal(got, v) {
			t.Fatalf("Get of %s gives %x, %v", k, got, ok)
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d keys, want %d", n, len(want))
	}
	if _, ok := trie.Get(protocol.StateKey{30: 0xff}); ok {
		t.Fatal("Get found a key that was never set")
	}
}

func checkDiff(t *testing.T, from, to *Trie) {
	t.Helper()
	if got := from.Apply(from.Diff(to)).Root(); got != to.Root() {
		t.Fatalf("applying the difference gives %s, want %s", got, to.Root())
	}
}

func TestParallelAgrees(t *testing.T) {
	for _, common := range []int{0, 2, 20} { // octets that all keys begin with
		some := func(n int, seed uint64) []Change {
			entries := randomEntries(n, seed)
			for i := range entries {
				copy(entries[i].Key[:common], "the keys of one service")
			}
			return entries
		}
		entries := some(3*parallelFrom, 1)
		var dirty dirtyNodes
		serial := dirty.build(0, slices.SortedFunc(slices.Values(entries), Compare))
		dirty.hash()
		big := New(entries)
		if big.Root() != serial.hash {
			t.Fatal("parallel and serial roots differ")
		}
		if New(slices.Clone(entries)).Apply(without(entries)).Root() != (protocol.Hash{}) {
			t.Fatal("something is left when everything is removed")
		}
		changes := append(some(parallelFrom, 2), entries[:parallelFrom]...)
		for i := range changes {
			if i%2 == 1 {
				changes[i].Value = nil
			}
		}
		slices.SortFunc(changes, Compare)
		parallel := big.Apply(changes)
		dirty = dirtyNodes{}
		one := dirty.update(big.top, 0, changes)
		dirty.hash()
		if parallel.Root() != one.hash {
			t.Fatal("parallel and serial updates differ")
		}
		if again := parallel.Apply(changes); again.top != parallel.top {
			t.Error("changes that change nothing made nodes")
		}
	}
}

// without removes what the entries set.
func without(entries []Change) []Change {
	removed := slices.Clone(entries)
	for i := range removed {
		removed[i].Value = nil
	}
	return removed
}

func TestUnchangedKeepsNodes(t *testing.T) {
	entries := randomEntries(1000, 3)
	a := New(entries)
	b := a.Apply([]Change{{entries[5].Key, bytes.Clone(entries[5].Value)}, {Key: protocol.StateKey{1, 2, 3}}})
	if a.top != b.top {
		t.Error("a change that changes nothing made nodes")
	}
}

func randomEntries(n int, seed uint64) []Change {
	rng := rand.New(rand.NewPCG(seed, 99))
	entries := make([]Change, n)
	for i := range entries {
		for j := 0; j+8 <= 31; j += 8 {
			binary.LittleEndian.PutUint64(entries[i].Key[j:], rng.Uint64())
		}
		entries[i].Value = make([]byte, 16+rng.IntN(64))
		binary.LittleEndian.PutUint64(entries[i].Value, rng.Uint64())
	}
	return entries
}

func BenchmarkScratch(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			entries := randomEntries(n, 4)
			slices.SortFunc(entries, Compare)
			b.ReportAllocs()
			for b.Loop() {
				New(entries)
			}
		})
	}
}

func BenchmarkSort(b *testing.B) {
	entries := randomEntries(1_000_000, 4)
	for b.Loop() {
		sortChanges(slices.Clone(entries))
	}
}

func BenchmarkApply(b *testing.B) {
	for _, changed := range []int{20, 1000} {
		b.Run(fmt.Sprintf("keys=1000000/changed=%d", changed), func(b *testing.B) {
			entries := randomEntries(1_000_000, 4)
			base := New(entries)
			changes := make([]Change, changed)
			for i := range changes {
				changes[i] = Change{entries[i*997].Key, []byte{byte(i), 1, 2}}
			}
			b.ReportAllocs()
			for b.Loop() {
				base.Apply(changes)
			}
		})
	}
}

func TestSortChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		changes := make([]Change, rng.IntN(600))
		for i := range changes {
			changes[i] = Change{Key: randomKey(rng), Value: []byte{byte(i), byte(i >> 8)}}
		}
		want := slices.Clone(changes)
		slices.SortStableFunc(want, Compare)
		sortChanges(changes)
		if !slices.EqualFunc(changes, want, func(a, b Change) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }) {
			t.Fatalf("%d changes are in another order", len(changes))
		}
	}
}
