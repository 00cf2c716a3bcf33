package devchain

import (
	"math"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/state"
	"damson/state/assurances"
	"damson/state/disputes"
	"damson/state/reports"
)

// crossing begins a chain for a test, with a first block.
func crossing(t *testing.T) *script {
	t.Helper()
	p := protocol.Tiny()
	b := New(Options{Params: p, Engine: interp.New()})
	a, err := NewAuthor(b, ownGenesis(b, p))
	if err != nil {
		t.Fatal(err)
	}
	a.Good(nil)
	return &script{a}
}

func (s *script) check(t *testing.T) {
	t.Helper()
	if s.Err != nil {
		t.Fatal(s.Err)
	}
}

// work is a report for a core that sets a value of the store to its own name.
func (s *script) work(core protocol.Core, name string) *block.Report {
	return s.Report(core, commands(storeID, func(c *services.Commands) { c.Set(name, name) }))
}

// pending gives the report on a core, or nil.
func (s *script) pending(t *testing.T, core int) *state.Assignment {
	t.Helper()
	s.check(t)
	list, err := s.Tip.State.Reports()
	if err != nil {
		t.Fatal(err)
	}
	return list[core]
}

// stored reports whether the work of that name was accumulated.
func (s *script) stored(name string) bool {
	_, ok := s.Tip.State.Get(state.StorageKey(storeID, []byte(name)))
	return ok
}

// judgedBad adds a dispute about a report, in which the first two guarantors are to blame.
func judgedBad(d *Draft, report protocol.Hash, guarantors []protocol.Validator) {
	d.Verdict(report, 0)
	d.Culprit(report, guarantors[0])
	d.Culprit(report, guarantors[1])
	sortDisputes(&d.Extrinsic.Disputes)
}

// TestDisputeClearsCore judges a report in the block in which it would become available: nobody may assure it any more,
// another may take its place at once, and the other core is not concerned.
func TestDisputeClearsCore(t *testing.T) {
	s := crossing(t)
	good, bad := s.work(0, "good"), s.work(1, "bad")
	var guarantors []protocol.Validator
	s.Good(func(d *Draft) {
		guarantors = d.Guarantors(1, d.Slot)
		d.Guarantee(good)
		d.Guarantee(bad)
	})
	s.check(t)
	s.Bad(assurances.ErrCoreNotEngaged, func(d *Draft) {
		judgedBad(d, bad.Hash(), guarantors)
		d.Assure([]protocol.Core{0, 1})
	})
	s.Bad(reports.ErrBannedValidator, func(d *Draft) {
		judgedBad(d, bad.Hash(), guarantors)
		d.Guarantee(bad)
	})
	s.Bad(reports.ErrDuplicatePackage, func(d *Draft) { // ρ has it, though ρ† has not
		judgedBad(d, bad.Hash(), d.Guarantors(0, d.Slot))
		d.Guarantee(bad)
	})
	next := s.work(0, "next")
	s.Good(func(d *Draft) {
		judgedBad(d, bad.Hash(), guarantors)
		d.Assure([]protocol.Core{0})
		d.Guarantee(next) // whose core has become free in this block
	})
	if s.pending(t, 1) != nil || s.pending(t, 0) == nil || !s.stored("good") {
		t.Error("the wrong core was cleared")
	}
	s.Good(assureAll)
	if s.check(t); !s.stored("next") || s.stored("bad") {
		t.Error("the report that came in with the dispute is lost, or the bad one is not")
	}
}

// TestDisputeOpensEpoch judges in the first block of an epoch, and in the one after it. The judges are by the epoch of the
// prior state, and the offenders are missing from the very set that the block makes pending.
func TestDisputeOpensEpoch(t *testing.T) {
	s := crossing(t)
	s.SkipTo(11)
	bad := s.work(0, "bad")
	var guarantors []protocol.Validator
	s.Good(func(d *Draft) {
		guarantors = d.Guarantors(0, d.Slot)
		d.Guarantee(bad)
	})
	s.SkipTo(12)
	s.Bad(disputes.ErrBadJudgementAge, func(d *Draft) {
		judgedBad(d, bad.Hash(), guarantors)
		d.Extrinsic.Disputes.Verdicts[0].Epoch = 1
	})
	s.check(t)
	active, err := s.Tip.State.Active()
	if err != nil {
		t.Fatal(err)
	}
	s.Good(func(d *Draft) { judgedBad(d, bad.Hash(), guarantors) })
	s.check(t)
	gamma, err := s.Tip.State.Safrole()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range guarantors[:2] {
		if gamma.Pending[v] != (state.ValidatorKeys{}) {
			t.Errorf("offender %d is still pending", v)
		}
	}
	if kappa, err := s.Tip.State.Active(); err != nil || kappa[guarantors[0]] != active[guarantors[0]] {
		t.Error("an offender is active no more, one epoch too early")
	}
	if s.pending(t, 0) != nil {
		t.Error("the bad report is still there")
	}
	// The judges of the former epoch may still judge, those of the one before may not.
	s.Bad(disputes.ErrBadJudgementAge, func(d *Draft) {
		d.Verdict(protocol.Hash{1}, 2)
		d.Extrinsic.Disputes.Verdicts[0].Epoch = math.MaxUint32
	})
	s.Good(func(d *Draft) {
		d.Verdict(protocol.Hash{1}, 2)
		d.Verdict(protocol.Hash{2}, 2)
		d.Extrinsic.Disputes.Verdicts[1].Epoch = 0
	})
	s.check(t)
}

// TestEverythingOpensEpoch lets a block open an epoch, after others that were skipped or not, that makes a report
// available, takes in one guaranteed before the rotation, and counts both for the new epoch.
func TestEverythingOpensEpoch(t *testing.T) {
	for name, slots := range map[string][2]protocol.Slot{"next": {11, 12}, "skipped": {11, 36}} {
		t.Run(name, func(t *testing.T) {
			s := crossing(t)
			s.SkipTo(slots[0])
			first := s.work(0, "first")
			s.Good(func(d *Draft) { d.Guarantee(first) })
			second := s.work(1, "second")
			s.SkipTo(slots[1])
			s.check(t)
			slot := s.slot
			second.Context.LookupAnchorSlot = slot // who skips so much has no anchor that is young enough
			before := slot - slot%s.Chain.Params.RotationPeriod - 1
			s.Bad(reports.ErrBeforeLastRotation, func(d *Draft) { d.GuaranteeBy(second, before-4, d.Guarantors(1, before)...) })
			s.Good(func(d *Draft) {
				assureAll(d)
				d.GuaranteeBy(second, before, d.Guarantors(1, before)...)
			})
			if p := s.pending(t, 1); p == nil || p.Slot != slot || !s.stored("first") {
				t.Errorf("on core 1 there is %v, first stored: %v", p, s.stored("first"))
			}
			pi, err := s.Tip.State.Activity()
			if err != nil {
				t.Fatal(err)
			}
			guaranteed, assured := uint32(0), uint32(0)
			for _, v := range pi.Current {
				guaranteed, assured = guaranteed+v.Guarantees, assured+v.Assurances
			}
			if guaranteed != 3 || assured != 6 {
				t.Errorf("%d guarantees and %d assurances are counted, want 3 and 6", guaranteed, assured)
			}
			s.Good(assureAll)
			if s.check(t); !s.stored("second") {
				t.Error("second was not accumulated")
			}
		})
	}
}

// TestTimeOut reports on a core in the last slot in which that is not allowed and in the first in which it is, and lets a
// report become available when its time is over.
func TestTimeOut(t *testing.T) {
	s := crossing(t)
	late := s.work(0, "late")
	s.Good(func(d *Draft) { d.Guarantee(late) })
	reported := s.pending(t, 0).Slot
	timeout := reported + s.Chain.Params.AvailabilityTimeout
	s.SkipTo(timeout - 1)
	next := s.work(0, "next")
	if s.slot == timeout-1 {
		s.Bad(reports.ErrCoreEngaged, func(d *Draft) { d.Guarantee(next) })
	}
	s.SkipTo(timeout)
	parent := *s.Tip
	s.Good(func(d *Draft) { d.Guarantee(next) })
	if p := s.pending(t, 0); p == nil || p.Slot < timeout || s.stored("late") {
		t.Error("the report whose time is over was not replaced")
	}

	s.Tip, s.slot = &parent, timeout
	s.Skip(0)
	s.Good(func(d *Draft) {
		assureAll(d)
		d.Guarantee(next)
	})
	if s.check(t); !s.stored("late") {
		t.Error("a report did not become available because its time is over")
	}
}

// TestLastSlot goes to the end of time.
func TestLastSlot(t *testing.T) {
	s := crossing(t)
	first, second := s.work(0, "first"), s.work(1, "second")
	s.SkipTo(math.MaxUint32 - 1)
	s.check(t)
	if s.slot < math.MaxUint32-1 {
		t.Fatal("time has wrapped around")
	}
	for _, r := range []*block.Report{first, second} {
		r.Context.LookupAnchorSlot = math.MaxUint32 - 3
	}
	s.Good(func(d *Draft) { d.Guarantee(first) })
	s.slot = math.MaxUint32
	s.Good(func(d *Draft) {
		assureAll(d)
		d.Guarantee(second)
	})
	s.Err = nil // that no slot follows
	if p := s.pending(t, 1); p == nil || p.Slot != math.MaxUint32 || !s.stored("first") {
		t.Errorf("on core 1 there is %v, first stored: %v", p, s.stored("first"))
	}
}
