package suites

import (
	"errors"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/accumulate"
	"damson/state/history"
	"damson/state/invoke"
	"damson/state/preimages"
	"damson/state/service"
	"damson/state/service/vector"
	"damson/state/statistics"
)

// preimagesErrors are the error codes of preimages.asn, in their order.
var preimagesErrors = []string{"preimage_unneeded", "preimages_not_sorted_unique"}

// preimagesState is the state of preimages.asn. Its accounts have preimages and requests only.
type preimagesState struct {
	Accounts vector.Entries
	Services []state.ServiceActivity
}

func decodePreimagesState(d *codec.Decoder) *preimagesState {
	s := &preimagesState{Accounts: vector.DecodePreimageAccounts(d)}
	s.Services = state.DecodeServiceActivity(d)
	return s
}

// preimagesVector is a vector of preimages.asn. Its statistics are those of another part.
func preimagesVector(_ *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	var x block.Extrinsic
	x.DecodePreimages(&d)
	slot := protocol.Slot(d.U32())
	pre := decodePreimagesState(&d)
	wantCode := ""
	if d.Bool() {
		wantCode = code(preimagesErrors, d.U8())
	}
	want := decodePreimagesState(&d)
	if err := d.Finish(); err != nil {
		return err
	}
	accounts := service.New(pre.Accounts)
	provided, err := preimages.Check(accounts, x.Preimages)
	if wrong := verdict(err, wantCode); wrong != nil {
		return wrong
	}
	if err != nil {
		return same("posterior state", pre, want)
	}
	preimages.Integrate(accounts, provided, slot)
	activity := statistics.Transition(p, &state.Activity{Current: make([]state.ValidatorActivity, p.Validators)},
		&statistics.Input{Slot: slot, Extrinsic: &x})
	return same("posterior state", &preimagesState{pre.Accounts.After(accounts), activity.Services}, want)
}

// accumulateState is the state of accumulate.asn.
type accumulateState struct {
	Slot        protocol.Slot
	Entropy     protocol.Hash
	Ready       state.Ready
	Accumulated state.Accumulated
	Privileges  *state.Privileges
	Services    []state.ServiceActivity
	Accounts    vector.Entries
}

func decodeAccumulateState(d *codec.Decoder, p *protocol.Params) (s accumulateState) {
	s.Slot = protocol.Slot(d.U32())
	s.Entropy = d.Hash()
	s.Ready = state.DecodeReady(d, p)
	s.Accumulated = state.DecodeAccumulated(d, p)
	s.Privileges = state.DecodePrivileges(d, p)
	s.Services = state.DecodeServiceActivity(d)
	s.Accounts = vector.DecodeAccounts(d)
	return s
}

// accumulateVector is a vector of accumulate.asn.
func accumulateVector(r *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	slot := protocol.Slot(d.U32())
	available := make([]*block.Report, d.Count(p.Cores, 250))
	for i := range available {
		available[i] = new(block.Report)
		available[i].DecodeFrom(&d, p)
	}
	pre := decodeAccumulateState(&d, p)
	refused := d.Bool()
	wantRoot := d.Hash()
	want := decodeAccumulateState(&d, p)
	if err := d.Finish(); err != nil {
		return err
	}
	if refused {
		return errors.New("the schema has no case of a block that is refused")
	}
	invoker := invoke.New(invoke.Options{Engine: r.opts.Engine, Params: p})
	accounts := service.New(pre.Accounts)
	out, err := accumulate.Transition(p, invoker.Accumulate, accounts, &accumulate.Input{
		Prior: pre.Slot, Slot: slot, Entropy: pre.Entropy, Available: available,
		Ready: pre.Ready, Accumulated: pre.Accumulated, Privileges: pre.Privileges,
		Staging: make(state.Validators, p.Validators), Queues: make(state.AuthQueues, p.Cores),
	})
	if err != nil {
		return err
	}
	post := accumulateState{
		Slot: slot, Entropy: pre.Entropy, Ready: out.Ready, Accumulated: out.Accumulated, Privileges: out.Privileges,
		Accounts: pre.Accounts.After(accounts),
	}
	for _, a := range out.Activity {
		post.Services = append(post.Services, state.ServiceActivity{
			Service: a.Service, Accumulations: a.Digests, AccumulationGas: a.Gas,
		})
	}
	return first(same("posterior state", &post, &want), same("root of the outputs", history.OutputRoot(out.LastOutputs), wantRoot))
}
