package sim

import (
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/finality"
	"damson/node/roster"
	"damson/state"
)

// workChecker holds what honest nodes do with reports against the paper, by its own reading of their blocks and of what they are
// told.
type workChecker struct {
	*checker
	work    *work
	reports map[protocol.Hash]*reported
	order   []*reported
	shards  map[assuredKey]bool // that were looked for
	ground  map[heardBy]bool    // bad chains that were reported
}

// reported is a report that honest nodes have seen in blocks.
type reported struct {
	hash      protocol.Hash
	core      protocol.Core
	wrong     bool
	signers   map[int]bool
	in        *seen         // the first block with it
	available protocol.Slot // first; 0 if it never was
	when      time.Time
	doubted   time.Time // when somebody first called it invalid though it is not
	valid     map[int]bool
	invalid   map[int]bool
	settled   bool
}

// heardBy is a report in a block, and a node that knows of it.
type heardBy struct {
	node int
	heardKey
}

type assuredKey struct {
	node int
	root protocol.Hash
}

// verdictSlots is how many slots may pass until a verdict is on everybody's chain, after the report became available and faults
// are over.
const verdictSlots = protocol.Slot(8)

func newWorkChecker(c *checker) *workChecker {
	return &workChecker{checker: c, work: c.world.work, reports: make(map[protocol.Hash]*reported), shards: make(map[assuredKey]bool), ground: make(map[heardBy]bool)}
}

// started forgets what a node has heard.
func (c *workChecker) started(n *simNode) { n.desk.forget() }

// culpable says whether a validator may be called an offender.
func (c *workChecker) culpable(i int) bool {
	return c.work.sins[i] == approves || c.work.sins[i] == denies || slices.Contains(c.work.pair, i)
}

// block looks at a block that no honest node had before.
func (c *workChecker) block(s *seen, octets []byte, post *state.State) {
	p := c.world.Base.Params
	v := new(block.View)
	if err := v.Decode(octets, p); err != nil {
		c.violated("block %s cannot be read: %v", s.hash, err)
		return
	}
	prior := c.world.shared.states[s.parent.hash]
	pending, err := prior.Reports()
	if err == nil {
		err = c.guaranteed(s, v, post)
	}
	var disputes *state.Disputes
	if err == nil {
		disputes, err = post.Disputes()
	}
	if err != nil {
		c.violated("the state of block %s cannot be read: %v", s.hash, err)
		return
	}
	c.becameAvailable(s, v, pending)
	for _, key := range disputes.Offenders {
		if i, ok := c.world.Base.index[key]; !ok || !c.culpable(i) {
			c.violated("block %s of slot %d by node %d has honest validator %d for an offender", s.hash, s.slot, s.author, i)
		}
	}
	s.offenders = len(disputes.Offenders)
}

// guaranteed looks at the guarantees of a block.
func (c *workChecker) guaranteed(s *seen, v *block.View, post *state.State) error {
	if len(v.Extrinsic.Guarantees) == 0 {
		return nil
	}
	duties, err := roster.At(c.world.Base.Params, post, s.slot)
	if err != nil {
		return err
	}
	for i := range v.Extrinsic.Guarantees {
		g := &v.Extrinsic.Guarantees[i]
		r := c.reports[v.ReportHash(i)]
		if r == nil {
			r = &reported{
				hash: v.ReportHash(i), core: g.Report.Core, signers: make(map[int]bool), valid: make(map[int]bool), invalid: make(map[int]bool),
			}
			r.in = s
			r.wrong = g.Report.Digests[0].Result.Outcome == block.OutcomePanic // none of ours does
			c.reports[r.hash], c.order = r, append(c.order, r)
			c.work.report.Reported++
			c.world.say("report %s for core %d in slot %d, wrong: %v", r.hash, r.core, s.slot, r.wrong)
		}
		rotation := duties.Of(g.Slot)
		for _, credential := range g.Credentials {
			who := c.world.Base.index[rotation.Keys[credential.Validator].Ed25519]
			c.signed(who, duty{g.Report.Core, g.Slot}, r)
		}
	}
	return nil
}

// signed looks at somebody's signature of a report.
func (c *workChecker) signed(who int, d duty, r *reported) {
	n := c.world.nodes[who]
	r.signers[who] = true
	if r.wrong && !slices.Contains(c.work.pair, who) {
		n.broken("guarantees a wrong report: %s", r.hash)
	}
	if before, ok := n.desk.signed[d]; ok && before != r.hash {
		n.broken("guarantees %s and %s for core %d and slot %d", before, r.hash, d.core, d.slot)
	}
	n.desk.signed[d] = r.hash
}

// becameAvailable finds the reports that became available in a block: those that are not removed by verdicts, and are assured by
// more than two thirds. GP eq:availableworkreports.
func (c *workChecker) becameAvailable(s *seen, v *block.View, pending state.Reports) {
	for core, a := range pending {
		if a == nil {
			continue
		}
		hash, judged, count := a.Report.Hash(), false, 0
		for i := range v.Extrinsic.Disputes.Verdicts {
			d := &v.Extrinsic.Disputes.Verdicts[i]
			judged = judged || d.Report == hash && slices.ContainsFunc(d.Votes, func(j block.Judgment) bool { return !j.Valid })
		}
		for i := range v.Extrinsic.Assurances {
			if v.Extrinsic.Assurances[i].Has(core) {
				count++
			}
		}
		if judged || count < c.world.Base.Params.SuperMajority() {
			continue
		}
		s.available = append(s.available, hash)
		if r := c.reports[hash]; r != nil && r.available == 0 {
			c.world.say("report %s is available in slot %d", hash, s.slot)
			r.available, r.when = s.slot, c.world.now
			c.work.report.Available++
			if r.wrong {
				c.work.report.Wrong++
				c.work.done = true
			}
		}
	}
}

// judged looks at a judgment that is given.
func (c *workChecker) judged(n *simNode, report protocol.Hash, valid bool) {
	r := c.reports[report]
	if r == nil {
		n.broken("judges report %s, which is in no block", report)
		return
	}
	said := r.valid
	if !valid {
		said = r.invalid
	}
	said[n.index] = true
	if r.valid[n.index] && r.invalid[n.index] {
		n.broken("judges report %s both ways", report)
	}
	if !n.desk.sinful() && valid == r.wrong {
		n.broken("judges report %s: %v, which is not so", report, valid)
	}
	if !valid && !r.wrong && r.doubted.IsZero() {
		r.doubted = c.world.now
		c.work.report.Doubted++
	}
}

// assured looks at an assurance of an honest node: it must have the shards.
func (c *workChecker) assured(n *simNode, m *jamnp.Assurance) {
	anchor := n.node.Chain.Block(m.Anchor)
	if anchor == nil {
		n.broken("assures on %s, which it does not have", m.Anchor)
		return
	}
	pending, err := anchor.State.Reports()
	if err != nil {
		n.broken("assures on a state that cannot be read: %v", err)
		return
	}
	for core, a := range pending {
		if m.Bitfield[core/8]>>(core%8)&1 == 0 {
			continue
		}
		if a == nil {
			n.broken("assures core %d, which has no report", core)
			continue
		}
		root := a.Report.Package.ErasureRoot
		if key := (assuredKey{n.index, root}); !c.shards[key] {
			shard := jamnp.ShardOf(protocol.Core(core), protocol.Validator(n.index), c.world.Base.Params)
			ok, err := n.desk.shelf.HasShards(root, int(shard))
			if err != nil || !ok {
				n.broken("assures the data of report %s, which it does not hold: %v", a.Report.Hash(), err)
			}
			c.shards[key] = true
		}
	}
}

// prevoted looks at whether a node knows all reports to be audited which became available in what it votes for. A vote for what
// others may have made final in a round before is not the node's own choice, and one that comes soon after its start may be from
// the life before.
func (c *workChecker) prevoted(n *simNode, b *seen, k voteKey) {
	if b == nil || c.world.now.Sub(n.desk.began) < slack || c.bound(n, b, k) {
		return
	}
	final := c.blocks[n.node.Chain.Finalized().Hash]
	for at := b; at != nil && final != nil && at.height > final.height; at = at.parent {
		for _, report := range at.available {
			if !n.desk.audited(heardKey{at.hash, report}) {
				n.broken("votes for %s of slot %d, whose report %s of slot %d is not audited as far as it knows", b.hash, b.slot, report, at.slot)
			}
		}
	}
}

// bound says whether so many others have voted for a block in rounds before that one of them at least is honest.
func (c *workChecker) bound(n *simNode, b *seen, k voteKey) bool {
	others := make(map[int]bool)
	for at, votes := range c.locks {
		if at.set != k.set || at.round >= k.round {
			continue
		}
		for _, list := range []map[int]*seen{votes.prevotes, votes.precommits} {
			for voter, vote := range list {
				if voter != n.index && b.within(vote) {
					others[voter] = true
				}
			}
		}
	}
	return len(others) > (len(c.world.nodes)-1)/3
}

// final looks at a block that has become final somewhere.
func (c *workChecker) final(s *seen) {
	for _, hash := range s.available {
		r := c.reports[hash]
		if r == nil {
			continue
		}
		if r.wrong {
			c.violated("report %s is wrong, and is available in %s of slot %d, which is final", hash, s.hash, s.slot)
		}
		if 3*len(r.invalid) > len(c.world.nodes) {
			c.violated("report %s is invalid by %d, and is available in %s of slot %d, which is final", hash, len(r.invalid), s.hash, s.slot)
		}
		if !c.honestly(r) {
			c.violated("%s of slot %d is final, though no honest validator has audited its report %s", s.hash, s.slot, hash)
		}
	}
}

func (c *workChecker) honestly(r *reported) bool {
	for v := range r.valid {
		if !c.world.nodes[v].desk.sinful() {
			return true
		}
	}
	return false
}

// look looks at the best chains of all, and at whether verdicts come in time.
func (c *workChecker) look(slot protocol.Slot) {
	for _, n := range c.world.nodes {
		if n.life != nil && n.node != nil {
			c.onGoodGround(n)
		}
	}
	if c.world.plan.bad {
		return
	}
	for _, r := range c.order {
		if !r.settled && r.available != 0 && r.wrong && slot > max(r.available, c.world.plan.healed)+verdictSlots {
			r.settled = true
			c.settled(r)
		}
	}
}

// onGoodGround demands that a node does not build on a report that more than a third call invalid, as it has been told.
func (c *workChecker) onGoodGround(n *simNode) {
	final := n.node.Chain.Finalized()
	for b := n.node.Chain.Best(); b != nil && b.Slot > final.Slot; b = n.node.Chain.Parent(b) {
		s := c.blocks[b.Hash]
		if s == nil {
			continue
		}
		for _, report := range s.available {
			against := 0
			for _, at := range n.desk.wordsOn(report).invalid {
				if c.world.now.Sub(at) > slack && c.world.now.Sub(n.desk.since[b.Hash]) > slack {
					against++
				}
			}
			if key := (heardBy{n.index, heardKey{b.Hash, report}}); 3*against > len(c.world.nodes) && !c.ground[key] {
				c.ground[key] = true
				n.broken("has its best chain on %s of slot %d, whose report %s is invalid by %d", s.hash, s.slot, report, against)
			}
		}
	}
}

// settled demands that everybody's chain has a verdict on a wrong report, and all who were wrong for offenders.
func (c *workChecker) settled(r *reported) {
	for _, n := range c.world.nodes {
		if n.life == nil {
			continue
		}
		disputes, err := n.node.Chain.Best().State.Disputes()
		if err != nil {
			n.broken("its best state cannot be read: %v", err)
			continue
		}
		if !slices.Contains(disputes.Bad, r.hash) {
			n.broken("has no verdict on report %s, which is wrong and was available in slot %d", r.hash, r.available)
			continue
		}
		for i := range c.world.nodes {
			if (r.signers[i] || r.valid[i]) && !slices.Contains(disputes.Offenders, c.world.nodes[i].id) {
				n.broken("does not have validator %d for an offender, who is wrong about report %s", i, r.hash)
			}
		}
	}
}

// voters gives those of an epoch: without those who have offended.
func (c *workChecker) voters(epoch uint32) *finality.Set {
	p := c.world.Base.Params
	for i := len(c.finals) - 1; i >= 0; i-- {
		if e, _ := p.Epoch(c.finals[i].Slot); e != epoch {
			continue
		}
		if active, err := c.world.shared.states[c.finals[i].Header].Active(); err == nil {
			return finality.NewSet(epoch, active.Ed25519Keys())
		}
	}
	return nil
}

// availableSlots is how many slots a report may take to become available when all is well.
const availableSlots = protocol.Slot(4)

// delivered demands that a report in a final block became available, if it was guaranteed since the faults were over, by somebody
// who gives data to those who ask. Whoever withholds what he has costs others time and nothing else.
func (c *workChecker) delivered(r *reported) {
	healed := c.world.plan.healed
	if r.available != 0 || r.wrong || healed == 0 || r.in.slot <= healed+1 || r.in.slot+availableSlots >= c.world.Slots {
		return
	}
	if r.in.height >= len(c.finals) || c.finals[r.in.height] != r.in.ballot() {
		return
	}
	for who := range r.signers {
		if c.work.sins[who] != withholds {
			c.violated("report %s of slot %d never became available", r.hash, r.in.slot)
			return
		}
	}
}

// end counts what has come of it all.
func (c *workChecker) end() {
	for _, r := range c.order {
		c.delivered(r)
	}
	var best *state.State
	slot := protocol.Slot(0)
	for _, n := range c.world.nodes {
		if n.life != nil && n.node.Chain.Best().Slot >= slot {
			best, slot = n.node.Chain.Best().State, n.node.Chain.Best().Slot
		}
	}
	if best == nil {
		return
	}
	w := &c.work.report
	for _, s := range c.work.sent {
		if stored(best, s.key) {
			w.Accumulated++
		}
	}
	if disputes, err := best.Disputes(); err == nil {
		w.Verdicts = len(disputes.Good) + len(disputes.Bad) + len(disputes.Wonky)
		w.Offenders = len(disputes.Offenders)
	}
}
