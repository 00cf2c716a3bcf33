package finality

import (
	"fmt"
	"time"

	"damson/internal/codec"
	"damson/net/jamnp"
)

// answerCatchUp gives the votes of the round before this node's: it is completable.
func (v *Voter) answerCatchUp(x jamnp.Exchange, message []byte) error {
	var q jamnp.CatchUpRequest
	if err := q.Decode(message, v.Params); err != nil {
		return err
	}
	r := v.current()
	if q.Set != v.set.ID || r == nil || v.roundOf(r.number-1) == nil || r.number-1 < q.Round {
		x.Reject(errNothing)
		return nil
	}
	x.Answer(jamnp.Encode(v.catchUpOf(v.roundOf(r.number - 1))))
	return nil
}

func (v *Voter) catchUpOf(r *round) *jamnp.CatchUp {
	final := v.Chain.Finalized()
	return &jamnp.CatchUp{
		Round: r.number, Set: v.set.ID, Base: final.ballot(),
		Prevotes: r.boxes[jamnp.Prevote].all(), Precommits: r.boxes[jamnp.Precommit].all(),
	}
}

// catchUpTimeout is how long an answer may take, for slots of six seconds.
const catchUpTimeout = 12 * time.Second

// askCatchUp asks a peer that is in a later round for a round that is completable, one peer at a time.
func (v *Voter) askCatchUp(id jamnp.PeerID) {
	r := v.current()
	if r == nil || v.catchUp || !v.asks(id) {
		return
	}
	v.catchUp = true
	q := jamnp.CatchUpRequest{Round: r.number, Set: v.set.ID}
	v.Network.Request(id, jamnp.GrandpaCatchUp, [][]byte{jamnp.Encode(&q)}, jamnp.CatchUpLimit(v.Params),
		v.Slots.Scale(catchUpTimeout), func(answer [][]byte, err error) {
			v.catchUp = false
			v.useless(id) // adopt says otherwise
			if err != nil {
				return
			}
			if err := v.takeCatchUp(id, &q, answer); err != nil {
				v.Network.Blame(id, blameLie, fmt.Errorf("catch-up: %w", err))
			}
		})
}

// one gives the message of an answer that must be one.
func one(answer [][]byte) ([]byte, error) {
	if len(answer) != 1 {
		return nil, codec.ErrCount
	}
	return answer[0], nil
}

func (v *Voter) takeCatchUp(id jamnp.PeerID, q *jamnp.CatchUpRequest, answer [][]byte) error {
	message, err := one(answer)
	if err != nil {
		return err
	}
	var m jamnp.CatchUp
	if err := m.Decode(message, v.Params); err != nil {
		return err
	}
	if m.Set != q.Set || m.Round < q.Round {
		return ErrWrongSet
	}
	if r := v.current(); m.Set != v.set.ID || r == nil || m.Round < r.number {
		return nil // it came too late
	}
	prevotes, err := ballotClaims(v.set, m.Round, jamnp.Prevote, m.Prevotes, v.set.Threshold())
	if err != nil {
		return err
	}
	precommits, err := ballotClaims(v.set, m.Round, jamnp.Precommit, m.Precommits, 0)
	if err != nil {
		return err
	}
	claims := append(prevotes, precommits...)
	v.verify(claims, func(bad []int) {
		r := v.current()
		switch {
		case len(bad) > 0:
			v.Network.Blame(id, blameLie, fmt.Errorf("catch-up: %w", ErrSignature))
			return
		case m.Set != v.set.ID || r == nil || m.Round < r.number:
			return
		}
		v.adopt(id, &m, claims)
	})
	return nil
}

// adopt leaves the rounds up to one that others have completed. Blocks that are missing are asked for, and the round is tried
// again when a peer says that it is ahead.
func (v *Voter) adopt(id jamnp.PeerID, m *jamnp.CatchUp, claims []Claim) {
	r := v.receiving(m.Round)
	if r == nil {
		r = v.emptyRound(m.Round)
	}
	for i := range claims {
		t, b := jamnp.Prevote, jamnp.SignedBallot{}
		if i < len(m.Prevotes) {
			b = m.Prevotes[i]
		} else {
			t, b = jamnp.Precommit, m.Precommits[i-len(m.Prevotes)]
		}
		typed := jamnp.TypedBallot{Type: t, SignedBallot: b}
		if r.knows(claims[i].Voter, &typed) {
			continue
		}
		if r.boxes[t].add(claims[i].Voter, &b) {
			v.accuse(r.number, t, r.boxes[t], claims[i].Voter)
		}
	}
	v.count(r)
	for _, y := range []*tally{r.prevotes, r.precommits} {
		for i := range y.unknown {
			v.ask(&y.unknown[i], id)
		}
	}
	v.ask(&m.Base, id)
	e, completable := estimate(r.prevotes, r.precommits)
	if p := v.peers[id]; p != nil && (completable || len(r.prevotes.unknown)+len(r.precommits.unknown) > 0) {
		p.shun = time.Time{}
	}
	if !completable {
		if len(r.prevotes.unknown)+len(r.precommits.unknown) == 0 {
			v.log.Debug("catch-up to a round that is not completable", "round", m.Round, "peer", id.PeerName())
		}
		return
	}
	if v.current() != r {
		r.started, r.root = v.Loop.Now(), v.tree.find(v.Chain.Finalized().Hash)
		v.ahead = nil
		v.rounds = append(v.rounds, r)
	}
	v.conclude(r)
	v.startRound(r.number+1, e.Ballot, r.prevotes.ghost().Ballot)
}
