package gossip

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/finality"
	"damson/node/loop"
	"damson/state"
)

// TrailOptions configures NewTrail. What is not said to be optional must be set.
type TrailOptions struct {
	Params  *protocol.Params
	Network jamnp.Network
	Loop    loop.Loop
	Slots   loop.Slots
	State   *state.State // after a block that is known to be final: of the genesis, or of where a node stopped
	Log     *slog.Logger // nil: nobody wants to know
	Peers   int          // how many to ask at least, if there are so many; 0 means 3
}

// Trail is a Finality that follows justifications from epoch to epoch, by CE 153. What one peer does not have another may: the proof
// goes on where it stands.
type Trail struct {
	TrailOptions
	log   *slog.Logger
	proof finality.WarpProof
	asked map[jamnp.PeerID]bool
	good  int // peers that had nothing wrong
	idle  int
	done  func(*block.Header, protocol.Hash, error)
}

// How a trail is followed.
const (
	trailPeers = 3
	trailIdle  = 60 // seconds at slots of six without a peer
	trailTime  = 30 * time.Second
)

// ErrNoFinality means that no peer has proof of anything final.
var ErrNoFinality = errors.New("gossip: no peer proves that a block is final")

// NewTrail makes a Finality.
func NewTrail(o TrailOptions) (*Trail, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Peers == 0 {
		o.Peers = trailPeers
	}
	sets, err := NewSets(o.Params, o.State)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	t := &Trail{TrailOptions: o, log: o.Log}
	t.proof.Params = o.Params
	t.proof.Set = finality.NewSet(sets.Epoch, sets.Members(Current).Ed25519Keys())
	t.proof.Next = sets.Members(Next).Ed25519Keys()
	return t, nil
}

var _ Finality = (*Trail)(nil)

// Latest implements Finality. It must not be called again before done was.
func (t *Trail) Latest(done func(*block.Header, protocol.Hash, error)) {
	t.done, t.asked, t.good, t.idle = done, make(map[jamnp.PeerID]bool), 0, 0
	t.Loop.Post(t.next)
}

// next asks another peer, or is done.
func (t *Trail) next() {
	if t.good < t.Peers {
		for _, p := range t.Network.Peers() {
			if !t.asked[p.ID] {
				t.asked[p.ID] = true
				t.ask(p.ID)
				return
			}
		}
	}
	switch t.idle++; {
	case t.proof.Header != nil && t.good > 0:
		t.log.Info("found what is final", "slot", t.proof.Header.Slot, "block", t.proof.Target.Header, "peers", t.good)
		t.done(t.proof.Header, t.proof.Target.StateRoot, nil)
	case t.idle < trailIdle:
		if len(t.Network.Peers()) > 0 {
			t.idle += trailIdle / 10 // they have nothing: not much use in asking them again
			clear(t.asked)
		}
		t.Loop.After(t.Slots.Scale(time.Second), t.next)
	default:
		t.done(nil, protocol.Hash{}, ErrNoFinality)
	}
}

// ask asks a peer for what follows, until it has no more.
func (t *Trail) ask(id jamnp.PeerID) {
	m := &jamnp.WarpRequest{Set: t.proof.Set.ID}
	timeout := max(t.Slots.Scale(trailTime), minRequestTime)
	t.Network.Request(id, jamnp.WarpSync, [][]byte{jamnp.Encode(m)}, jamnp.WarpStepsLimit(t.Params), timeout,
		func(answer [][]byte, err error) {
			if err != nil || len(answer) != 1 {
				t.next()
				return
			}
			proof := t.proof
			t.Loop.Go("trail", func() func() {
				steps, err := follow(&proof, answer[0])
				return func() { t.took(id, proof, steps, err) }
			})
		})
}

// follow verifies an answer, and says how many steps it had.
func follow(proof *finality.WarpProof, answer []byte) (steps int, err error) {
	var list jamnp.WarpSteps
	if err := list.Decode(answer, proof.Params); err != nil {
		return 0, err
	}
	for i := range list {
		if proof.Header != nil && list[i].Commit.Target.Slot <= proof.Header.Slot {
			continue // known from others
		}
		if err := proof.Advance(&list[i]); err != nil {
			return i, err
		}
	}
	return len(list), nil
}

// took notes what an answer has proved.
func (t *Trail) took(id jamnp.PeerID, proof finality.WarpProof, steps int, err error) {
	further := proof.Set.ID > t.proof.Set.ID
	t.proof = proof // what came before a step that is wrong is proved
	if err != nil {
		t.log.Debug("a justification is not good", "peer", id.PeerName(), "error", err)
		t.Network.Blame(id, blameMalformed, fmt.Errorf("warp request: %w", err))
		t.next()
		return
	}
	if further && steps == jamnp.MaxWarpSteps {
		t.ask(id)
		return
	}
	t.good++
	t.next()
}
