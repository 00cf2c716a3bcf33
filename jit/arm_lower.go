package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
	"damson/jit/exec"
)

// Where the machine's parts are while arm64 code runs: package exec loads and saves them. Guest registers r0 to r12 are X0
// to X12. X18 is the system's, X27 the Go assembler's, X28 is g, which Go's signal handlers must find, X29 the frame.
const (
	armGas     = arm64.Reg(19) // ϱ of the block being run, already charged
	armBase    = arm64.Reg(20) // guest address 0
	armWidth   = arm64.Reg(21) // and the two behind it: see armLowerer.storeAt
	armReturn  = arm64.Reg(25) // where the code was called from
	armContext = arm64.Reg(26) // exec.Context
)

// armLowerer turns a program into arm64 code in one pass.
type armLowerer struct {
	pass
	halves[arm64.Reg]

	a   arm64.Asm
	how *[256]lowering[*armLowerer]

	far     []uint32 // by fixup in farTo: unconditional jumps, which reach everything
	farTo   []uint32
	island  int     // where the last island ends
	unpaid  []stubs // runs of stubs so far; goes to the result
	gasFrom uint32  // the block that gasJumps begins with
}

// Stubs at the start of all code, by which it is left. What calls one says by the return address where it stands.
const (
	armStubStep = 0
	armStubGas  = 16
	armStubSize = arm64.Inst // of a call
)

// armAlignment is where the targets of backward branches begin: what processors fetch at once.
const armAlignment = 16

func (l *armLowerer) common() *pass { return &l.pass }

func (l *armLowerer) code() []byte { return l.a.Bytes() }

// written says that the code is to be copied: it is in the heap, where it does no harm on any processor.
func (l *armLowerer) written(int) *exec.Draft { return nil }

func (l *armLowerer) close() {}

func (l *armLowerer) notes() notes { return notes{} }

// locate finds what was noted of an access.
func (l *armLowerer) locate(c *code, at uint32) site { return c.site(at) }

func (l *armLowerer) begin() {
	l.a.Reset()
	l.far, l.farTo = l.far[:0], l.farTo[:0]
	l.island, l.unpaid, l.gasFrom = 0, nil, 0
	l.stub(kindStep)
	l.stub(kindGas)
}

// stub writes one of the ways out: the link register says where the guest left.
func (l *armLowerer) stub(kind uint32) {
	l.a.Reserve(armStubGas)
	l.a.StoreContext(arm64.LR, armContext, exec.PageSize+exec.OffsetSite)
	l.a.MovImm32(arm64.X16, kind)
	l.a.StoreContext(arm64.X16, armContext, exec.PageSize+exec.OffsetKind)
	l.a.Ret(armReturn)
}

func (l *armLowerer) lowerBlocks() bool {
	for n := range l.blocks {
		if l.block(l.enter(n)); l.a.Len() > l.most {
			return false
		}
	}
	return true
}

// block writes the code of a block, which begins with paying for all of it.
func (l *armLowerer) block(b *pvm.Block) {
	l.a.Reserve(maxLowered)
	if l.labels[l.n]&loopHead != 0 {
		l.a.AlignTo(armAlignment)
	}
	l.labels[l.n] = uint32(l.a.Len())
	if cost := uint64(b.Cost); arm64.Immediate(cost) {
		l.a.RegImm(arm64.Cmp64, armGas, armGas, cost)
	} else {
		l.a.MovImm(arm64.X16, cost)
		l.a.Regs(arm64.Cmp64, armGas, armGas, arm64.X16)
	}
	l.gasJumps = append(l.gasJumps, uint32(l.a.Len()))
	l.a.BCond(arm64.Less, 0)
	l.forget()
	for ; l.i < l.end && l.a.Len() <= l.most; l.i++ {
		if l.a.Len()-l.island > islandEvery {
			l.stopOver()
		}
		l.a.Reserve(maxLowered)
		in := &l.insts[l.i]
		how := &l.how[in.Op]
		how.lower(l, in, how.arg)
	}
	l.a.Reserve(maxLowered)
	l.settle()
}

// armHost is the register that holds a guest register.
func armHost(guest uint8) arm64.Reg { return arm64.Reg(guest & 15) }

// read64 prepares r for being read whole.
func (l *armLowerer) read64(r arm64.Reg) {
	if l.pending()&bit(r) != 0 {
		l.a.TwoRegs(arm64.Sxtw, r, r)
		l.wroteSigned(r)
	}
}

// settle makes all upper halves what they should be, before code that others continue. The flags stay.
func (l *armLowerer) settle() {
	for r := arm64.Reg(0); l.pending() != 0; r++ {
		l.read64(r)
	}
}

// constant is a register that holds an immediate: X16, unless it is 0.
func (l *armLowerer) constant(imm uint64) arm64.Reg {
	if imm == 0 {
		return arm64.ZR
	}
	l.a.MovImm(arm64.X16, imm)
	return arm64.X16
}

// interpret leaves the code here: the interpreter does this instruction.
func (l *armLowerer) interpret() {
	l.callStub(armStubStep)
	l.sites = append(l.sites, site{uint32(l.a.Len()), uint32(l.i), l.pending(), 0})
}

func (l *armLowerer) callStub(at int) { l.a.Call(at - l.a.Len()) }

// interpretIf leaves the code if the test holds.
func (l *armLowerer) interpretIf(t test) {
	l.slow = append(l.slow, slowPath{uint32(l.a.Len()), uint32(l.i), l.pending(), 0})
	l.emit(t, 0)
}

// test is what a conditional branch asks: a condition of the flags, or whether reg is 0.
type test struct {
	cond arm64.Cond
	reg  arm64.Reg
	zero bool // ask reg; cond is then Equal or NotEqual
}

func flags(c arm64.Cond) test { return test{cond: c} }

func (l *armLowerer) emit(t test, rel int) {
	if t.zero {
		l.a.BZero(t.reg, t.cond == arm64.NotEqual, rel)
	} else {
		l.a.BCond(t.cond, rel)
	}
}
