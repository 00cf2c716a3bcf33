package auditor_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/node/auditor"
	"damson/node/chain"
)

var errNotGiven = errors.New("not given")

// TestAudited has good reports audited by all, so that their block may be voted for.
func TestAudited(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	a, b := w.report(0, false), w.report(1, false)
	before := w.nodes[0].chain.Best()
	block := w.available(a, b)
	if n := w.candidates(block); n != 0 {
		t.Errorf("%d would vote for a block that is not audited", n)
	}
	if n := w.candidates(before); n != 6 {
		t.Errorf("%d of 6 would vote for the block before", n)
	}
	w.loop.Advance(2 * time.Second)
	if n := w.candidates(block); n != 6 {
		t.Errorf("%d of 6 would vote for an audited block", n)
	}
	for _, n := range w.nodes {
		if c := n.Counts(); c.Announced != 2 || c.Valid != 2 || c.Invalid+c.Against+c.NoShows+c.Refused != 0 {
			t.Errorf("node %d: %+v", n.index, c)
		}
		if len(n.blamed) != 0 {
			t.Errorf("node %d blames %v", n.index, n.blamed)
		}
	}
}

// TestWrongReport has two guarantors guarantee a wrong report: all judge it invalid, the block is left, a verdict comes on
// chain, and the guarantors are offenders. GP §10, §17.
func TestWrongReport(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	wrong := w.report(0, true)
	var guilty []protocol.Validator
	before := w.next(func(d *devchain.Draft) {
		guilty = d.Guarantors(0, d.Slot)[:2]
		d.GuaranteeBy(wrong, d.Slot, guilty...)
	})
	bad := w.next(func(d *devchain.Draft) { d.Assure(d.Engaged()) })
	w.loop.Advance(3 * time.Second)
	for _, n := range w.nodes {
		if !slices.Equal(n.judged[wrong.Hash()], []bool{false}) {
			t.Errorf("node %d judges %v", n.index, n.judged[wrong.Hash()])
		}
		if best := n.chain.Best(); best.Hash != before.Hash {
			t.Errorf("node %d builds on slot %d, not on %d", n.index, best.Slot, before.Slot)
		}
		if n.Audited(n.chain.Block(bad.Hash)) || n.Counts().Condemned != 1 {
			t.Errorf("node %d: the block is audited, or not condemned", n.index)
		}
	}
	// What is assured again must not make the report available in a block of ours.
	verdict := w.next(nil)
	if verdict.Parent != before.Hash {
		t.Error("the bad block is built on")
	}
	disputes, err := verdict.State.Disputes()
	w.must(err)
	if !slices.Equal(disputes.Bad, []protocol.Hash{wrong.Hash()}) || len(disputes.Offenders) != 2 {
		t.Fatalf("bad reports %v, %d offenders", disputes.Bad, len(disputes.Offenders))
	}
	for _, v := range guilty {
		if !slices.Contains(disputes.Offenders, w.nodes[v].id) {
			t.Errorf("guarantor %d is no offender", v)
		}
	}
	reports, err := verdict.State.Reports()
	w.must(err)
	if reports[0] != nil {
		t.Error("the bad report waits still")
	}
	after := w.next(nil)
	if n := w.candidates(after); n != 6 {
		t.Errorf("%d of 6 would vote for what comes after the verdict", n)
	}
}

// TestNoShow has some auditors announce and not judge: others step in by tranches, and every report is audited.
func TestNoShow(t *testing.T) {
	p := wide()
	lazy := make(map[int]auditor.Mistake)
	for i := range p.Validators/3 - 1 {
		lazy[3*i] = auditor.NoShow
	}
	w := newWorld(t, p).start(lazy)
	w.next(nil)
	block := w.available(w.report(3, false), w.report(7, false), w.report(8, false))
	w.loop.Advance(3 * time.Second)
	first := w.candidates(block)
	w.loop.Advance(60 * time.Second)
	if n := w.candidates(block); n != p.Validators {
		t.Errorf("%d of %d would vote for the block, %d before others stepped in", n, p.Validators, first)
	}
	later := 0
	for _, n := range w.nodes {
		for tranche, drawn := range n.drawn {
			if tranche > 0 {
				later += drawn
			}
		}
		if n.Counts().Refused != 0 {
			t.Errorf("node %d refuses %d messages", n.index, n.Counts().Refused)
		}
	}
	if first > 0 || later == 0 {
		t.Errorf("%d would vote before others stepped in, %d reports were drawn later", first, later)
	}
}

// TestSkippedTranches has nobody step in for those who do not show up: the block is never audited.
func TestSkippedTranches(t *testing.T) {
	p := wide()
	mistakes := make(map[int]auditor.Mistake)
	for i := range p.Validators {
		mistakes[i] = auditor.SkipTranches
		if i%3 == 0 && i < p.Validators-3 {
			mistakes[i] = auditor.NoShow
		}
	}
	w := newWorld(t, p).start(mistakes)
	w.next(nil)
	block := w.available(w.report(3, false))
	w.loop.Advance(40 * time.Second)
	if n := w.candidates(block); n != 0 {
		t.Errorf("%d would vote for the block", n)
	}
}

// TestWithheld has the data of a report come late.
func TestWithheld(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	r := w.report(0, false)
	w.withheld[r.Package.ErasureRoot] = true
	block := w.available(r)
	w.loop.Advance(20 * time.Second)
	if n := w.candidates(block); n != 0 {
		t.Errorf("%d would vote for a block with a report that nobody could audit", n)
	}
	delete(w.withheld, r.Package.ErasureRoot)
	w.loop.Advance(20 * time.Second)
	if n := w.candidates(block); n != 6 {
		t.Errorf("%d of 6 would vote for the block", n)
	}
}

// TestFalseAccuser has one validator call a good report invalid: all audit it, the verdict is good, and he is at fault.
func TestFalseAccuser(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(map[int]auditor.Mistake{4: auditor.JudgeFalsely})
	w.next(nil)
	r := w.report(1, false)
	block := w.available(r)
	w.loop.Advance(3 * time.Second)
	if n := w.candidates(block); n != 6 {
		t.Errorf("%d of 6 would vote for the block", n)
	}
	next := w.next(nil)
	disputes, err := next.State.Disputes()
	w.must(err)
	if !slices.Equal(disputes.Good, []protocol.Hash{r.Hash()}) || !slices.Equal(disputes.Offenders, []protocol.Ed25519Key{w.nodes[4].id}) {
		t.Errorf("good reports %v, offenders %v", disputes.Good, disputes.Offenders)
	}
}

// TestLateBlock has a block with a wrong report come to a node when it has heard from all others what they think of it.
func TestLateBlock(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	wrong := w.report(0, true)
	before := w.next(func(d *devchain.Draft) { d.Guarantee(wrong) })
	w.absent = 3
	bad := w.next(func(d *devchain.Draft) { d.Assure(d.Engaged()) })
	w.loop.Advance(3 * time.Second)
	octets, err := w.nodes[0].store.Block(bad.Hash)
	w.must(err)
	n := w.nodes[w.absent]
	n.chain.Import(octets, func(_ *chain.Block, err error) { w.must(err) })
	w.loop.Advance(time.Second)
	if best := n.chain.Best(); best.Hash != before.Hash || !n.chain.Condemned(n.chain.Block(bad.Hash)) {
		t.Errorf("the best block is that of slot %d, not of %d", best.Slot, before.Slot)
	}
}

// TestRestart has nodes forget everything but their notes: they never judge twice, and still know what is audited.
func TestRestart(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	r, wrong := w.report(0, false), w.report(1, true)
	block := w.available(r)
	w.loop.Advance(3 * time.Second)
	for _, n := range w.nodes[1:3] {
		n.restart()
	}
	w.loop.Advance(10 * time.Second)
	if n := w.candidates(block); n != 6 {
		t.Errorf("%d of 6 would vote for the block after a restart", n)
	}
	for _, n := range w.nodes {
		if !slices.Equal(n.judged[r.Hash()], []bool{true}) {
			t.Errorf("node %d judges %v", n.index, n.judged[r.Hash()])
		}
	}
	bad := w.available(wrong)
	w.loop.Advance(3 * time.Second)
	w.nodes[2].restart()
	w.loop.Advance(3 * time.Second)
	if n := w.nodes[2]; !n.chain.Condemned(n.chain.Block(bad.Hash)) {
		t.Error("a bad block is forgotten")
	}
}
