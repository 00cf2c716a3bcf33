package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
	"damson/jit/exec"
)

// lowerInterpret leaves everything to the interpreter: traps, and what is too rare or too odd for code of its own. The
// rest of the block is then interpreted too, so that none is emitted.
func lowerInterpret(l *lowerer, _ *pvm.Inst, _ uint32) {
	l.interpret()
	l.forget()
	l.i = l.end - 1
}

func lowerFallthrough(l *lowerer, _ *pvm.Inst, _ uint32) { l.settle() }

// lowerEcalli returns with the number of the block; the next one is entered again later.
func lowerEcalli(l *lowerer, _ *pvm.Inst, _ uint32) {
	l.settle()
	l.a.StoreImm(amd64.Store64, amd64.Context(exec.OffsetSite), int32(l.n))
	l.a.Ret()
}

func lowerJump(l *lowerer, in *pvm.Inst, _ uint32) {
	if in.Y == pvm.NoTarget {
		lowerInterpret(l, in, 0)
		return
	}
	l.settle()
	l.jump(l.blocks[l.n].Target)
}

func lowerLoadImmJump(l *lowerer, in *pvm.Inst, _ uint32) {
	if in.Y == pvm.NoTarget {
		lowerInterpret(l, in, 0)
		return
	}
	d := host(in.A)
	l.a.MovImm(d, in.X)
	l.wroteSigned(d)
	l.settle()
	l.jump(l.blocks[l.n].Target)
}

// jump goes to a block, behind the payment if that is paid already.
func (l *lowerer) jump(target uint32) {
	at, skip := l.labels[target], payment(l.ahead)
	switch {
	case at >= notYet && int(target) == l.n+1: // falls through
	case at >= notYet:
		l.a.Jmp32(0)
		l.fixups = append(l.fixups, fixup{uint32(l.a.Len() - 4), target, skip})
	default:
		if rel := int(at+skip) - l.a.Len() - 2; rel >= -128 {
			l.a.Jmp8(int8(rel))
		} else {
			l.a.Jmp32(int32(rel - 3))
		}
	}
}

// branch goes to the block that the last instruction of this one names if c holds.
func (l *lowerer) branch(c amd64.Cond) {
	target := l.blocks[l.n].Target
	if target == pvm.NoTarget {
		l.interpretIf(c)
		return
	}
	if l.half {
		l.a.Jcc32(c.Not(), 0)
		l.loops[len(l.loops)-1].leaves = uint32(l.a.Len() - 4)
		return
	}
	at := l.labels[target]
	if at >= notYet {
		l.a.Jcc32(c, 0)
		l.fixups = append(l.fixups, fixup{uint32(l.a.Len() - 4), target, 0})
		return
	}
	if rel := int(at+payment(l.ahead)) - l.a.Len() - 2; rel >= -128 {
		l.a.Jcc8(c, int8(rel))
	} else {
		l.a.Jcc32(c, int32(rel-4))
	}
	if l.ahead > 0 { // it does not go where it has paid for
		l.a.RegImm(amd64.Add64, gasReg, int32(l.ahead))
	}
}

func lowerBranch(l *lowerer, in *pvm.Inst, c uint32) {
	a, b := host(in.A), host(in.B)
	// Registers that are compared as they stand are extended in parallel with the comparison.
	if l.pending()&(bit(a)|bit(b)) != 0 && l.signed(a) && l.signed(b) {
		l.settle()
		l.a.RegReg(amd64.Cmp32, a, b)
	} else {
		l.settle()
		l.a.Two(amd64.Cmp64, a, b)
	}
	l.branch(amd64.Cond(c))
}

func lowerBranchImm(l *lowerer, in *pvm.Inst, c uint32) {
	a, cond := host(in.A), amd64.Cond(c)
	l.settle()
	zero, told := l.flagsSay(a)
	if told && in.X == 0 && (cond == amd64.Equal || cond == amd64.NotEqual) {
		cond = given(zero, c)
	} else {
		l.compareImm(a, int32(in.X))
	}
	l.branch(cond)
}

func lowerJumpInd(l *lowerer, in *pvm.Inst, _ uint32) {
	l.settle()
	l.lookUp(host(in.A), int32(in.X))
	l.jumpTable()
}

// lowerLoadImmJumpInd looks the target up before it writes the register, which may be the one that says where.
func lowerLoadImmJumpInd(l *lowerer, in *pvm.Inst, _ uint32) {
	l.settle()
	l.lookUp(host(in.B), int32(in.Y))
	l.a.MovImm(host(in.A), in.X)
	l.jumpTable()
}

// lookUp makes the index into the jump table of the address base+disp, or what it holds if that may be nothing. The
// rotation makes odd addresses, and by the -2 the address 0, too large an index, as the halt address is anyway.
func (l *lowerer) lookUp(base amd64.Reg, disp int32) {
	l.a.RegMem(amd64.Lea32, scratch, amd64.Based(base, disp-2))
	l.a.ShiftImm(amd64.Ror32, scratch, 1)
	l.a.RegImm(amd64.Cmp32, scratch, int32(l.jumps))
	l.interpretIf(amd64.AboveOrEqual)
	if l.gaps {
		l.a.RegMem(amd64.Load64, scratch, amd64.Table(scratch, 0))
		l.endsWithTable()
		l.a.RegReg(amd64.Test64, scratch, scratch)
		l.interpretIf(amd64.Equal)
	}
}

func (l *lowerer) jumpTable() {
	if l.gaps {
		l.a.JmpReg(scratch)
		return
	}
	l.a.JmpTable(scratch)
	l.endsWithTable()
}

// endsWithTable notes that the last instruction ends with the address of the jump table, which is not known yet.
func (l *lowerer) endsWithTable() { l.tables = append(l.tables, uint32(l.a.Len()-4)) }
