package trie

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/protocol"
)

// records is a Source in memory.
type records map[uint64][]byte

var errAbsent = errors.New("no such record")

func (r records) Read(id uint64) ([]byte, error) {
	if record, ok := r[id]; ok {
		return bytes.Clone(record), nil
	}
	return nil, errAbsent
}

func (r records) put(id uint64, record []byte) error {
	if _, ok := r[id]; ok {
		return errors.New("record written twice")
	}
	r[id] = bytes.Clone(record)
	return nil
}

// write writes t and forgets what is in memory of it every other time.
func (r records) write(t *testing.T, p *Pages, trie *Trie, next *uint64, forget bool) *Trie {
	t.Helper()
	written, err := p.Write(trie, *next, r.put)
	if err != nil {
		t.Fatal(err)
	}
	written.Readable()
	post := written.Trie
	*next = written.Next
	if post.Root() != trie.Root() {
		t.Fatalf("writing made root %s of %s", post.Root(), trie.Root())
	}
	if !forget {
		return post
	}
	opened, err := p.Open(post.Top(), post.Root())
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// reachable gives the records that a trie needs.
func reachable(n *node, f *fault, into map[uint64]bool) {
	if n == nil {
		return
	}
	if n.away != nil {
		into[n.away.id] = true
		n = n.here(f)
	}
	if n.leaf != nil {
		if n.leaf.away != nil {
			into[n.leaf.away.id] = true
		}
		return
	}
	reachable(n.left, f, into)
	reachable(n.right, f, into)
}

// TestPagesAgreeWithMemory changes a trie on records and one in memory alike. What each change retires must be just
// what the new trie does not need, and every trie kept must stay readable while its own records stand.
func TestPagesAgreeWithMemory(t *testing.T) {
	for seed := range uint64(9) {
		rng := rand.New(rand.NewPCG(seed, 8))
		source := records{}
		pages := NewPages(source, []int64{0, 4 << 10, 1 << 20}[seed%3])
		memory, stored, next := new(Trie), new(Trie), uint64(1)
		model := map[protocol.StateKey][]byte{}
		for step := range 40 {
			changes := randomChanges(rng, model, 1+rng.IntN(40))
			for _, c := range changes {
				if c.Value == nil {
					delete(model, c.Key)
				} else {
					model[c.Key] = c.Value
				}
			}
			memory = memory.Apply(slices.Clone(changes))
			prior := stored
			stored = source.write(t, pages, prior.Apply(changes), &next, rng.IntN(2) == 0)
			if stored.Root() != memory.Root() {
				t.Fatalf("seed %d step %d: root %s, want %s", seed, step, stored.Root(), memory.Root())
			}
			checkContent(t, stored, model)
			checkDiff(t, prior, stored)
			checkRetired(t, pages, source, prior, stored)
			if got := pages.Cached(); got > pages.limit+64<<10 {
				t.Fatalf("seed %d: the cache holds %d octets", seed, got)
			}
			if err := stored.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func randomChanges(rng *rand.Rand, model map[protocol.StateKey][]byte, n int) (changes []Change) {
	known := slices.Collect(maps.Keys(model))
	slices.SortFunc(known, func(a, b protocol.StateKey) int { return bytes.Compare(a[:], b[:]) })
	for range n {
		var key protocol.StateKey
		if len(known) > 0 && rng.IntN(2) == 0 {
			key = known[rng.IntN(len(known))]
		} else if key = randomKey(rng); rng.IntN(2) == 0 {
			key[0], key[1] = byte(rng.Uint32()), byte(rng.Uint32())
		}
		if rng.IntN(4) == 0 {
			changes = append(changes, Change{Key: key})
			continue
		}
		value := make([]byte, rng.IntN(60))
		if rng.IntN(8) == 0 {
			value = make([]byte, 100+rng.IntN(400))
		}
		for i := range value {
			value[i] = byte(rng.Uint32())
		}
		changes = append(changes, Change{Key: key, Value: value})
	}
	return lastOfEach(changes)
}

func lastOfEach(changes []Change) []Change {
	slices.SortStableFunc(changes, Compare)
	return lastOfEachKey(changes)
}

func checkRetired(t *testing.T, pages *Pages, source records, prior, stored *Trie) {
	t.Helper()
	retired, err := pages.Retired(prior, stored)
	if err != nil {
		t.Fatal(err)
	}
	before, after := map[uint64]bool{}, map[uint64]bool{}
	reachable(prior.top, prior.fault, before)
	reachable(stored.top, stored.fault, after)
	var want []uint64
	for id := range before {
		if !after[id] {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	if !slices.Equal(retired, want) {
		t.Fatalf("retired %v, want %v", retired, want)
	}
	for _, id := range retired {
		delete(source, id)
	}
	if len(source) != len(after) {
		t.Fatalf("%d records, of which %d are needed", len(source), len(after))
	}
}

// TestForksShareRecords has two tries made of one, and both stay.
func TestForksShareRecords(t *testing.T) {
	source, next := records{}, uint64(1)
	pages := NewPages(source, 1<<20)
	entries := randomEntries(2000, 5)
	base := source.write(t, pages, New(entries), &next, true)
	all := len(source)
	one := source.write(t, pages, base.Apply([]Change{{Key: entries[7].Key, Value: []byte("one")}}), &next, true)
	two := source.write(t, pages, base.Apply([]Change{{Key: entries[7].Key, Value: []byte("two")}}), &next, true)
	if made := len(source) - all; made > 12 {
		t.Errorf("two changes wrote %d records", made)
	}
	for trie, want := range map[*Trie]string{one: "one", two: "two"} {
		if got, _ := trie.Get(entries[7].Key); string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestParallelReads makes so many changes of a trie on records that several goroutines read.
func TestParallelReads(t *testing.T) {
	for _, n := range []int{0, 3, 40, 5000} {
		source, next := records{}, uint64(1)
		pages := NewPages(source, 1<<14)
		memory := New(randomEntries(n, 10))
		stored := source.write(t, pages, memory, &next, true)
		changes := append(randomEntries(2*parallelReads, 11), randomEntries(n, 10)[:n/3]...)
		for i := range changes {
			if i%3 == 0 {
				changes[i].Value = nil
			}
		}
		memory = memory.Apply(slices.Clone(changes))
		post := source.write(t, pages, stored.Apply(changes), &next, true)
		if post.Root() != memory.Root() || post.Err() != nil {
			t.Fatalf("%d entries: root %s, want %s; %v", n, post.Root(), memory.Root(), post.Err())
		}
		checkRetired(t, pages, source, stored, post)
	}
}

// TestBadRecords flips octets of records and leaves some out: every trie must say so, and none may panic.
func TestBadRecords(t *testing.T) {
	entries := randomEntries(300, 6)
	entries[9].Value = bytes.Repeat([]byte{1}, 1000)
	rng := rand.New(rand.NewPCG(1, 6))
	for round := range 300 {
		source, next := records{}, uint64(1)
		pages := NewPages(source, 1<<20)
		written, err := pages.Write(New(slices.Clone(entries)), next, source.put)
		if err != nil {
			t.Fatal(err)
		}
		stored := written.Trie
		id := 1 + rng.Uint64N(uint64(len(source)))
		if round%5 == 0 {
			delete(source, id)
		} else {
			source[id][rng.IntN(len(source[id]))] ^= 1 << rng.IntN(8)
		}
		opened, err := pages.Open(stored.Top(), stored.Root())
		for range opened.All() {
		}
		bad, ok := errors.AsType[*RecordError](opened.Err())
		if !ok || bad.ID != id {
			t.Fatalf("round %d: opening says %v, reading %v; record %d is bad", round, err, opened.Err(), id)
		}
		if post := opened.Apply([]Change{{Key: entries[3].Key, Value: []byte{1}}}); post.Err() == nil {
			t.Fatal("a trie made of a bad one does not say so")
		}
	}
}

func FuzzPage(f *testing.F) {
	source := records{}
	pages := NewPages(source, 1<<20)
	if _, err := pages.Write(New(randomEntries(50, 9)), 1, source.put); err != nil {
		f.Fatal(err)
	}
	for _, record := range source {
		f.Add(record)
	}
	f.Fuzz(func(_ *testing.T, record []byte) { _, _ = pages.decode(record) })
}
