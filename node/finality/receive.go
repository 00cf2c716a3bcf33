package finality

import (
	"errors"
	"fmt"
	"io"

	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// The rules that a peer can break.
const (
	ErrUnknownVoter = protocol.Invalid("finality/no_voter_of_the_set")
	ErrSignature    = protocol.Invalid("finality/bad_signature")
	ErrNotPrimary   = protocol.Invalid("finality/proposal_of_another_than_the_primary")
	ErrTooFew       = protocol.Invalid("finality/too_few_precommits")
	ErrTwice        = protocol.Invalid("finality/one_vote_twice")
	ErrWrongSet     = protocol.Invalid("finality/another_set")
	ErrQuota        = protocol.Invalid("finality/too_much_from_one_peer")
	ErrExtra        = protocol.Invalid("finality/message_after_the_last")
)

// errNothing is a request that this node has nothing for.
var errNothing = errors.New("finality: nothing to answer with")

// What a peer is blamed with, of the hundred or so that it can afford.
const (
	blameLie   = 50 // no honest node sends this
	blameQuota = 10
)

// Serve takes the streams of GRANDPA, the kinds 149 to 153. It reports false for others.
func (v *Voter) Serve(x jamnp.Exchange) bool {
	var limit int
	var take func(x jamnp.Exchange, message []byte) error
	switch x.Kind() { //nolint:exhaustive // those of other duties are not for us
	case jamnp.GrandpaVote:
		limit, take = jamnp.VotesLimit(v.Params), v.takeVotes
	case jamnp.GrandpaCommit:
		limit, take = jamnp.CommitLimit(v.Params), v.takeCommit
	case jamnp.GrandpaState:
		limit, take = jamnp.VoterStateLimit(v.Params), v.takeState
	case jamnp.GrandpaCatchUp:
		limit, take = jamnp.CatchUpRequestLimit(v.Params), v.answerCatchUp
	case jamnp.WarpSync:
		limit, take = jamnp.WarpRequestLimit(v.Params), v.answerWarp
	default:
		return false
	}
	if v.peers[x.Peer()] == nil {
		x.Reject(errNothing)
		return true
	}
	if !v.admit(v.peers[x.Peer()]) {
		v.Network.Blame(x.Peer(), blameQuota, ErrQuota)
		x.Reject(ErrQuota)
		return true
	}
	x.Next(limit, func(message []byte, err error) {
		if err != nil {
			v.refuse(x, err)
			return
		}
		x.Next(0, func(_ []byte, err error) {
			switch {
			case err == nil:
				err = ErrExtra
			case errors.Is(err, io.EOF):
				err = take(x, message)
			}
			if err != nil {
				v.refuse(x, err)
			}
		})
	})
	return true
}

// refuse ends an exchange, and blames the peer if it has broken a rule.
func (v *Voter) refuse(x jamnp.Exchange, err error) {
	if _, broken := errors.AsType[protocol.Invalid](err); broken {
		v.Network.Blame(x.Peer(), blameLie, err)
	}
	x.Reject(err)
}

// Within T a peer may open so many streams, and send so many votes for each voter of the set.
const (
	maxStreams       = 200
	maxVotesPerVoter = 64
)

// admit counts a stream of a peer, and says whether it may be served.
func (v *Voter) admit(p *peer) bool {
	if now := v.Loop.Now(); now.Sub(p.since) >= v.t {
		p.since, p.streams, p.votes = now, 0, 0
	}
	p.streams++
	return p.streams <= maxStreams+4*len(v.set.Voters)
}

func (v *Voter) takeVotes(x jamnp.Exchange, message []byte) error {
	var m jamnp.Votes
	if err := m.Decode(message, v.Params); err != nil {
		return err
	}
	x.Answer()
	if v.admitVotes(x.Peer(), len(m.Ballots)) {
		v.takeBallots(x.Peer(), m.Round, m.Set, m.Ballots)
	}
	return nil
}

// admitVotes counts votes of a peer, and says whether they may be looked at.
func (v *Voter) admitVotes(id jamnp.PeerID, count int) bool {
	p := v.peers[id]
	if p == nil {
		return false
	}
	if p.votes += count; p.votes <= maxVotesPerVoter*len(v.set.Voters)+jamnp.MaxVotes {
		return true
	}
	v.Network.Blame(id, blameQuota, ErrQuota)
	return false
}

// takeBallots verifies votes of a peer that are news, and counts them. Votes of rounds that are over are no lie, nor are those of
// rounds to come: who is so far ahead will be asked when it says so.
func (v *Voter) takeBallots(id jamnp.PeerID, number uint64, set uint32, ballots []jamnp.TypedBallot) {
	r := v.receiving(number)
	if set != v.set.ID || r == nil || v.Mistake == IgnoreVotes {
		return
	}
	var news []jamnp.TypedBallot
	var claims []Claim
	for i := range ballots {
		b := &ballots[i]
		voter := v.set.Index(b.Voter)
		switch {
		case voter < 0:
			v.Network.Blame(id, blameLie, ErrUnknownVoter)
			return
		case b.Type == jamnp.PrimaryProposal && voter != v.set.primary(number):
			v.Network.Blame(id, blameLie, ErrNotPrimary)
			return
		case r.knows(voter, b):
			continue
		}
		news = append(news, *b)
		claims = append(claims, Claim{v.set, voter, jamnp.VotePayload(number, set, b.Type, &b.Ballot), b.Signature})
	}
	v.verify(claims, func(bad []int) {
		if len(bad) > 0 {
			v.Network.Blame(id, blameLie, fmt.Errorf("%d votes: %w", len(bad), ErrSignature))
			return
		}
		r := v.receiving(number)
		if set != v.set.ID || r == nil {
			return
		}
		for i, b := range news {
			v.put(r, claims[i].Voter, b, id)
			v.ask(&b.Ballot, id)
		}
		v.wake()
	})
}

// receiving gives a round whose votes are taken: one under way or the next.
func (v *Voter) receiving(number uint64) *round {
	if r := v.current(); r != nil && number == r.number+1 {
		if v.ahead == nil || v.ahead.number != number {
			v.ahead = v.emptyRound(number)
		}
		return v.ahead
	}
	return v.roundOf(number)
}

// maxAtOnce is how many signatures are verified on the loop; more go beside it.
const maxAtOnce = 16

// verify finds the bad ones among signatures, and then goes on: at once if they are few.
func (v *Voter) verify(claims []Claim, then func(bad []int)) {
	switch {
	case len(claims) == 0:
	case len(claims) <= maxAtOnce:
		then(v.Verify(claims))
	default:
		v.Loop.Go("", func() func() {
			bad := v.Verify(claims)
			return func() { then(bad) }
		})
	}
}

func verifyBatch(claims []Claim) []int {
	var batch ed25519.Batch
	for i := range claims {
		c := &claims[i]
		batch.AddKey(c.Set.keys[c.Voter], c.Message, c.Signature)
	}
	return batch.Bad()
}

func (v *Voter) takeState(x jamnp.Exchange, message []byte) error {
	var s jamnp.VoterState
	if err := s.Decode(message, v.Params); err != nil {
		return err
	}
	x.Answer()
	id := x.Peer()
	p := v.peers[id]
	if p == nil {
		return nil
	}
	p.state, p.told = s, true
	switch {
	case s.Set > v.set.ID:
		v.askWarp(id)
		return nil
	case s.Finalized < v.Chain.Finalized().Slot:
		v.offerCommit(id, p)
	}
	now, r := v.Loop.Now(), v.current()
	if s.Set < v.set.ID && now.Sub(p.served) >= v.t { // it will ask how its set ended
		p.served = now
		v.tell(id, v.state(false))
	}
	if s.Set != v.set.ID || r == nil || v.set.Index(id) < 0 { // r is nil for who does not vote, and before Start
		return nil
	}
	if s.Want {
		if now.Sub(p.served) < v.t {
			return nil
		}
		p.served = now
	}
	for _, kept := range v.rounds {
		if kept.number >= s.Round || s.Want && kept.number+1 == s.Round {
			v.supply(id, kept, &s)
		}
	}
	if s.Round > r.number+1 || s.Round > r.number && v.stalled > 0 {
		v.askCatchUp(id)
	}
	return nil
}
