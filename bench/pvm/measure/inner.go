package measure

import (
	"encoding/binary"
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
	"damson/state/invoke"
)

// The host calls that the program of an Inner makes. GP §B.7.
const (
	callMachine = 8
	callInvoke  = 12
)

// innerService is who runs it.
const innerService = 100

// entries is a state.
type entries map[protocol.StateKey][]byte

// Get implements service.Reader.
func (e entries) Get(key protocol.StateKey) ([]byte, bool) {
	v, ok := e[key]
	return v, ok
}

// Inner is a refinement that invokes an inner machine again and again, each time for a host call at once: what is left
// of the time is what invoke costs beside the inner machine's run.
type Inner struct {
	invoker *invoke.Invoker
	input   *invoke.RefineInput
}

// NewInner readies a refinement that invokes so often.
func NewInner(e pvm.Engine, times int) (*Inner, error) {
	inner, err := asm.Assemble("again: ecalli 7\njump again\n")
	if err != nil {
		return nil, err
	}
	text := ".ro\ninner: .octets "
	for i, octet := range inner.Blob {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(octet)
	}
	text += fmt.Sprintf(`
.heap 2
.stack 4096
.code
	load_imm r7, inner
	load_imm r8, %d
	load_imm r9, 0
	ecalli %d               ; machine
	move_reg r6, r7
	load_imm_64 r2, 1000000000000
	store_u64 r2, heap      ; gas of the inner machine, much
	load_imm_64 r5, %d
	fallthrough
loop:
	move_reg r7, r6
	load_imm r8, heap
	ecalli %d               ; invoke
	add_imm_64 r5, r5, -1
	branch_ne_imm r5, 0, loop
	load_imm r8, 0
	jump_ind r0, 0
`, len(inner.Blob), callMachine, times, callInvoke)
	object, err := asm.Assemble(text)
	if err != nil {
		return nil, err
	}
	blob := asm.Service("inner", object.Image())
	hash := blake2b.Sum256(blob)
	account := state.Account{CodeHash: hash}
	base := entries{
		state.AccountKey(innerService):                          account.AppendTo(nil),
		state.PreimageKey(innerService, hash):                   blob,
		state.RequestKey(innerService, hash, uint32(len(blob))): state.AppendRequest(nil, []protocol.Slot{1}),
	}
	item := block.WorkItem{Service: innerService, CodeHash: hash, RefineGas: protocol.Gas(100*times + 1000)}
	return &Inner{
		invoke.New(invoke.Options{Engine: e, Params: protocol.Tiny(), InnerGas: pvm.GasCap}),
		&invoke.RefineInput{
			Package: &block.WorkPackage{Context: block.RefinementContext{LookupAnchorSlot: 10}, Items: []block.WorkItem{item}},
			Imports: [][][]byte{nil}, Extrinsics: [][][]byte{nil}, State: base,
		},
	}, nil
}

// Refine runs the refinement.
func (n *Inner) Refine() error {
	out, err := n.invoker.Refine(n.input)
	if err != nil {
		return err
	}
	if out.Result.Outcome != block.OutcomeOK {
		return fmt.Errorf("refinement ended with %v", out.Result.Outcome)
	}
	if len(out.Result.Output) > 0 {
		return fmt.Errorf("refinement gave %d", binary.LittleEndian.Uint64(append(out.Result.Output, make([]byte, 8)...)))
	}
	return nil
}
