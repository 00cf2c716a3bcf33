package finality

import (
	"fmt"

	"damson/internal/codec"
	"damson/net/jamnp"
)

// promise is the note of the last round in which this node voted: what it must not contradict, and what it needs to go on
// from there. It is on disk before a vote leaves.
type promise struct {
	set             uint32
	round           uint64 // 0: never voted
	estimate, ghost jamnp.Ballot
	ballots         [3]*jamnp.Ballot // by type
}

const promiseNote = "grandpa/promise"

// completedNote has the votes that completed the round before that in which this node voted first: without them nobody could
// get on if all who have left that round were restarted.
const completedNote = "grandpa/completed"

// writing is the queue in which notes are written, in order.
const writing = "finality"

func (p *promise) appendTo(b []byte) []byte {
	b = codec.AppendU64(codec.AppendU32(b, p.set), p.round)
	b = p.ghost.AppendTo(p.estimate.AppendTo(b))
	for _, ballot := range p.ballots {
		if b = codec.AppendBool(b, ballot != nil); ballot != nil {
			b = ballot.AppendTo(b)
		}
	}
	return b
}

func (p *promise) decode(b []byte) error {
	d := codec.NewDecoder(b)
	p.set, p.round = d.U32(), d.U64()
	p.estimate.DecodeFrom(&d)
	p.ghost.DecodeFrom(&d)
	for t := range p.ballots {
		if d.Bool() {
			p.ballots[t] = new(jamnp.Ballot)
			p.ballots[t].DecodeFrom(&d)
		}
	}
	return d.Finish()
}

// recall reads what this node has promised and proved.
func (v *Voter) recall() error {
	note, ok, err := v.Notes.Note(promiseNote)
	if err == nil && ok && v.Mistake != ForgetVotes {
		err = v.promise.decode(note)
	}
	if err != nil {
		return fmt.Errorf("finality: note %s: %w", promiseNote, err)
	}
	return v.recallCommits()
}

// cast votes in a round. The vote leaves when it is on disk. It reports false: nothing more can be done until then.
func (v *Voter) cast(r *round, t jamnp.BallotType, n *node) bool {
	ballot := n.Ballot
	r.own[t] = &ballot
	var completed []byte
	if before := v.roundOf(r.number - 1); before != nil && (v.promise.set != v.set.ID || v.promise.round != r.number) {
		completed = jamnp.Encode(v.catchUpOf(before))
	}
	v.promise = promise{v.set.ID, r.number, r.estimate, r.ghost, r.own}
	v.casting = true
	note, set := v.promise.appendTo(nil), v.set
	v.Loop.Go(writing, func() func() {
		var err error
		if completed != nil {
			err = v.Notes.SetNote(completedNote, completed)
		}
		if err == nil {
			err = v.Notes.SetNote(promiseNote, note)
		}
		return func() {
			v.casting = false
			if err != nil {
				v.mute = true
				v.log.Error("a vote cannot be kept, no more are cast", "error", err)
				return
			}
			if set == v.set {
				v.emit(r, t, &ballot)
			}
			v.wake()
		}
	})
	return false
}

// restore takes the votes of a round from disk, if they are there.
func (v *Voter) restore(number uint64) {
	octets, ok, err := v.Notes.Note(completedNote)
	var m jamnp.CatchUp
	if err != nil || !ok || m.Decode(octets, v.Params) != nil || m.Set != v.set.ID || m.Round != number {
		return
	}
	r := v.roundOf(number)
	if r == nil {
		r = v.emptyRound(number)
		r.started, r.root = v.Loop.Now(), v.tree.root
		v.rounds = append(v.rounds, r)
	}
	for t, ballots := range [][]jamnp.SignedBallot{jamnp.Prevote: m.Prevotes, jamnp.Precommit: m.Precommits} {
		for i := range ballots {
			if voter := v.set.Index(ballots[i].Voter); voter >= 0 && !r.boxes[t].has(voter, &ballots[i].Ballot) {
				r.boxes[t].add(voter, &ballots[i])
			}
		}
	}
}

// emit signs a vote that was promised, counts it and sends it.
func (v *Voter) emit(r *round, t jamnp.BallotType, b *jamnp.Ballot) {
	signed := jamnp.SignedBallot{
		Ballot: *b, Signature: v.Key.Sign(jamnp.VotePayload(r.number, v.set.ID, t, b)), Voter: v.Key.Public,
	}
	v.log.Debug("vote", "set", v.set.ID, "round", r.number, "type", t, "slot", b.Slot, "header", b.Header)
	v.put(r, v.self, jamnp.TypedBallot{Type: t, SignedBallot: signed}, jamnp.PeerID{})
	v.wake()
}

// put counts a verified vote, if it is news, and sends it on to whom it concerns.
func (v *Voter) put(r *round, voter int, b jamnp.TypedBallot, from jamnp.PeerID) {
	if r.knows(voter, &b) {
		return
	}
	v.send(r.number, b, voter, from)
	if b.Type == jamnp.PrimaryProposal {
		r.proposal = &b.SignedBallot
		return
	}
	if b.Type == jamnp.Prevote && voter != v.self && r.seen.IsZero() {
		r.seen = v.Loop.Now()
		v.Loop.After(2*v.t, v.wake)
	}
	if r.boxes[b.Type].add(voter, &b.SignedBallot) {
		v.accuse(r.number, b.Type, r.boxes[b.Type], voter)
	}
	v.stalled = 0
}

// knows says whether a vote is no news.
func (r *round) knows(voter int, b *jamnp.TypedBallot) bool {
	if b.Type == jamnp.PrimaryProposal {
		return r.proposal != nil
	}
	return r.boxes[b.Type].has(voter, &b.Ballot)
}

// accuse keeps the proof that a voter equivocates. There is at most one for each voter, type and round under way; a voter's notes
// of a set are written over by its later ones, so that nobody can fill the disk.
func (v *Voter) accuse(number uint64, t jamnp.BallotType, b *box, voter int) {
	e := Evidence{Round: number, Set: v.set.ID, Type: t, First: *b.first[voter], Second: *b.second[voter]}
	v.log.Warn("a voter equivocates", "set", e.Set, "round", number, "type", t, "voter", v.set.Voters[voter].PeerName())
	note := e.Second.AppendTo(e.First.AppendTo(append(codec.AppendU64(nil, number), byte(t))))
	name := fmt.Sprintf("grandpa/evidence/%x/%x", e.Set, v.set.Voters[voter])
	v.Loop.Go(writing, func() func() {
		if err := v.Notes.SetNote(name, note); err != nil {
			return func() { v.log.Error("the store failed", "at", "evidence", "error", err) }
		}
		return nil
	})
	if v.Events.Equivocated != nil {
		v.Events.Equivocated(e)
	}
}
