package workreport

import (
	"bytes"
	"fmt"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/jit"
	"damson/state"
	"damson/state/invoke"
)

const (
	theService protocol.ServiceID = 100
	thisSlot   protocol.Slot      = 1000
)

// env is a chain with one service, which has all code of a test.
type env struct {
	testing.TB
	params  *protocol.Params
	coder   *bundle.Coder
	entries map[protocol.StateKey][]byte
}

func (e *env) Get(key protocol.StateKey) ([]byte, bool) {
	v, ok := e.entries[key]
	return v, ok
}

func newEnv(tb testing.TB, p *protocol.Params) *env {
	coder, err := bundle.NewCoder(p)
	if err != nil {
		tb.Fatal(err)
	}
	e := &env{tb, p, coder, make(map[protocol.StateKey][]byte)}
	account := state.Account{Balance: 1 << 40}
	e.entries[state.AccountKey(theService)] = account.AppendTo(nil)
	return e
}

// preimage lets the service have a preimage, and gives its hash.
func (e *env) preimage(blob []byte) protocol.Hash {
	hash := blake2b.Sum256(blob)
	e.entries[state.PreimageKey(theService, hash)] = blob
	e.entries[state.RequestKey(theService, hash, uint32(len(blob)))] = state.AppendRequest(nil, []protocol.Slot{1})
	return hash
}

// code lets the service have a program, with so many octets of metadata.
func (e *env) code(metadata int, text string) protocol.Hash {
	e.Helper()
	o, err := asm.Assemble(text)
	if err != nil {
		e.Fatal(err)
	}
	return e.preimage(asm.Service(string(make([]byte, metadata)), o.Image()))
}

const prelude = `
.heap 16
.equ BUFFER, 0x20000
.equ FETCH, 1
.equ EXPORT, 7
`

// authorizer is a program that gives so many zeros as trace.
func (e *env) authorizer(trace int) protocol.Hash {
	e.Helper()
	return e.code(0, fmt.Sprintf(prelude+`
	load_imm r7, BUFFER
	load_imm r8, %d
	jump_ind r0, 0
`, trace))
}

// How a worker can end.
const (
	halts = "jump_ind r0, 0"
	traps = "trap"
	loops = "jump forever"
)

// worker is a program that exports so many segments, numbered, and then ends, with so many octets of output if it halts.
func (e *env) worker(exports, output int, end string) protocol.Hash {
	e.Helper()
	return e.code(0, fmt.Sprintf(prelude+`
	load_imm r2, %d
	fallthrough
export:
	branch_eq_imm r2, 0, done
	store_u64 r2, BUFFER
	load_imm r7, BUFFER
	load_imm r8, 5000
	ecalli EXPORT
	add_imm_64 r2, r2, -1
	jump export
done:
	load_imm r7, BUFFER
	load_imm r8, %d
	fallthrough
forever:
	%s
`, exports, output, end))
}

// fetcher is a program that gives eight octets of what it imports, or of an extrinsic.
func (e *env) fetcher(kind, index int) protocol.Hash {
	e.Helper()
	return e.code(0, fmt.Sprintf(prelude+`
	load_imm r7, BUFFER
	load_imm r8, 0
	load_imm r9, 8
	load_imm r10, %d
	load_imm r11, %d
	ecalli FETCH
	load_imm r7, BUFFER
	load_imm r8, 8
	jump_ind r0, 0
`, kind, index))
}

const (
	fetchOwnExtrinsic = 4
	fetchOwnImport    = 6
)

// input is a package by an authorizer, with items.
func (e *env) input(authorizer protocol.Hash, items ...block.WorkItem) *Input {
	for i := range items {
		items[i].Service = theService
		if items[i].RefineGas == 0 {
			items[i].RefineGas = 1_000_000
		}
	}
	return &Input{
		Core: 1, State: e,
		Bundle: bundle.New(&block.WorkPackage{
			AuthCodeHost: theService, AuthCodeHash: authorizer, AuthConfig: []byte("config"), AuthToken: []byte("token"),
			Context: block.RefinementContext{LookupAnchorSlot: thisSlot}, Items: items,
		}),
	}
}

// compute computes a report on all engines, which must agree.
func (e *env) compute(in *Input) (*Output, error) {
	e.Helper()
	var first *Output
	var firstErr error
	for i, kind := range []engine.Kind{engine.Interp, engine.JIT} {
		machine, _, err := engine.New(kind, jit.Options{})
		if err != nil {
			continue
		}
		out, err := e.on(machine).Compute(in)
		switch {
		case i == 0:
			first, firstErr = out, err
		case (err == nil) != (firstErr == nil):
			e.Fatalf("engine %s: %v, was %v", kind, err, firstErr)
		case err == nil && !bytes.Equal(out.Report.AppendTo(nil), first.Report.AppendTo(nil)):
			e.Fatalf("engine %s: another report:\n%+v\n%+v", kind, out.Report, first.Report)
		}
	}
	return first, firstErr
}

func (e *env) on(machine pvm.Engine) *Computer {
	return New(Options{Params: e.params, Invoker: invoke.New(invoke.Options{Engine: machine, Params: e.params}), Coder: e.coder})
}

func (e *env) must(in *Input) *Output {
	e.Helper()
	out, err := e.compute(in)
	if err != nil {
		e.Fatal(err)
	}
	return out
}

// sized is a program that halts at once, whose preimage has so many octets by its metadata.
func (e *env) sized(octets int) protocol.Hash {
	e.Helper()
	o, err := asm.Assemble(prelude + "\n\tload_imm r8, 0\n\tjump_ind r0, 0\n")
	if err != nil {
		e.Fatal(err)
	}
	for metadata := octets / 2; ; {
		blob := asm.Service(string(make([]byte, metadata)), o.Image())
		if len(blob) == octets {
			return e.preimage(blob)
		}
		metadata += octets - len(blob)
	}
}

// long is a program that halts at once, with so many octets of code.
func (e *env) long(octets int) protocol.Hash {
	e.Helper()
	for pad := octets / 2; ; {
		o, err := asm.Assemble(fmt.Sprintf(".ro\n.zero %d\n.code\n\tload_imm r8, 0\n\tjump_ind r0, 0\n", pad))
		if err != nil {
			e.Fatal(err)
		}
		image := o.Image()
		if len(image) == octets {
			return e.preimage(asm.Service("", image))
		}
		pad += octets - len(image)
	}
}
