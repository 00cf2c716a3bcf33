package invoke

import (
	"encoding/binary"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/interp"
	"damson/state"
	"damson/state/service"
)

// entries is a state for tests.
type entries map[protocol.StateKey][]byte

func (e entries) Get(key protocol.StateKey) ([]byte, bool) {
	v, ok := e[key]
	return v, ok
}

func (e entries) account(id protocol.ServiceID, a state.Account) entries {
	e[state.AccountKey(id)] = a.AppendTo(nil)
	return e
}

func (e entries) preimage(id protocol.ServiceID, hash protocol.Hash, blob []byte, slots ...protocol.Slot) entries {
	e[state.PreimageKey(id, hash)] = blob
	return e.request(id, hash, uint32(len(blob)), slots...)
}

func (e entries) request(id protocol.ServiceID, hash protocol.Hash, length uint32, slots ...protocol.Slot) entries {
	e[state.RequestKey(id, hash, length)] = state.AppendRequest(nil, slots)
	return e
}

// The memory of a machine in these tests: room to write, an area to read only, and nothing else.
const (
	room     = 0x10000
	roomSize = 0x10000
	readOnly = 0x28000
	nowhere  = 0x40000
)

// env is a machine before a host call.
type env struct {
	*testing.T
	r    *run
	base entries // where it matters
}

// theService is who runs in these tests, and thisSlot when.
const (
	theService = 100
	thisSlot   = 1000
)

func newInvoker() *Invoker { return New(Options{Engine: interp.New(), Params: protocol.Tiny()}) }

func newEnv(t *testing.T, kind invocation) *env {
	r := &run{invoker: newInvoker(), kind: kind}
	r.m.Mem = pvm.NewMemory()
	r.m.Mem.Map(room/pvm.PageSize, roomSize/pvm.PageSize, pvm.Write)
	r.m.Mem.Map(readOnly/pvm.PageSize, 1, pvm.Read)
	r.setGas(1000)
	return &env{T: t, r: r}
}

// accumulating gives a machine in Ψ_A of theService on a state.
func accumulateEnv(t *testing.T, base entries) *env {
	e := newEnv(t, accumulating)
	e.r.acc = &accumulation{
		in:       &AccumulateInput{Service: theService, Slot: thisSlot, Entropy: protocol.Hash{0xee}},
		accounts: service.New(base).Fork(),
	}
	e.r.acc.x = implications{
		staging:    make(state.Validators, 6),
		queues:     state.AuthQueues{make([]protocol.Hash, 80), make([]protocol.Hash, 80)},
		privileges: &state.Privileges{Assigners: []protocol.ServiceID{1, 1}},
		nextFree:   70000,
	}
	e.r.acc.checkpoint()
	return e
}

// refineEnv gives a machine in Ψ_R of a package with two items, the second of them being refined.
func refineEnv(t *testing.T, base entries) *env {
	e := newEnv(t, refining)
	p := &block.WorkPackage{
		AuthToken:  []byte("token"),
		AuthConfig: []byte("config"),
		Context:    block.RefinementContext{LookupAnchorSlot: thisSlot},
		Items: []block.WorkItem{
			{Service: 5, Payload: []byte("first")},
			{Service: theService, RefineGas: 7, AccumulateGas: 8, Exports: 9, Payload: []byte("second")},
		},
	}
	e.r.ref = &refinement{
		in: &RefineInput{
			Core: 1, Item: 1, Package: p, AuthTrace: []byte("trace"), ExportOffset: 3,
			Imports:    [][][]byte{{[]byte("i00"), []byte("i01")}, {[]byte("i10")}},
			Extrinsics: [][][]byte{{[]byte("x00")}, {[]byte("x10"), []byte("x11")}},
		},
		item:     &p.Items[1],
		accounts: service.New(base),
	}
	e.r.pkg = &work{in: p, core: 1}
	return e
}

// call does a host call with these registers, from φ7 on, and expects a signal and, if it proceeds, a result.
func (e *env) call(number uint64, want signal, result uint64, registers ...uint64) {
	e.Helper()
	copy(e.r.m.Regs[7:], registers)
	before := e.r.m.Regs
	e.r.setGas(1000)
	got := e.r.call(number)
	switch {
	case got != want:
		e.Fatalf("host call %d: signal %d, want %d (φ7 = %d)", number, got, want, int64(e.r.m.Regs[7]))
	case got != proceed && e.r.m.Regs != before:
		e.Fatalf("host call %d: signal %d, but registers changed", number, got)
	case got == proceed && e.r.m.Regs[7] != result:
		e.Fatalf("host call %d: answers %d, want %d", number, int64(e.r.m.Regs[7]), int64(result))
	}
}

// ok expects an answer, panicked a panic.
func (e *env) ok(number, result uint64, registers ...uint64) {
	e.Helper()
	e.call(number, proceed, result, registers...)
}

func (e *env) panicked(number uint64, registers ...uint64) {
	e.Helper()
	e.call(number, panics, 0, registers...)
}

func (e *env) poke(addr uint64, b []byte) uint64 {
	e.Helper()
	if !e.r.m.Mem.Write(addr, b) {
		e.Fatalf("cannot write to %#x", addr)
	}
	return addr
}

func (e *env) peek(addr uint64, n int) []byte {
	e.Helper()
	b := make([]byte, n)
	if !e.r.m.Mem.Read(b, addr) {
		e.Fatalf("cannot read at %#x", addr)
	}
	return b
}

func (e *env) peekIs(addr uint64, want string) {
	e.Helper()
	if got := e.peek(addr, len(want)); string(got) != want {
		e.Fatalf("memory at %#x holds %q, want %q", addr, got, want)
	}
}

func (e *env) self() *state.Account { return e.r.acc.accounts.Account(theService) }

// code assembles guest programs.
type code struct {
	octets []byte
	starts []int
}

func (c *code) op(octets ...byte) *code {
	c.starts = append(c.starts, len(c.octets))
	c.octets = append(c.octets, octets...)
	return c
}

// set loads a register, call does a host call, halt ends the program well and trap badly.
func (c *code) set(register int, v uint64) *code {
	return c.op(binary.LittleEndian.AppendUint64([]byte{byte(pvm.LoadImm64), byte(register)}, v)...)
}

func (c *code) call(number uint32, registers ...uint64) *code {
	for i, v := range registers {
		c.set(7+i, v)
	}
	return c.op(binary.LittleEndian.AppendUint32([]byte{byte(pvm.Ecalli)}, number)...)
}

func (c *code) halt(at, n uint64) *code {
	return c.set(7, at).set(8, n).op(byte(pvm.JumpInd), 0)
}

func (c *code) trap() *code { return c.op(byte(pvm.Trap)) }

// blob is a program blob.
func (c *code) blob() []byte {
	n := len(c.octets)
	mask := make([]byte, (n+7)/8)
	for _, at := range c.starts {
		mask[at/8] |= 1 << (at % 8)
	}
	b := append([]byte{0, 0}, appendNatural(n)...)
	return append(append(b, c.octets...), mask...)
}

func appendNatural(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	return []byte{0x80 | byte(n>>8), byte(n)}
}

// guest begins a program whose code can be entered at 0 and at 5.
func guest() *code {
	return new(code).op(byte(pvm.Jump), 10, 0, 0, 0).op(byte(pvm.Jump), 5, 0, 0, 0)
}

// guestData is where data of the standard programs of these tests begins, a page that can be written.
const guestData = 0x20000

// image is a standard program with 4096 octets of data that begin with these.
func (c *code) image(data string) []byte {
	b := []byte{0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0x10, 0}
	page := make([]byte, pvm.PageSize)
	copy(page, data)
	b = append(b, page...)
	blob := c.blob()
	b = binary.LittleEndian.AppendUint32(b, uint32(len(blob)))
	return append(b, blob...)
}

// preimage is code as a service has it: with metadata before.
func (c *code) preimage(data string) []byte { return append([]byte{2, 'm', 'd'}, c.image(data)...) }
