package finality

import (
	"time"

	"damson/net/jamnp"
)

// keptRounds is how many rounds before the one to vote in are followed: their votes may still come and finalize something.
const keptRounds = 2

// castOrder is the order in which a voter casts the votes of a round.
var castOrder = [...]jamnp.BallotType{jamnp.PrimaryProposal, jamnp.Prevote, jamnp.Precommit}

// round is what is known of a round.
type round struct {
	number  uint64
	started time.Time
	root    *node // the finalized block when it began

	// E and g of the round before. As more is known of that round E only goes down, and no block above it can have become final
	// there. Who did not follow E down could wait for ever for votes above it.
	estimate, ghost jamnp.Ballot

	boxes    [2]*box // prevotes and precommits
	proposal *jamnp.SignedBallot
	own      [3]*jamnp.Ballot // by type
	seen     time.Time        // when the first prevote of another voter came; zero before

	prevotes, precommits *tally // of the boxes
	counted              [2]int // how many votes there were, and Voter.blocks, when they were made
}

// startRound begins a round, which is the one to vote in from now on.
func (v *Voter) startRound(number uint64, e, ghost jamnp.Ballot) *round {
	final := v.Chain.Finalized()
	r := v.ahead
	if v.ahead = nil; r == nil || r.number != number {
		r = v.emptyRound(number)
	}
	r.started, r.root, r.estimate, r.ghost = v.Loop.Now(), v.tree.find(final.Hash), e, ghost
	if !r.seen.IsZero() {
		r.seen = r.started
	}
	for len(v.rounds) > 0 && v.rounds[0].number+keptRounds < number {
		v.rounds = v.rounds[1:]
	}
	v.rounds = append(v.rounds, r)
	if root := v.rounds[0].root; root != nil {
		v.tree.prune(root)
		v.blocks++
	}
	v.Loop.After(2*v.t, v.wake)
	v.Loop.After(4*v.t, v.wake)
	v.tellState(false)
	v.wake()
	return r
}

func (v *Voter) emptyRound(number uint64) *round {
	return &round{number: number, boxes: [2]*box{newBox(len(v.set.Voters)), newBox(len(v.set.Voters))}}
}

// count brings the tallies of a round up to date. A block that was imported may change them, as may a vote.
func (v *Voter) count(r *round) {
	now := [2]int{r.boxes[jamnp.Prevote].count + r.boxes[jamnp.Precommit].count, v.blocks}
	if r.prevotes != nil && now == r.counted {
		return
	}
	r.counted = now
	r.prevotes = newTally(v.tree, v.set, r.boxes[jamnp.Prevote], v.Mistake)
	r.precommits = newTally(v.tree, v.set, r.boxes[jamnp.Precommit], v.Mistake)
	for _, y := range []*tally{r.prevotes, r.precommits} {
		for i := range y.unknown {
			v.ask(&y.unknown[i], jamnp.PeerID{})
		}
	}
}

// conclude finalizes what a round has made final.
func (v *Voter) conclude(r *round) {
	v.count(r)
	if g := r.precommits.ghost(); g != nil {
		v.finalize(g, func() *jamnp.Commit { return v.commit(r, g) })
	}
}

// step does the next thing in the round to vote in, if its time has come, and says whether it did.
func (v *Voter) step() bool {
	r := v.current()
	if r == nil || v.casting {
		return false
	}
	v.refine(r)
	base := v.tree.find(r.estimate.Header)
	final := v.tree.find(v.Chain.Finalized().Hash)
	if base == nil && r.estimate.Slot <= final.Slot {
		base = final // what was below it is forgotten
	}
	if base == nil {
		v.ask(&r.estimate, jamnp.PeerID{})
		return false
	}
	if within(base, final) {
		base = final
	}
	v.count(r)
	e, completable := estimate(r.prevotes, r.precommits)
	age := v.Loop.Now().Sub(r.started)
	if r.own[jamnp.Prevote] == nil && v.mayCast(r) {
		switch {
		case v.shouldPropose(r, base, final):
			return v.cast(r, jamnp.PrimaryProposal, base)
		case completable, age >= 2*v.t && !v.idle(r, base, final):
			return v.cast(r, jamnp.Prevote, v.choose(r, base))
		}
		return false
	}
	if r.own[jamnp.Precommit] == nil && v.mayCast(r) {
		g := r.prevotes.ghost()
		if g == nil || !within(v.floor(r, base, g), g) {
			return false
		}
		if age < 4*v.t && !completable && r.prevotes.possibleAbove(g) {
			return false
		}
		return v.cast(r, jamnp.Precommit, g)
	}
	if !completable {
		return false
	}
	v.startRound(r.number+1, e.Ballot, r.prevotes.ghost().Ballot)
	return true
}

// refine brings E and g of the round before up to date.
func (v *Voter) refine(r *round) {
	before := v.roundOf(r.number - 1)
	if before == nil || before.prevotes == nil {
		return
	}
	e, completable := estimate(before.prevotes, before.precommits)
	if !completable {
		return
	}
	if at := v.tree.find(r.estimate.Header); at != nil && within(e, at) || at == nil && e.Slot < r.estimate.Slot {
		r.estimate, r.ghost = e.Ballot, before.prevotes.ghost().Ballot
	}
}

// floor gives what a precommit must not be below: the estimate of the round before, even if a later block has become final
// since, above which not everybody may have voted.
func (v *Voter) floor(r *round, base, g *node) *node {
	if v.Mistake == IgnoreEstimate {
		return g
	}
	if e := v.tree.find(r.estimate.Header); e != nil {
		return e
	}
	return base
}

// mayCast says whether this node may vote in a round: it must not have voted in a later one.
func (v *Voter) mayCast(r *round) bool {
	if v.mute || v.self < 0 {
		return false
	}
	p := &v.promise
	return p.set < v.set.ID || p.set == v.set.ID && p.round <= r.number
}

// shouldPropose says whether it is on this node to make known what the round before may have finalized.
func (v *Voter) shouldPropose(r *round, base, final *node) bool {
	return r.own[jamnp.PrimaryProposal] == nil && v.set.primary(r.number) == v.self && base != final && base.Ballot == r.estimate
}

// idle says whether there is nothing to vote for beyond the finalized block, and nobody else seems to know better, so that
// the round can wait. Waiting cannot do harm.
func (v *Voter) idle(r *round, base, final *node) bool {
	if base != final {
		return false
	}
	if b := v.Chain.Best(); b.Hash != final.Header {
		return false
	}
	return r.seen.IsZero() || v.Loop.Now().Sub(r.seen) < 2*v.t
}

// choose gives the block to prevote: the best one if it descends from what the round before may have finalized, or from what
// the primary proposes above that.
func (v *Voter) choose(r *round, base *node) *node {
	b := v.Chain.Best()
	best := v.tree.find(b.Hash)
	if best == nil {
		return base
	}
	best = v.tree.limited(best, v.set.ID)
	if v.Mistake == IgnoreEstimate {
		return best
	}
	if proposed := v.proposed(r, base); proposed != nil {
		base = proposed
	}
	if within(base, best) {
		return best
	}
	return base
}

// proposed gives what the primary proposes, if it is above the estimate and at most g of the round before.
func (v *Voter) proposed(r *round, base *node) *node {
	if r.proposal == nil {
		return nil
	}
	n, ghost := v.tree.find(r.proposal.Header), v.tree.find(r.ghost.Header)
	if n == nil || ghost == nil || n.Ballot != r.proposal.Ballot || n == base || !within(base, n) || !within(n, ghost) {
		return nil
	}
	return n
}

// askAgain is how long, in T, a block that was asked for is not asked for again; maxAsked bounds those that were.
const (
	askAgain = 8
	maxAsked = 4096
)

// ask asks for a block, if that was not done just now.
func (v *Voter) ask(b *jamnp.Ballot, from jamnp.PeerID) {
	if b.Slot <= v.Chain.Finalized().Slot || v.tree.find(b.Header) != nil {
		return
	}
	now := v.Loop.Now()
	if last, ok := v.asked[b.Header]; ok && now.Sub(last) < askAgain*v.t {
		return
	}
	if len(v.asked) >= maxAsked {
		clear(v.asked)
	}
	v.asked[b.Header] = now
	v.Request(b.Header, b.Slot, from)
}
