package pool

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/state"
	rules "damson/state/assurances"
	"damson/state/disputes"
	unneeded "damson/state/preimages"
	"damson/state/reports"
	"damson/state/safrole"
)

// TestStory leads a report through the pool into the chain, what it asks for after it, and a bad one out again.
func TestStory(t *testing.T) {
	w := newWorld(t)
	asked := []byte("asked for")
	give := func(core protocol.Core, fill func(*services.Commands)) *block.Guarantee {
		g := &w.work(core, fill).Extrinsic.Guarantees[0]
		w.must(w.told(func(done func(error)) { w.pool.AddGuarantee(g, done) }))
		return g
	}
	assure := func(cores ...protocol.Core) {
		d := w.scratch()
		d.Assure(cores)
		for i := range d.Extrinsic.Assurances {
			w.must(w.told(func(done func(error)) { w.pool.AddAssurance(&d.Extrinsic.Assurances[i], done) }))
		}
	}
	w.next()
	give(1, func(c *services.Commands) { c.Set("a", "b") })
	give(0, func(c *services.Commands) { c.Solicit(blake2b.Sum256(asked), uint32(len(asked))) })
	if d := w.next(); len(d.Extrinsic.Guarantees) != 2 || d.Extrinsic.Guarantees[0].Report.Core != 0 {
		t.Fatalf("%d guarantees", len(d.Extrinsic.Guarantees))
	}
	if d := w.draft(); len(d.Extrinsic.Guarantees) != 0 {
		t.Error("a report is reported again")
	}
	if err := w.told(func(done func(error)) { w.pool.AddPreimage(storeID, asked, done) }); !errors.Is(err, unneeded.ErrUnneeded) {
		t.Errorf("a preimage that nobody asked for yet: %v", err)
	}
	assure(0, 1)
	if d := w.next(); len(d.Extrinsic.Assurances) != w.params.Validators {
		t.Fatalf("%d assurances", len(d.Extrinsic.Assurances))
	}
	w.must(w.told(func(done func(error)) { w.pool.AddPreimage(storeID, asked, done) }))
	if err := w.told(func(done func(error)) { w.pool.AddPreimage(storeID, asked, done) }); !errors.Is(err, ErrKnown) {
		t.Errorf("again: %v", err)
	}
	bad := give(1, func(c *services.Commands) { c.Set("c", "d") })
	if d := w.next(); len(d.Extrinsic.Preimages) != 1 || len(d.Extrinsic.Guarantees) != 1 {
		t.Fatalf("%d preimages, %d guarantees", len(d.Extrinsic.Preimages), len(d.Extrinsic.Guarantees))
	}
	w.must(w.chain.Finalize(w.chain.Best()))
	if len(w.pool.preimages.byKey) != 0 || w.pool.preimages.bytes != 0 {
		t.Error("what was provided is kept")
	}

	w.accuse(bad, 0)
	d := w.next()
	if x := d.Extrinsic.Disputes; len(x.Verdicts) != 1 || len(x.Culprits) < 2 || len(d.Offenders) != len(x.Culprits) {
		t.Fatalf("%d verdicts, %d culprits, %d offenders", len(x.Verdicts), len(x.Culprits), len(d.Offenders))
	}
	if pending, err := w.tip.State.Reports(); err != nil || pending[1] != nil {
		t.Errorf("the bad report waits still, %v", err)
	}
	if d := w.next(); len(d.Extrinsic.Disputes.Verdicts) != 0 {
		t.Error("a report is judged again")
	}
}

// accuse gives the pool judgments on a report, so many of them that it is good, and what its guarantors have signed.
func (w *world) accuse(g *block.Guarantee, valid int) {
	w.t.Helper()
	d := w.scratch()
	d.Verdict(g.Report.Hash(), valid)
	v := &d.Extrinsic.Disputes.Verdicts[0]
	for _, vote := range v.Votes {
		j := &Judgment{v.Epoch, v.Report, vote.Valid, vote.Validator, vote.Signature}
		w.must(w.told(func(done func(error)) { w.pool.AddJudgment(j, done) }))
		if err := w.told(func(done func(error)) { w.pool.AddJudgment(j, done) }); !errors.Is(err, ErrKnown) {
			w.t.Errorf("again: %v", err)
		}
		j.Valid = !j.Valid
		if err := w.told(func(done func(error)) { w.pool.AddJudgment(j, done) }); !errors.Is(err, disputes.ErrBadSignature) {
			w.t.Errorf("another's words: %v", err)
		}
	}
	for _, c := range g.Credentials {
		d.Culprit(v.Report, c.Validator)
	}
	for i := range d.Extrinsic.Disputes.Culprits {
		w.must(w.told(func(done func(error)) { w.pool.AddCulprit(&d.Extrinsic.Disputes.Culprits[i], done) }))
	}
}

// TestVerdicts makes verdicts of all kinds of judgments.
func TestVerdicts(t *testing.T) {
	w := newWorld(t)
	w.next()
	p := w.params
	for _, tc := range []struct {
		good, bad  int
		votes, yes int // of the verdict
		faults     int
	}{
		{5, 0, 5, 5, 0},
		{5, 1, 5, 5, 1},
		{6, 0, 5, 5, 0},
		{1, 5, 5, 0, 1},
		{0, 6, 5, 0, 0},
		{2, 3, 5, 2, 0},
		{3, 3, 5, 2, 0},
		{4, 1, 0, 0, 0},
		{1, 4, 0, 0, 0},
		{0, 0, 0, 0, 0},
	} {
		for epoch := range uint32(2) { // which is not that of the judgments: they do not say it
			j := &judged{byKey: map[protocol.Ed25519Key]*Judgment{}}
			set := w.builder.Validators()
			for i := range protocol.Validator(tc.good + tc.bad) {
				j.byKey[set[i].Ed25519] = &Judgment{Valid: int(i) < tc.good, Validator: i, Epoch: uint32(i)}
			}
			court := &court{params: p, disputes: &state.Disputes{}, epoch: 3, previous: set}
			if epoch == 1 {
				court.active, court.previous = set, nil
			}
			x := judgments{byReport: map[protocol.Hash]*judged{{}: j}}
			d, ok := x.list()[0].say(court)
			if ok && d.Verdicts[0].Epoch != 2+epoch {
				t.Errorf("%+v: verdict of epoch %d", tc, d.Verdicts[0].Epoch)
			}
			if ok != (tc.votes > 0) {
				t.Errorf("%+v: verdict: %v", tc, ok)
			}
			yes := 0
			for i := range d.Verdicts {
				for _, vote := range d.Verdicts[i].Votes {
					if vote.Valid {
						yes++
					}
				}
			}
			if ok && (len(d.Verdicts[0].Votes) != tc.votes || yes != tc.yes || len(d.Faults) != tc.faults) {
				t.Errorf("%+v: %+v", tc, d)
			}
		}
	}
}

// TestLateOffenders has guarantors and an auditor of a bad report named after the verdict, in which they were not.
func TestLateOffenders(t *testing.T) {
	w := newWorld(t)
	w.next()
	bad := w.work(0, func(c *services.Commands) { c.Set("a", "b") }).Extrinsic.Guarantees[0]
	w.must(w.told(func(done func(error)) { w.pool.AddGuarantee(&bad, done) }))
	w.next()
	late := bad
	bad.Credentials, late.Credentials = bad.Credentials[:2], bad.Credentials[2:]
	w.accuse(&bad, 0)
	if x := w.next().Extrinsic.Disputes; len(x.Verdicts) != 1 || len(x.Culprits) != 2 {
		t.Fatalf("%d verdicts, %d culprits", len(x.Verdicts), len(x.Culprits))
	}
	if x := w.draft().Extrinsic.Disputes; len(x.Verdicts)+len(x.Culprits)+len(x.Faults) != 0 {
		t.Errorf("what stands in a block is said again: %+v", x)
	}
	d := w.scratch()
	for _, c := range late.Credentials {
		d.Culprit(bad.Report.Hash(), c.Validator)
	}
	d.Fault(bad.Report.Hash(), true, 5) // the five before have judged
	f := &d.Extrinsic.Disputes.Faults[0]
	epoch, _ := w.params.Epoch(w.chain.Best().Slot)
	j := &Judgment{epoch, f.Report, true, 5, f.Signature}
	w.must(w.told(func(done func(error)) { w.pool.AddJudgment(j, done) }))
	for i := range d.Extrinsic.Disputes.Culprits {
		w.must(w.told(func(done func(error)) { w.pool.AddCulprit(&d.Extrinsic.Disputes.Culprits[i], done) }))
	}
	x := w.next().Extrinsic.Disputes
	if len(x.Verdicts) != 0 || len(x.Culprits) != len(late.Credentials) || len(x.Faults) != 1 {
		t.Errorf("%d verdicts, %d culprits, %d faults", len(x.Verdicts), len(x.Culprits), len(x.Faults))
	}
	// One of the five says the contrary now.
	d = w.scratch()
	guilty := protocol.Validator(0)
	for slices.ContainsFunc(append(bad.Credentials, late.Credentials...), func(c block.Credential) bool { return c.Validator == guilty }) {
		guilty++
	}
	d.Fault(bad.Report.Hash(), true, guilty)
	f = &d.Extrinsic.Disputes.Faults[0]
	w.must(w.told(func(done func(error)) {
		w.pool.AddJudgment(&Judgment{epoch, f.Report, true, guilty, f.Signature}, done)
	}))
	if x := w.next().Extrinsic.Disputes; len(x.Verdicts)+len(x.Culprits) != 0 || len(x.Faults) != 1 || x.Faults[0].Key != f.Key {
		t.Errorf("%+v", x)
	}
}

// TestShunned has a report assured that must not become available.
func TestShunned(t *testing.T) {
	w := newWorld(t)
	w.next()
	g := w.work(0, func(c *services.Commands) { c.Set("a", "b") }).Extrinsic.Guarantees[0]
	w.must(w.told(func(done func(error)) { w.pool.AddGuarantee(&g, done) }))
	w.next()
	d := w.scratch()
	d.Assure([]protocol.Core{0})
	for i := range d.Extrinsic.Assurances {
		w.must(w.told(func(done func(error)) { w.pool.AddAssurance(&d.Extrinsic.Assurances[i], done) }))
	}
	w.pool.Shun(g.Report.Hash())
	if n := len(w.next().Extrinsic.Assurances); n != 4 {
		t.Errorf("%d assurances, want one too few", n)
	}
	if pending, err := w.tip.State.Reports(); err != nil || pending[0] == nil {
		t.Errorf("the report became available, %v", err)
	}
}

// TestRefused gives the pool what breaks rules.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.next()
	g := &w.work(0, func(c *services.Commands) { c.Set("a", "b") }).Extrinsic.Guarantees[0]
	change := func(why error, change func(*block.Guarantee)) {
		t.Helper()
		other := *g
		other.Credentials = append([]block.Credential(nil), g.Credentials...)
		change(&other)
		if err := w.told(func(done func(error)) { w.pool.AddGuarantee(&other, done) }); !errors.Is(err, why) {
			t.Errorf("%v, want %v", err, why)
		}
	}
	change(reports.ErrBadSignature, func(g *block.Guarantee) { g.Credentials[0].Signature[3] ^= 1 })
	change(reports.ErrBadCoreIndex, func(g *block.Guarantee) { g.Report.Core = 1 << 15 })
	change(reports.ErrFewGuarantees, func(g *block.Guarantee) { g.Credentials = g.Credentials[:1] })
	change(ErrStale, func(g *block.Guarantee) { g.Slot = 1 << 31 })
	change(nil, func(*block.Guarantee) {})
	change(ErrKnown, func(*block.Guarantee) {})

	d := w.scratch()
	d.Assure(nil)
	a := d.Extrinsic.Assurances[1]
	for _, tc := range []struct {
		want   error
		change func(*block.Assurance)
	}{
		{rules.ErrBadSignature, func(a *block.Assurance) { a.Signature[3] ^= 1 }},
		{rules.ErrBadSignature, func(a *block.Assurance) { a.Validator = 3 }},
		{rules.ErrBadValidatorIndex, func(a *block.Assurance) { a.Validator = 6 }},
		{rules.ErrCoreNotEngaged, func(a *block.Assurance) { a.Bitfield = []byte{1} }},
		{rules.ErrCoreNotEngaged, func(a *block.Assurance) { a.Bitfield = []byte{0x80} }},
		{rules.ErrBadValidatorIndex, func(a *block.Assurance) { a.Bitfield = nil }},
		{ErrStale, func(a *block.Assurance) { a.Anchor[0] ^= 1 }},
		{nil, func(*block.Assurance) {}},
		{ErrKnown, func(*block.Assurance) {}},
	} {
		other := a
		tc.change(&other)
		if err := w.told(func(done func(error)) { w.pool.AddAssurance(&other, done) }); !errors.Is(err, tc.want) {
			t.Errorf("%v, want %v", err, tc.want)
		}
	}

	ticket := &block.TicketProof{}
	for _, tc := range []struct {
		epoch   uint32
		attempt uint8
		want    error
	}{{1, 0, safrole.ErrBadTicketProof}, {1, 3, safrole.ErrBadTicketAttempt}, {0, 0, ErrEpoch}, {2, 0, ErrEpoch}} {
		ticket.Attempt = tc.attempt
		err := w.told(func(done func(error)) {
			w.pool.AddTicket(tc.epoch, ticket, func(_ protocol.Hash, err error) { done(err) })
		})
		if !errors.Is(err, tc.want) {
			t.Errorf("%v, want %v", err, tc.want)
		}
	}
}

// TestDraftFits gives the pool what fits together and what does not fit any more: whatever it drafts is a good block.
func TestDraftFits(t *testing.T) {
	w := newWorld(t)
	w.next()
	for i, text := range []string{"one", "two", "three"} { // for one core: one can be reported
		g := &w.work(0, func(c *services.Commands) { c.Set(text, text) }).Extrinsic.Guarantees[0]
		w.must(w.told(func(done func(error)) { w.pool.AddGuarantee(g, done) }))
		if i == 1 {
			w.next()
			continue
		}
	}
	d := w.scratch()
	d.Assure([]protocol.Core{0})
	for i := range d.Extrinsic.Assurances {
		w.must(w.told(func(done func(error)) { w.pool.AddAssurance(&d.Extrinsic.Assurances[i], done) }))
	}
	if got := w.next(); len(got.Extrinsic.Guarantees) != 1 || len(got.Extrinsic.Assurances) != 6 {
		t.Errorf("%d guarantees, %d assurances", len(got.Extrinsic.Guarantees), len(got.Extrinsic.Assurances))
	}
	if len(w.pool.assurances.byAnchor) != 0 {
		t.Error("assurances are kept for a block that has a child")
	}
	w.loop.Advance(20 * 6 * time.Second)
	w.pool.guarantees.prune(w.params, w.pool.now())
	if n := len(w.pool.guarantees.byCore[0]); n != 0 {
		t.Errorf("%d guarantees are kept although their time is over", n)
	}
}

// TestBounds offers more than there is room for.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	for range maxChecking + 10 {
		w.pool.AddPreimage(storeID, []byte("nobody asked"), nil)
	}
	if w.pool.checking != maxChecking {
		t.Errorf("%d are checked at once", w.pool.checking)
	}
	if err := w.told(func(done func(error)) { w.pool.AddPreimage(storeID, nil, done) }); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want %v", err, ErrBusy)
	}
	if w.pool.checking != 0 {
		t.Errorf("%d are still checked", w.pool.checking)
	}
}

func TestFitting(t *testing.T) {
	calls := 0
	got := fitting([]int{100}, []int{1, 2, 3, 4, 5, 6, 7, 8}, func(list []int) bool {
		calls++
		for _, x := range list {
			if x == 4 || x == 7 {
				return false
			}
		}
		return true
	})
	if want := []int{100, 1, 2, 3, 5, 6, 8}; len(got) != len(want) || !bytes.Equal(octets(got), octets(want)) || calls > 12 {
		t.Errorf("%v after %d calls, want %v", got, calls, want)
	}
}

func octets(list []int) (b []byte) {
	for _, x := range list {
		b = append(b, byte(x))
	}
	return b
}
