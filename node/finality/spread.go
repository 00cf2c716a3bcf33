package finality

import (
	"bytes"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// peer is what is known of a node at the other end of a connection.
type peer struct {
	state  jamnp.VoterState // what it said last; Set 0 and Round 0 before
	told   bool             // it has said so
	commit protocol.Hash    // the target of the last commit sent
	served time.Time        // when it was last given what it wanted
	shun   time.Time        // until when it is not asked for anything, because its last answer was of no use

	// How much it has sent since when: see admit.
	since   time.Time
	streams int
	votes   int
}

// Connected takes notice of a peer. It is told where this node stands, and says the same of itself.
func (v *Voter) Connected(p jamnp.Peer) {
	v.peers[p.ID] = new(peer)
	v.tell(p.ID, v.state(false))
}

// Disconnected forgets a peer.
func (v *Voter) Disconnected(id jamnp.PeerID) { delete(v.peers, id) }

// all gives the connected peers, in ascending order.
func (v *Voter) all() []jamnp.PeerID {
	ids := make([]jamnp.PeerID, 0, len(v.peers))
	for id := range v.peers {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b jamnp.PeerID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// audience gives the connected peers to whom votes go: voters of the set, all of them or the neighbours in the grid.
func (v *Voter) audience() []jamnp.PeerID {
	if v.self < 0 {
		return nil
	}
	return slices.DeleteFunc(v.set.neighbours(v.self), func(id jamnp.PeerID) bool { return v.peers[id] == nil })
}

// outgoing is a vote that waits to be sent.
type outgoing struct {
	round uint64
	vote  jamnp.TypedBallot
	from  jamnp.PeerID // who sent it to us; zero for our own
}

// send queues a vote for the peers. In a small set everyone sends his own votes to all; in a large one votes go to the neighbours
// in the grid, and everyone hands on what is news to him, so that each vote reaches all in two hops on two ways.
func (v *Voter) send(number uint64, b jamnp.TypedBallot, voter int, from jamnp.PeerID) {
	if voter != v.self && v.set.mesh() {
		return
	}
	v.outbox = append(v.outbox, outgoing{number, b, from})
	if v.flushes {
		return
	}
	v.flushes = true
	flush := func() {
		v.flushes = false
		v.flush()
	}
	if v.set.mesh() {
		v.Loop.Post(flush)
	} else {
		v.Loop.After(v.t/flushParts, flush)
	}
}

// flushParts: votes of large sets are collected for this part of T and then sent together.
const flushParts = 16

func (v *Voter) flush() {
	box := v.outbox
	v.outbox = nil
	for _, id := range v.audience() {
		var votes jamnp.Votes
		for _, o := range box {
			if o.from == id || o.vote.Voter == id {
				continue
			}
			if votes.Round != o.round || len(votes.Ballots) == jamnp.MaxVotes {
				v.sendVotes(id, &votes)
				votes = jamnp.Votes{Round: o.round, Set: v.set.ID}
			}
			votes.Ballots = append(votes.Ballots, o.vote)
		}
		v.sendVotes(id, &votes)
	}
}

func (v *Voter) sendVotes(id jamnp.PeerID, m *jamnp.Votes) {
	if len(m.Ballots) > 0 {
		v.push(id, jamnp.GrandpaVote, jamnp.Encode(m), nil)
	}
}

// sendTimeout is how long a peer may take, for slots of six seconds.
const sendTimeout = 10 * time.Second

// push sends a message whose answer is empty. What is lost is asked for later; who cares is told.
func (v *Voter) push(id jamnp.PeerID, kind jamnp.Kind, message []byte, lost func(error)) {
	v.Network.Request(id, kind, [][]byte{message}, 0, v.Slots.Scale(sendTimeout), func(_ [][]byte, err error) {
		if err != nil && lost != nil {
			lost(err)
		}
	})
}

// useless notes that a peer did not help, so that others are asked for a while.
func (v *Voter) useless(id jamnp.PeerID) {
	if p := v.peers[id]; p != nil {
		p.shun = v.Loop.Now().Add(v.t * shunTimes)
	}
}

// shunTimes is for how long, in T, a peer that did not help is not asked again.
const shunTimes = 16

// asks says whether a peer may be asked for something.
func (v *Voter) asks(id jamnp.PeerID) bool {
	p := v.peers[id]
	return p != nil && !v.Loop.Now().Before(p.shun)
}

// state says where this node stands.
func (v *Voter) state(want bool) *jamnp.VoterState {
	s := &jamnp.VoterState{Set: v.set.ID, Finalized: v.Chain.Finalized().Slot, Want: want}
	if v.finalizing != nil { // nobody need tell us
		s.Finalized = max(s.Finalized, v.finalizing.Slot)
	}
	if r := v.current(); r != nil {
		s.Round, s.Prevotes, s.Precommits = r.number, r.boxes[jamnp.Prevote].bits(), r.boxes[jamnp.Precommit].bits()
	}
	return s
}

func (v *Voter) tell(id jamnp.PeerID, s *jamnp.VoterState) {
	v.push(id, jamnp.GrandpaState, jamnp.Encode(s), nil)
}

// tellState tells the peers that votes go to where this node stands.
func (v *Voter) tellState(want bool) {
	s := v.state(want)
	for _, id := range v.audience() {
		v.tell(id, s)
	}
}

// stallTimes is how often, in T, it is looked whether anything happens; every idleTimes-th time also if nothing should.
const (
	stallTimes = 4
	idleTimes  = 4
)

// tick asks two peers in turn for what this node lacks, if it does not get on.
func (v *Voter) tick() {
	v.Loop.After(v.t*stallTimes, v.tick)
	v.stalled++
	r := v.current()
	idle := r == nil || r.own[jamnp.Prevote] == nil && r.seen.IsZero()
	if v.stalled > 1 && (!idle || v.stalled%idleTimes == 0) {
		peers := v.all()
		if r != nil {
			peers = v.audience()
		}
		for range min(2, len(peers)) {
			v.turn++
			v.tell(peers[v.turn%len(peers)], v.state(true))
		}
	}
	v.wake()
}

// supply sends a peer the votes of a round that it lacks: all that are here if it wants them, else this node's own. It may wait
// for votes of the round before its own too, which make the estimate.
func (v *Voter) supply(id jamnp.PeerID, r *round, s *jamnp.VoterState) {
	same := s.Round == r.number
	m := jamnp.Votes{Round: r.number, Set: v.set.ID}
	add := func(t jamnp.BallotType, b *jamnp.SignedBallot) {
		if b == nil || b.Voter == id {
			return
		}
		if len(m.Ballots) == jamnp.MaxVotes {
			v.sendVotes(id, &m)
			m.Ballots = nil
		}
		m.Ballots = append(m.Ballots, jamnp.TypedBallot{Type: t, SignedBallot: *b})
	}
	if s.Want || r.proposal != nil && r.proposal.Voter == v.set.Voters[v.self] {
		add(jamnp.PrimaryProposal, r.proposal)
	}
	for t, bits := range [][]byte{jamnp.Prevote: s.Prevotes, jamnp.Precommit: s.Precommits} {
		box := r.boxes[t]
		for i := range box.first {
			if !s.Want && i != v.self {
				continue
			}
			if !same || !hasBit(bits, i) {
				add(jamnp.BallotType(t), box.first[i])
			}
			if s.Want { // it may not know that the voter equivocates
				add(jamnp.BallotType(t), box.second[i])
			}
		}
	}
	v.sendVotes(id, &m)
}
