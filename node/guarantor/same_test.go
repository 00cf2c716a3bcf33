package guarantor_test

import (
	"fmt"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/simnet"
)

// The same seed makes the same blocks, whatever happens on the way.
func TestSameSeed(t *testing.T) {
	bad := simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 150 * time.Millisecond, Loss: 0.05, Duplicate: 0.05, Reorder: 0.2}
	var first string
	for range 2 {
		w := newWorldOf(t, nil, 6*time.Second, 5, bad)
		w.everySlot(6, 50)
		outcome := fmt.Sprint(w.best().Hash)
		for _, n := range w.nodes {
			outcome += fmt.Sprintf("\n%+v", n.Status().Work)
		}
		if first == "" {
			first = outcome
		} else if outcome != first {
			t.Errorf("first %s\nthen %s", first, outcome)
		}
	}
}

// A package waits for the one that it depends on, by name or by an import.
func TestDependents(t *testing.T) {
	w := newWorld(t, nil)
	first := w.pack(set("first", "v"), block.WorkItem{Service: theExporter, Exports: 2, Payload: []byte{2}})
	hash := first.Package.Hash()
	second := w.pack(set("second", "v"))
	second.Package.Context.Prerequisites = []protocol.Hash{hash}
	third := w.pack(block.WorkItem{Service: theImporter, Imports: []block.Import{{Root: hash, ByPackage: true, Index: 1}}}, set("third", "v"))
	w.submit(1, second)
	w.submit(1, third)
	w.run(1)
	if w.stored("second") != "" {
		t.Error("it did not wait")
	}
	w.submit(0, first)
	w.until(7, "accumulated", func() bool {
		return w.stored("first") == "v" && w.stored("second") == "v" && w.stored("third") == "v"
	})
	w.nobodyBlamed()
}
