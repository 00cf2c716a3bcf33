package trie

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/protocol"
)

var lastKey = protocol.StateKey(bytes.Repeat([]byte{0xff}, 31))

// TestRange compares ranges of random tries with their entries in order, and proves them.
func TestRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 400 {
		entries := map[protocol.StateKey][]byte{}
		for range rng.IntN(40) {
			entries[randomKey(rng)] = bytes.Repeat([]byte{byte(rng.IntN(9) + 1)}, rng.IntN(3)*30)
		}
		all := sorted(entries)
		trie := New(slices.Clone(all))
		start, end := randomKey(rng), randomKey(rng)
		if len(all) > 0 && rng.IntN(2) == 0 {
			start = all[rng.IntN(len(all))].Key
		}
		var want []Change
		for _, c := range all {
			if bytes.Compare(c.Key[:], start[:]) >= 0 && bytes.Compare(c.Key[:], end[:]) <= 0 {
				want = append(want, c)
			}
		}
		got := take(t, trie, start, end, 1000)
		if !slices.EqualFunc(got, want, func(a, b Change) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }) {
			t.Fatalf("round %d: got %d entries, want %d", round, len(got), len(want))
		}
		got = take(t, trie, start, lastKey, rng.IntN(10)+1)
		last := start
		if len(got) > 0 {
			last = got[len(got)-1].Key
		}
		nodes, err := trie.Boundary(start, last)
		if err != nil {
			t.Fatal(err)
		}
		more, err := VerifyRange(trie.Root(), start, nodes, got)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if wantMore := len(take(t, trie, last, lastKey, 2)) > 1; len(got) > 0 && more != wantMore {
			t.Fatalf("round %d: more is %v", round, more)
		}
		spoil(t, rng, trie.Root(), start, nodes, got)
	}
}

func take(t *testing.T, trie *Trie, start, end protocol.StateKey, most int) (out []Change) {
	t.Helper()
	err := trie.Range(start, end, func(k protocol.StateKey, v []byte) bool {
		out = append(out, Change{k, v})
		return len(out) < most
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// spoil checks that no entry can be left out, added or changed.
func spoil(t *testing.T, rng *rand.Rand, root protocol.Hash, start protocol.StateKey, nodes [][NodeSize]byte, entries []Change) {
	t.Helper()
	refuse := func(what string, entries []Change) {
		t.Helper()
		if _, err := VerifyRange(root, start, nodes, entries); err == nil {
			t.Fatalf("%s of %d entries is taken", what, len(entries))
		}
	}
	for i := range entries {
		changed := slices.Clone(entries)
		changed[i].Value = append(slices.Clone(changed[i].Value), 1)
		refuse("a change", changed)
		if i < len(entries)-1 {
			refuse("an omission", slices.Delete(slices.Clone(entries), i, i+1))
		}
	}
	extra := Change{randomKey(rng), []byte{7}}
	if bytes.Compare(extra.Key[:], start[:]) >= 0 && !slices.ContainsFunc(entries, func(c Change) bool { return c.Key == extra.Key }) {
		added := append(slices.Clone(entries), extra)
		slices.SortFunc(added, Compare)
		refuse("an addition", added)
	}
	if len(entries) > 1 {
		swapped := slices.Clone(entries)
		swapped[0], swapped[1] = swapped[1], swapped[0]
		refuse("a swap", swapped)
	}
	if len(nodes) > 0 && len(entries) > 0 {
		if _, err := VerifyRange(root, start, nodes[1:], entries); err == nil {
			t.Fatal("proved without the root's node")
		}
	}
}

// TestRangeWhole downloads tries in ranges.
func TestRangeWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	entries := map[protocol.StateKey][]byte{}
	for range 3000 {
		var k protocol.StateKey
		for i := range k {
			k[i] = byte(rng.Uint32())
		}
		entries[k] = make([]byte, rng.IntN(100))
	}
	trie := New(sorted(entries))
	got := map[protocol.StateKey][]byte{}
	for start, more := (protocol.StateKey{}), true; more; {
		list := take(t, trie, start, lastKey, 100)
		last := list[len(list)-1].Key
		nodes, err := trie.Boundary(start, last)
		if err == nil {
			more, err = VerifyRange(trie.Root(), start, nodes, list)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			got[c.Key] = c.Value
		}
		start, _ = Next(last)
	}
	if !maps.EqualFunc(got, entries, bytes.Equal) {
		t.Errorf("got %d entries, want %d", len(got), len(entries))
	}
}

func FuzzVerifyRange(f *testing.F) {
	trie := New([]Change{{protocol.StateKey{1}, []byte("a")}, {protocol.StateKey{2}, []byte("b")}, {protocol.StateKey{128}, make([]byte, 50)}})
	nodes, err := trie.Boundary(protocol.StateKey{}, protocol.StateKey{2})
	if err != nil {
		f.Fatal(err)
	}
	var flat []byte
	for i := range nodes {
		flat = append(flat, nodes[i][:]...)
	}
	f.Add(flat, []byte{1, 2}, []byte{'a', 'b'})
	f.Fuzz(func(t *testing.T, flat, keys, values []byte) {
		var nodes [][NodeSize]byte
		for len(flat) >= NodeSize {
			nodes = append(nodes, [NodeSize]byte(flat[:NodeSize]))
			flat = flat[NodeSize:]
		}
		var entries []Change
		for i := range min(len(keys), len(values)) {
			entries = append(entries, Change{protocol.StateKey{keys[i]}, values[i : i+1]})
		}
		if _, err := VerifyRange(trie.Root(), protocol.StateKey{}, nodes, entries); err != nil {
			return
		}
		for _, c := range entries {
			if got, ok := trie.Get(c.Key); !ok || !bytes.Equal(got, c.Value) {
				t.Errorf("proved %x at %x", c.Value, c.Key)
			}
		}
	})
}
