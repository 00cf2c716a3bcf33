package accumulate

import (
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/invoke"
)

// run is the accumulation of a block under way.
type run struct {
	invoke  Invoke
	workers int
	slot    protocol.Slot // τ′
	entropy protocol.Hash // η₀′

	state   invoke.PartialState                 // e
	yields  []state.Output                      // b
	gasUsed map[protocol.ServiceID]protocol.Gas // u, summed up for each service that ran
}

// sequence is Δ+: rounds of Δ*, of as many reports as the gas allows, each followed by one for the transfers that
// it made, until there is nothing to do. It gives the number of reports accumulated. GP eq:accseq.
func (r *run) sequence(gas protocol.Gas, reports []*block.Report, free []state.FreeGas) (n int, err error) {
	var transfers []invoke.Transfer
	for {
		i := affordable(gas, reports[n:])
		if len(transfers)+i+len(free) == 0 {
			return n, nil
		}
		made, used, err := r.parallel(transfers, reports[n:n+i], free)
		if err != nil {
			return 0, err
		}
		for j := range transfers {
			gas = add(gas, transfers[j].Gas)
		}
		// Free gas is not taken out of what reports may use, and can leave less than nothing.
		gas -= min(gas, used)
		n, transfers, free = n+i, made, nil
	}
}

// affordable is i: how many of the reports, from the first on, the gas is enough for. GP eq:accseq.
func affordable(gas protocol.Gas, reports []*block.Report) int {
	for i, r := range reports {
		for j := range r.Digests {
			limit := r.Digests[j].AccumulateGas
			if limit > gas {
				return i
			}
			gas -= limit
		}
	}
	return len(reports)
}
