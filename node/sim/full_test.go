package sim

import (
	"runtime"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
	"damson/net/jamnp"
)

// TestFullSet lets 1,023 validators make a chain of an epoch sealed in fallback mode and one sealed with tickets, in which
// everybody imports every block. In its short form it is a set of 60 and short epochs.
func TestFullSet(t *testing.T) {
	p, proofs := protocol.Full(), 4
	if !vectors.Thorough() {
		p.Validators, p.EpochLength, p.ContestLength, p.TicketAttempts, proofs = 60, 20, 16, 3, 1
	}
	start := time.Now()
	b, err := NewBase(p, interp.New(), false)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFull(FullOptions{
		Base: b, Seed: vectors.Seed(t), Proofs: proofs, Latency: 200 * time.Millisecond,
		Progress: func(slot protocol.Slot) {
			if slot%100 == 0 || slot < 10 && vectors.Thorough() {
				t.Logf("slot %d after %v", slot, time.Since(start).Round(time.Second))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	made := time.Since(start)
	slots := 2*p.EpochLength - 1
	if *fullSlots != 0 {
		slots = protocol.Slot(*fullSlots)
	}
	r, err := f.Run(slots)
	if err != nil {
		t.Fatal(err)
	}
	epoch := int(p.EpochLength)
	if *fullSlots == 0 && r.Blocks != 2*epoch-1 || r.Everywhere < r.Blocks-1 || *fullSlots == 0 && r.Ticketed != epoch || int(r.Final) < r.Blocks-4 {
		t.Errorf("%d blocks, %d everywhere, %d with tickets, %d final", r.Blocks, r.Everywhere, r.Ticketed, r.Final)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	vectors.Figure(t, "full set", "%d validators, %d cores: %d blocks (%d with tickets), %d imported everywhere, final %d of %d; "+
		"hops %.2f, at most %d; imported after %v, p99 %v, at most %v; set up in %v, ran for %v, heap %d MiB", r.Validators, p.Cores,
		r.Blocks, r.Ticketed, r.Everywhere, r.Final, r.Blocks, r.Hops, r.MaxHops, r.Late.Round(time.Millisecond),
		r.LateP99.Round(time.Millisecond), r.LateMax.Round(time.Millisecond), made.Round(time.Second),
		time.Since(start).Round(time.Second), m.HeapAlloc>>20)
	for _, kind := range fullKinds {
		c, nodes, who := r.Sent[kind], r.Validators, "node"
		if kind >= jamnp.GrandpaVote {
			nodes, who = f.Voters, "sampled voter"
		}
		per := float64(nodes) * float64(r.Slots)
		vectors.Figure(t, "full set", "kind %d: %.2f messages and %.0f octets sent per %s and slot",
			kind, float64(c.Messages)/per, float64(c.Octets)/per, who)
	}
}
