package guarantor_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node"
	"damson/node/guarantor"
	"damson/node/roster"
)

// A builder's package is guaranteed, distributed, reported, made available and accumulated.
func TestPackageToAccumulation(t *testing.T) {
	w := newWorld(t, nil)
	b := w.pack(set("key", "value"))
	from := w.slots.At(w.loop.Now())
	w.submit(0, b)
	w.until(6, "accumulated", func() bool { return w.stored("key") == "value" })
	t.Logf("accumulated in slot %d, submitted in slot %d", w.best().Slot, from)
	var guaranteed, signed, shards, assurances uint64
	for _, n := range w.nodes {
		c := n.Status().Work
		guaranteed, signed, shards, assurances = guaranteed+c.Guaranteed, signed+c.Signed, shards+c.Shards, assurances+c.Assurances
	}
	if guaranteed != 1 || signed != 3 || shards != 6 || assurances < 6 {
		t.Errorf("%d guaranteed, %d signatures, %d shards, %d assurances", guaranteed, signed, shards, assurances)
	}
	w.nobodyBlamed()
}

// What one package exports another one imports, by the root and by the package; on the other core too.
func TestExportsAreImported(t *testing.T) {
	w := newWorld(t, nil)
	exports := w.pack(block.WorkItem{Service: theExporter, Exports: 70, Payload: []byte{70}})
	hash := exports.Package.Hash()
	w.submit(0, exports)
	var root protocol.Hash
	w.until(4, "reported", func() bool {
		pending, err := w.best().State.Reports()
		w.must(err)
		if pending[0] == nil {
			return false
		}
		root = pending[0].Report.Package.ExportsRoot
		return pending[0].Report.Package.Hash == hash
	})
	outputs := make(map[uint64]bool)
	seen := func() {
		pending, err := w.best().State.Reports()
		w.must(err)
		for _, a := range pending {
			if a != nil && a.Report.Package.Hash != hash {
				if r := a.Report.Digests[0].Result; r.Outcome != block.OutcomeOK || len(r.Output) != 8 {
					t.Fatalf("the import's outcome is %d", r.Outcome)
				} else {
					outputs[binary.LittleEndian.Uint64(r.Output)] = true
				}
			}
		}
	}
	w.submit(1, w.pack(block.WorkItem{Service: theImporter, Imports: []block.Import{{Root: hash, ByPackage: true, Index: 3}}}))
	w.until(4, "imported by package", func() bool { seen(); return outputs[67] })
	w.submit(0, w.pack(block.WorkItem{Service: theImporter, Imports: []block.Import{{Root: root, Index: 69}}}))
	w.until(4, "imported by root", func() bool { seen(); return outputs[1] })
	w.nobodyBlamed()
}

// Every core has a package each slot: of six seconds or of one, on a good network and on a bad one.
func TestEverySlot(t *testing.T) {
	bad := simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 150 * time.Millisecond, Loss: 0.03, Duplicate: 0.05, Reorder: 0.1}
	good := simnet.Faults{MinLatency: time.Millisecond, MaxLatency: 20 * time.Millisecond}
	for name, tc := range map[string]struct {
		slot   time.Duration
		faults simnet.Faults
		seeds  uint64
		want   int // percent
	}{
		"six seconds":        {6 * time.Second, good, 1, 100},
		"one second":         {time.Second, good, 2, 100},
		"six seconds, badly": {6 * time.Second, bad, 2, 90},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range tc.seeds {
				w := newWorldOf(t, nil, tc.slot, seed, tc.faults)
				w.everySlot(16, tc.want)
			}
		})
	}
}

// everySlot sends a package to each core in each slot, and demands that so many percent are accumulated.
func (w *world) everySlot(slots, percent int) {
	w.t.Helper()
	var all []string
	for s := range slots {
		for core := range protocol.Core(2) {
			key := fmt.Sprintf("slot %d, core %d", s, core)
			w.send(core, w.pack(set(key, "v")), func(_ jamnp.PeerID, err error) {
				if err != nil {
					w.t.Logf("%s: %v", key, err)
				}
			})
			all = append(all, key)
		}
		w.run(1)
	}
	w.run(8)
	done := 0
	for _, key := range all {
		if w.stored(key) == "v" {
			done++
		} else {
			w.t.Logf("lost: %s", key)
		}
	}
	for _, n := range w.nodes {
		w.t.Logf("node %d: %+v", n.index, n.Status().Work)
	}
	if 100*done < len(all)*percent {
		w.t.Errorf("%d of %d packages accumulated", done, len(all))
	}
	w.nobodyBlamed()
}

// A backlog of all guarantors of both cores is worked off: they do not stand in each other's way.
func TestBacklog(t *testing.T) {
	w := newWorld(t, nil)
	const each = 2
	var keys []string
	for i := range each {
		for _, n := range w.nodes {
			core, _ := w.coreOf(n)
			key := fmt.Sprintf("%d of %d", i, n.index)
			kind, messages := guarantor.Messages(core, w.pack(set(key, "v")), nil)
			w.builder.Request(n.Self, kind, messages, 0, time.Second, func(_ [][]byte, err error) { w.must(err) })
			keys = append(keys, key)
		}
	}
	done := 0
	w.run(9) // with two more than there are packages for a core
	for _, key := range keys {
		if w.stored(key) == "v" {
			done++
		} else {
			t.Logf("not accumulated: %s", key)
		}
	}
	if done < len(keys)-1 {
		t.Errorf("%d of %d", done, len(keys))
	}
	w.nobodyBlamed()
}

// Guarantors that give wrong shards, garbage or too much are blamed, and the others asked.
func TestWrongShards(t *testing.T) {
	for name, lie := range map[string]func([][]byte) [][]byte{
		"wrong":    spoil,
		"garbage":  func([][]byte) [][]byte { return [][]byte{{1}, {2}, {3}} },
		"nothing":  func([][]byte) [][]byte { return nil },
		"too much": func(m [][]byte) [][]byte { return [][]byte{m[0], make([]byte, 1<<20), m[2]} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			bad := make(map[jamnp.PeerID]bool)
			_, group := w.coreOf(w.submit(0, w.pack(set("key", "value"))))
			for _, v := range group[:2] {
				w.nodes[v].lie(jamnp.ShardDistribution, lie)
				bad[w.nodes[v].Self] = true
			}
			w.until(6, "accumulated", func() bool { return w.stored("key") == "value" })
			w.run(1)
			blamed := 0
			for _, n := range w.nodes {
				for id := range bad {
					if n.net.blamed[id] != nil {
						blamed++
					}
					delete(n.net.blamed, id)
				}
			}
			if blamed == 0 && name != "too much" { // that is for the network to blame
				t.Error("nobody blames it")
			}
			w.nobodyBlamed()
		})
	}
}

// One guarantor whose results are wrong gets no signatures, and nothing wrong gets into a block.
func TestWrongResult(t *testing.T) {
	w := newWorld(t, func(i int, o *node.Options) { o.Mistakes.Guarantor.WrongResult = i == 0 })
	core, _ := w.coreOf(w.nodes[0])
	kind, messages := guarantor.Messages(core, w.pack(set("key", "value")), nil)
	w.builder.Request(w.nodes[0].Self, kind, messages, 0, time.Second, func(_ [][]byte, err error) { w.must(err) })
	w.run(8)
	if w.nodes[0].Status().Work.Guaranteed != 0 { // those of the next rotation may do better
		t.Error("a wrong report was guaranteed")
	}
	w.submit(core, w.pack(set("other", "value")))
	w.until(8, "accumulated, by the two others", func() bool { return w.stored("other") == "value" })
}

// coreOf gives what a validator guarantees for now.
func (w *world) coreOf(n *validator) (protocol.Core, []protocol.Validator) {
	w.t.Helper()
	duties, err := roster.At(w.params, w.best().State, w.slots.At(w.loop.Now()))
	w.must(err)
	core, _, ok := duties.Now().Core(n.Self)
	if !ok {
		w.t.Fatal("no guarantor")
	}
	return core, duties.Now().Group(core)
}
