package accumulate

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

const fakeServices = 12 // of which all but the last two exist

// fake is a Ψ_A that does whatever the seed says, by what it is told: it stores, pays, makes and removes services,
// passes privileges on, provides.
func fake(seed uint64) Invoke {
	return func(in *invoke.AccumulateInput) (*invoke.AccumulateOutput, error) {
		r := inputRand(seed, in)
		out := &invoke.AccumulateOutput{State: in.State}
		accounts, self := in.State.Accounts, in.Service
		account := accounts.Update(self)
		if account == nil {
			return out, nil
		}
		for i := range in.Transfers {
			account.Balance += in.Transfers[i].Amount
		}
		if in.Gas == 0 {
			return out, nil
		}
		out.GasUsed = 1 + protocol.Gas(r.Uint64N(uint64(in.Gas)))
		for range r.IntN(3) {
			key, value := []byte{byte(r.IntN(6))}, make([]byte, r.IntN(3))
			change := accounts.PlanStorage(self, state.StorageKey(self, key), uint64(len(key)), uint64(len(value)))
			change.Apply(value)
			runtime.Gosched()
		}
		for range r.IntN(3) {
			account := accounts.Update(self)
			amount := protocol.Balance(r.IntN(int(account.Balance) / 4))
			account.Balance -= amount
			out.Transfers = append(out.Transfers, invoke.Transfer{
				Source: self, Dest: protocol.ServiceID(r.IntN(fakeServices)), Amount: amount, Gas: out.GasUsed / 4,
			})
		}
		if r.IntN(3) == 0 {
			id := protocol.ServiceID(1<<20 | r.Uint32N(1<<10)<<10 | uint32(self))
			if !accounts.Exists(id) {
				accounts.Create(id, &state.Account{Balance: 1000, Parent: self})
			}
		}
		if r.IntN(4) == 0 {
			h := protocol.Hash{byte(r.IntN(3))}
			out.Yield = &h
		}
		if r.IntN(3) == 0 {
			blob := []byte{byte(r.IntN(4))}
			out.Provisions = []invoke.Provision{{Service: protocol.ServiceID(r.IntN(fakeServices)), Hash: blake2b.Sum256(blob), Blob: blob}}
		}
		if victim := protocol.ServiceID(9); self == 1 && accounts.Exists(victim) && r.IntN(3) == 0 {
			accounts.Remove(victim, protocol.Hash{}, 0)
		}
		fakePrivileged(r, &out.State)
		return out, nil
	}
}

// fakePrivileged changes what the state holds beside accounts. Nobody checks here whose it is: the merge does.
func fakePrivileged(r *rand.Rand, s *invoke.PartialState) {
	if r.IntN(2) == 0 {
		x := *s.Privileges
		x.Assigners = slices.Clone(x.Assigners)
		for _, at := range []*protocol.ServiceID{&x.Manager, &x.Delegator, &x.Registrar, &x.Assigners[0], &x.Assigners[1]} {
			if r.IntN(3) == 0 {
				*at = protocol.ServiceID(r.IntN(fakeServices))
			}
		}
		x.AlwaysAccumulate = []state.FreeGas{{Service: protocol.ServiceID(r.IntN(4)), Gas: 5}}
		s.Privileges = &x
	}
	if r.IntN(2) == 0 {
		s.Staging = slices.Clone(s.Staging)
		s.Staging[0].Metadata[0] = byte(r.IntN(256))
	}
	if r.IntN(2) == 0 {
		s.Queues = slices.Clone(s.Queues)
		for c := range s.Queues {
			s.Queues[c] = []protocol.Hash{{byte(r.IntN(256))}}
		}
	}
}

// inputRand is seeded by everything that an invocation is told.
func inputRand(seed uint64, in *invoke.AccumulateInput) *rand.Rand {
	b := codec.AppendU64(nil, seed)
	b = codec.AppendU64(codec.AppendU32(b, uint32(in.Service)), uint64(in.Gas))
	for i := range in.Transfers {
		x := &in.Transfers[i]
		b = codec.AppendU32(codec.AppendU64(codec.AppendU64(b, uint64(x.Amount)), uint64(x.Gas)), uint32(x.Source))
	}
	for i := range in.Operands {
		b = append(b, in.Operands[i].Package[:]...)
	}
	b = in.State.Privileges.AppendTo(in.State.Queues.AppendTo(in.State.Staging.AppendTo(b)))
	for id := range protocol.ServiceID(fakeServices) {
		if a := in.State.Accounts.Account(id); a != nil {
			b = a.AppendTo(b)
		}
	}
	h := blake2b.Sum256(b)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])))
}

// fakeState has services with a request for a preimage each.
func fakeState() entries {
	e := make(entries)
	accounts := service.New(e)
	for id := range protocol.ServiceID(fakeServices - 2) {
		accounts.Create(id, &state.Account{Balance: 1 << 20})
		blob := []byte{byte(id % 4)}
		accounts.SetRequest(id, blake2b.Sum256(blob), 1, nil)
	}
	return e.After(accounts)
}

func fakeInput(r *rand.Rand, p *protocol.Params) *Input {
	in := &Input{
		Prior: 40, Slot: 41,
		Ready:       make(state.Ready, p.EpochLength),
		Accumulated: make(state.Accumulated, p.EpochLength),
		Staging:     make(state.Validators, p.Validators),
		Queues:      make(state.AuthQueues, p.Cores),
		Privileges: &state.Privileges{
			Manager: 0, Assigners: []protocol.ServiceID{2, 3}, Delegator: 4, Registrar: 5,
			AlwaysAccumulate: []state.FreeGas{{Service: 6, Gas: 1000}, {Service: 7, Gas: 1 << 63}, {Service: 8, Gas: 1 << 63}},
		},
	}
	for i := range 6 {
		report := block.Report{Package: block.PackageSpec{Hash: protocol.Hash{1, byte(i)}}}
		if i > 3 {
			report.Context.Prerequisites = []protocol.Hash{{1, byte(i - 3)}}
		}
		for range 1 + r.IntN(5) {
			report.Digests = append(report.Digests, block.Digest{
				Service: protocol.ServiceID(r.IntN(fakeServices)), AccumulateGas: protocol.Gas(r.IntN(1000)),
			})
		}
		in.Available = append(in.Available, &report)
	}
	return in
}

// TestParallelIsSerial accumulates with one worker and with several, which must be the same in all that can be seen.
func TestParallelIsSerial(t *testing.T) {
	p := protocol.Tiny()
	pre := fakeState()
	moved, yields, rounds := 0, 0, 0
	for seed := range uint64(300) {
		type result struct {
			out  Output
			post entries
		}
		accumulate := func(workers int) result {
			in := fakeInput(rand.New(rand.NewPCG(seed, 0)), p)
			in.Workers = workers
			accounts := service.New(pre)
			before := encodeInput(in)
			out, err := Transition(p, fake(seed), accounts, in)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			vectors.Equal(t, "the input afterwards", encodeInput(in), before)
			return result{*out, pre.After(accounts)}
		}
		serial := accumulate(1)
		for _, workers := range []int{2, 8} {
			parallel := accumulate(workers)
			vectors.Equal(t, "output", parallel.out, serial.out)
			vectors.Equal(t, "δ‡", parallel.post, serial.post)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		yields += len(serial.out.LastOutputs)
		rounds += len(serial.out.Activity)
		if serial.out.Privileges.Manager != 0 {
			moved++
		}
	}
	if moved == 0 || yields == 0 || rounds == 0 {
		t.Errorf("nothing happened: %d privileges moved, %d yields, %d activities", moved, yields, rounds)
	}
}

func TestFailures(t *testing.T) {
	p := protocol.Tiny()
	failure := errors.New("disk")
	for _, tc := range []struct {
		name string
		want error
		do   func(in *invoke.AccumulateInput) error
	}{
		{"two services make one index", service.ErrIndexConflict, func(in *invoke.AccumulateInput) error {
			in.State.Accounts.Create(1<<20, &state.Account{Parent: in.Service})
			return nil
		}},
		{"this node fails", failure, func(in *invoke.AccumulateInput) error {
			if in.Service == 7 {
				return failure
			}
			return nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Transition(p, func(in *invoke.AccumulateInput) (*invoke.AccumulateOutput, error) {
				return &invoke.AccumulateOutput{State: in.State}, tc.do(in)
			}, service.New(fakeState()), fakeInput(rand.New(rand.NewPCG(0, 0)), p))
			if !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}
