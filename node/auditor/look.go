package auditor

import (
	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/loop"
	"damson/state"
	"damson/state/assurances"
	"damson/state/claim"
	"damson/state/disputes"
	"damson/state/safrole"
)

// audit is what is known of the audit of a block.
type audit struct {
	block *chain.Block
	prior *state.State
	epoch uint32           // of those who audit
	set   state.Validators // κ of the prior state: those who audit
	next  state.Validators // κ′: those who vote and author then
	self  int              // our index in set; -1 if we are not in it
	seed  protocol.Hash    // 𝒴(H_V)

	ready     bool // 𝐖 is known
	items     []*item
	open      int // reports that are not audited
	audited   bool
	announced [][][]byte // messages that we sent
	drawing   bool
	timer     loop.Timer
}

// item is a report that became available in a block.
type item struct {
	jamnp.AuditedReport
	report  *report
	heard   []heard // by tranche, and in the order in which they came
	mine    bool    // we have announced that we audit it
	audited bool
	draw    draw // ours of the latest tranche
}

// heard is somebody's word that he audits a report.
type heard struct {
	validator protocol.Validator
	tranche   uint8
	list      *jamnp.AuditList
}

// draw is sₙ(w).
type draw struct {
	tranche   uint8
	signature protocol.VRFSignature
	output    protocol.Hash
}

// available is a report of 𝐖, with those who guaranteed it.
type available struct {
	hash      protocol.Hash
	report    *block.Report
	guarantee *jamnp.JudgedGuarantee
}

// concerns says whether a node is told what we say about a block.
func (x *audit) concerns(id protocol.Ed25519Key) bool {
	_, audits := indexOf(x.set, id)
	_, votes := indexOf(x.next, id)
	return audits || votes
}

// audience lists who is told: the auditors of the block, and who came to vote since.
func (x *audit) audience() (list []protocol.Ed25519Key) {
	for i := range x.set {
		list = append(list, x.set[i].Ed25519)
	}
	for i := range x.next {
		if _, known := indexOf(x.set, x.next[i].Ed25519); !known {
			list = append(list, x.next[i].Ed25519)
		}
	}
	return list
}

func (x *audit) rest() {
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
}

func (x *audit) itemOf(report protocol.Hash) *item {
	for _, it := range x.items {
		if it.Report == report {
			return it
		}
	}
	return nil
}

// follow begins the audit of a block.
func (a *Auditor) follow(b *chain.Block) {
	parent := a.Chain.Parent(b)
	if parent == nil || a.audits[b.Hash] != nil {
		return
	}
	x := &audit{block: b, prior: parent.State, self: -1}
	x.epoch, _ = a.Params.Epoch(parent.Slot)
	var err error
	if x.set, err = parent.State.Active(); err == nil {
		x.next, err = b.State.Active()
	}
	if err != nil {
		a.log.Error("the auditors of a block are not known", "slot", b.Slot, "error", err)
		return
	}
	if at, ok := indexOf(x.set, a.self); ok {
		x.self = int(at)
	}
	a.audits[b.Hash], a.order = x, append(a.order, x)
	a.sets[x.epoch] = x.set
	pending, err := parent.State.Reports()
	if err == nil && !anyPending(pending) {
		a.begin(x, nil, nil)
		return
	}
	a.Loop.Go(lookQueue, func() func() {
		list, first, err := a.look(x)
		return func() {
			switch {
			case a.audits[b.Hash] != x || a.stopped:
			case err != nil:
				a.log.Error("what became available in a block is not known", "slot", b.Slot, "error", err)
			default:
				a.begin(x, list, first)
			}
		}
	})
}

func anyPending(pending state.Reports) bool {
	for _, p := range pending {
		if p != nil {
			return true
		}
	}
	return false
}

// look reads which reports became available in a block: 𝐖, and draws our first tranche. It runs beside the loop.
func (a *Auditor) look(x *audit) ([]available, *protocol.VRFSignature, error) {
	octets, err := a.Store.Block(x.block.Hash)
	if err != nil {
		return nil, nil, err
	}
	v := new(block.View)
	if err := v.Decode(octets, a.Params); err != nil {
		return nil, nil, err
	}
	reports, slots, err := newlyAvailable(a.Params, x.prior, v)
	if err != nil || len(reports) == 0 {
		return nil, nil, err
	}
	list := make([]available, len(reports))
	for i, r := range reports {
		list[i] = available{hash: r.Hash(), report: r}
		list[i].guarantee = a.guaranteeOf(x.block.Parent, list[i].hash, slots[i])
	}
	if x.seed, err = safrole.FreshEntropy(x.block.Header); err != nil {
		return nil, nil, err
	}
	if x.self < 0 {
		return list, nil, nil
	}
	signature := protocol.VRFSignature(a.Key.Bandersnatch.Sign(firstInput(x.seed), nil))
	return list, &signature, nil
}

// newlyAvailable gives 𝐖 of a block that is known to be good, by core, and the slots in which they were reported. GP
// eq:availableworkreports.
func newlyAvailable(p *protocol.Params, prior *state.State, v *block.View) ([]*block.Report, []protocol.Slot, error) {
	pending, err := prior.Reports()
	if err != nil {
		return nil, nil, err
	}
	judged, err := prior.Disputes()
	if err != nil {
		return nil, nil, err
	}
	before, err := safrole.Load(prior)
	if err != nil {
		return nil, nil, err
	}
	disputed, err := disputes.Transition(p, judged, pending, &disputes.Input{
		Slot: before.Slot, Active: before.Active, Previous: before.Previous, Disputes: &v.Extrinsic.Disputes,
	}, new(claim.Set))
	if err != nil {
		return nil, nil, err
	}
	assured, err := assurances.Transition(p, disputed.Reports, &assurances.Input{
		Slot: v.Header.Slot, Parent: v.Header.Parent, Assurances: v.Extrinsic.Assurances, Active: before.Active,
	}, new(claim.Set))
	if err != nil {
		return nil, nil, err
	}
	slots := make([]protocol.Slot, len(assured.Available))
	for i, r := range assured.Available {
		slots[i] = pending[r.Core].Slot
	}
	return assured.Available, slots, nil
}

// guaranteeOf finds who guaranteed a report, in the block of a slot before; nil if that is not kept.
func (a *Auditor) guaranteeOf(parent, report protocol.Hash, slot protocol.Slot) *jamnp.JudgedGuarantee {
	entry, err := a.Store.AncestorAt(parent, slot)
	if err != nil || entry.Slot != slot {
		return nil
	}
	octets, err := a.Store.Block(entry.Hash)
	if err != nil {
		return nil
	}
	v := new(block.View)
	if v.Decode(octets, a.Params) != nil {
		return nil
	}
	for i := range v.Extrinsic.Guarantees {
		if g := &v.Extrinsic.Guarantees[i]; v.ReportHash(i) == report {
			return &jamnp.JudgedGuarantee{Slot: g.Slot, Credentials: g.Credentials}
		}
	}
	return nil
}

// begin audits a block of which is known what became available in it.
func (a *Auditor) begin(x *audit, list []available, first *protocol.VRFSignature) {
	x.ready = true
	for i := range list {
		r := a.reportOf(list[i].hash)
		a.settle(r)
		r.seen = max(r.seen, x.block.Slot)
		if r.charge == nil && x.self >= 0 {
			r.charge = &x.epoch
		}
		if r.report == nil {
			r.report, r.prior = list[i].report, x.prior
		}
		if r.guarantee == nil && list[i].guarantee != nil {
			r.guarantee = list[i].guarantee
			a.accuse(r)
		}
		x.items = append(x.items, &item{
			AuditedReport: jamnp.AuditedReport{Core: list[i].report.Core, Report: r.hash}, report: r,
		})
	}
	x.open = len(x.items)
	a.resume(x)
	if first != nil {
		a.announceFirst(x, first)
	}
	for _, it := range x.items {
		a.consider(x, it)
		if it.report.against > 0 {
			a.escalate(it.report)
		}
		if _, bad := a.bad[it.Report]; bad || 3*it.report.count(x.set, false) > len(x.set) { // it may have come after its judgments
			a.condemn(x)
		}
	}
	a.retryEarly()
	a.conclude(x)
	a.wait(x)
}

func output(signature *protocol.VRFSignature) (protocol.Hash, error) {
	return bandersnatch.Output(signature[:])
}
