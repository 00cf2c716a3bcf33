package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// sabotages are wrong lowerings, to be planted one at a time by Options.Sabotage: tests of the tests must find each.
var sabotages = [...]func(t *[256]lowering[*lowerer]){
	swap[*lowerer](pvm.BranchLtU, pvm.BranchLtS),
	swap[*lowerer](pvm.BranchLeSImm, pvm.BranchLeUImm),
	swap[*lowerer](pvm.LoadIndU16, pvm.LoadIndI16),
	swap[*lowerer](pvm.LoadI32, pvm.LoadU32),
	swap[*lowerer](pvm.Max, pvm.MaxU),
	swap[*lowerer](pvm.CmovIz, pvm.CmovNz),
	swap[*lowerer](pvm.ShloR32, pvm.SharR32),
	swap[*lowerer](pvm.DivU64, pvm.DivS64),
	swap[*lowerer](pvm.RotL32, pvm.RotR32),
	swap[*lowerer](pvm.MulUpperSU, pvm.MulUpperSS),
	swap[*lowerer](pvm.StoreIndU64, pvm.StoreIndU32),
	swap[*lowerer](pvm.SetLtUImm, pvm.SetLtSImm),
	// The sign extension of a result is forgotten.
	after(pvm.Add32, func(l *lowerer, in *pvm.Inst) { l.wroteSigned(host(in.D)) }),
	after(pvm.MulImm32, func(l *lowerer, in *pvm.Inst) { l.wroteSigned(host(in.A)) }),
	// A value is taken to be sign-extended that is not.
	after(pvm.LoadIndU32, func(l *lowerer, in *pvm.Inst) { l.wroteSigned(host(in.A)) }),
	after(pvm.Mul64, func(l *lowerer, in *pvm.Inst) { l.wroteSigned(host(in.D)) }),
	// A register is clobbered.
	after(pvm.RemS32, func(l *lowerer, in *pvm.Inst) {
		if in.D != 9 {
			l.a.RegReg(amd64.Mov32, amd64.RDX, amd64.RDX)
		}
	}),
	// The flags are said to be what they are not.
	after(pvm.MulImm64, func(l *lowerer, in *pvm.Inst) { l.setFlags(host(in.A)) }),
	// A load writes its register although it faults.
	before(pvm.LoadIndI8, func(l *lowerer, in *pvm.Inst) {
		if in.A != in.B {
			l.a.MovImm32(host(in.A), 0)
		}
	}),
	// The first round of a short loop forgets what was paid for the second.
	before(pvm.StoreIndU32, func(l *lowerer, _ *pvm.Inst) { l.ahead = 0 }),
	// A host call forgets to settle.
	before(pvm.Ecalli, func(l *lowerer, _ *pvm.Inst) { l.forget() }),
}

// swap makes each of two opcodes do what the other should.
func swap[L assembler](a, b pvm.Opcode) func(t *[256]lowering[L]) {
	return func(t *[256]lowering[L]) { t[a], t[b] = t[b], t[a] }
}

// after does something once an opcode was lowered.
func after[L assembler](op pvm.Opcode, f func(l L, in *pvm.Inst)) func(t *[256]lowering[L]) {
	return func(t *[256]lowering[L]) {
		right := t[op]
		t[op] = lowering[L]{func(l L, in *pvm.Inst, arg uint32) {
			right.lower(l, in, arg)
			f(l, in)
		}, right.arg}
	}
}

// before does something before an opcode is lowered.
func before[L assembler](op pvm.Opcode, f func(l L, in *pvm.Inst)) func(t *[256]lowering[L]) {
	return func(t *[256]lowering[L]) {
		right := t[op]
		t[op] = lowering[L]{func(l L, in *pvm.Inst, arg uint32) {
			f(l, in)
			right.lower(l, in, arg)
		}, right.arg}
	}
}

// Sabotages is how many wrong lowerings Options.Sabotage can plant.
const Sabotages = len(sabotages)

// sabotaged is a table of lowerings with mistake n, counted from 1; it is the right one for 0.
func sabotaged[L assembler](right *[256]lowering[L], mistakes *[Sabotages]func(*[256]lowering[L]), n int) *[256]lowering[L] {
	if n == 0 {
		return right
	}
	t := *right
	mistakes[n-1](&t)
	return &t
}
