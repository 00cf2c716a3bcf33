package link

import (
	"encoding/binary"
	"path/filepath"
	"strconv"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/interp"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

// entries are a state.
type entries map[protocol.StateKey][]byte

func (e entries) Get(key protocol.StateKey) ([]byte, bool) {
	v, ok := e[key]
	return v, ok
}

// TestTallyOnChain: the second example of docs/services does its work in refinement and accumulation as a chain has them.
func TestTallyOnChain(t *testing.T) {
	program := native(t, "tally")
	payloads := []string{"one two", "three", "", "four five  six"}
	want := string(command(t, append([]string{program}, payloads...)...))
	c := compilers(t)[0]
	result, err := Link([]File{c.compile(t, filepath.Join(examples, "tally.c"))}, Options{Metadata: "tally"})
	if err != nil {
		t.Fatal(err)
	}
	const self = 100
	code := result.Object.Octets()
	hash := protocol.Hash(blake2b.Sum256(code))
	account := state.Account{Balance: 1e9, CodeHash: hash}
	base := entries{
		state.AccountKey(self):                          account.AppendTo(nil),
		state.PreimageKey(self, hash):                   code,
		state.RequestKey(self, hash, uint32(len(code))): state.AppendRequest(nil, []protocol.Slot{0}),
	}
	invoker := invoke.New(invoke.Options{Engine: interp.New(), Params: protocol.Tiny()})
	var operands []invoke.Operand
	for _, payload := range payloads {
		item := block.WorkItem{Service: self, CodeHash: hash, Payload: []byte(payload), RefineGas: 1e6, AccumulateGas: 1e6}
		out, err := invoker.Refine(&invoke.RefineInput{
			Package: &block.WorkPackage{Items: []block.WorkItem{item}}, State: base,
			Imports: make([][][]byte, 1), Extrinsics: make([][][]byte, 1),
		})
		if err != nil || out.Result.Outcome != block.OutcomeOK {
			t.Fatalf("%q: %+v %v", payload, out, err)
		}
		operands = append(operands, invoke.Operand{Gas: 1e6, AuthTrace: []byte("trace"), Result: out.Result})
	}
	out, err := invoker.Accumulate(&invoke.AccumulateInput{
		State: invoke.PartialState{
			Accounts:   service.New(base).Fork(),
			Privileges: &state.Privileges{Assigners: make([]protocol.ServiceID, 2)},
		},
		Slot: 300, Service: self, Gas: 1e6, Operands: operands,
		Transfers: []invoke.Transfer{{Amount: 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	value := out.State.Accounts.Storage(self, state.StorageKey(self, []byte("words")))
	if len(value) != 8 || strconv.FormatUint(binary.LittleEndian.Uint64(value), 10) != want {
		t.Errorf("stored %x, want %s words", value, want)
	}
}
