package finality

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// recentCommits is how many of the last justifications are kept beside those of the blocks at which the set changed.
const recentCommits = 32

// maxHeld bounds the commits that wait for blocks.
const maxHeld = 8

// heldCommit is a commit whose signatures are good and of which a block is missing.
type heldCommit struct {
	*jamnp.Commit
	from jamnp.PeerID
}

// VerifyJustification checks that a commit makes its target final by the votes of a set. Votes count that are for the target, or
// for a block that descends says to descend from it; descends may be nil. Signatures are verified one batch at a time.
func VerifyJustification(s *Set, c *jamnp.Commit, descends func(b *jamnp.Ballot) bool) error {
	claims, err := commitClaims(s, c)
	if err != nil {
		return err
	}
	if bad := verifyBatch(claims); len(bad) > 0 {
		return fmt.Errorf("commit of round %d of set %d: precommit %d: %w", c.Round, c.Set, bad[0], ErrSignature)
	}
	if !enough(s, c, descends, s.Threshold()) {
		return fmt.Errorf("commit of round %d of set %d: %w", c.Round, c.Set, ErrTooFew)
	}
	return nil
}

// commitClaims checks all of a commit that its octets tell, and gives its signatures.
func commitClaims(s *Set, c *jamnp.Commit) ([]Claim, error) {
	if c.Set != s.ID {
		return nil, fmt.Errorf("commit of set %d, not %d: %w", c.Set, s.ID, ErrWrongSet)
	}
	return ballotClaims(s, c.Round, jamnp.Precommit, c.Precommits, s.Threshold())
}

// ballotClaims checks that enough voters of a set have one vote each, or two different ones, and gives their signatures.
func ballotClaims(s *Set, number uint64, t jamnp.BallotType, ballots []jamnp.SignedBallot, least int) ([]Claim, error) {
	first := make(map[int]*jamnp.Ballot, len(ballots))
	twice := make(map[int]bool)
	claims := make([]Claim, len(ballots))
	for i := range ballots {
		b := &ballots[i]
		voter := s.Index(b.Voter)
		switch before := first[voter]; {
		case voter < 0:
			return nil, fmt.Errorf("vote %d: %w", i, ErrUnknownVoter)
		case before == nil:
			first[voter] = &b.Ballot
		case *before == b.Ballot, twice[voter]:
			return nil, fmt.Errorf("vote %d: %w", i, ErrTwice)
		default:
			twice[voter] = true
		}
		claims[i] = Claim{s, voter, jamnp.VotePayload(number, s.ID, t, &b.Ballot), b.Signature}
	}
	if len(first) < least {
		return nil, fmt.Errorf("votes of %d voters, %d are needed: %w", len(first), least, ErrTooFew)
	}
	return claims, nil
}

// enough says whether the precommits of a commit that count for its target are as many as the quorum.
func enough(s *Set, c *jamnp.Commit, descends func(b *jamnp.Ballot) bool, quorum int) bool {
	votes := make(map[int]int) // how many ballots of a voter there are; a good one counts as two
	for i := range c.Precommits {
		b := &c.Precommits[i]
		if b.Ballot == c.Target || descends != nil && descends(&b.Ballot) {
			votes[s.Index(b.Voter)]++
		}
		votes[s.Index(b.Voter)]++
	}
	count := 0
	for _, n := range votes {
		if n >= 2 {
			count++
		}
	}
	return count >= quorum
}

// commit puts together the precommits of a round that make a block final.
func (v *Voter) commit(r *round, n *node) *jamnp.Commit {
	c := &jamnp.Commit{Round: r.number, Set: v.set.ID, Target: n.Ballot}
	box := r.boxes[jamnp.Precommit]
	for i, first := range box.first {
		if first == nil {
			continue
		}
		if second := box.second[i]; second != nil {
			c.Precommits = append(c.Precommits, *first, *second)
			continue
		}
		if at, known := r.precommits.resolve(&first.Ballot, v.Mistake); known && within(n, at) {
			c.Precommits = append(c.Precommits, *first)
		}
	}
	return c
}

// takeCommit takes a commit of a peer. One for what is final already is not looked at.
func (v *Voter) takeCommit(x jamnp.Exchange, message []byte) error {
	c := new(jamnp.Commit)
	if err := c.Decode(message, v.Params); err != nil {
		return err
	}
	x.Answer()
	if v.admitVotes(x.Peer(), len(c.Precommits)) {
		v.learnCommit(x.Peer(), c)
	}
	return nil
}

func (v *Voter) learnCommit(id jamnp.PeerID, c *jamnp.Commit) {
	if c.Set > v.set.ID {
		v.askWarp(id)
	}
	if c.Set != v.set.ID || c.Target.Slot <= v.Chain.Finalized().Slot ||
		slices.ContainsFunc(v.held, func(h heldCommit) bool { return h.Round == c.Round && h.Target == c.Target }) {
		return
	}
	claims, err := commitClaims(v.set, c)
	if err != nil {
		v.Network.Blame(id, blameLie, err)
		return
	}
	v.verify(claims, func(bad []int) {
		if len(bad) > 0 {
			v.Network.Blame(id, blameLie, fmt.Errorf("commit: %w", ErrSignature))
			return
		}
		if c.Set != v.set.ID {
			return
		}
		// Its precommits are votes as any others.
		if r := v.receiving(c.Round); r != nil {
			for i, b := range c.Precommits {
				v.put(r, claims[i].Voter, jamnp.TypedBallot{Type: jamnp.Precommit, SignedBallot: b}, id)
			}
		}
		if settled, err := v.applyCommit(c); !settled {
			v.hold(id, c)
			if v.Events.Behind != nil && v.tree.find(c.Target.Header) == nil {
				v.Events.Behind(c)
			}
		} else if err != nil {
			v.Network.Blame(id, blameLie, err)
		}
		v.wake()
	})
}

// applyCommit finalizes the target of a commit whose signatures are good. It is not settled while blocks are missing.
func (v *Voter) applyCommit(c *jamnp.Commit) (settled bool, err error) {
	if c.Target.Slot <= v.Chain.Finalized().Slot {
		return true, nil
	}
	target := v.tree.find(c.Target.Header)
	if target == nil {
		return false, nil
	}
	missing := false
	y := tally{tree: v.tree, set: v.set}
	descends := func(b *jamnp.Ballot) bool {
		at, known := y.resolve(b, v.Mistake)
		missing = missing || !known
		return known && target.Slot == c.Target.Slot && within(target, at)
	}
	if target.Ballot != c.Target && v.Mistake != AnyStateRoot {
		if enough(v.set, c, nil, v.set.Threshold()) {
			v.diverged(c)
		}
		return true, nil
	}
	switch {
	case v.tree.beyond(target, v.set.ID), !enough(v.set, c, descends, v.quorum()):
		if missing {
			return false, nil
		}
		return true, ErrTooFew
	}
	v.finalize(target, func() *jamnp.Commit { return c })
	return true, nil
}

func (v *Voter) quorum() int {
	if v.Mistake == TooFewVotes {
		return 2 * v.set.Faults()
	}
	return v.set.Threshold()
}

// diverged is told that others have finalized a block with a posterior state root that is not ours. One of us computes wrongly,
// and this node cannot follow.
func (v *Voter) diverged(c *jamnp.Commit) {
	v.log.Error("the others have finalized another state", "slot", c.Target.Slot, "header", c.Target.Header, "root", c.Target.StateRoot)
	if v.Events.Diverged != nil {
		v.Events.Diverged(c)
	}
}

// hold keeps a commit until its blocks are there, in the place of the lowest if there are too many.
func (v *Voter) hold(id jamnp.PeerID, c *jamnp.Commit) {
	v.held = append(v.held, heldCommit{c, id})
	if len(v.held) > maxHeld {
		lowest := 0
		for i := range v.held {
			if v.held[i].Target.Slot < v.held[lowest].Target.Slot {
				lowest = i
			}
		}
		v.held = slices.Delete(v.held, lowest, lowest+1)
	}
	v.ask(&c.Target, id)
}

func (v *Voter) retryHeld() {
	held := v.held
	v.held = nil
	for _, h := range held {
		settled, err := v.applyCommit(h.Commit)
		switch {
		case err != nil:
			v.Network.Blame(h.from, blameLie, err)
		case !settled && h.Set == v.set.ID:
			v.held = append(v.held, h)
			v.ask(&h.Target, h.from)
		}
	}
}

// finalize makes a block final once its justification is on disk.
func (v *Voter) finalize(n *node, justify func() *jamnp.Commit) {
	final := v.Chain.Finalized()
	if n.Slot <= final.Slot || v.finalizing != nil && n.Slot <= v.finalizing.Slot || v.tree.beyond(n, v.set.ID) {
		return
	}
	if known := v.tree.find(final.Hash); !within(known, n) {
		v.log.Error("two thirds finalized a block that contradicts what was final", "slot", n.Slot, "header", n.Header, "final", final.Hash)
		return
	}
	v.finalizing = n
	c := justify()
	write := v.keepCommit(c, n)
	v.Loop.Go(writing, func() func() {
		err := write()
		return func() {
			if err == nil && v.Chain.Finalized().Slot < n.Slot {
				err = v.Chain.Finalize(n.Header)
			}
			if v.finalizing == n {
				v.finalizing = nil
			}
			if err != nil {
				v.log.Error("a block cannot be finalized", "slot", n.Slot, "header", n.Header, "error", err)
				return
			}
			v.finalized(c)
		}
	})
}

// finalized tells what has become final.
func (v *Voter) finalized(c *jamnp.Commit) {
	v.log.Debug("finalized", "slot", c.Target.Slot, "header", c.Target.Header, "round", c.Round, "set", c.Set)
	v.latest = c
	v.recent[v.recentNext] = c
	v.recentNext = (v.recentNext + 1) % recentCommits
	if v.Events.Finalized != nil {
		v.Events.Finalized(c)
	}
	if v.self < 0 {
		for _, id := range v.all() {
			v.tell(id, v.state(false))
		}
	}
	// Who does not vote waits for this, and says so when it has it from somebody. Who has voted most likely knows already.
	delay := time.Duration(v.Rand.Int64N(int64(v.t) + 1))
	v.Loop.After(delay, func() { v.spreadCommit(c, false) })
	v.Loop.After(delay+v.t, func() { v.spreadCommit(c, true) })
	v.wake()
}

// spreadCommit offers the latest commit to peers: to the set's voters that are neighbours, or to those that are not of the set.
func (v *Voter) spreadCommit(c *jamnp.Commit, voters bool) {
	if v.latest != c {
		return
	}
	near := v.all()
	if voters {
		near = v.audience()
	}
	for _, id := range near {
		if voters == (v.set.Index(id) >= 0) {
			v.offerCommit(id, v.peers[id])
		}
	}
}

// offerCommit sends a peer the justification of the finalized block, if it may be news, did not reach it before, and is by the set
// that it follows.
func (v *Voter) offerCommit(id jamnp.PeerID, p *peer) {
	c := v.latest
	if c == nil || p == nil || p.told && p.state.Finalized >= c.Target.Slot || p.commit == c.Target.Header {
		return
	}
	if p.told && p.state.Set < c.Set {
		return
	}
	p.commit = c.Target.Header
	v.push(id, jamnp.GrandpaCommit, jamnp.Encode(c), func(error) {
		if p.commit == c.Target.Header {
			p.commit = protocol.Hash{}
		}
	})
}

// Justification gives the commit that made a block final: of the last blocks finalized, and of those at which the set changed.
func (v *Voter) Justification(hash protocol.Hash) (*jamnp.Commit, bool) {
	for _, c := range v.recent {
		if c != nil && c.Target.Header == hash {
			return c, true
		}
	}
	note, ok, err := v.Notes.Note(handoverNote(hash))
	if err != nil || !ok {
		return nil, false
	}
	d := codec.NewDecoder(note)
	var h handover
	h.decodeFrom(&d, v.Params)
	return &h.step.Commit, d.Finish() == nil
}

func recentNote(i int) string { return fmt.Sprintf("grandpa/recent/%02d", i) }

// keepCommit gives what writes a justification to disk.
func (v *Voter) keepCommit(c *jamnp.Commit, n *node) func() error {
	name, octets := recentNote(v.recentNext), jamnp.Encode(c)
	var change []note
	if v.tree.last(n, v.set.ID) {
		change = v.handoverNotes(c)
	}
	return func() error {
		err := v.Notes.SetNote(name, octets)
		for _, n := range change {
			err = errors.Join(err, v.Notes.SetNote(n.name, n.value))
		}
		return err
	}
}

// recallCommits reads the last justifications.
func (v *Voter) recallCommits() error {
	for i := range v.recent {
		octets, ok, err := v.Notes.Note(recentNote(i))
		if err != nil {
			return fmt.Errorf("finality: note %s: %w", recentNote(i), err)
		}
		c := new(jamnp.Commit)
		if !ok || c.Decode(octets, v.Params) != nil {
			continue
		}
		v.recent[i] = c
		if v.latest == nil || c.Target.Slot > v.latest.Target.Slot {
			v.latest, v.recentNext = c, (i+1)%recentCommits
		}
	}
	return nil
}
