package finality

import (
	"bytes"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// box holds the votes of one type in a round, by voter.
type box struct {
	first  []*jamnp.SignedBallot
	second []*jamnp.SignedBallot // for another block than the first: the voter equivocates
	count  int
}

func newBox(voters int) *box {
	return &box{make([]*jamnp.SignedBallot, voters), make([]*jamnp.SignedBallot, voters), 0}
}

// has says whether a vote would change nothing: it is there, or its voter is known to equivocate.
func (b *box) has(voter int, v *jamnp.Ballot) bool {
	return b.second[voter] != nil || b.first[voter] != nil && b.first[voter].Ballot == *v
}

// add puts a vote in, and says whether its voter equivocates by it.
func (b *box) add(voter int, v *jamnp.SignedBallot) (equivocates bool) {
	b.count++
	if b.first[voter] == nil {
		b.first[voter] = v
		return false
	}
	b.second[voter] = v
	return true
}

func (b *box) bits() []byte {
	bits := make([]byte, (len(b.first)+7)/8)
	for i, v := range b.first {
		if v != nil {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return bits
}

func hasBit(bits []byte, i int) bool { return i/8 < len(bits) && bits[i/8]>>(i%8)&1 == 1 }

// all gives the votes, both of those who equivocate.
func (b *box) all() []jamnp.SignedBallot {
	var out []jamnp.SignedBallot
	for i, v := range b.first {
		if v != nil {
			out = append(out, *v)
		}
		if second := b.second[i]; second != nil {
			out = append(out, *second)
		}
	}
	return out
}

// tally says what the votes of a box amount to over a tree. Votes for blocks that this node does not have count as if they
// had not come, except that a vote for a block is none for another one of the same slot or a later one. Who equivocates counts for
// every block.
type tally struct {
	tree    *tree
	set     *Set
	quorum  int
	total   map[*node]int // votes for a block and its descendants
	touched []*node       // the blocks in total, in an order that follows from the votes
	known   int           // voters who do not equivocate and whose block is known, or is none that can be voted for
	liars   int           // voters who equivocate
	unknown []jamnp.Ballot
}

func newTally(t *tree, s *Set, b *box, m Mistake) *tally {
	y := &tally{tree: t, set: s, quorum: s.Threshold(), total: make(map[*node]int)}
	if m == TooFewVotes {
		y.quorum = 2 * s.Faults()
	}
	direct := make(map[*node]int)
	var voted []*node
	for i, v := range b.first {
		switch {
		case v == nil:
			continue
		case b.second[i] != nil:
			y.liars++
			continue
		}
		n, known := y.resolve(&v.Ballot, m)
		if !known {
			y.unknown = append(y.unknown, v.Ballot)
			continue
		}
		y.known++
		if n == nil {
			continue
		}
		if direct[n] == 0 {
			voted = append(voted, n)
		}
		direct[n]++
	}
	for _, n := range voted {
		for at := n; at != nil; at = at.parent {
			if _, seen := y.total[at]; !seen {
				y.touched = append(y.touched, at)
			}
			y.total[at] += direct[n]
		}
	}
	return y
}

// resolve gives the youngest block for which a vote counts: the one it names, or that one's parent if this node has it with
// another posterior state root, which makes the two different blocks (GP §19). It is nil for a block beyond what the set
// finalizes, and for one that does not have the slot that the vote gives it. It reports false if the block is not known.
func (y *tally) resolve(v *jamnp.Ballot, m Mistake) (*node, bool) {
	n := y.tree.find(v.Header)
	switch {
	case n == nil:
		return nil, false
	case n.Slot != v.Slot, y.tree.beyond(n, y.set.ID):
		return nil, true
	case n.StateRoot == v.StateRoot, m == AnyStateRoot:
		return n, true
	}
	return n.parent, true
}

// ghost is g: the youngest block with a supermajority; nil if there is none.
func (y *tally) ghost() *node {
	var best *node
	for _, n := range y.touched {
		if y.total[n]+y.liars < y.quorum {
			continue
		}
		if best == nil || n.height > best.height || n.height == best.height && bytes.Compare(n.Header[:], best.Header[:]) < 0 {
			best = n
		}
	}
	return best
}

// possible says whether a block may have a supermajority once all votes are in: not if so many voters are known to have
// voted for something else, or equivocate, that more than f of them would have to lie.
func (y *tally) possible(n *node) bool {
	return y.against(y.total[n], n.Slot, &n.Header) <= 2*y.set.Faults()
}

// against counts who votes for something else than a block with some votes, or equivocates.
func (y *tally) against(votes int, slot protocol.Slot, hash *protocol.Hash) int {
	count := y.known - votes + y.liars
	for i := range y.unknown {
		if y.unknown[i].Slot <= slot && y.unknown[i].Header != *hash {
			count++
		}
	}
	return count
}

// possibleAbove says whether any child of a block may have a supermajority, be it one that nobody has shown yet.
func (y *tally) possibleAbove(n *node) bool {
	if y.tree.last(n, y.set.ID) {
		return false // nobody may vote for one
	}
	if y.against(0, n.Slot, &n.Header) <= 2*y.set.Faults() {
		return true
	}
	for _, child := range y.touched {
		if child.parent == n && y.possible(child) {
			return true
		}
	}
	return false
}

// estimate is E: the youngest block up to g of the prevotes that may have a supermajority of precommits. The round is
// completable if that is known not to grow.
func estimate(prevotes, precommits *tally) (e *node, completable bool) {
	g := prevotes.ghost()
	if g == nil {
		return nil, false
	}
	for e = g; e.parent != nil && !precommits.possible(e); e = e.parent {
	}
	return e, e != g || !precommits.possibleAbove(g)
}
