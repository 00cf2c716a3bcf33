package accumulate

import (
	"fmt"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

func report(limits ...protocol.Gas) *block.Report {
	r := new(block.Report)
	for i, g := range limits {
		r.Digests = append(r.Digests, block.Digest{Service: protocol.ServiceID(i), AccumulateGas: g})
	}
	return r
}

func TestAffordable(t *testing.T) {
	const most = ^protocol.Gas(0)
	for _, tc := range []struct {
		gas     protocol.Gas
		reports []*block.Report
		want    int
	}{
		{100, nil, 0},
		{100, []*block.Report{report(50), report(49)}, 2},
		{100, []*block.Report{report(50), report(50)}, 2},
		{100, []*block.Report{report(50), report(51)}, 1},
		{100, []*block.Report{report(50), report(50), report(1)}, 2},
		{100, []*block.Report{report(50, 51), report(1)}, 0},
		{0, []*block.Report{report(0), report(), report(1)}, 2},
		{most, []*block.Report{report(most), report(0), report(1)}, 2},
		{most, []*block.Report{report(most - 1), report(2)}, 1},
	} {
		if got := affordable(tc.gas, tc.reports); got != tc.want {
			t.Errorf("%d gas: %d of %d reports, want %d", tc.gas, got, len(tc.reports), tc.want)
		}
	}
}

// TestSequence follows Δ+ through rounds whose gas is known.
func TestSequence(t *testing.T) {
	type call struct {
		round              int
		service            protocol.ServiceID
		gas                protocol.Gas
		transfers, digests int
	}
	var calls []call
	accounts := service.New(entries{})
	for id := range protocol.ServiceID(4) {
		accounts.Create(id, &state.Account{})
	}
	round := 0
	r := &run{
		workers: 1, gasUsed: make(map[protocol.ServiceID]protocol.Gas),
		state: invoke.PartialState{Accounts: accounts, Privileges: &state.Privileges{}},
	}
	r.invoke = func(in *invoke.AccumulateInput) (*invoke.AccumulateOutput, error) {
		if len(calls) > 0 && calls[len(calls)-1].service >= in.Service {
			round++
		}
		calls = append(calls, call{round, in.Service, in.Gas, len(in.Transfers), len(in.Operands)})
		out := &invoke.AccumulateOutput{State: in.State, GasUsed: in.Gas / 2}
		if round == 0 && in.Service == 0 {
			out.GasUsed += 10 // what the transfers cost it
			out.Transfers = []invoke.Transfer{{Dest: 3, Gas: 4}, {Dest: 1, Gas: 0}, {Dest: 3, Gas: 6}}
		}
		return out, nil
	}
	// 100 gas: 60 + 40 fit, the next 50 do not. Those use 30 + 20 and 10, and the free 8 use 4; the transfers are paid
	// for by 10 of theirs. 36 are left: the third report does not fit, only the transfers run. They use 5 of the 10
	// that they brought: 41, still too little. Nothing is left to do, though reports are.
	n, err := r.sequence(100, []*block.Report{report(60), report(0, 40), report(50)}, []state.FreeGas{{Service: 2, Gas: 8}})
	if err != nil {
		t.Fatal(err)
	}
	if n != 2 {
		t.Errorf("%d reports, want 2", n)
	}
	want := []call{{0, 0, 60, 0, 2}, {0, 1, 40, 0, 1}, {0, 2, 8, 0, 0}, {1, 1, 0, 1, 0}, {1, 3, 10, 2, 0}}
	if !slices.Equal(calls, want) {
		t.Errorf("calls\n%v, want\n%v", calls, want)
	}
	vectors.Equal(t, "gas used", r.gasUsed, map[protocol.ServiceID]protocol.Gas{0: 40, 1: 20, 2: 4, 3: 5})
}

func TestBlockGas(t *testing.T) {
	p := protocol.Tiny()
	for _, tc := range []struct {
		free []protocol.Gas
		want protocol.Gas
	}{
		{nil, 20_000_000},
		{[]protocol.Gas{5, 6}, 20_000_011},
		{[]protocol.Gas{1 << 63, 1 << 63}, ^protocol.Gas(0)},
	} {
		x := new(state.Privileges)
		for _, g := range tc.free {
			x.AlwaysAccumulate = append(x.AlwaysAccumulate, state.FreeGas{Gas: g})
		}
		if got := blockGas(p, x); got != tc.want {
			t.Errorf("free %v: %d gas, want %d", tc.free, got, tc.want)
		}
	}
}

// TestMergePrivileges has manager and owners change the same privileges. Services that do not accumulate change none.
func TestMergePrivileges(t *testing.T) {
	prior := &state.Privileges{Manager: 1, Assigners: []protocol.ServiceID{2, 3}, Delegator: 4, Registrar: 5}
	for i, tc := range []struct {
		byService map[protocol.ServiceID]state.Privileges
		want      state.Privileges
	}{
		{nil, *prior},
		{ // the owners pass on what is theirs, and what is not has no effect
			map[protocol.ServiceID]state.Privileges{
				2: {Manager: 9, Assigners: []protocol.ServiceID{12, 99}, Delegator: 99, Registrar: 99},
				3: {Manager: 9, Assigners: []protocol.ServiceID{98, 13}, Delegator: 98, Registrar: 98},
				4: {Manager: 9, Assigners: []protocol.ServiceID{97, 97}, Delegator: 14, Registrar: 97},
				5: {Manager: 9, Assigners: []protocol.ServiceID{96, 96}, Delegator: 96, Registrar: 15},
			},
			state.Privileges{Manager: 1, Assigners: []protocol.ServiceID{12, 13}, Delegator: 14, Registrar: 15},
		},
		{ // the manager prevails where it makes a change
			map[protocol.ServiceID]state.Privileges{
				1: {
					Manager: 21, Assigners: []protocol.ServiceID{22, 3}, Delegator: 4, Registrar: 25,
					AlwaysAccumulate: []state.FreeGas{{Service: 7, Gas: 8}},
				},
				2: {Assigners: []protocol.ServiceID{12, 99}},
				3: {Assigners: []protocol.ServiceID{98, 13}},
				4: {Assigners: []protocol.ServiceID{97, 97}, Delegator: 14},
				5: {Assigners: []protocol.ServiceID{96, 96}, Registrar: 15},
			},
			state.Privileges{
				Manager: 21, Assigners: []protocol.ServiceID{22, 13}, Delegator: 14, Registrar: 25,
				AlwaysAccumulate: []state.FreeGas{{Service: 7, Gas: 8}},
			},
		},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			got := mergePrivileges(prior, func(id protocol.ServiceID) *state.Privileges {
				if x, ok := tc.byService[id]; ok {
					return &x
				}
				return prior
			})
			vectors.Equal(t, "χ′", *got, tc.want)
		})
	}
}
