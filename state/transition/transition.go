// Package transition is Υ: it applies a block to a state by running the parts of GP §§5 to 13 in the order that
// GP eq:transitionfunctioncomposition allows.
//
// It alone knows the order. What a block claims by signatures and proofs is handed over as soon as it is known, so
// that it can be settled while the transition goes on.
package transition

import (
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/accumulate"
	"damson/state/assurances"
	"damson/state/authorization"
	"damson/state/claim"
	"damson/state/disputes"
	"damson/state/history"
	"damson/state/invoke"
	"damson/state/preimages"
	"damson/state/reports"
	"damson/state/safrole"
	"damson/state/service"
	"damson/state/statistics"
	"damson/state/trie"
)

// Why a header is refused before anything is executed.
const (
	ErrBadExtrinsicHash = protocol.Invalid("header/bad_extrinsic_hash")
	ErrBadStateRoot     = protocol.Invalid("header/bad_parent_state_root")
)

// Part is one of the parts that Apply consists of.
type Part int

// The parts, in their order.
const (
	Consensus    Part = iota // disputes, safrole, the header
	Reporting                // assurances, guarantees
	Accumulation             // accumulation, preimages, and what depends on them
)

// Env is what a transition needs besides the state and the block. It holds no state of the chain.
type Env struct {
	Params   *protocol.Params
	Invoker  *invoke.Invoker
	RingRoot safrole.RingRoot

	// Settle is handed claims once for each group of parts. It must not keep the caller waiting.
	Settle func(*claim.Set)

	// Enter is told which part of the work begins, for profiles; may be nil.
	Enter func(Part)

	// Workers bounds how many services are accumulated at once; 0 means one for each processor.
	Workers int

	// Ancestor says whether a header is an ancestor of the block; nil if ancestors are not known.
	Ancestor func(protocol.Hash, protocol.Slot) bool
}

// run is the application of one block.
type run struct {
	*Env
	prior *prior
	block *block.View
	delta state.Delta

	safrole   *safrole.State // γ′, η′, κ′, λ′
	disputes  *disputes.Result
	available []*block.Report // R
	reporters []protocol.Ed25519Key
}

// Apply gives what a block changes. An error that wraps protocol.Invalid is the block's, any other is ours. The block
// is good only if Apply succeeds and all claims hold.
func Apply(env *Env, before *state.State, v *block.View) (*state.Delta, error) {
	if v.Header.PriorStateRoot != before.Root() {
		return nil, fmt.Errorf("header says %s, state is %s: %w", v.Header.PriorStateRoot, before.Root(), ErrBadStateRoot)
	}
	if hash := v.ExtrinsicHash(); v.Header.ExtrinsicHash != hash {
		return nil, fmt.Errorf("header says %s, extrinsic is %s: %w", v.Header.ExtrinsicHash, hash, ErrBadExtrinsicHash)
	}
	p, err := load(before)
	if err != nil {
		return nil, err
	}
	r := &run{Env: env, prior: p, block: v}
	for part, step := range [...]func() error{Consensus: r.consensus, Reporting: r.reporting, Accumulation: r.accumulation} {
		if env.Enter != nil {
			env.Enter(Part(part))
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &r.delta, nil
}

// consensus runs disputes and safrole: ψ′, ρ†, γ′, η′, κ′, λ′, τ′. It claims the header's signatures.
func (r *run) consensus() (err error) {
	var claims claim.Set
	h := &r.block.Header
	r.disputes, err = disputes.Transition(r.Params, r.prior.disputes, r.prior.reports, &disputes.Input{
		Slot: r.prior.slot, Active: r.prior.active, Previous: r.prior.previous, Disputes: &r.block.Extrinsic.Disputes,
	}, &claims)
	if err != nil {
		return err
	}
	if err := disputes.CheckHeader(h, r.disputes.OffendersMark); err != nil {
		return err
	}
	fresh, err := safrole.FreshEntropy(h)
	if err != nil {
		return err
	}
	before := &safrole.State{
		Slot: r.prior.slot, Entropy: r.prior.entropy, Safrole: r.prior.safrole,
		Active: r.prior.active, Previous: r.prior.previous,
	}
	post, marks, err := safrole.Transition(r.Params, before, &safrole.Input{
		Slot: h.Slot, Entropy: fresh, Tickets: r.block.Extrinsic.Tickets,
		Staging: r.prior.staging, Offenders: r.disputes.Disputes.Offenders,
	}, r.RingRoot, &claims)
	if err != nil {
		return err
	}
	if err := safrole.CheckHeader(r.Params, h, r.block.UnsignedHeader(), post, marks, &claims); err != nil {
		return err
	}
	r.Settle(&claims)

	r.safrole = post
	d := &r.delta
	d.Slot, d.Entropy = &post.Slot, post.Entropy
	if r.disputes.Disputes != r.prior.disputes {
		d.Disputes = r.disputes.Disputes
	}
	if post.Safrole != before.Safrole {
		d.Safrole = post.Safrole
	}
	if marks.Epoch != nil {
		d.Active, d.Previous = post.Active, post.Previous
	}
	return nil
}

// reporting runs assurances and guarantees: ρ‡, R, ρ′. It claims their signatures.
func (r *run) reporting() error {
	var claims claim.Set
	h, x := &r.block.Header, &r.block.Extrinsic
	assured, err := assurances.Transition(r.Params, r.disputes.Reports, &assurances.Input{
		Slot: h.Slot, Parent: h.Parent, Assurances: x.Assurances, Active: r.prior.active,
	}, &claims)
	if err != nil {
		return err
	}
	recent := history.WithStateRoot(r.prior.recent, h.PriorStateRoot) // β†
	hashes := make([]protocol.Hash, len(x.Guarantees))
	for i := range hashes {
		hashes[i] = r.block.ReportHash(i)
	}
	guaranteed, err := reports.Transition(r.Params, assured.Reports, &reports.Input{
		Slot: h.Slot, Guarantees: x.Guarantees, ReportHashes: hashes,
		Entropy: r.safrole.Entropy, Active: r.safrole.Active, Previous: r.safrole.Previous,
		Offenders: r.disputes.Disputes.Offenders,
		AuthPools: r.prior.authPools, Recent: recent, PriorReports: r.prior.reports,
		Ready: r.prior.ready, Accumulated: r.prior.accumulated,
		Account: r.prior.state.Account, Ancestor: r.Ancestor,
	}, &claims)
	if err != nil {
		return err
	}
	r.Settle(&claims)

	r.available, r.reporters = assured.Available, guaranteed.Reporters
	r.delta.Recent, r.delta.Reports = recent, guaranteed.Reports
	return nil
}

// accumulation runs accumulation and what depends on it: δ′, ω′, ξ′, χ′, ι′, φ′, θ′, β′, α′, π′.
func (r *run) accumulation() error {
	h, x := &r.block.Header, &r.block.Extrinsic
	accounts := service.New(r.prior.state)
	provided, err := preimages.Check(accounts, x.Preimages)
	if err != nil {
		return err
	}
	done, err := accumulate.Transition(r.Params, r.Invoker.Accumulate, accounts, &accumulate.Input{
		Prior: r.prior.slot, Slot: h.Slot, Entropy: r.safrole.Entropy[0], Available: r.available,
		Ready: r.prior.ready, Accumulated: r.prior.accumulated,
		Privileges: r.prior.privileges, Staging: r.prior.staging, Queues: r.prior.authQueues, Workers: r.Workers,
	})
	if err != nil {
		return err
	}
	preimages.Integrate(accounts, provided, h.Slot)

	d := &r.delta
	d.Ready, d.Accumulated, d.LastOutputs = done.Ready, done.Accumulated, &done.LastOutputs
	if done.Privileges != r.prior.privileges {
		d.Privileges = done.Privileges
	}
	if !same(done.Staging, r.prior.staging) {
		d.Staging = done.Staging
	}
	if !same(done.Queues, r.prior.authQueues) {
		d.AuthQueues = done.Queues
	}
	d.Recent = history.Transition(r.Params, d.Recent, r.block.HeaderHash(),
		history.OutputRoot(done.LastOutputs), history.Reported(x.Guarantees))
	d.AuthPools = authorization.Transition(r.Params, r.prior.authPools, done.Queues, h.Slot, x.Guarantees)
	d.Activity = statistics.Transition(r.Params, r.prior.activity, &statistics.Input{
		Prior: r.prior.slot, Slot: h.Slot, Author: h.Author, Active: r.safrole.Active, Extrinsic: x,
		Reporters: r.reporters, Available: r.available, Accumulated: done.Activity,
	})
	for key, value := range accounts.Changes() {
		d.Services = append(d.Services, trie.Change{Key: key, Value: value})
	}
	return nil
}

// same says whether two lists are one, so that what nobody changed need not be encoded.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
