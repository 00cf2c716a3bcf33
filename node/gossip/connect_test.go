package gossip

import (
	"slices"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state"
)

// setsOf makes sets of which validators with these numbers are members; 0 is an offender without keys.
func setsOf(previous, active, next []byte) *Sets {
	s := &Sets{places: make(map[jamnp.PeerID]place)}
	for which, list := range [sets][]byte{previous, active, next} {
		members := make(state.Validators, len(list))
		for i, number := range list {
			if number > 0 {
				members[i].Ed25519 = jamnp.PeerID{number}
			}
		}
		s.members[which] = members
	}
	s.index()
	return s
}

func TestNeighbours(t *testing.T) {
	s := setsOf([]byte{1, 2, 3, 4, 5, 6}, []byte{1, 2, 3, 4, 5, 6}, []byte{0, 7, 3, 8, 1, 2})
	for _, tc := range []struct {
		a, b byte
		want bool
	}{
		{1, 2, true},  // a row
		{1, 3, true},  // a column
		{1, 4, false}, // neither
		{3, 4, true},
		{3, 6, false},
		{7, 2, true}, // of different epochs, with the same index
		{8, 4, true},
		{7, 8, true},  // a column of the next epoch
		{7, 5, false}, // neither
		{1, 1, false},
		{0, 1, false}, // nobody
	} {
		a, b := jamnp.PeerID{tc.a}, jamnp.PeerID{tc.b}
		if s.Neighbours(a, b) != tc.want || s.Neighbours(b, a) != tc.want {
			t.Errorf("%d and %d: want %v", tc.a, tc.b, tc.want)
		}
	}
	if !s.Announces(jamnp.PeerID{1}, jamnp.PeerID{99}) || s.Announces(jamnp.PeerID{1}, jamnp.PeerID{4}) {
		t.Error("who announces to whom")
	}
	if got := len(s.Everybody()); got != 8 {
		t.Errorf("%d validators in all", got)
	}
	if i, ok := s.Index(jamnp.PeerID{7}, Next); !ok || i != 1 {
		t.Errorf("index %d, %v", i, ok)
	}
	if _, ok := s.Index(jamnp.PeerID{7}, Current); ok {
		t.Error("a member of the wrong set")
	}
}

// TestEpoch changes connections when an epoch's first block is final, and not before so many slots of it have passed.
func TestEpoch(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	n := w.nodes[0]
	if !slices.Equal(n.epochs, []uint32{0}) {
		t.Fatalf("epochs %v", n.epochs)
	}
	begin := protocol.Slot(1020) // of epoch 85
	w.loop.AdvanceTo(w.slots.Start(begin))
	first := w.author(w.genesis.Header, begin, 0)
	n.take(first)
	n.finalize(first)
	w.loop.Advance(5 * time.Second)
	if len(n.epochs) != 1 {
		t.Error("changed before a slot has passed")
	}
	w.loop.Advance(time.Second)
	if !slices.Equal(n.epochs, []uint32{0, 85}) {
		t.Errorf("epochs %v", n.epochs)
	}
	w.loop.AdvanceTo(w.slots.Start(begin + 20))
	second := w.author(first, begin+15, 0) // of the next epoch, and final late
	n.take(second)
	n.finalize(second)
	w.loop.Run()
	w.loop.Advance(0)
	if !slices.Equal(n.epochs, []uint32{0, 85, 86}) {
		t.Errorf("epochs %v", n.epochs)
	}
}

// TestOutsider connects a node that is no validator with some of them.
func TestOutsider(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(6)
	id, at := stranger(1)
	n := w.add(id, at)
	n.Outbound = 3
	n.net.Disconnect(w.nodes[0].Self)
	w.loop.Advance(30 * time.Second)
	hash := w.author(w.genesis.Header, 1001, 0)
	w.nodes[3].take(hash)
	w.loop.Advance(10 * time.Second)
	w.agree(hash)
	if got := n.wanted(); len(got) != 3 {
		t.Errorf("wants %d connections", len(got))
	}
	if received := n.net.Stats().Received(jamnp.BlockAnnouncement).Messages; received < 2 {
		t.Errorf("%d announcements", received)
	}
}
