// Package accumulate lets services act on the reports that became available. It is GP §12 up to §12.3; preimages,
// §12.4, have a package of their own.
//
// [Transition] is §12.3, the integration of what comes of the rest: queue.go finds the reports that can be
// accumulated (§12.1), sequence.go is Δ+, parallel.go is Δ* and Δ1, which runs services at the same time, and
// merge.go brings their effects together (§12.2).
package accumulate

import (
	"bytes"
	"cmp"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

// Invoke is Ψ_A, which may run many times at once. An error is a failure of this node. GP eq:accinvocation.
type Invoke func(*invoke.AccumulateInput) (*invoke.AccumulateOutput, error)

// Input is the part of the prior state that accumulation starts from, and what the block brings.
type Input struct {
	Prior       protocol.Slot     // τ
	Slot        protocol.Slot     // τ′
	Entropy     protocol.Hash     // η₀′
	Available   []*block.Report   // W: became available in this block, ordered by core
	Ready       state.Ready       // ω
	Accumulated state.Accumulated // ξ
	Privileges  *state.Privileges // χ
	Staging     state.Validators  // ι
	Queues      state.AuthQueues  // φ

	// Workers bounds how many services run at once; 0 means one for each processor.
	Workers int
}

// Output is what accumulation changes. Privileges, Staging and Queues are those of the Input if nobody changed them.
type Output struct {
	Ready       state.Ready                  // ω′
	Accumulated state.Accumulated            // ξ′
	Privileges  *state.Privileges            // χ′
	Staging     state.Validators             // ι′
	Queues      state.AuthQueues             // φ′
	LastOutputs state.LastOutputs            // θ′: ascending by service, then by hash
	Activity    []state.AccumulationActivity // S: ascending by service
	Reports     []*block.Report              // the reports accumulated, in their order: W*..n
}

// Transition accumulates. It changes the accounts from δ to δ‡, and nothing else of what it is given. An error is a
// protocol.Invalid if the block is bad, and else a failure of this node; the accounts are then of no use.
func Transition(p *protocol.Params, accumulate Invoke, accounts *service.Accounts, in *Input) (*Output, error) {
	immediate, queued := partition(in.Available, in.Accumulated)
	phase := int(in.Slot % p.EpochLength)
	reports := accumulatable(in.Ready, phase, immediate, queued)

	r := &run{
		invoke: accumulate, workers: in.Workers, slot: in.Slot, entropy: in.Entropy,
		state: invoke.PartialState{
			Accounts: accounts, Staging: in.Staging, Queues: in.Queues, Privileges: in.Privileges,
		},
		gasUsed: make(map[protocol.ServiceID]protocol.Gas),
	}
	n, err := r.sequence(blockGas(p, in.Privileges), reports, in.Privileges.AlwaysAccumulate)
	if err != nil {
		return nil, err
	}
	out := &Output{
		Privileges:  r.state.Privileges,
		Staging:     r.state.Staging,
		Queues:      r.state.Queues,
		LastOutputs: outputs(r.yields),
		Activity:    activity(r.gasUsed, reports[:n]),
		Reports:     reports[:n],
	}
	for i := range out.Activity {
		if a := accounts.Update(out.Activity[i].Service); a != nil {
			a.LastAccumulation = in.Slot
		}
	}
	done := packages(out.Reports)
	out.Accumulated = shiftAccumulated(in.Accumulated, done)
	out.Ready = shiftReady(in.Ready, in.Prior, in.Slot, queued, done)
	return out, nil
}

// blockGas is g, what all accumulation of the block may use. GP §12.3.
func blockGas(p *protocol.Params, x *state.Privileges) protocol.Gas {
	g := p.ReportGas * protocol.Gas(p.Cores)
	for i := range x.AlwaysAccumulate {
		g = add(g, x.AlwaysAccumulate[i].Gas)
	}
	return max(p.BlockGas, g)
}

// add stops at the greatest gas there is. Privileges may hold any numbers, and no machine can burn as much.
func add(a, b protocol.Gas) protocol.Gas {
	if a+b < a {
		return ^protocol.Gas(0)
	}
	return a + b
}

// outputs is θ′: the set of yields in order. GP eq:finalstateaccumulation.
func outputs(yields []state.Output) state.LastOutputs {
	slices.SortFunc(yields, func(a, b state.Output) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	return slices.Compact(yields)
}

// activity is S: the gas that services used, and the digests of theirs that were accumulated.
// GP eq:accumulationstatisticsdef.
func activity(gasUsed map[protocol.ServiceID]protocol.Gas, reports []*block.Report) []state.AccumulationActivity {
	digests := make(map[protocol.ServiceID]uint64, len(gasUsed))
	for _, r := range reports {
		for i := range r.Digests {
			digests[r.Digests[i].Service]++
		}
	}
	// Whoever has a digest has run, if in vain.
	list := make([]state.AccumulationActivity, 0, len(gasUsed))
	for id, gas := range gasUsed {
		if n := digests[id]; gas > 0 || n > 0 {
			list = append(list, state.AccumulationActivity{Service: id, Gas: gas, Digests: n})
		}
	}
	slices.SortFunc(list, func(a, b state.AccumulationActivity) int { return cmp.Compare(a.Service, b.Service) })
	return list
}

// shiftAccumulated is ξ′: the packages of this block come in last, and the oldest slot falls out. GP §12.3.
func shiftAccumulated(prior state.Accumulated, done set) state.Accumulated {
	post := make(state.Accumulated, len(prior))
	copy(post, prior[1:])
	post[len(post)-1] = done.sorted()
	return post
}

// shiftReady is ω′: the place of this slot takes what was queued, those of slots without a block are emptied, and
// what has been accumulated is struck out everywhere. GP §12.3.
func shiftReady(prior state.Ready, before, slot protocol.Slot, queued []state.ReadyReport, done set) state.Ready {
	length := protocol.Slot(len(prior))
	post := make(state.Ready, length)
	post[slot%length] = edit(queued, done)
	for i := slot - before; i < length; i++ {
		if i == 0 {
			continue
		}
		at := (slot%length + length - i) % length
		post[at] = edit(prior[at], done)
	}
	return post
}
