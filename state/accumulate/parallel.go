package accumulate

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"damson/internal/block"
	"damson/internal/invariants"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/invoke"
)

// job is the accumulation of one service in a round: the arguments of Δ1, and what comes of them. GP eq:accone.
type job struct {
	service   protocol.ServiceID
	gas       protocol.Gas      // g
	transfers []invoke.Transfer // iT
	operands  []invoke.Operand  // iU

	out *invoke.AccumulateOutput
	err error
}

// parallel is Δ*: it accumulates every service that has something to do, each from the same state, and makes one
// state of theirs. It gives the transfers that they made, and the gas that they used. GP eq:accpar.
func (r *run) parallel(transfers []invoke.Transfer, reports []*block.Report, free []state.FreeGas) ([]invoke.Transfer, protocol.Gas, error) {
	jobs := gather(transfers, reports, free)
	r.execute(jobs)
	var made []invoke.Transfer
	var used protocol.Gas
	for i := range jobs {
		j := &jobs[i]
		if j.err != nil {
			return nil, 0, fmt.Errorf("accumulate service %d: %w", j.service, j.err)
		}
		used = add(used, j.out.GasUsed)
		r.gasUsed[j.service] = add(r.gasUsed[j.service], j.out.GasUsed)
		if j.out.Yield != nil {
			r.yields = append(r.yields, state.Output{Service: j.service, Hash: *j.out.Yield})
		}
		made = append(made, j.out.Transfers...)
	}
	return made, used, r.merge(jobs)
}

// gather gives the jobs of a round, ascending by service: s of GP eq:accpar with the inputs of GP eq:accone.
func gather(transfers []invoke.Transfer, reports []*block.Report, free []state.FreeGas) []job {
	var jobs []job
	index := make(map[protocol.ServiceID]int)
	of := func(id protocol.ServiceID) *job {
		i, ok := index[id]
		if !ok {
			i = len(jobs)
			index[id] = i
			jobs = append(jobs, job{service: id})
		}
		return &jobs[i]
	}
	for i := range free {
		j := of(free[i].Service)
		j.gas = add(j.gas, free[i].Gas)
	}
	for i := range transfers {
		j := of(transfers[i].Dest)
		j.gas = add(j.gas, transfers[i].Gas)
		j.transfers = append(j.transfers, transfers[i])
	}
	for _, r := range reports {
		for i := range r.Digests {
			d := &r.Digests[i]
			j := of(d.Service)
			j.gas = add(j.gas, d.AccumulateGas)
			j.operands = append(j.operands, invoke.OperandOf(r, d))
		}
	}
	slices.SortFunc(jobs, func(a, b job) int { return cmp.Compare(a.service, b.service) })
	return jobs
}

// execute runs the jobs, as many at once as there may be workers. Each has a fork of the accounts, of which nothing
// is merged before all are done, so that none sees what another does.
func (r *run) execute(jobs []job) {
	workers := r.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, len(jobs))
	if workers <= 1 {
		for i := range jobs {
			r.one(&jobs[i])
		}
		return
	}
	// Those that may run longest begin first, so that none is left to run alone at the end.
	order := make([]*job, len(jobs))
	for i := range jobs {
		order[i] = &jobs[i]
	}
	slices.SortStableFunc(order, func(a, b *job) int { return cmp.Compare(b.gas, a.gas) })
	var next atomic.Int64
	var group invariants.Group
	for range workers {
		group.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(len(order)) {
					return
				}
				r.one(order[i])
			}
		})
	}
	group.Wait()
}

// one is Δ1. GP eq:accone.
func (r *run) one(j *job) {
	in := &invoke.AccumulateInput{
		State: r.state, Slot: r.slot, Entropy: r.entropy,
		Service: j.service, Gas: j.gas, Transfers: j.transfers, Operands: j.operands,
	}
	in.State.Accounts = r.state.Accounts.Fork()
	j.out, j.err = r.invoke(in)
}
