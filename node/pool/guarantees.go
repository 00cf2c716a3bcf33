package pool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
	"damson/state/history"
	"damson/state/reports"
	"damson/state/safrole"
)

// guarantee is a guaranteed report that may go into a block.
type guarantee struct {
	report protocol.Hash
	block.Guarantee
}

// guarantees are the newest ones for each core, the newest first.
type guarantees struct {
	byCore map[protocol.Core][]*guarantee
}

// prune forgets the guarantees whose time is over in a slot. GP eq:guarantorsig.
func (x *guarantees) prune(p *protocol.Params, now protocol.Slot) {
	for core, list := range x.byCore {
		x.byCore[core] = slices.DeleteFunc(list, func(g *guarantee) bool {
			return now/p.RotationPeriod > g.Slot/p.RotationPeriod+1
		})
	}
}

// AddGuarantee takes in a guaranteed report. Done may be nil. The report must not be changed any more.
func (p *Pool) AddGuarantee(g *block.Guarantee, done func(error)) {
	done = tell(done)
	if int(g.Report.Core) >= p.opts.Params.Cores {
		p.opts.Loop.Post(func() { done(reports.ErrBadCoreIndex) })
		return
	}
	own := &guarantee{Guarantee: *g}
	own.Credentials = slices.Clone(g.Credentials)
	best, now := p.opts.Chain.Best().State, p.now()
	root := p.opts.Chain.Best().StateRoot
	p.check(func() error {
		own.report = own.Report.Hash()
		return checkGuarantee(p.opts.Params, best, root, now, own, p.opts.Verifier)
	}, func(err error) {
		if err == nil {
			err = p.keepGuarantee(own)
		}
		done(err)
	})
}

// checkGuarantee holds a guarantee against the rules for a child of the best block, but for those that a block to come may
// mend: that its core is engaged, and that it depends on reports that are not there yet.
func checkGuarantee(p *protocol.Params, best *state.State, root protocol.Hash, now protocol.Slot, g *guarantee, v *claim.Verifier) error {
	after, err := Contest(p, best, now, v)
	if err != nil {
		return err
	}
	var claims claim.Set
	free := make(state.Reports, p.Cores)
	err = guaranteed(p, &guaranteeing{
		prior: best, root: root, slot: now, after: after, reports: free,
	}, []*guarantee{g}, &claims)
	switch {
	case errors.Is(err, reports.ErrDependencyMissing), errors.Is(err, reports.ErrBadSegmentRoot):
	case errors.Is(err, reports.ErrFutureSlot), errors.Is(err, reports.ErrAnchorNotRecent),
		errors.Is(err, reports.ErrBeforeLastRotation), errors.Is(err, reports.ErrDuplicatePackage):
		return fmt.Errorf("%w: %s", ErrStale, err.Error()) // nobody's fault: the sender may be on another fork
	case err != nil:
		return err
	}
	return v.Signatures(claims.Signatures)
}

// guaranteeing is what the part of Υ for guarantees reads.
type guaranteeing struct {
	prior     *state.State
	root      protocol.Hash // of the prior state
	slot      protocol.Slot
	after     *safrole.State
	offenders []protocol.Ed25519Key // ψ_O′; nil for those of the prior state
	reports   state.Reports         // ρ‡
	ancestor  func(protocol.Hash, protocol.Slot) bool
}

// guaranteed runs the part of Υ for guarantees.
func guaranteed(p *protocol.Params, x *guaranteeing, list []*guarantee, claims *claim.Set) error {
	in := &reports.Input{
		Slot: x.slot, Entropy: x.after.Entropy, Active: x.after.Active, Previous: x.after.Previous, Offenders: x.offenders,
		Account: x.prior.Account, Ancestor: x.ancestor,
	}
	for _, g := range list {
		in.Guarantees = append(in.Guarantees, g.Guarantee)
		in.ReportHashes = append(in.ReportHashes, g.report)
	}
	var recent *state.Recent
	var disputes *state.Disputes
	for _, load := range [...]func() error{
		func() (err error) { recent, err = x.prior.Recent(); return err },
		func() (err error) { disputes, err = x.prior.Disputes(); return err },
		func() (err error) { in.AuthPools, err = x.prior.AuthPools(); return err },
		func() (err error) { in.PriorReports, err = x.prior.Reports(); return err },
		func() (err error) { in.Ready, err = x.prior.Ready(); return err },
		func() (err error) { in.Accumulated, err = x.prior.Accumulated(); return err },
	} {
		if err := load(); err != nil {
			return err
		}
	}
	in.Recent = history.WithStateRoot(recent, x.root)
	if in.Offenders == nil {
		in.Offenders = disputes.Offenders
	}
	_, err := reports.Transition(p, x.reports, in, claims)
	return err
}

func (p *Pool) keepGuarantee(g *guarantee) error {
	p.guarantees.prune(p.opts.Params, p.now())
	list := p.guarantees.byCore[g.Report.Core]
	at := slices.IndexFunc(list, func(other *guarantee) bool { return other.report == g.report })
	switch {
	case at >= 0 && len(list[at].Credentials) >= len(g.Credentials):
		return ErrKnown
	case at >= 0:
		list = slices.Delete(list, at, at+1)
	}
	list = append(list, g)
	slices.SortStableFunc(list, func(a, b *guarantee) int { return cmp.Compare(b.Slot, a.Slot) })
	if len(list) > maxCoreReports {
		list = list[:maxCoreReports]
	}
	p.guarantees.byCore[g.Report.Core] = list
	return nil
}

// Guaranteed gives the segment root of a package whose guaranteed report waits to be put into a block, or was put into one of late.
func (p *Pool) Guaranteed(packageHash protocol.Hash) (exports protocol.Hash, ok bool) {
	for core := range protocol.Core(p.opts.Params.Cores) {
		for _, g := range p.guarantees.byCore[core] {
			if g.Report.Package.Hash == packageHash {
				return g.Report.Package.ExportsRoot, true
			}
		}
	}
	return exports, false
}

// list gives all guarantees in rounds, each with at most one for a core and in the order of the cores: the newest first.
func (x *guarantees) list(p *protocol.Params) (rounds [][]*guarantee) {
	for round := range maxCoreReports {
		var list []*guarantee
		for core := range protocol.Core(p.Cores) {
			if of := x.byCore[core]; round < len(of) {
				list = append(list, of[round])
			}
		}
		if len(list) > 0 {
			rounds = append(rounds, list)
		}
	}
	return rounds
}
