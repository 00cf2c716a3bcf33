package pool

import (
	"errors"
	"maps"
	"slices"

	"damson/crypto/bandersnatch"
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/chain"
	"damson/state"
	"damson/state/claim"
	"damson/state/disputes"
	"damson/state/safrole"
)

// Candidates are what the pool had for a block when it was asked. They do not change.
type Candidates struct {
	params *protocol.Params
	parent protocol.Hash
	root   protocol.Hash // of the parent's posterior state
	prior  *state.State
	slot   protocol.Slot

	tickets    []*ticket
	assurances []block.Assurance
	guarantees [][]*guarantee
	preimages  []*preimage
	disputes   []dispute
	shunned    map[protocol.Hash]bool
}

// Draft is a block without its author's part.
type Draft struct {
	Parent    protocol.Hash
	PriorRoot protocol.Hash
	Slot      protocol.Slot
	Extrinsic block.Extrinsic
	Offenders []protocol.Ed25519Key // H_O
	Marks     *safrole.Marks        // H_E, H_W
	After     *safrole.State        // what the seal depends on: see safrole.Ahead
}

// Candidates gives what there is for a block of a slot on a parent.
func (p *Pool) Candidates(parent *chain.Block, slot protocol.Slot) *Candidates {
	c := p.Nothing(parent, slot)
	epoch, _ := p.opts.Params.Epoch(slot)
	p.guarantees.prune(p.opts.Params, slot)
	c.tickets = p.tickets.list(epoch + 1)
	c.assurances = p.assurances.list(parent.Hash)
	c.guarantees = p.guarantees.list(p.opts.Params)
	c.preimages = p.preimages.list()
	c.disputes = p.judgments.list()
	c.shunned = maps.Clone(p.shunned)
	return c
}

// Nothing is Candidates for a block with an empty extrinsic.
func (p *Pool) Nothing(parent *chain.Block, slot protocol.Slot) *Candidates {
	return &Candidates{params: p.opts.Params, parent: parent.Hash, root: parent.StateRoot, prior: parent.State, slot: slot}
}

// Draft picks what fits together, in the order and within the limits of the paper. It may run beside the loop. Ancestor says
// whether a header is an ancestor of the block; it may be nil.
func (c *Candidates) Draft(ring safrole.RingRoot, ancestor func(protocol.Hash, protocol.Slot) bool) (*Draft, error) {
	d := &Draft{Parent: c.parent, PriorRoot: c.root, Slot: c.slot}
	x := &d.Extrinsic
	judged, err := c.selectDisputes(x)
	if err != nil {
		return nil, err
	}
	d.Offenders = judged.OffendersMark
	if d.After, d.Marks, err = safrole.Ahead(c.params, c.prior, c.slot, judged.Disputes.Offenders, ring); err != nil {
		return nil, err
	}
	before, err := c.prior.Safrole()
	if err != nil {
		return nil, err
	}
	x.Tickets = selectTickets(c.params, c.tickets, before.Accumulator, d.After.Safrole.Accumulator, d.After, c.slot)

	pending := judged.Reports
	var unexpected error
	x.Assurances = fitting(nil, c.innocent(judged.Reports), func(list []block.Assurance) bool {
		result, err := assure(c.params, c.parent, c.slot, c.prior, judged.Reports, list, new(claim.Set))
		if err == nil {
			pending = result.Reports
		}
		return fits(err, &unexpected)
	})
	if len(x.Assurances) == 0 { // what has timed out goes without any
		result, err := assure(c.params, c.parent, c.slot, c.prior, judged.Reports, nil, new(claim.Set))
		if err != nil {
			return nil, err
		}
		pending = result.Reports
	}
	x.Guarantees = c.selectGuarantees(&guaranteeing{
		prior: c.prior, root: c.root, slot: c.slot, after: d.After, reports: pending,
		offenders: append([]protocol.Ed25519Key{}, judged.Disputes.Offenders...), ancestor: ancestor,
	}, &unexpected)
	if unexpected != nil {
		return nil, unexpected
	}
	x.Preimages, err = selectPreimages(c.prior, c.preimages)
	return d, err
}

// selectDisputes fills E_D and gives what comes of it.
func (c *Candidates) selectDisputes(x *block.Extrinsic) (*disputes.Result, error) {
	prior, err := c.prior.Disputes()
	if err != nil {
		return nil, err
	}
	pending, err := c.prior.Reports()
	if err != nil {
		return nil, err
	}
	before, err := safrole.Load(c.prior)
	if err != nil {
		return nil, err
	}
	var unexpected error
	try := func(list []block.Disputes) (*disputes.Result, error) {
		x.Disputes = join(list)
		return disputes.Transition(c.params, prior, pending, &disputes.Input{
			Slot: before.Slot, Active: before.Active, Previous: before.Previous, Disputes: &x.Disputes,
		}, new(claim.Set))
	}
	court := &court{params: c.params, disputes: prior, active: before.Active, previous: before.Previous}
	court.epoch, _ = c.params.Epoch(before.Slot)
	var sayable []block.Disputes
	for i := range c.disputes {
		if d, ok := c.disputes[i].say(court); ok {
			sayable = append(sayable, d)
		}
	}
	chosen := fitting(nil, sayable, func(list []block.Disputes) bool {
		_, err := try(list)
		return fits(err, &unexpected)
	})
	if unexpected != nil {
		return nil, unexpected
	}
	return try(chosen)
}

// innocent gives the assurances without some of those that would make a report available that is shunned.
func (c *Candidates) innocent(pending state.Reports) []block.Assurance {
	list := c.assurances
	for core, p := range pending {
		if p == nil || len(c.shunned) == 0 || !c.shunned[p.Report.Hash()] {
			continue
		}
		kept := make([]block.Assurance, 0, len(list))
		n := 0
		for i := range list {
			if list[i].Has(core) {
				if n++; n >= c.params.SuperMajority() {
					continue
				}
			}
			kept = append(kept, list[i])
		}
		list = kept
	}
	return list
}

// selectGuarantees gives E_G. The newest guarantee of each core has the first go.
func (c *Candidates) selectGuarantees(x *guaranteeing, unexpected *error) []block.Guarantee {
	var chosen []*guarantee
	byCore := func(list []*guarantee) []*guarantee {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b *guarantee) int { return int(a.Report.Core) - int(b.Report.Core) })
		return list
	}
	for _, round := range c.guarantees {
		chosen = fitting(chosen, round, func(list []*guarantee) bool {
			return fits(guaranteed(c.params, x, byCore(list), new(claim.Set)), unexpected)
		})
	}
	var list []block.Guarantee
	for _, g := range byCore(chosen) {
		list = append(list, g.Guarantee)
	}
	return list
}

// fitting adds to chosen as many of the others as may stand beside it, earlier ones first. If all fit it asks once; else
// it finds those that do not by halves.
func fitting[T any](chosen, others []T, fit func([]T) bool) []T {
	if len(others) == 0 {
		return chosen
	}
	all := slices.Concat(chosen, others)
	switch {
	case fit(all):
		return all
	case len(others) == 1:
		return chosen
	}
	half := len(others) / 2
	return fitting(fitting(chosen, others[:half], fit), others[half:], fit)
}

// fits says whether no rule is broken. Other errors are kept.
func fits(err error, unexpected *error) bool {
	if err == nil {
		return true
	}
	if _, invalid := errors.AsType[protocol.Invalid](err); !invalid {
		*unexpected = err
	}
	return false
}

// Drop forgets what was in a block that was refused, so that it does not spoil another one.
func (p *Pool) Drop(x *block.Extrinsic) {
	for i := range x.Tickets {
		if id, err := bandersnatch.Output(x.Tickets[i].Proof[:]); err == nil {
			delete(p.tickets.byID, id)
		}
	}
	for i := range x.Assurances {
		delete(p.assurances.byAnchor, x.Assurances[i].Anchor)
	}
	for i := range x.Guarantees {
		delete(p.guarantees.byCore, x.Guarantees[i].Report.Core)
	}
	for i := range x.Preimages {
		p.preimages.drop(preimageKey{x.Preimages[i].Service, blake2b.Sum256(x.Preimages[i].Blob)})
	}
	for i := range x.Disputes.Verdicts {
		delete(p.judgments.byReport, x.Disputes.Verdicts[i].Report)
	}
}
