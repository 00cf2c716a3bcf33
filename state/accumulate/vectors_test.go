package accumulate

import (
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/merkle"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
	"damson/state/service/vector"
)

// entries are δ by its keys.
type entries = vector.Entries

// vectorState is the State of accumulate.asn.
type vectorState struct {
	slot        protocol.Slot
	entropy     protocol.Hash
	ready       state.Ready
	accumulated state.Accumulated
	privileges  *state.Privileges
	activity    []state.ServiceActivity
	accounts    entries
}

func decodeState(d *codec.Decoder, p *protocol.Params) (s vectorState) {
	s.slot = protocol.Slot(d.U32())
	s.entropy = d.Hash()
	s.ready = state.DecodeReady(d, p)
	s.accumulated = state.DecodeAccumulated(d, p)
	s.privileges = state.DecodePrivileges(d, p)
	s.activity = state.DecodeServiceActivity(d)
	s.accounts = vector.DecodeAccounts(d)
	return s
}

func TestVectors(t *testing.T) {
	vectors.Each(t, "stf/accumulate", ".bin", func(t *testing.T, f *vectors.File) {
		for _, workers := range []int{1, 4} {
			checkVector(t, f, workers)
		}
	})
}

func checkVector(t *testing.T, f *vectors.File, workers int) {
	t.Helper()
	p, _ := protocol.Named(f.Chain)
	d := codec.NewDecoder(f.Data)
	slot := protocol.Slot(d.U32())
	available := make([]*block.Report, d.Count(p.Cores, 250))
	for i := range available {
		available[i] = new(block.Report)
		available[i].DecodeFrom(&d, p)
	}
	pre := decodeState(&d, p)
	refused := d.Bool()
	root := d.Hash()
	want := decodeState(&d, p)
	if err := d.Finish(); err != nil || refused {
		t.Fatal(err, refused) // no vector has a block that is refused
	}

	invoker := invoke.New(invoke.Options{Engine: interp.New(), Params: p})
	accounts := service.New(pre.accounts)
	in := &Input{
		Prior: pre.slot, Slot: slot, Entropy: pre.entropy, Available: available,
		Ready: pre.ready, Accumulated: pre.accumulated, Privileges: pre.privileges,
		Staging: make(state.Validators, p.Validators), Queues: make(state.AuthQueues, p.Cores), Workers: workers,
	}
	before := encodeInput(in)
	out, err := Transition(p, invoker.Accumulate, accounts, in)
	if err != nil {
		t.Fatal(err)
	}
	vectors.Equal(t, "ω′", out.Ready, want.ready)
	vectors.Equal(t, "ξ′", out.Accumulated, want.accumulated)
	vectors.Equal(t, "χ′", out.Privileges, want.privileges)
	vectors.Equal(t, "S", serviceActivity(out.Activity), want.activity)
	vectors.Equal(t, "δ‡", pre.accounts.After(accounts), want.accounts)
	vectors.Equal(t, "root of θ′", outputRoot(out.LastOutputs), root)
	vectors.Equal(t, "the input afterwards", encodeInput(in), before)
}

func serviceActivity(list []state.AccumulationActivity) (s []state.ServiceActivity) {
	for _, a := range list {
		s = append(s, state.ServiceActivity{Service: a.Service, Accumulations: a.Digests, AccumulationGas: a.Gas})
	}
	return s
}

func outputRoot(list state.LastOutputs) protocol.Hash {
	items := make([][]byte, len(list))
	for i := range list {
		items[i] = append(codec.AppendU32(nil, uint32(list[i].Service)), list[i].Hash[:]...)
	}
	return merkle.Root(items, merkle.Keccak)
}

// encodeInput gives all octets of the parts of state, to see that they did not change.
func encodeInput(in *Input) []byte {
	b := in.Accumulated.AppendTo(in.Ready.AppendTo(nil))
	return in.Queues.AppendTo(in.Staging.AppendTo(in.Privileges.AppendTo(b)))
}
