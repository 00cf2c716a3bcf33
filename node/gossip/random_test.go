package gossip

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/net/jamnp"
	"damson/net/simnet"
)

// TestRandom lets random nodes author on what they think is best, in a network that loses, delays, doubles and reorders, and that
// is cut now and then, with nodes that die and come back. When it is well again, all know all blocks that anybody has.
func TestRandom(t *testing.T) {
	seed, runs := vectors.Seed(t), uint64(3)
	if vectors.Thorough() {
		runs = 100
	}
	for run := range runs {
		if trace := randomRun(t, seed+run); run == 0 && trace != randomRun(t, seed+run) {
			t.Errorf("seed %d: two runs differ", seed+run)
		}
	}
}

func randomRun(t *testing.T, seed uint64) (trace string) {
	w := newWorldOf(t, simnet.Faults{
		MinLatency: 10 * time.Millisecond, MaxLatency: 3 * time.Second, Loss: 0.2, Duplicate: 0.1, Reorder: 0.3,
	}, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	w.validators(6)
	for slot := protocol.Slot(firstSlot + 1); slot < firstSlot+25; slot++ {
		w.loop.AdvanceTo(w.slots.Start(slot))
		author := w.nodes[rng.IntN(6)]
		hash := w.author(author.Chain.Best().Hash, slot, 0)
		author.take(hash)
		switch rng.IntN(8) {
		case 0:
			var group []jamnp.PeerID
			for _, n := range w.nodes {
				if rng.IntN(2) == 0 {
					group = append(group, n.Self)
				}
			}
			w.net.Partition(group)
		case 1:
			w.net.Heal()
		case 2:
			w.reopen(rng.IntN(6))
		}
	}
	w.net.Heal()
	w.net.SetFaults(fast)
	w.loop.Advance(3 * time.Minute)
	last := w.author(w.nodes[0].Chain.Best().Hash, firstSlot+55, 0) // whoever misses a block learns of a descendant
	w.nodes[0].take(last)
	w.loop.Advance(time.Minute)
	for i, n := range w.nodes {
		if n.Chain.Best().Hash != w.nodes[0].Chain.Best().Hash {
			t.Errorf("seed %d: node %d: best is of slot %d", seed, i, n.Chain.Best().Slot)
		}
		if n.fetched != 0 || len(n.wants) != 0 {
			t.Errorf("seed %d: node %d still wants %d blocks, and holds %d octets", seed, i, len(n.wants), n.fetched)
		}
		if n.worst > blameSilent {
			t.Errorf("seed %d: node %d blames the honest with %d points", seed, i, n.worst)
		}
		sent, _ := n.net.Stats().Total()
		trace += fmt.Sprintln(i, n.Chain.Best().Slot, len(n.Chain.Leaves()), sent)
	}
	return trace
}

// reopen kills a node and starts it again on its store.
func (w *world) reopen(i int) {
	w.t.Helper()
	old := w.nodes[i]
	w.net.Crash(old.Self)
	w.loop.Run()
	rest := w.nodes[i+1:]
	w.nodes = w.nodes[:i:i]
	w.open(old.Store, old.Self, old.net.Address(), old.Bootnodes...)
	w.nodes = append(w.nodes, rest...)
}
