package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
)

// shift64 is d = a shifted by b, modulo 64 as the hardware does it.
func (l *armLowerer) shift64(in *pvm.Inst, op uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	l.read64(a)
	l.a.Regs(arm64.Op(op), d, a, b)
	l.wrote64(d)
}

// shiftImmAlt64 is a = imm shifted by b.
func (l *armLowerer) shiftImmAlt64(in *pvm.Inst, op uint32) {
	d := armHost(in.A)
	l.a.Regs(arm64.Op(op), d, l.constant(in.X), armHost(in.B))
	l.wrote64(d)
}

func (l *armLowerer) shiftImmAlt32(in *pvm.Inst, op uint32) {
	d := armHost(in.A)
	l.a.Regs(arm64.Op(op), d, l.constant(in.X), armHost(in.B))
	l.wrote32(d)
}

// rotateLeft is d = a rotated to the left by b, as there is but a rotation to the right.
func (l *armLowerer) rotateLeft(in *pvm.Inst, op uint32) {
	d, a := armHost(in.D), armHost(in.A)
	l.a.Regs(arm64.Sub32, arm64.X16, arm64.ZR, armHost(in.B))
	if arm64.Op(op) == arm64.Ror32 {
		l.a.Regs(arm64.Ror32, d, a, arm64.X16)
		l.wrote32(d)
		return
	}
	l.read64(a)
	l.a.Regs(arm64.Ror64, d, a, arm64.X16)
	l.wrote64(d)
}

func (l *armLowerer) rotateImm64(in *pvm.Inst, _ uint32) {
	d, s := armHost(in.A), armHost(in.B)
	l.read64(s)
	l.a.RotateRight64(d, s, uint8(in.X&63))
	l.wrote64(d)
}

func (l *armLowerer) rotateImm32(in *pvm.Inst, _ uint32) {
	d := armHost(in.A)
	l.a.RotateRight32(d, armHost(in.B), uint8(in.X&31))
	l.wrote32(d)
}

func (l *armLowerer) shiftLeftImm64(in *pvm.Inst, _ uint32) {
	d, s, count := armHost(in.A), armHost(in.B), uint8(in.X&63)
	if count < 32 {
		l.read64(s)
	}
	if count == 0 {
		l.copyKnown(d, s)
		return
	}
	if l.shiftsBack(in, count) || l.addsNext(in, count) {
		return
	}
	l.a.ShiftLeft64(d, s, count)
	l.wrote64(d)
}

// shiftsBack lowers a shift to the left and the next instruction together if that shifts to the right: a bit field. This
// is how compilers for RISC-V extend parts of registers.
func (l *armLowerer) shiftsBack(in *pvm.Inst, count uint8) bool {
	next := l.next(1)
	if next.A != in.A || next.B != in.A {
		return false
	}
	d, s, back := armHost(in.A), armHost(in.B), uint8(next.X&63)
	switch next.Op { //nolint:exhaustive // two of many
	case pvm.ShloRImm64:
		l.a.Field(arm64.Ubfm64, d, s, (back-count)&63, 63-count)
		l.wroteKnown(d, back > 32)
	case pvm.SharRImm64:
		l.a.Field(arm64.Sbfm64, d, s, (back-count)&63, 63-count)
		l.wroteKnown(d, back >= 32)
	default:
		return false
	}
	l.i++
	return true
}

// addsNext lowers a shift to the left and the next instruction together if that adds something to the result.
func (l *armLowerer) addsNext(in *pvm.Inst, count uint8) bool {
	next := l.next(1)
	if next.Op != pvm.Add64 || next.D != in.A || (next.A == in.A) == (next.B == in.A) {
		return false
	}
	d, other := armHost(in.A), armHost(next.A^next.B^in.A) // the one that is not the result
	l.read64(other)
	l.a.RegsShifted(arm64.Add64, d, other, armHost(in.B), arm64.LSL, count)
	l.wrote64(d)
	l.i++
	return true
}

// shiftRightImm64 is the logical or arithmetic shift to the right.
func (l *armLowerer) shiftRightImm64(in *pvm.Inst, op uint32) {
	d, s, count := armHost(in.A), armHost(in.B), uint8(in.X&63)
	known := arm64.Op(op) == arm64.Sbfm64 && (count >= 32 || l.signed(s)) || count > 32
	l.read64(s)
	l.a.Field(arm64.Op(op), d, s, count, 63)
	l.wroteKnown(d, known)
}

func (l *armLowerer) shiftLeftImm32(in *pvm.Inst, _ uint32) {
	d := armHost(in.A)
	l.a.ShiftLeft32(d, armHost(in.B), uint8(in.X&31))
	l.wrote32(d)
}

func (l *armLowerer) shiftRightImm32(in *pvm.Inst, op uint32) {
	d := armHost(in.A)
	l.a.Field(arm64.Op(op), d, armHost(in.B), uint8(in.X&31), 31)
	l.wrote32(d)
}
