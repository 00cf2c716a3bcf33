package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
	"damson/jit/exec"
)

// interpretRest leaves everything to the interpreter: traps, and what is too rare or too odd for code of its own. The
// rest of the block is then interpreted too, so that none is emitted.
func (l *armLowerer) interpretRest(*pvm.Inst, uint32) {
	l.interpret()
	l.forget()
	l.i = l.end - 1
}

func (l *armLowerer) goOn(*pvm.Inst, uint32) { l.settle() }

// ecalli returns with the number of the block; the next one is entered again later.
func (l *armLowerer) ecalli(*pvm.Inst, uint32) {
	l.settle()
	l.a.MovImm32(arm64.X16, uint32(l.n))
	l.a.StoreContext(arm64.X16, armContext, exec.PageSize+exec.OffsetSite)
	l.a.Ret(armReturn)
}

func (l *armLowerer) jump(in *pvm.Inst, _ uint32) {
	if in.Y == pvm.NoTarget {
		l.interpretRest(in, 0)
		return
	}
	l.settle()
	l.jumpTo(l.blocks[l.n].Target)
}

func (l *armLowerer) loadImmJump(in *pvm.Inst, _ uint32) {
	if in.Y == pvm.NoTarget {
		l.interpretRest(in, 0)
		return
	}
	l.loadImm(in, 0)
	l.settle()
	l.jumpTo(l.blocks[l.n].Target)
}

// jumpTo goes to a block.
func (l *armLowerer) jumpTo(target uint32) {
	at := l.labels[target]
	switch {
	case at < notYet:
		l.a.B(int(at) - l.a.Len())
	case int(target) != l.n+1: // else it falls through
		l.jumpFar(target)
	}
}

// branchTo goes to the block that the last instruction of this one names if the test holds.
func (l *armLowerer) branchTo(t test) {
	target := l.blocks[l.n].Target
	if target == pvm.NoTarget {
		l.interpretIf(t)
		return
	}
	at := l.labels[target]
	switch rel := int(at) - l.a.Len(); {
	case at >= notYet:
		l.fixups = append(l.fixups, fixup{uint32(l.a.Len()), target, 0})
		l.emit(t, 0)
	case rel >= -arm64.Reach:
		l.emit(t, rel)
	default: // over a jump that reaches as far
		t.cond = t.cond.Not()
		l.emit(t, 2*arm64.Inst)
		l.a.B(rel - arm64.Inst)
	}
}

func (l *armLowerer) branch(in *pvm.Inst, c uint32) {
	l.settle()
	l.compare(armHost(in.A), armHost(in.B))
	l.branchTo(flags(arm64.Cond(c)))
}

func (l *armLowerer) branchImm(in *pvm.Inst, c uint32) {
	a, cond := armHost(in.A), arm64.Cond(c)
	l.settle()
	if in.X == 0 && (cond == arm64.Equal || cond == arm64.NotEqual) {
		l.branchTo(test{cond, a, true})
		return
	}
	l.compareImm(a, in.X)
	l.branchTo(flags(cond))
}

func (l *armLowerer) jumpInd(in *pvm.Inst, _ uint32) {
	l.settle()
	l.lookUp(armHost(in.A), in.X)
	l.a.Jump(arm64.X16)
}

// loadImmJumpInd looks the target up before it writes the register, which may be the one that says where.
func (l *armLowerer) loadImmJumpInd(in *pvm.Inst, _ uint32) {
	l.settle()
	l.lookUp(armHost(in.B), uint64(in.Y))
	l.a.MovImm(armHost(in.A), in.X)
	l.a.Jump(arm64.X16)
}

// lookUp makes X16 what the jump table holds for the address base + disp. The rotation makes odd addresses, and by the -2
// the address 0, too large an index, as the halt address is anyway.
func (l *armLowerer) lookUp(base arm64.Reg, disp uint64) {
	l.a.RotateRight32(arm64.X16, l.address(base, disp-2), 1)
	if n := uint64(l.jumps); arm64.Immediate(n) {
		l.a.RegImm(arm64.Cmp32, arm64.ZR, arm64.X16, n)
	} else {
		l.a.MovImm32(arm64.X17, l.jumps)
		l.a.Compare(arm64.Cmp32, arm64.X16, arm64.X17)
	}
	l.interpretIf(flags(arm64.AboveOrEqual))
	l.tables = append(l.tables, uint32(l.a.Len()))
	l.a.Address(arm64.X17)
	l.a.LoadEntry(arm64.X16, arm64.X17, arm64.X16)
	if l.gaps {
		l.interpretIf(test{arm64.Equal, arm64.X16, true})
	}
}
