package invoke

import (
	"errors"
	"testing"

	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/interp"
)

// moody is an engine that fails as often as it is told to.
type moody struct {
	*interp.Engine
	failures int
}

var errMoody = errors.New("no room for code")

func (m *moody) Compile(p *pvm.Program) (pvm.Code, error) {
	if m.failures--; m.failures >= 0 {
		return nil, errMoody
	}
	return m.Engine.Compile(p)
}

// TestEngineFailure checks that an engine's failure is an error, no outcome, and is forgotten.
func TestEngineFailure(t *testing.T) {
	v := New(Options{Engine: &moody{interp.New(), 3}, Params: protocol.Tiny()})
	in := refineInput(guest().halt(guestData, 4).preimage("data"))
	if _, err := v.Refine(in); !errors.Is(err, errMoody) {
		t.Errorf("refine: error %v", err)
	}
	if _, err := v.IsAuthorized(&AuthorizeInput{Package: in.Package, State: in.State}); !errors.Is(err, errMoody) {
		t.Errorf("is-authorized: error %v", err)
	}
	if _, err := v.Accumulate(accumulateInput(in.State.(entries))); !errors.Is(err, errMoody) {
		t.Errorf("accumulate: error %v", err)
	}
	out, err := v.Refine(in)
	if err != nil || string(out.Result.Output) != "data" {
		t.Errorf("after the failures: error %v", err)
	}
}

// TestInnerFailure checks that a refinement which goes beyond this node's bounds has no outcome.
func TestInnerFailure(t *testing.T) {
	inner := new(code).op(byte(pvm.Jump), 0).blob()
	program := guest().call(8, guestData+112, uint64(len(inner)), 0).call(12, 0, guestData).halt(0, 0)
	in := refineInput(program.preimage(string(machineState(5000)) + string(inner)))
	v := New(Options{Engine: interp.New(), Params: protocol.Tiny(), InnerGas: 4999})
	if _, err := v.Refine(in); !errors.Is(err, ErrInnerGas) {
		t.Errorf("error %v", err)
	}
	v = New(Options{Engine: interp.New(), Params: protocol.Tiny(), InnerGas: 5000})
	if _, err := v.Refine(in); err != nil {
		t.Errorf("error %v", err)
	}
}
