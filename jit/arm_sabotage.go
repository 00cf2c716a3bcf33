package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
)

// armSabotages are sabotages for arm64.
var armSabotages = [...]func(t *[256]lowering[*armLowerer]){
	swap[*armLowerer](pvm.BranchLtU, pvm.BranchLtS),
	swap[*armLowerer](pvm.BranchLeSImm, pvm.BranchLeUImm),
	swap[*armLowerer](pvm.LoadIndU16, pvm.LoadIndI16),
	swap[*armLowerer](pvm.LoadI32, pvm.LoadU32),
	swap[*armLowerer](pvm.Max, pvm.MaxU),
	swap[*armLowerer](pvm.CmovIz, pvm.CmovNz),
	swap[*armLowerer](pvm.ShloR32, pvm.SharR32),
	swap[*armLowerer](pvm.DivU64, pvm.DivS64),
	swap[*armLowerer](pvm.RotL32, pvm.RotR32),
	swap[*armLowerer](pvm.MulUpperSU, pvm.MulUpperSS),
	swap[*armLowerer](pvm.StoreIndU64, pvm.StoreIndU32),
	swap[*armLowerer](pvm.SetLtUImm, pvm.SetLtSImm),
	// The sign extension of a result is forgotten.
	after(pvm.Add32, func(l *armLowerer, in *pvm.Inst) { l.wroteSigned(armHost(in.D)) }),
	after(pvm.MulImm32, func(l *armLowerer, in *pvm.Inst) { l.wroteSigned(armHost(in.A)) }),
	// A value is sign-extended that should not be, and one is taken to be that is not.
	after(pvm.LoadIndU32, func(l *armLowerer, in *pvm.Inst) { l.wrote32(armHost(in.A)) }),
	after(pvm.Mul64, func(l *armLowerer, in *pvm.Inst) { l.wroteSigned(armHost(in.D)) }),
	// A register is clobbered.
	after(pvm.RemS32, func(l *armLowerer, in *pvm.Inst) {
		if in.D != 9 {
			l.a.TwoRegs(arm64.Mov32, 9, 9)
		}
	}),
	// The condition of a branch has lost its upper half.
	before(pvm.BranchNeImm, func(l *armLowerer, in *pvm.Inst) { l.a.TwoRegs(arm64.Mov32, armHost(in.A), armHost(in.A)) }),
	// An access is blamed on the instruction before it.
	before(pvm.StoreImmIndU16, func(l *armLowerer, in *pvm.Inst) {
		l.i--
		l.storeImmInd(in, uint32(arm64.Store16))
		l.i++
	}),
	// A store that faults forgets what is to be sign-extended.
	before(pvm.StoreIndU32, func(l *armLowerer, _ *pvm.Inst) { l.forget() }),
	// A host call forgets to settle.
	before(pvm.Ecalli, func(l *armLowerer, _ *pvm.Inst) { l.forget() }),
}
