package jamnp

import (
	"math/rand/v2"
	"testing"

	"damson/internal/protocol"
)

func TestGrid(t *testing.T) {
	for _, tc := range []struct{ validators, width int }{{1, 1}, {6, 2}, {8, 2}, {9, 3}, {1023, 31}, {1024, 32}, {16383, 127}} {
		if got := Width(tc.validators); got != tc.width {
			t.Errorf("Width(%d) = %d, want %d", tc.validators, got, tc.width)
		}
	}
	// Six validators stand in rows of two: 0 1, 2 3, 4 5.
	if got := NeighboursOf(0, 6); len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 4 {
		t.Errorf("neighbours of 0 of 6: %v", got)
	}
	// Of 1,023 in rows of 31 each has 30 in its row and 32 in its column.
	for v := range protocol.Validator(1023) {
		if got := len(NeighboursOf(v, 1023)); got != 30+32 {
			t.Fatalf("%d of 1023 has %d neighbours", v, got)
		}
	}
}

// TestGridReach: any two are neighbours, or a neighbour of one is a neighbour of the other.
func TestGridReach(t *testing.T) {
	const validators = 60 // rows of 7, and one of 4
	for a := range protocol.Validator(validators) {
		for b := range protocol.Validator(validators) {
			if Neighbours(a, b, validators) != Neighbours(b, a, validators) {
				t.Fatalf("%d and %d differ about each other", a, b)
			}
			reached := a == b || Neighbours(a, b, validators)
			for _, c := range NeighboursOf(a, validators) {
				reached = reached || Neighbours(c, b, validators)
			}
			if !reached {
				t.Errorf("%d does not reach %d in two hops", a, b)
			}
		}
	}
}

func TestPreferredInitiator(t *testing.T) {
	low, high := PeerID{0: 1}, PeerID{0: 2}
	lowTop, highTop := low, high
	lowTop[31], highTop[31] = 128, 255
	for _, tc := range []struct{ a, b, want PeerID }{
		{low, high, low}, {lowTop, highTop, lowTop}, {lowTop, high, high}, {low, highTop, highTop},
	} {
		if PreferredInitiator(tc.a, tc.b) != tc.want || PreferredInitiator(tc.b, tc.a) != tc.want {
			t.Errorf("of %x and %x", tc.a, tc.b)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var a, b PeerID
		for i := range a {
			a[i], b[i] = byte(rng.Uint32()), byte(rng.Uint32())
		}
		if PreferredInitiator(a, b) != PreferredInitiator(b, a) {
			t.Fatalf("%x and %x differ", a, b)
		}
	}
}

func TestTicketProxy(t *testing.T) {
	id := protocol.Hash{28: 1, 31: 2} // 2²⁴ + 2
	if got, want := TicketProxy(id, 1023), protocol.Validator((1<<24+2)%1023); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestShards(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for core := range protocol.Core(p.Cores) {
			for v := range protocol.Validator(p.Validators) {
				shard := ShardOf(core, v, p)
				if int(shard) >= p.Validators || HolderOf(core, shard, p) != v {
					t.Fatalf("core %d, validator %d: shard %d held by %d", core, v, shard, HolderOf(core, shard, p))
				}
			}
		}
	}
	if got := ShardOf(340, 1022, protocol.Full()); got != uint16((340*342+1022)%1023) {
		t.Errorf("got %d", got)
	}
}
