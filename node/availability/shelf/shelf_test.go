package shelf

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/bundle"
	"damson/internal/protocol"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// world is a shelf on a disk that can crash.
type world struct {
	testing.TB
	fs    *vfs.MemFS
	o     Options
	shelf *Shelf
	rng   *rand.Rand
	coder *bundle.Coder
}

func newWorld(t testing.TB, o Options) *world {
	o.Params = protocol.Tiny()
	coder, err := bundle.NewCoder(o.Params)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, fs: vfs.NewCrashableMem(), o: o, rng: rand.New(rand.NewPCG(1, 2)), coder: coder}
	w.open()
	t.Cleanup(func() { w.must(w.shelf.Close()) })
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.Helper()
		w.Fatal(err)
	}
}

func (w *world) open() {
	w.Helper()
	var err error
	w.o.FS = w.fs
	w.shelf, err = Open("work", w.o)
	w.must(err)
}

// crash loses what is not synced.
func (w *world) crash() {
	w.Helper()
	after := w.fs.CrashClone(vfs.CrashCloneCfg{})
	w.must(w.shelf.Close())
	w.fs = after
	w.open()
}

// available makes a package of random octets.
func (w *world) available(exports int) (*bundle.Available, []byte) {
	w.Helper()
	octets := make([]byte, 1000)
	for i := range octets {
		octets[i] = byte(w.rng.Uint32())
	}
	segments := make([][]byte, exports)
	for i := range segments {
		segments[i] = make([]byte, w.o.Params.SegmentOctets())
		segments[i][0] = byte(w.rng.Uint32())
	}
	a, err := w.coder.Specify(blake2b.Sum256(octets), octets, segments)
	w.must(err)
	return a, octets
}

// What was put is there after a crash, and goes when its time is over: bundles first.
func TestKeep(t *testing.T) {
	w := newWorld(t, Options{SegmentSlots: 100})
	a, octets := w.available(3)
	root := a.Spec.ErasureRoot
	shards := a.Shards(4)
	w.must(w.shelf.PutShards(root, 10, shards))
	w.must(w.shelf.PutShards(root, 12, shards)) // again, on another fork
	w.must(w.shelf.PutPackage(&a.Spec, 10, octets, a.Segments.Exports))
	report := &Report{Hash: protocol.Hash{1}, Spec: a.Spec, Core: 1, Slot: 10, Guarantors: []protocol.Ed25519Key{{1}, {2}}}
	w.must(w.shelf.PutReport(report))
	w.must(w.shelf.PutSet(3, 10, []protocol.Ed25519Key{{3}, {4}}))
	size := w.shelf.Size()
	w.crash()
	if w.shelf.Size() != size {
		t.Errorf("size %d, was %d", w.shelf.Size(), size)
	}

	got, err := w.shelf.Shards(root, 4)
	w.must(err)
	if !reflect.DeepEqual(&got.Shards, shards) || !got.Verify(root, w.o.Params.Validators) || got.BundleHash != blake2b.Sum256(shards.Bundle) {
		t.Error("other shards")
	}
	hash, again, exports, err := w.shelf.Package(root)
	w.must(err)
	if hash != a.Spec.Hash || !bytes.Equal(again, octets) || !reflect.DeepEqual(exports, a.Segments.Exports) {
		t.Error("another package")
	}
	if exports, err := w.shelf.ExportsBy(a.Spec.ExportsRoot); err != nil || len(exports) != 3 {
		t.Errorf("%d exports: %v", len(exports), err)
	}
	r, err := w.shelf.Report(root)
	w.must(err)
	if !reflect.DeepEqual(r, report) {
		t.Errorf("report %+v", r)
	}
	if by, err := w.shelf.ErasureRoot(a.Spec.ExportsRoot); err != nil || by != root {
		t.Errorf("erasure root %v: %v", by, err)
	}
	if set, err := w.shelf.Set(3); err != nil || len(set) != 2 {
		t.Errorf("set %v: %v", set, err)
	}
	if _, err := w.shelf.Shards(root, 3); !errors.Is(err, ErrNotFound) {
		t.Errorf("of another index: %v", err)
	}

	brief := w.o.Params.AvailabilityTimeout + 2*w.o.Params.RotationPeriod
	for _, tc := range []struct {
		final           protocol.Slot
		bundle, segment bool
	}{{10 + brief, true, true}, {11 + brief, false, true}, {110, false, true}, {111, false, false}} {
		w.must(w.shelf.Finalized(tc.final))
		got, err := w.shelf.Shards(root, 4)
		has, hasErr := w.shelf.HasShards(root, 4)
		w.must(hasErr)
		if (err == nil) != tc.segment || err == nil && (got.Bundle != nil) != tc.bundle || has != tc.bundle {
			t.Errorf("slot %d is final: %v", tc.final, err)
		}
		if _, _, _, err := w.shelf.Package(root); (err == nil) != tc.bundle {
			t.Errorf("slot %d is final: package: %v", tc.final, err)
		}
		if _, err := w.shelf.ErasureRoot(a.Spec.ExportsRoot); (err == nil) != tc.segment {
			t.Errorf("slot %d is final: root: %v", tc.final, err)
		}
	}
	if w.shelf.Size() != 0 {
		t.Errorf("%d octets are left", w.shelf.Size())
	}
}

// A full shelf loses what is oldest, and never more than it must.
func TestFull(t *testing.T) {
	w := newWorld(t, Options{Bytes: 60_000})
	var roots []protocol.Hash
	for slot := range protocol.Slot(40) {
		a, _ := w.available(1)
		w.must(w.shelf.PutShards(a.Spec.ErasureRoot, slot, a.Shards(0)))
		roots = append(roots, a.Spec.ErasureRoot)
		if w.shelf.Size() > w.o.Bytes {
			t.Fatalf("%d octets", w.shelf.Size())
		}
	}
	kept := 0
	for i, root := range roots {
		_, err := w.shelf.Shards(root, 0)
		if err == nil {
			kept++
		} else if kept > 0 {
			t.Errorf("%d is gone, and an older one is not", i)
		}
	}
	if kept < 8 {
		t.Errorf("%d are kept", kept)
	}
	big := &bundle.Shards{Bundle: make([]byte, 70_000)}
	if err := w.shelf.PutShards(protocol.Hash{}, 50, big); !errors.Is(err, ErrFull) {
		t.Errorf("too big: %v", err)
	}
}

// Shards as they are kept for full parameters, synced.
func BenchmarkPutShards(b *testing.B) {
	w := newWorld(b, Options{})
	a, _ := w.available(64)
	x := a.Shards(0)
	size := len(x.Bundle)
	for _, s := range x.Segments {
		size += len(s)
	}
	b.SetBytes(int64(size))
	var root protocol.Hash
	for b.Loop() {
		root[0]++
		if root[0] == 0 {
			root[1]++
		}
		w.must(w.shelf.PutShards(root, 1, x))
	}
}
