package guarantor_test

import (
	"fmt"
	"testing"
	"time"

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
