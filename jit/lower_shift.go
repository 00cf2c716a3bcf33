package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// lowerShift64 is d = a shifted by b, modulo 64 as the hardware does it.
func lowerShift64(l *lowerer, in *pvm.Inst, op uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64(a)
	l.a.ShiftX(amd64.ShiftX(op), d, a, b)
	l.wrote64(d)
}

func lowerShift32(l *lowerer, in *pvm.Inst, op uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.a.ShiftX(amd64.ShiftX(op), d, a, b)
	l.wrote32(d)
}

// lowerShiftImmAlt64 is a = imm shifted by b.
func lowerShiftImmAlt64(l *lowerer, in *pvm.Inst, op uint32) {
	d, count := host(in.A), host(in.B)
	l.a.MovImm(scratch, in.X)
	l.a.ShiftX(amd64.ShiftX(op), d, scratch, count)
	l.wrote64(d)
}

func lowerShiftImmAlt32(l *lowerer, in *pvm.Inst, op uint32) {
	d, count := host(in.A), host(in.B)
	l.a.MovImm32(scratch, uint32(in.X))
	l.a.ShiftX(amd64.ShiftX(op), d, scratch, count)
	l.wrote32(d)
}

func lowerShiftLeftImm64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, count := host(in.A), host(in.B), uint8(in.X&63)
	if count == 32 && l.zeroExtends(in) || count <= 3 && l.scaledSum(0, in.A, s, count) {
		return
	}
	if count < 32 {
		l.read64(s)
	}
	switch {
	case count == 1 && d != s:
		l.a.LeaSum(d, s, s)
	case count == 0:
		l.move(d, s)
	default:
		l.a.ThreeShift(amd64.Shl64, d, s, count)
	}
	l.wrote64(d)
}

// zeroExtends lowers a shift to the left by 32 and the next instruction together if that shifts back, by 32 or a little
// less. This is how compilers for RISC-V clear the upper half of a register, and how they scale an index.
func (l *lowerer) zeroExtends(in *pvm.Inst) bool {
	next := l.next(1)
	if next.Op != pvm.ShloRImm64 || next.A != in.A || next.B != in.A {
		return false
	}
	back := uint8(next.X & 63)
	if back < 29 || back > 32 {
		return false
	}
	d, s := host(in.A), host(in.B)
	if back < 32 && l.scalesNext(1, in.A, 32-back) {
		l.a.RegReg(amd64.Mov32, scratch, s)
		l.scaledSum(1, in.A, scratch, 32-back)
		return true
	}
	l.a.RegReg(amd64.Mov32, d, s)
	if back < 32 {
		l.a.ShiftImm(amd64.Shl64, d, 32-back)
	}
	l.wrote64(d)
	l.i++
	return true
}

// scalesNext reports whether the instruction after skip others adds something to register t, which holds an index
// shifted by scale, so that the addressing modes of the hardware can do it.
func (l *lowerer) scalesNext(skip int, t, scale uint8) bool {
	next := l.next(skip + 1)
	return scale >= 1 && scale <= 3 && next.Op == pvm.Add64 && next.D == t && (next.A == t) != (next.B == t)
}

// scaledSum lowers a shift to the left of s into guest register t, after skip other instructions that were already
// lowered, together with the addition that follows it, and with the load that follows that, if there is one.
func (l *lowerer) scaledSum(skip int, t uint8, s amd64.Reg, scale uint8) bool {
	if !l.scalesNext(skip, t, scale) {
		return false
	}
	add := l.next(skip + 1)
	base := host(add.A ^ add.B ^ t) // the one that is not t
	load := l.next(skip + 2)
	l.i += skip + 1
	if loadsFrom(load, t) && l.loadEarly(load, t, base, s, scale) {
		return true
	}
	l.read64(base)
	l.read64(s)
	l.a.LeaScaled(host(t), base, s, scale)
	l.wrote64(host(t))
	l.keptFlags(host(t))
	return true
}

// lowerShiftRightImm64 is the logical or arithmetic shift to the right.
func lowerShiftRightImm64(l *lowerer, in *pvm.Inst, op uint32) {
	d, s, count := host(in.A), host(in.B), uint8(in.X&63)
	l.read64(s)
	known := l.signed(s) && amd64.Shift(op) == amd64.Sar64 || count > 32
	if count == 0 {
		l.move(d, s)
	} else {
		l.a.ThreeShift(amd64.Shift(op), d, s, count)
	}
	l.wroteKnown(d, known)
}

func lowerShiftLeftImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, count := host(in.A), host(in.B), uint8(in.X&31)
	if count == 1 && d != s {
		l.a.RegMem(amd64.Lea32, d, sum(s, s))
	} else {
		l.move32(d, s)
		if count != 0 {
			l.a.ShiftImm(amd64.Shl32, d, count)
		}
	}
	l.wrote32(d)
}

func lowerShiftRightImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, count := host(in.A), host(in.B), uint8(in.X&31)
	if count == 0 {
		l.a.RegReg(amd64.Movsxd, d, s)
	} else {
		l.move32(d, s)
		l.a.ShiftImm(amd64.Shr32, d, count)
	}
	l.wroteSigned(d)
}

func lowerShiftArithmeticImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s, count := host(in.A), host(in.B), uint8(in.X&31)
	l.move32(d, s)
	l.a.ShiftImm(amd64.Sar32, d, count)
	l.wrote32(d)
}

// lowerRotate64 is d = a rotated by b.
func lowerRotate64(l *lowerer, in *pvm.Inst, op uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.read64(a)
	l.a.RegReg(amd64.Mov32, scratch, b)
	l.move(d, a)
	l.a.ShiftCL(amd64.Shift(op), d)
	l.wrote64(d)
}

func lowerRotate32(l *lowerer, in *pvm.Inst, op uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	l.a.RegReg(amd64.Mov32, scratch, b)
	l.move32(d, a)
	l.a.ShiftCL(amd64.Shift(op), d)
	l.wrote32(d)
}

func lowerRotateImm64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s := host(in.A), host(in.B)
	l.read64(s)
	l.a.Rorx64(d, s, uint8(in.X&63))
	l.wrote64(d)
}

func lowerRotateImm32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, s := host(in.A), host(in.B)
	l.a.Rorx32(d, s, uint8(in.X&31))
	l.wrote32(d)
}

// lowerRotateImmAlt64 is a = imm rotated by b.
func lowerRotateImmAlt64(l *lowerer, in *pvm.Inst, _ uint32) {
	d, count := host(in.A), host(in.B)
	l.a.RegReg(amd64.Mov32, scratch, count)
	l.a.MovImm(d, in.X)
	l.a.ShiftCL(amd64.Ror64, d)
	l.wrote64(d)
}

func lowerRotateImmAlt32(l *lowerer, in *pvm.Inst, _ uint32) {
	d, count := host(in.A), host(in.B)
	l.a.RegReg(amd64.Mov32, scratch, count)
	l.a.MovImm32(d, uint32(in.X))
	l.a.ShiftCL(amd64.Ror32, d)
	l.wrote32(d)
}
