package sim

import (
	"fmt"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/chain"
	"damson/node/finality"
)

// checker watches what honest nodes do. It draws its own conclusions from what it sees of their blocks and votes, and asks none
// of their parts whether that is right.
type checker struct {
	world      *World
	violations []string
	blocks     map[protocol.Hash]*seen // that honest nodes have imported
	seals      map[slotKey]protocol.Hash
	votes      map[voteKey]jamnp.Ballot
	finals     []jamnp.Ballot // by height above the genesis
	locks      locks
	commits    map[protocol.Hash]bool      // that were looked at
	views      []map[protocol.Slot][]*seen // what each node has imported
	has        []map[protocol.Hash]bool    // by hash
	blame      map[[2]int]int              // points that honest nodes gave honest nodes
	at         []protocol.Slot             // what each has finalized
	set        map[uint32]*finality.Set    // by epoch
	ticketed   int
	best       protocol.Slot
	finalized  protocol.Slot
	work       *workChecker // nil without
	lag        time.Duration
	lags       int
}

// seen is a block as honest nodes have it.
type seen struct {
	hash, root protocol.Hash
	slot       protocol.Slot
	author     int
	parent     *seen // nil for the genesis
	height     int
	available  []protocol.Hash // reports that became so in it, in a world with work
	offenders  int
}

func (s *seen) ballot() jamnp.Ballot {
	return jamnp.Ballot{Header: s.hash, StateRoot: s.root, Slot: s.slot}
}

// within says whether s is b or an ancestor of b.
func (s *seen) within(b *seen) bool {
	for b != nil && b.height > s.height {
		b = b.parent
	}
	return s == b
}

type slotKey struct {
	author int
	slot   protocol.Slot
}

type voteKey struct {
	voter int
	set   uint32
	round uint64
	t     jamnp.BallotType
}

// maxViolations bounds those that are reported.
const maxViolations = 20

func newChecker(w *World) *checker {
	c := &checker{
		world: w, blocks: make(map[protocol.Hash]*seen), seals: make(map[slotKey]protocol.Hash),
		votes: make(map[voteKey]jamnp.Ballot), commits: make(map[protocol.Hash]bool), blame: make(map[[2]int]int),
		set: make(map[uint32]*finality.Set),
	}
	hash := w.Base.Header.Hash()
	genesis := &seen{hash: hash, root: w.shared.states[hash].Root(), author: -1}
	c.blocks[hash] = genesis
	c.finals = []jamnp.Ballot{genesis.ballot()}
	if w.work != nil {
		c.work = newWorkChecker(c)
	}
	for range w.Base.Keys {
		c.views = append(c.views, make(map[protocol.Slot][]*seen))
		c.has = append(c.has, map[protocol.Hash]bool{hash: true})
		c.at = append(c.at, 0)
	}
	return c
}

func (c *checker) violated(format string, args ...any) {
	what := fmt.Sprintf("at %.3f s: ", c.world.now.Sub(c.world.slots.Era).Seconds()) + fmt.Sprintf(format, args...)
	c.world.say("VIOLATION %s", what)
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, what)
	}
}

func (c *checker) honest(i int) bool { return c.world.nodes[i].liar == nil }

// started forgets what a node had: it begins with what its disk has.
func (c *checker) started(n *simNode) {
	if c.work != nil {
		c.work.started(n)
	}
	clear(c.views[n.index])
	clear(c.has[n.index])
	final := n.node.Chain.Finalized()
	c.isFinal(n, final)
	c.has[n.index][final.Hash] = true
	for open := n.node.Chain.Children(final); len(open) > 0; {
		b := open[0]
		open = append(append([]*chain.Block(nil), n.node.Chain.Children(b)...), open[1:]...)
		c.imported(n, b)
	}
}

// imported looks at a block that an honest node has taken for good.
func (c *checker) imported(n *simNode, b *chain.Block) {
	s := c.blocks[b.Hash]
	if s == nil {
		if s = c.judge(n, b); s == nil {
			return
		}
	}
	if b.StateRoot != s.root {
		n.broken("block %s of slot %d has state root %s, elsewhere %s", b.Hash, b.Slot, b.StateRoot, s.root)
	}
	if c.work != nil {
		n.desk.since[b.Hash] = c.world.now
	}
	if !c.has[n.index][b.Hash] {
		c.has[n.index][b.Hash] = true
		c.views[n.index][b.Slot] = append(c.views[n.index][b.Slot], s)
	}
}

// judge looks at a block that no honest node had before.
func (c *checker) judge(n *simNode, b *chain.Block) *seen {
	parent := c.blocks[b.Parent]
	octets, err := n.disk.store.Block(b.Hash)
	if err != nil {
		n.broken("does not have block %s, which it has imported: %v", b.Hash, err)
		return nil
	}
	post, err := c.world.shared.state(b.Hash, octets)
	if parent == nil || err != nil {
		n.broken("imports block %s of slot %d, which is not valid: %v", b.Hash, b.Slot, err)
		return nil
	}
	s := &seen{hash: b.Hash, root: post.Root(), slot: b.Slot, author: int(b.Author), parent: parent, height: parent.height + 1}
	c.blocks[b.Hash] = s
	c.best = max(c.best, b.Slot)
	if b.Ticketed {
		c.ticketed++
	}
	k := slotKey{s.author, s.slot}
	if before, twice := c.seals[k]; twice && c.honest(s.author) {
		c.violated("honest node %d has sealed %s and %s for slot %d", s.author, before, s.hash, s.slot)
	}
	c.seals[k] = s.hash
	if c.work != nil {
		c.work.block(s, octets, post)
	}
	return s
}

// final looks at what an honest node has made final.
func (c *checker) final(n *simNode, b *chain.Block) {
	c.isFinal(n, b)
	c.lag += c.world.now.Sub(c.world.slots.Start(b.Slot))
	c.lags++
}

func (c *checker) isFinal(n *simNode, b *chain.Block) {
	s := c.blocks[b.Hash]
	if s == nil {
		n.broken("finalizes %s of slot %d, which nobody honest has imported", b.Hash, b.Slot)
		return
	}
	for ; s != nil; s = s.parent {
		mine := s.ballot()
		for len(c.finals) <= s.height {
			c.finals = append(c.finals, jamnp.Ballot{})
		}
		switch before := c.finals[s.height]; before {
		case mine:
			c.at[n.index] = b.Slot
			return // and all before it
		case jamnp.Ballot{}:
			c.finals[s.height] = mine
			if c.work != nil {
				c.work.final(s)
			}
		default:
			n.broken("finalizes %s of slot %d at height %d, where %s of slot %d is final elsewhere",
				mine.Header, mine.Slot, s.height, before.Header, before.Slot)
			return
		}
	}
}

// voters gives the set of an epoch: the validators are always the same.
func (c *checker) voters(epoch uint32) *finality.Set {
	s := c.set[epoch]
	if s == nil && c.work != nil {
		s = c.work.voters(epoch)
		c.set[epoch] = s
	}
	if s == nil {
		var active []protocol.Ed25519Key
		for _, n := range c.world.nodes {
			active = append(active, n.id)
		}
		s = finality.NewSet(epoch, active)
		c.set[epoch] = s
	}
	return s
}

// committed looks at the justification with which an honest node has made a block final.
func (c *checker) committed(n *simNode, m *jamnp.Commit) {
	id := protocol.Hash(blake2b.Sum256(jamnp.Encode(m)))
	if c.commits[id] {
		return
	}
	c.commits[id] = true
	target := c.blocks[m.Target.Header]
	if target == nil || target.ballot() != m.Target {
		n.broken("a commit is for %s with state root %s, which is not the block's", m.Target.Header, m.Target.StateRoot)
		return
	}
	set := c.voters(m.Set)
	first, count := make(map[int]jamnp.Ballot), make(map[int]bool)
	for i := range m.Precommits {
		b := &m.Precommits[i]
		voter := set.Index(b.Voter)
		payload := jamnp.VotePayload(m.Round, m.Set, jamnp.Precommit, &b.Ballot)
		if voter < 0 || !c.world.shared.signed(b.Voter, payload, &b.Signature) {
			n.broken("a commit of round %d of set %d has a vote that nobody has cast", m.Round, m.Set)
			return
		}
		before, twice := first[voter]
		first[voter] = b.Ballot
		voted := c.blocks[b.Header]
		if voted != nil && voted.root != b.StateRoot && voted.slot == b.Slot {
			voted = voted.parent // that is another block on the same one
		}
		if twice && before != b.Ballot || voted != nil && target.within(voted) {
			count[voter] = true
		}
	}
	if len(count) < set.Threshold() {
		n.broken("a commit of round %d of set %d for %s of slot %d has %d votes for it, not %d",
			m.Round, m.Set, m.Target.Header, m.Target.Slot, len(count), set.Threshold())
	}
}

// voted looks at votes that an honest node sends.
func (c *checker) voted(n *simNode, message []byte) {
	var m jamnp.Votes
	if err := m.Decode(message, c.world.Base.Params); err != nil {
		n.broken("sends votes that cannot be read: %v", err)
		return
	}
	for i := range m.Ballots {
		b := &m.Ballots[i]
		if b.Voter != n.id {
			continue
		}
		k := voteKey{n.index, m.Set, m.Round, b.Type}
		if before, ok := c.votes[k]; ok && before != b.Ballot {
			n.broken("votes for %s and %s in round %d of set %d", before.Header, b.Header, m.Round, m.Set)
		}
		if _, ok := c.votes[k]; !ok {
			c.world.say("node %d votes %d in round %d of set %d for %d %s", n.index, b.Type, m.Round, m.Set, b.Slot, b.Header)
		}
		if _, ok := c.votes[k]; !ok && c.work != nil && b.Type == jamnp.Prevote {
			c.work.prevoted(n, c.blocks[b.Header], k)
		}
		c.votes[k] = b.Ballot
		c.locks.voted(c, k, c.blocks[b.Header])
	}
}

// blamed looks at what an honest node holds against another.
func (c *checker) blamed(n *simNode, id jamnp.PeerID, points int, reason error) {
	for _, other := range c.world.nodes {
		if other.id != id || other.liar != nil || other.life == nil || other.desk != nil && other.desk.sinful() {
			continue
		}
		c.world.say("node %d blames node %d with %d: %v", n.index, other.index, points, reason)
		if n.blame[id] += points; n.blame[id] >= simnet.BlameLimit && n.blame[id]-points < simnet.BlameLimit {
			n.broken("refuses honest node %d: %v", other.index, reason)
		}
	}
}

// look looks at the best blocks of all nodes: none may stand on a block whose slot has another one in the node's tree. GP §19.
func (c *checker) look(slot protocol.Slot) {
	if c.work != nil {
		c.work.look(slot)
	}
	for _, n := range c.world.nodes {
		if n.life == nil || n.liar != nil {
			continue
		}
		final, b := n.node.Chain.Finalized(), n.node.Chain.Best()
		root := c.blocks[final.Hash]
		for at := c.blocks[b.Hash]; at != nil && root != nil && at.height > root.height; at = at.parent {
			for _, other := range c.views[n.index][at.slot] {
				if other != at && root.within(other) {
					n.broken("in slot %d the best block is on %s of slot %d, which has %s too", slot, at.hash, at.slot, other.hash)
				}
			}
		}
	}
}

// gotOn is called some slots after faults have ended: every honest node must have finalized a block that was made since.
func (c *checker) gotOn(healed protocol.Slot) {
	c.world.say("all must have finalized a block after slot %d", healed)
	for _, n := range c.world.nodes {
		if n.liar == nil && !c.world.plan.away(n) && (n.life == nil || n.node.Chain.Finalized().Slot <= healed) {
			if c.work != nil && c.work.unlucky(n) {
				continue
			}
			n.broken("has not finalized anything after slot %d, at which faults ended", healed)
			if n.life != nil {
				s := n.node.Status()
				c.world.say("node %d: best %d, final %d, %d peers, round %d, syncing %v", n.index, s.Best.Slot, s.Finalized.Slot, s.Peers, s.Round, s.Syncing)
			}
		}
	}
}

// end says how far all have come.
func (c *checker) end() {
	if c.work != nil {
		c.work.end()
	}
	for _, n := range c.world.nodes {
		if n.liar == nil && (c.finalized == 0 || c.at[n.index] < c.finalized) {
			c.finalized = c.at[n.index]
		}
	}
}
