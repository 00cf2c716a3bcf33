package invoke

import (
	"bytes"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
)

func refineInput(preimage []byte) *RefineInput {
	return &RefineInput{
		Core: 1, Item: 1, AuthTrace: []byte("trace"), ExportOffset: 3, State: serviceWith(preimage),
		Package: &block.WorkPackage{
			AuthCodeHost: theService,
			AuthCodeHash: blake2b.Sum256(preimage),
			Context:      block.RefinementContext{LookupAnchorSlot: thisSlot},
			Items: []block.WorkItem{
				{},
				{Service: theService, CodeHash: blake2b.Sum256(preimage), RefineGas: 10_000, Payload: []byte("payload")},
			},
		},
		Imports: [][][]byte{{}, {}}, Extrinsics: [][][]byte{{}, {}},
	}
}

func refine(t *testing.T, in *RefineInput) *RefineOutput {
	t.Helper()
	out, err := newInvoker().Refine(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRefineProgram(t *testing.T) {
	in := refineInput(guest().call(7, guestData, 4).call(7, guestData, 3000).halt(args, 1+1+1+8+32).preimage("data"))
	out := refine(t, in)
	hash := in.Package.Hash()
	want := append(codec.AppendBlob([]byte{1, 1, theService}, []byte("payload")), hash[:]...)
	if out.Result.Outcome != block.OutcomeOK || !bytes.Equal(out.Result.Output, want) {
		t.Errorf("output %d %x, want %x", out.Result.Outcome, out.Result.Output, want)
	}
	for i, segment := range out.Exports {
		if len(segment) != 4104 || string(segment[:5]) != "data\x00" {
			t.Errorf("segment %d: %d octets", i, len(segment))
		}
	}
	if len(out.Exports) != 2 || out.GasUsed != 1+4+2+20+3 {
		t.Errorf("%d exports, %d gas", len(out.Exports), out.GasUsed)
	}
}

func TestRefineEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		program *code
		outcome block.Outcome
		output  string
	}{
		"no output":     {guest().halt(0, 5), block.OutcomeOK, ""},
		"output":        {guest().halt(guestData, 4), block.OutcomeOK, "data"},
		"panic":         {guest().call(7, guestData, 4).trap(), block.OutcomePanic, ""},
		"memory":        {guest().op(byte(pvm.LoadU8), 7, 0, 0, 3), block.OutcomePanic, ""},
		"bad host call": {guest().call(7, nowhere, 1), block.OutcomePanic, ""},
		"out of gas":    {guest().op(byte(pvm.Fallthrough)).op(byte(pvm.Jump), 0), block.OutcomeOutOfGas, ""},
		"not offered":   {guest().call(4, nowhere, 1).halt(guestData, 1), block.OutcomeOK, "d"},
	} {
		t.Run(name, func(t *testing.T) {
			out := refine(t, refineInput(tc.program.preimage("data")))
			if out.Result.Outcome != tc.outcome || string(out.Result.Output) != tc.output || len(out.Exports) != 0 {
				t.Errorf("%d %q %d exports", out.Result.Outcome, out.Result.Output, len(out.Exports))
			}
			if (out.Result.Outcome == block.OutcomeOutOfGas) != (out.GasUsed == 10_000) {
				t.Errorf("gas used %d", out.GasUsed)
			}
		})
	}
}

func TestRefineBadCode(t *testing.T) {
	program := guest().halt(0, 0).preimage("")
	for name, tc := range map[string]struct {
		change  func(*RefineInput)
		outcome block.Outcome
	}{
		"good":        {func(*RefineInput) {}, block.OutcomeOK},
		"no service":  {func(in *RefineInput) { in.Package.Items[1].Service = 9 }, block.OutcomeBadCode},
		"no preimage": {func(in *RefineInput) { in.Package.Items[1].CodeHash[0]++ }, block.OutcomeBadCode},
		"too late": {func(in *RefineInput) {
			in.State = in.State.(entries).request(theService, in.Package.Items[1].CodeHash, uint32(len(program)), 1001)
		}, block.OutcomeBadCode},
		"no code":    {func(in *RefineInput) { *in = *refineInput([]byte{9}) }, block.OutcomeBadCode},
		"too big":    {func(in *RefineInput) { *in = *refineInput(make([]byte, 4_000_001)) }, block.OutcomeCodeTooBig},
		"both":       {func(in *RefineInput) { *in = *refineInput(bytes.Repeat([]byte{255}, 4_000_001)) }, block.OutcomeCodeTooBig},
		"no program": {func(in *RefineInput) { *in = *refineInput(make([]byte, 4_000_000)) }, block.OutcomePanic},
	} {
		t.Run(name, func(t *testing.T) {
			in := refineInput(program)
			tc.change(in)
			if out := refine(t, in); out.Result.Outcome != tc.outcome {
				t.Errorf("outcome %d, want %d", out.Result.Outcome, tc.outcome)
			}
		})
	}
}

func TestExport(t *testing.T) {
	e := refineEnv(t, entries{})
	e.r.ref.in.ExportOffset = 3070
	e.panicked(7, uint64(nowhere), 1)
	e.panicked(7, uint64(room+roomSize-4103), 5000)
	e.ok(7, 3070, e.poke(room+roomSize-4104, []byte("a")), 5000)
	e.ok(7, 3071, nowhere, 0)
	e.ok(7, resultFull, room, 1)
	e.panicked(7, uint64(nowhere), 1)
}

func TestHistoricalLookup(t *testing.T) {
	hash := protocol.Hash{4}
	base := entries{}.account(theService, state.Account{}).account(7, state.Account{}).account(8, state.Account{})
	base.preimage(theService, hash, []byte("mine"), thisSlot).preimage(7, hash, []byte("of seven"), 1).preimage(8, hash, []byte("x"), 1001)
	e := refineEnv(t, base)
	h := e.poke(room, hash[:])
	e.ok(6, 4, self, h, room+100, 0, 100)
	e.peekIs(room+100, "mine\x00")
	e.ok(6, 4, theService, h, room+200, 1, 2)
	e.peekIs(room+200, "in\x00")
	e.ok(6, 8, 7, h, room+300, 0, 8)
	e.peekIs(room+300, "of seven")
	e.ok(6, resultNone, 8, h, room, 0, 8)
	e.ok(6, resultNone, 9, h, room, 0, 8)
	e.ok(6, resultNone, 7+1<<32, h, room, 0, 8)
	e.panicked(6, 9, uint64(nowhere), room, 0, 8)
	e.panicked(6, 7, h, readOnly, 0, 8)
}

func TestIsAuthorized(t *testing.T) {
	program := guest().call(1, guestData, 0, 100, 9).halt(args, 2).preimage("")
	for name, tc := range map[string]struct {
		preimage []byte
		result   block.Result
		gas      protocol.Gas
	}{
		"good":       {program, block.Result{Output: []byte{1, 0}}, 1 + 4 + 1 + 10 + 3},
		"long":       {guest().halt(args-2*4096, 2).preimage(""), block.Result{Output: []byte{}}, 1 + 3},
		"panic":      {guest().trap().preimage(""), block.Result{Outcome: block.OutcomePanic}, 2},
		"no code":    {[]byte{9}, block.Result{Outcome: block.OutcomeBadCode}, 0},
		"too big":    {make([]byte, 64_002), block.Result{Outcome: block.OutcomeCodeTooBig}, 0},
		"no program": {make([]byte, 64_001), block.Result{Outcome: block.OutcomePanic}, 0},
		"out of gas": {
			guest().op(byte(pvm.Fallthrough)).op(byte(pvm.Jump), 0).preimage(""),
			block.Result{Outcome: block.OutcomeOutOfGas},
			50_000_000,
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := refineInput(tc.preimage)
			out, err := newInvoker().IsAuthorized(&AuthorizeInput{Package: in.Package, Core: 1, State: in.State})
			if err != nil {
				t.Fatal(err)
			}
			if out.Result.Outcome != tc.result.Outcome || !bytes.Equal(out.Result.Output, tc.result.Output) || out.GasUsed != tc.gas {
				t.Errorf("%+v, gas %d", out.Result, out.GasUsed)
			}
		})
	}
}

// TestInnerMachine runs a program that runs a program, which asks it to go on by a host call.
func TestInnerMachine(t *testing.T) {
	inner := new(code).call(5).set(9, 1234).op(byte(pvm.JumpInd), 0).blob()
	data := string(machineState(100, 1<<32-1<<16)) + string(inner)
	program := guest().
		call(8, guestData+112, uint64(len(inner)), 0).
		call(12, 0, guestData).
		call(12, 0, guestData).
		call(13, 0).
		halt(guestData, 112)
	out := refine(t, refineInput(program.preimage(data)))
	want := machineState(97, 1<<32-1<<16, 0, 0, 0, 0, 0, 0, 0, 0, 1234)
	if !bytes.Equal(out.Result.Output, want) {
		t.Errorf("outcome %d, state %x, want %x", out.Result.Outcome, out.Result.Output, want)
	}
}
