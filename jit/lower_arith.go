package jit

import (
	"math"

	"damson/internal/pvm"
	"damson/jit/amd64"
	"damson/jit/exec"
)

// lowerBitwise is d = a ∘ b for 64 bits, bitwise. Where both operands fit 32 bits with sign, so does the result.
func lowerBitwise(l *lowerer, in *pvm.Inst, op uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	both := bit(a) | bit(b)
	if l.signed(a) && l.signed(b) {
		l.lowerSignedBitwise(amd64.Op(op), d, a, b)
		return
	}
	if l.pending()&both != 0 {
		l.read64(a)
		l.read64(b)
	}
	if d == b {
		a, b = b, a
	}
	l.a.Three(amd64.Op(op), d, a, b)
	l.wrote64(d)
	l.setFlags(d)
}

func (l *lowerer) lowerSignedBitwise(op amd64.Op, d, a, b amd64.Reg) {
	if d == b {
		a, b = b, a
	}
	if l.pending()&(bit(a)|bit(b)) != 0 {
		l.move32(d, a)
		l.a.RegReg(op.Narrow(), d, b)
		l.wrote32(d)
	} else {
		l.move(d, a)
		l.a.RegReg(op, d, b)
		l.wroteSigned(d)
	}
	l.setFlags(d)
}

func lowerAdd64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	if load := l.next(1); loadsFrom(load, in.D) && l.loadEarly(load, in.D, a, b, 0) {
		return
	}
	l.read64Both(a, b)
	if d == a || d == b {
		l.a.Two(amd64.Add64, d, a^b^d) // the one that is not d
		l.setFlags(d)
	} else {
		l.a.LeaSum(d, a, b)
		l.keptFlags(d)
	}
	l.wrote64(d)
}

func lowerAdd32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	switch d {
	case a:
		l.a.RegReg(amd64.Add32, d, b)
		l.setFlags(d)
	case b:
		l.a.RegReg(amd64.Add32, d, a)
		l.setFlags(d)
	default:
		l.a.RegMem(amd64.Lea32, d, sum(a, b))
		l.keptFlags(d)
	}
	l.wrote32(d)
}

// sum is the operand a+b, with that register as base which needs no displacement.
func sum(a, b amd64.Reg) amd64.Operand {
	if a&7 == amd64.RBP {
		a, b = b, a
	}
	return amd64.Indexed(a, b, 0, 0)
}

func lowerSub64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64Both(a, b)
	if d == b && d != a {
		l.a.Unary(amd64.Neg64, d)
		l.a.RegReg(amd64.Add64, d, a)
	} else {
		l.a.Three(amd64.Sub64, d, a, b)
	}
	l.wrote64(d)
	l.setFlags(d)
}

func lowerSub32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	if d == b && d != a {
		l.a.Unary(amd64.Neg32, d)
		l.a.RegReg(amd64.Add32, d, a)
	} else {
		l.move32(d, a)
		l.a.RegReg(amd64.Sub32, d, b)
	}
	l.wrote32(d)
	l.setFlags(d)
}

func lowerMul64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64Both(a, b)
	if d == b {
		a, b = b, a
	}
	l.move(d, a)
	l.a.RegReg(amd64.Imul64, d, b)
	l.wrote64(d)
}

func lowerMul32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	if d == b {
		a, b = b, a
	}
	l.move32(d, a)
	l.a.RegReg(amd64.Imul32, d, b)
	l.wrote32(d)
}

func lowerAddImm64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, imm := host(in.A), host(in.B), int32(in.X)
	l.read64(s)
	if imm == 0 {
		l.copyKnown(d, s)
		return
	}
	l.a.Sum(d, s, imm)
	if d == s {
		l.setFlags(d)
	} else {
		l.keptFlags(d)
	}
	l.wrote64(d)
}

func lowerAddImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, imm := host(in.A), host(in.B), int32(in.X)
	switch {
	case imm == 0 && l.pending()&bit(s) != 0:
		l.move32(d, s)
	case imm == 0: // the way to write a sign extension
		if d != s || !l.signed(s) {
			l.a.RegReg(amd64.Movsxd, d, s)
		}
		l.wroteSigned(d)
		return
	case d == s:
		l.a.AddImm(amd64.Add32, d, imm)
		l.setFlags(d)
	default:
		l.a.RegMem(amd64.Lea32, d, amd64.Based(s, imm))
		l.keptFlags(d)
	}
	l.wrote32(d)
}

// copyKnown copies a register and what is known of it.
func (l *lowerer) copyKnown(d, s amd64.Reg) {
	switch {
	case l.pending()&bit(s) != 0:
		l.move32(d, s)
		l.wrote32(d)
	case l.signed(s):
		l.move(d, s)
		l.wroteSigned(d)
	default:
		l.move(d, s)
		l.wrote64(d)
	}
	l.keptFlags(d)
}

func lowerMoveReg(l *lowerer, in *pvm.Inst, _ uint32) { l.copyKnown(host(in.D), host(in.A)) }

func lowerMulImm64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s := host(in.A), host(in.B)
	l.read64(s)
	l.a.ImulImm64(d, s, int32(in.X))
	l.wrote64(d)
}

func lowerMulImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s := host(in.A), host(in.B)
	l.a.ImulImm32(d, s, int32(in.X))
	l.wrote32(d)
}

func lowerNegAddImm64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, imm := host(in.A), host(in.B), int32(in.X)
	l.read64(s)
	if d != s && imm != 0 {
		l.a.MovImm(d, in.X)
		l.a.RegReg(amd64.Sub64, d, s)
	} else {
		l.move(d, s)
		l.a.Unary(amd64.Neg64, d)
		if imm != 0 {
			l.a.AddImm(amd64.Add64, d, imm)
		}
	}
	l.wrote64(d)
	l.setFlags(d)
}

func lowerNegAddImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, imm := host(in.A), host(in.B), int32(in.X)
	if d != s && imm != 0 {
		l.a.MovImm32(d, uint32(imm))
		l.a.RegReg(amd64.Sub32, d, s)
	} else {
		l.move32(d, s)
		l.a.Unary(amd64.Neg32, d)
		if imm != 0 {
			l.a.AddImm(amd64.Add32, d, imm)
		}
	}
	l.wrote32(d)
	l.setFlags(d)
}

func lowerLoadImm(l *lowerer, in *pvm.Inst, _ uint32) { l.setImm(host(in.A), in.X) }

// setImm sets a register to a constant. The flags are lost.
func (l *lowerer) setImm(d amd64.Reg, imm uint64) {
	if imm == 0 {
		l.a.Zero(d)
	} else {
		l.a.MovImm(d, imm)
		l.keptFlags(d)
	}
	if int64(imm) >= math.MinInt32 && int64(imm) <= math.MaxInt32 {
		l.wroteSigned(d)
	} else {
		l.wrote64(d)
	}
}

// lowerMulUpperUU uses MULX, which wants one operand in RDX and writes just what it is told.
func lowerMulUpperUU(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64Both(a, b)
	l.mulUpper(d, a, b)
	l.wrote64(d)
}

func (l *lowerer) mulUpper(d, a, b amd64.Reg) {
	switch {
	case a == amd64.RDX:
		l.a.Mulx(d, d, b)
	case b == amd64.RDX:
		l.a.Mulx(d, d, a)
	default:
		if d != amd64.RDX {
			l.a.RegReg(amd64.Mov64, scratch, amd64.RDX)
		}
		l.a.RegReg(amd64.Mov64, amd64.RDX, a)
		l.a.Mulx(d, d, b)
		if d != amd64.RDX {
			l.a.RegReg(amd64.Mov64, amd64.RDX, scratch)
		}
	}
}

// lowerMulUpperSU corrects the unsigned product: a negative a counts 2^64 too much, which is b in the upper half.
func lowerMulUpperSU(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64Both(a, b)
	l.a.RegReg(amd64.Mov64, scratch, a)
	l.a.ShiftImm(amd64.Sar64, scratch, 63)
	l.a.RegReg(amd64.And64, scratch, b)
	l.a.ToContext(scratch, exec.OffsetSpill0)
	l.mulUpper(d, a, b)
	l.a.RegMem(amd64.SubMem64, d, amd64.Context(exec.OffsetSpill0))
	l.wrote64(d)
}

func lowerMulUpperSS(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64Both(a, b)
	l.a.RegReg(amd64.Mov64, scratch, b)
	l.park(d)
	l.move(amd64.RAX, a)
	l.a.Unary(amd64.Imul1, scratch)
	l.move(d, amd64.RDX)
	l.unpark(d)
	l.wrote64(d)
}
