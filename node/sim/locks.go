package sim

import (
	"cmp"
	"slices"

	"damson/net/jamnp"
)

// locks notices honest votes that could make two forks final if more came together. What so many honest voters have precommitted
// in a round that liars could make it final must be voted for, itself or a descendant, by every honest prevote of the
// later rounds of the set: that is what GRANDPA is safe by.
type locks map[roundKey]*roundVotes

type roundKey struct {
	set   uint32
	round uint64
}

// roundVotes are the votes of honest nodes in a round.
type roundVotes struct {
	prevotes, precommits map[int]*seen // by voter
	locked               *seen
}

// voted takes notice of a vote. A block that no honest node has is none of an honest node's votes.
func (l *locks) voted(c *checker, k voteKey, b *seen) {
	if b == nil || k.t == jamnp.PrimaryProposal {
		return
	}
	if *l == nil {
		*l = make(locks)
	}
	at := roundKey{k.set, k.round}
	r := (*l)[at]
	if r == nil {
		r = &roundVotes{prevotes: make(map[int]*seen), precommits: make(map[int]*seen)}
		(*l)[at] = r
	}
	if k.t == jamnp.Prevote {
		if r.prevotes[k.voter] == nil {
			r.prevotes[k.voter] = b
			for _, before := range l.rounds(at, false) {
				l.check(c, before, at, k.voter)
			}
		}
		return
	}
	r.precommits[k.voter] = b
	if locked := r.lock(c, k.set); locked != r.locked {
		r.locked = locked
		for _, later := range l.rounds(at, true) {
			for voter := range c.world.nodes {
				l.check(c, at, later, voter)
			}
		}
	}
}

// rounds lists those rounds of a set that are later than one, or earlier.
func (l *locks) rounds(than roundKey, later bool) []roundKey {
	var out []roundKey
	for k := range *l {
		if k.set == than.set && k.round != than.round && (k.round > than.round) == later {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b roundKey) int { return cmp.Compare(a.round, b.round) })
	return out
}

// lock gives the youngest block that could be final by the precommits of a round; nil if there is none.
func (r *roundVotes) lock(c *checker, set uint32) (locked *seen) {
	for voter := range c.world.nodes {
		for b := r.precommits[voter]; b != nil && (locked == nil || b.height > locked.height); b = b.parent {
			count := len(c.world.plan.liars)
			for _, other := range r.precommits {
				if b.within(other) {
					count++
				}
			}
			if count >= c.voters(set).Threshold() {
				locked = b
				break
			}
		}
	}
	return locked
}

// check compares a prevote with what a round before has locked.
func (l *locks) check(c *checker, before, at roundKey, voter int) {
	r := (*l)[before]
	vote := (*l)[at].prevotes[voter]
	if r.locked == nil || vote == nil || r.locked.within(vote) {
		return
	}
	c.violated("node %d prevotes for %s of slot %d in round %d of set %d, in whose round %d %s of slot %d may have become final",
		voter, vote.hash, vote.slot, at.round, at.set, before.round, r.locked.hash, r.locked.slot)
}
