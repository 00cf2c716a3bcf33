package finality

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/crypto/ed25519"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// blames is a network that remembers what a node blames others for.
type blames struct {
	*simRun
	reasons []error
}

func (b *blames) Blame(_ jamnp.PeerID, _ int, reason error) { b.reasons = append(b.reasons, reason) }

// attacked gives a voter and one of its peers, who is a voter of the set and about to send something.
func attacked(t *testing.T) (*Voter, *simNode, *blames) {
	t.Helper()
	w := emptyWorld(rand.New(rand.NewPCG(3, 3)), 6, 12, 6*time.Second)
	for _, n := range w.nodes {
		n.start()
	}
	w.runUntil(w.now.Add(time.Second))
	v := w.nodes[0].voter
	b := &blames{simRun: w.nodes[0].run}
	v.Network = b
	return v, w.nodes[1], b
}

func (n *simNode) serve(v *Voter, kind jamnp.Kind, messages ...[]byte) {
	v.Serve(&simExchange{n.w.nodes[0].run, n.run, kind, messages, func([][]byte, error) {}})
	n.w.runUntil(n.w.now.Add(100 * time.Millisecond))
}

func TestHostile(t *testing.T) {
	v, peer, _ := attacked(t)
	target := v.tree.root.Ballot
	sign := func(t jamnp.BallotType, n *simNode) jamnp.SignedBallot {
		return jamnp.SignedBallot{Ballot: target, Voter: n.key, Signature: simSignature(n.key, jamnp.VotePayload(1, 0, t, &target))}
	}
	good, bad := sign(jamnp.Prevote, peer), sign(jamnp.Prevote, peer)
	bad.Slot++
	stranger := sign(jamnp.Prevote, &simNode{key: protocol.Ed25519Key{9}})
	votes := func(t jamnp.BallotType, b jamnp.SignedBallot) []byte {
		return jamnp.Encode(&jamnp.Votes{Round: 1, Ballots: []jamnp.TypedBallot{{Type: t, SignedBallot: b}}})
	}
	high := target
	high.Slot = 5
	commit := func(precommits ...jamnp.SignedBallot) []byte {
		return jamnp.Encode(&jamnp.Commit{Round: 1, Target: high, Precommits: precommits})
	}
	for _, tc := range []struct {
		name     string
		kind     jamnp.Kind
		messages [][]byte
		rule     error // nil: not to blame
	}{
		{"a good vote", jamnp.GrandpaVote, [][]byte{votes(jamnp.Prevote, good)}, nil},
		{"a bad signature", jamnp.GrandpaVote, [][]byte{votes(jamnp.Prevote, bad)}, ErrSignature},
		{"a stranger's vote", jamnp.GrandpaVote, [][]byte{votes(jamnp.Prevote, stranger)}, ErrUnknownVoter},
		{"not the primary", jamnp.GrandpaVote, [][]byte{votes(jamnp.PrimaryProposal, sign(jamnp.PrimaryProposal, peer.w.nodes[2]))}, ErrNotPrimary},
		{"two messages", jamnp.GrandpaVote, [][]byte{votes(jamnp.Prevote, good), {1}}, ErrExtra},
		{"no message", jamnp.GrandpaVote, nil, nil},
		{"an old set", jamnp.GrandpaVote, [][]byte{jamnp.Encode(&jamnp.Votes{Round: 1, Set: 9, Ballots: []jamnp.TypedBallot{{SignedBallot: bad}}})}, nil},
		{"a round far ahead", jamnp.GrandpaVote, [][]byte{jamnp.Encode(&jamnp.Votes{Round: 1 << 60, Ballots: []jamnp.TypedBallot{{SignedBallot: bad}}})}, nil},
		{"an empty commit", jamnp.GrandpaCommit, [][]byte{commit()}, ErrTooFew},
		{"one vote five times", jamnp.GrandpaCommit, [][]byte{commit(good, good, good, good, good)}, ErrTwice},
		{"garbage", jamnp.GrandpaState, [][]byte{[]byte("garbage")}, protocol.Invalid("codec/ends_too_early")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, peer, b := attacked(t)
			peer.serve(v, tc.kind, tc.messages...)
			switch {
			case tc.rule == nil && len(b.reasons) > 0:
				t.Errorf("blamed for %v", b.reasons)
			case tc.rule != nil && (len(b.reasons) != 1 || !errors.Is(b.reasons[0], tc.rule)):
				t.Errorf("blamed for %v, want %v", b.reasons, tc.rule)
			}
		})
	}
}

// TestFlood: what a peer can make a voter keep is bounded, and it is blamed for too much.
func TestFlood(t *testing.T) {
	v, peer, b := attacked(t)
	for i := range 3000 {
		target := jamnp.Ballot{Header: protocol.Hash{byte(i), byte(i >> 8), 7}, Slot: 1000}
		m := jamnp.Votes{Round: 1 + uint64(i%3)}
		m.Ballots = []jamnp.TypedBallot{{Type: jamnp.BallotType(i % 2), SignedBallot: jamnp.SignedBallot{
			Ballot: target, Voter: peer.key, Signature: simSignature(peer.key, jamnp.VotePayload(m.Round, 0, jamnp.BallotType(i%2), &target)),
		}}}
		v.Serve(&simExchange{v.Network.(*blames).simRun, peer.run, jamnp.GrandpaVote, [][]byte{jamnp.Encode(&m)}, func([][]byte, error) {}})
		if i%100 == 0 {
			peer.w.runUntil(peer.w.now.Add(10 * time.Millisecond))
		}
	}
	peer.w.runUntil(peer.w.now.Add(time.Second))
	if len(b.reasons) == 0 || !errors.Is(b.reasons[0], ErrQuota) {
		t.Errorf("blamed for %v", b.reasons)
	}
	if r := v.current(); r.boxes[0].count > 12 || len(v.asked) > maxAsked || len(v.rounds) > keptRounds+1 {
		t.Errorf("%d votes, %d blocks asked for, %d rounds", r.boxes[0].count, len(v.asked), len(v.rounds))
	}
}

// FuzzServe: nothing that a peer sends makes a voter panic.
func FuzzServe(f *testing.F) {
	for k := jamnp.GrandpaVote; k <= jamnp.WarpSync; k++ {
		f.Add(uint8(k), make([]byte, 40))
	}
	f.Fuzz(func(t *testing.T, kind uint8, message []byte) {
		v, peer, _ := attacked(t)
		peer.serve(v, jamnp.Kind(149+kind%5), message)
	})
}

// secrets derives keys that sign for real.
func secrets(n int, name string) (keys []ed25519.PrivateKey, public []protocol.Ed25519Key) {
	for i := range n {
		k := ed25519.NewPrivateKey(blake2b.Sum256([]byte{byte(i), name[0]}))
		keys, public = append(keys, k), append(public, k.Public())
	}
	return keys, public
}

// TestWarp: from the voters of the first epoch alone, headers and justifications prove which blocks are final.
func TestWarp(t *testing.T) {
	p := protocol.Tiny()
	var keys [5][]ed25519.PrivateKey // whose turn it is in each epoch
	var public [5][]protocol.Ed25519Key
	for i := range keys {
		keys[i], public[i] = secrets(p.Validators, string(rune('a'+i)))
	}
	step := func(slot protocol.Slot, signers int) *jamnp.WarpStep {
		h := block.Header{Slot: slot, PriorStateRoot: protocol.Hash{byte(slot)}}
		epoch := int(slot / p.EpochLength)
		set := epoch
		if slot%p.EpochLength == 0 { // finalized by the set before, and it names the set after its own
			set--
			h.EpochMark = &block.EpochMark{}
			for _, k := range public[epoch+1] {
				h.EpochMark.Validators = append(h.EpochMark.Validators, block.EpochMarkKeys{Ed25519: k})
			}
		}
		s := &jamnp.WarpStep{Header: h.AppendTo(nil)}
		s.Commit = jamnp.Commit{Round: 3, Set: uint32(set), Target: jamnp.Ballot{
			Header: blake2b.Sum256(s.Header), StateRoot: protocol.Hash{1, byte(slot)}, Slot: slot,
		}}
		payload := jamnp.VotePayload(3, uint32(set), jamnp.Precommit, &s.Commit.Target)
		for i := range signers {
			s.Commit.Precommits = append(s.Commit.Precommits, jamnp.SignedBallot{
				Ballot: s.Commit.Target, Signature: keys[set][i].Sign(payload), Voter: public[set][i],
			})
		}
		return s
	}
	start := func() *WarpProof { return &WarpProof{Params: p, Set: NewSet(0, public[0]), Next: public[1]} }
	w := start()
	for _, slot := range []protocol.Slot{12, 24, 36, 40} {
		if err := w.Advance(step(slot, 5)); err != nil {
			t.Fatalf("slot %d: %v", slot, err)
		}
	}
	if w.Set.ID != 3 || w.Header.Slot != 40 || w.Target.StateRoot != (protocol.Hash{1, 40}) {
		t.Errorf("set %d, slot %d", w.Set.ID, w.Header.Slot)
	}
	other, forged, cut := step(12, 5), step(12, 5), step(12, 5)
	other.Header = step(13, 5).Header
	forged.Commit.Target.StateRoot[9]++
	cut.Commit.Precommits[0].Signature[5]++
	for _, tc := range []struct {
		name string
		step *jamnp.WarpStep
		rule error
	}{
		{"four of six", step(12, 4), ErrTooFew},
		{"a later set", step(24, 5), ErrWrongSet},
		{"another header", other, ErrHeader},
		{"another state root", forged, ErrTooFew},
		{"a bad signature", cut, ErrSignature},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := start().Advance(tc.step); !errors.Is(err, tc.rule) {
				t.Errorf("got %v, want %v", err, tc.rule)
			}
		})
	}
}

// TestBeforeStart: peers may be there, and talk, before a voter has begun.
func TestBeforeStart(t *testing.T) {
	v, peer, b := attacked(t)
	fresh, err := New(v.Options)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Connected(jamnp.Peer{ID: peer.key})
	state := &jamnp.VoterState{Round: 9, Want: true, Prevotes: []byte{0}, Precommits: []byte{0}}
	peer.serve(fresh, jamnp.GrandpaState, jamnp.Encode(state))
	if len(b.reasons) > 0 || fresh.Round() != 0 {
		t.Errorf("round %d, blames %v", fresh.Round(), b.reasons)
	}
}
