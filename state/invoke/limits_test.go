package invoke

import (
	"encoding/binary"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
)

// long is code as a service has it, with three octets of metadata, made so long by what the program only reads.
func (c *code) long(octets int) []byte {
	blob := c.blob()
	pad := octets - 3 - 11 - 4 - len(blob)
	b := append([]byte{2, 'm', 'd', byte(pad), byte(pad >> 8), byte(pad >> 16)}, make([]byte, 3+2+3+pad)...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(blob))), blob...)
}

// Code at the limits on its size, one below and one above. For refinement the metadata counts, elsewhere it does not: GP
// eq:refinvocation has what Λ finds, GP eq:isauthinvocation and GP eq:accinvocation the code in it.
func TestCodeLimits(t *testing.T) {
	p := protocol.Tiny()
	const metadata = 3
	program := guest().halt(0, 0)
	for name, tc := range map[string]struct {
		limit int
		run   func(preimage []byte) (block.Outcome, protocol.Gas)
		above block.Outcome
	}{
		"W_C of refinement": {p.MaxServiceCode, func(preimage []byte) (block.Outcome, protocol.Gas) {
			out := refine(t, refineInput(preimage))
			return out.Result.Outcome, out.GasUsed
		}, block.OutcomeCodeTooBig},
		"W_A of authorization": {p.MaxAuthorizerCode + metadata, func(preimage []byte) (block.Outcome, protocol.Gas) {
			in := refineInput(preimage)
			out, err := newInvoker().IsAuthorized(&AuthorizeInput{Package: in.Package, Core: 1, State: in.State})
			if err != nil {
				t.Fatal(err)
			}
			return out.Result.Outcome, out.GasUsed
		}, block.OutcomeCodeTooBig},
		"W_C of accumulation": {p.MaxServiceCode + metadata, func(preimage []byte) (block.Outcome, protocol.Gas) {
			return block.OutcomeOK, accumulate(t, accumulateInput(serviceWith(preimage))).GasUsed // it has no outcome
		}, block.OutcomeOK},
	} {
		for n := tc.limit - 1; n <= tc.limit+1; n++ {
			want, runs := block.OutcomeOK, n <= tc.limit
			if !runs {
				want = tc.above
			}
			preimage := program.long(n)
			if outcome, gas := tc.run(preimage); len(preimage) != n || outcome != want || gas > 0 != runs {
				t.Errorf("%s: %d of %d octets: outcome %d, want %d; %d gas used", name, n, tc.limit, outcome, want, gas)
			}
		}
	}
}

// What a program needs is enough gas, and one less is not.
func TestGasLimits(t *testing.T) {
	program := guest().halt(guestData, 4).preimage("data")
	in := refineInput(program)
	need := refine(t, in).GasUsed
	invoker := newInvoker()
	authorize := func(gas protocol.Gas) (block.Outcome, protocol.Gas) {
		p := protocol.Tiny()
		p.AuthorizationGas = gas // G_I
		out, err := New(Options{Engine: invoker.engine, Params: p}).IsAuthorized(&AuthorizeInput{Package: in.Package, Core: 1, State: in.State})
		if err != nil {
			t.Fatal(err)
		}
		return out.Result.Outcome, out.GasUsed
	}
	_, authorization := authorize(1000)
	for d := range protocol.Gas(3) {
		want := block.OutcomeOK
		if d == 0 {
			want = block.OutcomeOutOfGas
		}
		in.Package.Items[1].RefineGas = need - 1 + d
		if out := refine(t, in); out.Result.Outcome != want || out.GasUsed != min(need, need-1+d) {
			t.Errorf("refine gas %d of %d: outcome %d, want %d; %d used", need-1+d, need, out.Result.Outcome, want, out.GasUsed)
		}
		if outcome, used := authorize(authorization - 1 + d); outcome != want || used != min(authorization, authorization-1+d) {
			t.Errorf("G_I %d of %d: outcome %d, want %d; %d used", authorization-1+d, authorization, outcome, want, used)
		}
	}
}

// What a program returns is cut after one octet more than a report takes, so that it is known to be too long: W_R.
func TestOutputLimit(t *testing.T) {
	e := newEnv(t, refining)
	e.r.m.Mem.Map(0x100000/pvm.PageSize, 16, pvm.Read)
	limit := protocol.Tiny().MaxReportBlobs
	for n := limit - 1; n <= limit+2; n++ {
		e.r.m.Regs[7], e.r.m.Regs[8] = 0x100000, uint64(n)
		if got := len(e.r.result()); got != min(n, limit+1) {
			t.Errorf("%d octets returned: %d kept", n, got)
		}
	}
}

// Host calls at what their limits let them do, one below and one above.
func TestCallLimits(t *testing.T) {
	p := protocol.Tiny()
	for exported := p.MaxPackageExports - 2; exported <= p.MaxPackageExports; exported++ { // W_X: with this one it is one more
		e := refineEnv(t, entries{})
		e.r.ref.in.ExportOffset = exported
		want := uint64(exported)
		if exported == p.MaxPackageExports {
			want = resultFull
		}
		e.ok(7, want, room, 1)
	}
	end := uint64(room + roomSize)
	for d := range 3 {
		n := p.SegmentOctets() - 1 + d // W_G: no more than a segment is read
		e := refineEnv(t, entries{})
		at := e.poke(end-uint64(min(n, p.SegmentOctets())), []byte{9})
		e.ok(7, 3, at, uint64(n))
		if s := e.r.ref.exports[0]; len(s) != p.SegmentOctets() || s[0] != 9 {
			t.Errorf("a segment of %d octets for %d", len(s), n)
		}

		e = accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 1000}).account(7, state.Account{}))
		e.r.acc.x.privileges = &state.Privileges{Assigners: []protocol.ServiceID{1, theService}}
		memo, queue := p.MemoOctets-1+d, 32*p.AuthQueueSize-1+d
		if d == 0 { // W_T and Q: what can be read is an octet short
			e.panicked(20, 7, 1, 0, end-uint64(memo))
			e.panicked(15, 1, end-uint64(queue), 5)
			continue
		}
		e.ok(20, resultOK, 7, 1, 0, end-uint64(memo))
		e.ok(15, resultOK, 1, end-uint64(queue), 5)
	}
}
