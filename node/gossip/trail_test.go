package gossip

import (
	"errors"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// justify makes a step: a block's header with the precommits of some validators, in the order of κ.
func (w *world) justify(hash protocol.Hash, set uint32, voters int) jamnp.WarpStep {
	w.t.Helper()
	var v block.View
	w.must(v.Decode(w.octets[hash], w.params))
	target := jamnp.Ballot{Header: hash, StateRoot: w.tips[hash].State.Root(), Slot: w.slotOf(hash)}
	s := jamnp.WarpStep{Header: v.HeaderOctets(), Commit: jamnp.Commit{Round: 3, Set: set, Target: target}}
	for _, secret := range devchain.Validators(voters) {
		s.Commit.Precommits = append(s.Commit.Precommits, jamnp.SignedBallot{
			Ballot: target, Voter: secret.Ed25519.Public(),
			Signature: secret.Ed25519.Sign(jamnp.VotePayload(3, set, jamnp.Precommit, &target)),
		})
	}
	return s
}

// TestTrail follows justifications over two epochs, with a peer that knows less and one that lies.
func TestTrail(t *testing.T) {
	w := newWorld(t, fast)
	blocks := w.grow(w.genesis.Header, 5, 30) // slots 5 to 34: epochs 0 to 2
	first, second, last := w.justify(blocks[7], 0, 6), w.justify(blocks[19], 1, 5), w.justify(blocks[25], 2, 6)
	peers := []jamnp.WarpSteps{{first}, {first, w.justify(blocks[19], 1, 4)}, {first, second, last}}
	id, at := stranger(1)
	self := &liar{}
	self.Node = w.net.Node(id, at, self, w.loop)
	trail, err := NewTrail(TrailOptions{Params: w.params, Network: self, Loop: w.loop, Slots: w.slots, State: w.genesis.State, Peers: 5})
	w.must(err)
	var header *block.Header
	var root protocol.Hash
	var why error
	latest := func() {
		why = nil
		trail.Latest(func(h *block.Header, r protocol.Hash, err error) { header, root, why = h, r, err })
		w.loop.Advance(2 * time.Minute)
	}
	if latest(); !errors.Is(why, ErrNoFinality) {
		t.Errorf("without peers: %v", why)
	}
	for i, steps := range peers {
		l := &liar{answer: func(_ jamnp.Kind, request []byte) [][]byte {
			var q jamnp.WarpRequest
			w.must(q.Decode(request, w.params))
			var answer jamnp.WarpSteps
			for _, s := range steps {
				if s.Commit.Set >= q.Set {
					answer = append(answer, s)
				}
			}
			return [][]byte{jamnp.Encode(&answer)}
		}}
		peerID, peerAt := stranger(10 + i)
		l.Node = w.net.Node(peerID, peerAt, l, w.loop)
		self.Connect(peerID, peerAt)
	}
	w.loop.Advance(20 * time.Second)
	if latest(); why != nil || header.Slot != 30 || root != last.Commit.Target.StateRoot {
		t.Fatalf("got %v, %v", header, why)
	}
	if got := self.Stats().Blame; got != blameMalformed {
		t.Errorf("blame %d", got)
	}
	if latest(); why != nil || header.Slot != 30 {
		t.Errorf("asked again: %v, %v", header, why)
	}
}
