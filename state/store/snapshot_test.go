package store

import (
	"bytes"
	"errors"
	"testing"

	"damson/state/store/snapshot"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestSnapshots exports a state, imports it elsewhere and goes on there.
func TestSnapshots(t *testing.T) {
	m := model{seed: 5, keys: 40_000}
	want := m.states(4)
	from := open(t, "chain", Options{FS: vfs.NewMem()})
	m.extend(t, from, 0, 2)
	var file bytes.Buffer
	if err := from.Export(&file, m.hash(2, 0)); err != nil {
		t.Fatal(err)
	}
	to := open(t, "chain", Options{FS: vfs.NewMem(), CacheBytes: 1 << 20})
	octets := bytes.Clone(file.Bytes())
	octets[len(octets)/2] ^= 4
	_, err := to.Import(bytes.NewReader(octets))
	if damage, ok := errors.AsType[*snapshot.Damage](err); !ok || damage.Chunk < 0 {
		t.Fatalf("a damaged snapshot: %v", err)
	}
	if n := to.count(t, prefixRecord); n != 0 {
		t.Errorf("a damaged snapshot left %d records", n)
	}
	hash, err := to.Import(&file)
	if err != nil || hash != m.hash(2, 0) {
		t.Fatal(hash, err)
	}
	best, ok, err := to.Best()
	if err != nil || !ok || best.Hash != hash {
		t.Fatal(best, err)
	}
	got, err := to.State(hash)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want[2])
	checkRecords(t, to, []*Entry{best})
	m.extend(t, to, 3, 3)
	if got, err = to.State(m.hash(3, 0)); err != nil {
		t.Fatal(err)
	}
	same(t, got, want[3])
}
