package snapshot

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/protocol"
	"damson/internal/vectors"
)

type item struct {
	key   protocol.StateKey
	value []byte
}

func items(n int) []item {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]item, n)
	for i := range list {
		for j := range list[i].key {
			list[i].key[j] = byte(rng.Uint32())
		}
		list[i].value = make([]byte, rng.IntN(400))
		if i%500 == 3 {
			list[i].value = make([]byte, rng.IntN(3<<20))
		}
		for j := range list[i].value {
			list[i].value[j] = byte(rng.Uint32())
		}
	}
	slices.SortFunc(list, func(a, b item) int { return bytes.Compare(a.key[:], b.key[:]) })
	return list
}

func all(list []item) func(func(protocol.StateKey, []byte) bool) {
	return func(yield func(protocol.StateKey, []byte) bool) {
		for _, e := range list {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

func read(b []byte) (h *Head, list []item, err error) {
	err = Read(bytes.NewReader(b), func(head *Head) error { h = head; return nil },
		func(k protocol.StateKey, v []byte) error { list = append(list, item{k, v}); return nil })
	return h, list, err
}

func TestSnapshot(t *testing.T) {
	for _, n := range []int{0, 1, 3000} {
		head := &Head{Hash: protocol.Hash{1}, Parent: protocol.Hash{2}, Slot: 77, Root: protocol.Hash{3}, Header: []byte("header")}
		want := items(n)
		var b bytes.Buffer
		if err := Write(&b, head, all(want)); err != nil {
			t.Fatal(err)
		}
		h, got, err := read(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		vectors.Equal(t, "head", h, head)
		same := func(a, b item) bool { return a.key == b.key && bytes.Equal(a.value, b.value) }
		if !slices.EqualFunc(got, want, same) {
			t.Fatal("entries differ")
		}
	}
}

// TestFlips flips octets anywhere: each is found, and the chunk named is the right one.
func TestFlips(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, &Head{Header: []byte("header")}, all(items(3000))); err != nil {
		t.Fatal(err)
	}
	octets := b.Bytes()
	rng := rand.New(rand.NewPCG(vectors.Seed(t), 2))
	flips := 60
	if vectors.Thorough() {
		flips = 2000
	}
	for n := range flips {
		at := rng.IntN(len(octets))
		if n < 12 {
			at = []int{0, 7, 8, 9, 10, 11, len(octets) - 1, len(octets) - 33, len(octets) - 36, 12, 40, 12 + chunkSize}[n]
		}
		bad := bytes.Clone(octets)
		bad[at] ^= 1 << rng.IntN(8)
		_, _, err := read(bad)
		damage, ok := errors.AsType[*Damage](err)
		if !ok {
			t.Fatalf("octet %d of %d: %v", at, len(octets), err)
		}
		want := (at - len(magic)) / (chunkSize + 36)
		inChunk := at >= len(magic) && at < len(octets)-36
		if inChunk && damage.Chunk != want {
			t.Errorf("octet %d is in chunk %d: %v", at, want, err)
		}
	}
	for _, n := range []int{0, 5, 8, 11, 100, len(octets) / 2, len(octets) - 36, len(octets) - 1} {
		if _, _, err := read(octets[:n]); err == nil {
			t.Errorf("%d of %d octets are a snapshot", n, len(octets))
		}
	}
	if _, _, err := read(append(bytes.Clone(octets), 0)); err == nil {
		t.Error("a snapshot may go on after its end")
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, &Head{Header: []byte("header")}, all(items(3))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, octets []byte) { _, _, _ = read(octets) })
}
