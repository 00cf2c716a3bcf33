package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// sabotages are wrong lowerings, to be planted one at a time by Options.Sabotage: tests of the tests must find each.
var sabotages = [...]func(t *[256]lowering){
	swap(pvm.BranchLtU, pvm.BranchLtS),
	swap(pvm.BranchLeSImm, pvm.BranchLeUImm),
	swap(pvm.LoadIndU16, pvm.LoadIndI16),
	swap(pvm.LoadI32, pvm.LoadU32),
	swap(pvm.Max, pvm.MaxU),
	swap(pvm.CmovIz, pvm.CmovNz),
	swap(pvm.ShloR32, pvm.SharR32),
	swap(pvm.DivU64, pvm.DivS64),
	swap(pvm.RotL32, pvm.RotR32),
	swap(pvm.MulUpperSU, pvm.MulUpperSS),
	swap(pvm.StoreIndU64, pvm.StoreIndU32),
	swap(pvm.SetLtUImm, pvm.SetLtSImm),
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
	// An access is blamed on the instruction before it.
	before(pvm.StoreImmIndU16, func(l *lowerer, in *pvm.Inst) {
		l.i--
		lowerStoreImmInd(l, in, uint32(amd64.Store16))
		l.i++
	}),
	// A host call forgets to settle.
	before(pvm.Ecalli, func(l *lowerer, _ *pvm.Inst) { l.pending = 0 }),
}

// swap makes each of two opcodes do what the other should.
func swap(a, b pvm.Opcode) func(t *[256]lowering) {
	return func(t *[256]lowering) { t[a], t[b] = t[b], t[a] }
}

// after does something once an opcode was lowered.
func after(op pvm.Opcode, f func(l *lowerer, in *pvm.Inst)) func(t *[256]lowering) {
	return func(t *[256]lowering) {
		right := t[op]
		t[op] = lowering{func(l *lowerer, in *pvm.Inst, arg uint32) {
			right.lower(l, in, arg)
			f(l, in)
		}, right.arg}
	}
}

// before does something before an opcode is lowered.
func before(op pvm.Opcode, f func(l *lowerer, in *pvm.Inst)) func(t *[256]lowering) {
	return func(t *[256]lowering) {
		right := t[op]
		t[op] = lowering{func(l *lowerer, in *pvm.Inst, arg uint32) {
			f(l, in)
			right.lower(l, in, arg)
		}, right.arg}
	}
}

// Sabotages is how many wrong lowerings Options.Sabotage can plant.
const Sabotages = len(sabotages)

// sabotaged is the table of lowerings with mistake n, counted from 1.
func sabotaged(n int) *[256]lowering {
	t := lowerings
	sabotages[n-1](&t)
	return &t
}
