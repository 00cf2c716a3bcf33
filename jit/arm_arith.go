package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
)

// regs64 is d = a ∘ b for 64 bits.
func (l *armLowerer) regs64(in *pvm.Inst, op uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	l.read64(a)
	l.read64(b)
	l.a.Regs(arm64.Op(op), d, a, b)
	l.wrote64(d)
}

// regs32 is d = a ∘ b for 32 bits.
func (l *armLowerer) regs32(in *pvm.Inst, op uint32) {
	d := armHost(in.D)
	l.a.Regs(arm64.Op(op), d, armHost(in.A), armHost(in.B))
	l.wrote32(d)
}

// bitwise is d = a ∘ b, bitwise. Where both operands fit 32 bits with sign, so does the result.
func (l *armLowerer) bitwise(in *pvm.Inst, op uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	known, whole := l.readBoth(a, b)
	l.a.Regs(arm64.Op(op), d, a, b)
	l.wrote(d, known, whole)
}

// readBoth prepares two registers for an operation that works on the halves of the registers alike. It reports whether
// the result will fit 32 bits with sign, and whether its upper half will be right.
func (l *armLowerer) readBoth(a, b arm64.Reg) (known, whole bool) {
	if l.signed(a) && l.signed(b) {
		return true, l.pending()&(bit(a)|bit(b)) == 0
	}
	l.read64(a)
	l.read64(b)
	return false, true
}

// wrote notes a write of d as readBoth foretold it.
func (l *armLowerer) wrote(d arm64.Reg, known, whole bool) {
	if whole {
		l.wroteKnown(d, known)
	} else {
		l.wrote32(d)
	}
}

// addImm emits d = s + imm in the width of op, Add32 or Add64.
func (l *armLowerer) addImm(op arm64.Op, d, s arm64.Reg, imm uint64) {
	sub := arm64.Sub64
	if op == arm64.Add32 {
		imm, sub = uint64(uint32(imm)), arm64.Sub32
	}
	minus := -imm
	if op == arm64.Add32 {
		minus = uint64(uint32(minus))
	}
	switch {
	case arm64.Immediate(imm):
		l.a.RegImm(op, d, s, imm)
	case arm64.Immediate(minus):
		l.a.RegImm(sub, d, s, minus)
	case op == arm64.Add32:
		l.a.MovImm32(arm64.X16, uint32(imm))
		l.a.Regs(op, d, s, arm64.X16)
	default:
		l.a.MovImm(arm64.X16, imm)
		l.a.Regs(op, d, s, arm64.X16)
	}
}

func (l *armLowerer) addImm64(in *pvm.Inst, _ uint32) {
	d, s := armHost(in.A), armHost(in.B)
	if in.X == 0 {
		l.copyKnown(d, s)
		return
	}
	l.read64(s)
	l.addImm(arm64.Add64, d, s, in.X)
	l.wrote64(d)
}

func (l *armLowerer) addImm32(in *pvm.Inst, _ uint32) {
	d, s := armHost(in.A), armHost(in.B)
	switch {
	case in.X == 0 && l.signed(s):
		l.copyKnown(d, s)
	case in.X == 0: // the way to write a sign extension
		l.a.TwoRegs(arm64.Sxtw, d, s)
		l.wroteSigned(d)
	default:
		l.addImm(arm64.Add32, d, s, in.X)
		l.wrote32(d)
	}
}

// copyKnown copies a register and what is known of it.
func (l *armLowerer) copyKnown(d, s arm64.Reg) {
	if d == s {
		return
	}
	l.a.TwoRegs(arm64.Mov64, d, s)
	l.wrote(d, l.signed(s), l.pending()&bit(s) == 0)
}

func (l *armLowerer) moveReg(in *pvm.Inst, _ uint32) { l.copyKnown(armHost(in.D), armHost(in.A)) }

func (l *armLowerer) mulImm64(in *pvm.Inst, _ uint32) {
	d, s := armHost(in.A), armHost(in.B)
	l.read64(s)
	l.a.Regs(arm64.Mul64, d, s, l.constant(in.X))
	l.wrote64(d)
}

func (l *armLowerer) mulImm32(in *pvm.Inst, _ uint32) {
	d := armHost(in.A)
	l.a.Regs(arm64.Mul32, d, armHost(in.B), l.constant(in.X))
	l.wrote32(d)
}

func (l *armLowerer) negAddImm64(in *pvm.Inst, _ uint32) {
	d, s := armHost(in.A), armHost(in.B)
	l.read64(s)
	l.a.Regs(arm64.Sub64, d, l.constant(in.X), s)
	l.wrote64(d)
}

func (l *armLowerer) negAddImm32(in *pvm.Inst, _ uint32) {
	d := armHost(in.A)
	l.a.Regs(arm64.Sub32, d, l.constant(in.X), armHost(in.B))
	l.wrote32(d)
}

func (l *armLowerer) loadImm(in *pvm.Inst, _ uint32) {
	d := armHost(in.A)
	l.a.MovImm(d, in.X)
	l.wroteKnown(d, in.X == uint64(int64(int32(in.X))))
}

// mulUpperSU corrects the unsigned product: a negative a counts 2^64 too much, which is b in the upper half.
func (l *armLowerer) mulUpperSU(in *pvm.Inst, _ uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	l.read64(a)
	l.read64(b)
	l.a.RegsShifted(arm64.And64, arm64.X16, b, a, arm64.ASR, 63)
	l.a.Regs(arm64.Umulh, arm64.X17, a, b)
	l.a.Regs(arm64.Sub64, d, arm64.X17, arm64.X16)
	l.wrote64(d)
}

// div is division with the given instruction. By 0 the hardware gives 0, and should give all ones; the quotient that does
// not fit is what it should be. GP §A.5.
func (l *armLowerer) div(in *pvm.Inst, op uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	wide := l.readDivision(a, b, arm64.Op(op))
	l.a.Regs(arm64.Op(op), arm64.X16, a, b)
	if wide {
		l.a.RegImm(arm64.Cmp64, arm64.ZR, b, 0)
	} else {
		l.a.RegImm(arm64.Cmp32, arm64.ZR, b, 0)
	}
	l.a.SelectNot(arm64.NotEqual, d, arm64.X16, arm64.ZR)
	l.wrote(d, !wide, wide)
}

// rem is the remainder, by the quotient: where that is 0 for a division by 0, the remainder is a, as it should be.
func (l *armLowerer) rem(in *pvm.Inst, op uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	wide := l.readDivision(a, b, arm64.Op(op))
	l.a.Regs(arm64.Op(op), arm64.X16, a, b)
	if wide {
		l.a.MulSub(arm64.Mul64, d, arm64.X16, b, a)
	} else {
		l.a.MulSub(arm64.Mul32, d, arm64.X16, b, a)
	}
	l.wrote(d, !wide, wide)
}

// readDivision prepares the operands and reports whether all of them counts.
func (l *armLowerer) readDivision(a, b arm64.Reg, op arm64.Op) bool {
	if op != op.Wide() {
		return false
	}
	l.read64(a)
	l.read64(b)
	return true
}
