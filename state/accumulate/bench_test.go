package accumulate

import (
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

// BenchmarkTransition accumulates a full-size block, a report on every core with as many digests as it may have, all
// for different services, while the ready queue is full of reports that wait. Services do nothing: this is what
// remains when guest code costs nothing.
func BenchmarkTransition(b *testing.B) {
	p := protocol.Full()
	base := make(entries)
	accounts := service.New(base)
	in := &Input{
		Prior: 1000, Slot: 1001, Privileges: &state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
		Ready: make(state.Ready, p.EpochLength), Accumulated: make(state.Accumulated, p.EpochLength),
		Queues: make(state.AuthQueues, p.Cores), Staging: make(state.Validators, p.Validators),
	}
	hash := func(i int) protocol.Hash { return protocol.Hash{byte(i), byte(i >> 8), byte(i >> 16)} }
	for core := range p.Cores {
		r := &block.Report{Core: protocol.Core(core), Package: block.PackageSpec{Hash: hash(core)}}
		for i := range p.MaxPackageItems {
			id := protocol.ServiceID(core*p.MaxPackageItems + i)
			accounts.Create(id, &state.Account{Balance: 1000})
			r.Digests = append(r.Digests, block.Digest{Service: id, AccumulateGas: 600_000})
		}
		in.Available = append(in.Available, r)
	}
	base = base.After(accounts)
	for i := range in.Ready {
		in.Ready[i] = make([]state.ReadyReport, p.Cores)
		for j := range in.Ready[i] {
			e := &in.Ready[i][j]
			e.Report.Package.Hash = hash(1<<20 | i*p.Cores + j)
			e.Dependencies = []protocol.Hash{{31: 1}}
			in.Accumulated[i] = append(in.Accumulated[i], protocol.Hash{byte(i), byte(i >> 8), byte(j), byte(j >> 8), 31: 2})
		}
	}
	idle := func(in *invoke.AccumulateInput) (*invoke.AccumulateOutput, error) {
		in.State.Accounts.Update(in.Service)
		return &invoke.AccumulateOutput{State: in.State, GasUsed: 1}, nil
	}
	b.ReportAllocs()
	for b.Loop() {
		out, err := Transition(p, idle, service.New(base), in)
		if err != nil || len(out.Activity) != p.Cores*p.MaxPackageItems {
			b.Fatal(err, len(out.Activity))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/block")
}
