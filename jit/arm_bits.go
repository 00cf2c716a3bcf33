package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
)

// twoRegs counts bits, extends or turns octets round, where the result fits 32 bits with sign.
func (l *armLowerer) twoRegs(in *pvm.Inst, op uint32) {
	d, a := armHost(in.D), armHost(in.A)
	if arm64.Op(op) == arm64.Clz64 {
		l.read64(a)
	}
	l.a.TwoRegs(arm64.Op(op), d, a)
	l.wroteSigned(d)
}

// trailingZeros counts from the other end, with the given instruction.
func (l *armLowerer) trailingZeros(in *pvm.Inst, op uint32) {
	d, a := armHost(in.D), armHost(in.A)
	reverse := arm64.Rbit32
	if arm64.Op(op) == arm64.Clz64 {
		l.read64(a)
		reverse = arm64.Rbit64
	}
	l.a.TwoRegs(reverse, arm64.X16, a)
	l.a.TwoRegs(arm64.Op(op), d, arm64.X16)
	l.wroteSigned(d)
}

// armVector is free in every lowering; Go's code expects no vector register to survive a call.
const armVector = 16

func (l *armLowerer) countBits(in *pvm.Inst, narrow uint32) {
	d, a := armHost(in.D), armHost(in.A)
	if narrow == 0 {
		l.read64(a)
	}
	l.a.CountBits(d, a, armVector, narrow != 0)
	l.wroteSigned(d)
}

func (l *armLowerer) reverseBytes(in *pvm.Inst, _ uint32) {
	d, a := armHost(in.D), armHost(in.A)
	l.read64(a)
	l.a.TwoRegs(arm64.Rev64, d, a)
	l.wrote64(d)
}

// compare sets the flags for a against b. A value that fits 32 bits with sign compares as its lower half does, signed
// and unsigned.
func (l *armLowerer) compare(a, b arm64.Reg) {
	if _, whole := l.readBoth(a, b); whole {
		l.a.Compare(arm64.Cmp64, a, b)
	} else {
		l.a.Compare(arm64.Cmp32, a, b)
	}
}

// compareImm sets the flags for a against a constant. To add what is not 0 sets them as to subtract its opposite does.
func (l *armLowerer) compareImm(a arm64.Reg, imm uint64) {
	l.read64(a)
	switch {
	case arm64.Immediate(imm):
		l.a.RegImm(arm64.Cmp64, arm64.ZR, a, imm)
	case arm64.Immediate(-imm):
		l.a.RegImm(arm64.Cmn64, arm64.ZR, a, -imm)
	default:
		l.a.Compare(arm64.Cmp64, a, l.constant(imm))
	}
}

// choose is min and max: c says when a is to be taken rather than b.
func (l *armLowerer) choose(in *pvm.Inst, c uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	known, whole := l.readBoth(a, b)
	l.compare(a, b)
	l.a.Select(arm64.Cond(c), d, a, b)
	l.wrote(d, known, whole)
}

// cmov is d = a if b meets the condition, Equal or NotEqual to 0.
func (l *armLowerer) cmov(in *pvm.Inst, c uint32) {
	d, a, b := armHost(in.D), armHost(in.A), armHost(in.B)
	l.testZero(b)
	known, whole := l.readBoth(d, a)
	l.a.Select(arm64.Cond(c), d, a, d)
	l.wrote(d, known, whole)
}

func (l *armLowerer) cmovImm(in *pvm.Inst, c uint32) {
	d := armHost(in.A)
	l.testZero(armHost(in.B))
	known := l.signed(d) && in.X == uint64(int64(int32(in.X)))
	l.read64(d)
	l.a.Select(arm64.Cond(c), d, l.constant(in.X), d)
	l.wroteKnown(d, known)
}

// testZero makes the flags say whether r is 0. They survive sign extensions and constants.
func (l *armLowerer) testZero(r arm64.Reg) {
	if l.pending()&bit(r) != 0 {
		l.a.RegImm(arm64.Cmp32, arm64.ZR, r, 0)
	} else {
		l.a.RegImm(arm64.Cmp64, arm64.ZR, r, 0)
	}
}

// set is d = 1 if a and b compare so, else 0.
func (l *armLowerer) set(in *pvm.Inst, c uint32) {
	d := armHost(in.D)
	l.compare(armHost(in.A), armHost(in.B))
	l.a.Set(arm64.Cond(c), d)
	l.wroteSigned(d)
}

func (l *armLowerer) setImm(in *pvm.Inst, c uint32) {
	d := armHost(in.A)
	l.compareImm(armHost(in.B), in.X)
	l.a.Set(arm64.Cond(c), d)
	l.wroteSigned(d)
}

// bitwiseImm is a = b ∘ imm, bitwise. The immediate fits 32 bits with sign.
func (l *armLowerer) bitwiseImm(in *pvm.Inst, op uint32) {
	d, s := armHost(in.A), armHost(in.B)
	known, whole := l.signed(s), l.pending()&bit(s) == 0
	if arm64.Op(op) == arm64.And64 && int64(in.X) >= 0 { // nothing but the lower half matters
		known, whole = true, true
	}
	if imm, ok := arm64.BitwiseImm(in.X); ok {
		l.a.RegBitwise(arm64.Op(op), d, s, imm)
	} else {
		l.a.Regs(arm64.Op(op), d, s, l.constant(in.X))
	}
	l.wrote(d, known, whole)
}
