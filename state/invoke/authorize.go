package invoke

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state/service"
)

// AuthorizeInput is what Ψ_I is told. GP eq:isauthinvocation.
type AuthorizeInput struct {
	Package *block.WorkPackage // p
	Core    protocol.Core      // c
	State   service.Reader     // δ, for the authorizer's code: at the lookup anchor or up to an expunge period later
}

// AuthorizeOutput is what comes of it.
type AuthorizeOutput struct {
	Result  block.Result // the trace, cut after W_R + 1 octets, or an error
	GasUsed protocol.Gas
}

// IsAuthorized is Ψ_I. GP eq:isauthinvocation.
func (v *Invoker) IsAuthorized(in *AuthorizeInput) (*AuthorizeOutput, error) {
	p := in.Package
	accounts := service.New(in.State)
	blob := accounts.Lookup(p.AuthCodeHost, p.Context.LookupAnchorSlot, p.AuthCodeHash)
	code, ok := codeOf(blob)
	if !ok {
		return &AuthorizeOutput{Result: block.Result{Outcome: block.OutcomeBadCode}}, nil
	}
	if len(code) > v.params.MaxAuthorizerCode {
		return &AuthorizeOutput{Result: block.Result{Outcome: block.OutcomeCodeTooBig}}, nil
	}
	r := &run{invoker: v, kind: authorizing, pkg: &work{in: p, core: in.Core}}
	args := codec.AppendU16(nil, uint16(in.Core))
	if err := r.start(p.AuthCodeHash, code, authorizeEntry, v.params.AuthorizationGas, args); err != nil {
		return nil, err
	}
	return &AuthorizeOutput{Result: r.outcome(), GasUsed: r.used}, nil
}

// codeOf takes the code out of what Λ found, if it found anything.
func codeOf(blob []byte) ([]byte, bool) {
	if blob == nil {
		return nil, false
	}
	_, code, ok := service.SplitCode(blob)
	return code, ok
}

// outcome tells how the program ended as reports have it.
func (r *run) outcome() block.Result {
	switch r.exit.Reason {
	case pvm.Halt:
		return block.Result{Outcome: block.OutcomeOK, Output: r.output}
	case pvm.OutOfGas:
		return block.Result{Outcome: block.OutcomeOutOfGas}
	case pvm.Panic, pvm.PageFault, pvm.HostCall:
	}
	return block.Result{Outcome: block.OutcomePanic}
}
