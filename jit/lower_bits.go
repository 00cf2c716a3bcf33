package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// lowerCount counts bits, with an instruction of 32 or 64 bits.
func lowerCount(l *lowerer, in *pvm.Inst, op uint32) {
	d, a := host(in.D), host(in.A)
	if amd64.Op(op).Wide() {
		l.read64(a)
	}
	l.a.RegReg(amd64.Op(op), d, a)
	l.wroteSigned(d)
}

func lowerSignExtend8(l *lowerer, in *pvm.Inst, _ uint32) {
	l.a.Movsx8(host(in.D), host(in.A))
	l.wroteSigned(host(in.D))
}

func lowerSignExtend16(l *lowerer, in *pvm.Inst, _ uint32) {
	l.a.RegReg(amd64.Movsx16, host(in.D), host(in.A))
	l.wroteSigned(host(in.D))
}

func lowerZeroExtend16(l *lowerer, in *pvm.Inst, _ uint32) {
	l.a.RegReg(amd64.Movzx16, host(in.D), host(in.A))
	l.wroteSigned(host(in.D))
}

func lowerReverseBytes(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a := host(in.D), host(in.A)
	l.read64(a)
	l.move(d, a)
	l.a.Bswap(d)
	l.wrote64(d)
}

func lowerAndInv(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	known := l.signed(a) && l.signed(b)
	l.read64Both(a, b)
	l.a.Andn(d, a, b)
	l.wroteKnown(d, known)
}

func lowerOrInv(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	known := l.signed(a) && l.signed(b)
	l.read64Both(a, b)
	if d == a {
		l.a.RegReg(amd64.Mov64, scratch, b)
		l.a.Unary(amd64.Not64, scratch)
		l.a.RegReg(amd64.Or64, d, scratch)
	} else {
		l.move(d, b)
		l.a.Unary(amd64.Not64, d)
		l.a.RegReg(amd64.Or64, d, a)
	}
	l.wroteKnown(d, known)
}

func lowerXnor(l *lowerer, in *pvm.Inst, _ uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	known := l.signed(a) && l.signed(b)
	l.read64Both(a, b)
	if d == b {
		a, b = b, a
	}
	l.move(d, a)
	l.a.RegReg(amd64.Xor64, d, b)
	l.a.Unary(amd64.Not64, d)
	l.wroteKnown(d, known)
}

// lowerSelect is min and max: c says when b is to be taken rather than a.
func lowerSelect(l *lowerer, in *pvm.Inst, c uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	known := l.signed(a) && l.signed(b)
	l.read64Both(a, b)
	if d == b { // symmetric but for equal values, where it does not matter
		a, b = b, a
	}
	l.move(d, a)
	l.a.RegReg(amd64.Cmp64, d, b)
	l.a.Cmov(amd64.Cond(c), d, b)
	l.wroteKnown(d, known)
}

// lowerCmov is d = a if b meets the condition.
func lowerCmov(l *lowerer, in *pvm.Inst, c uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	known := l.signed(a) && l.signed(d)
	l.read64(d)
	l.read64(a)
	zero, told := l.flagsSay(b)
	if !told {
		zero = l.testZero(b)
	}
	l.a.Cmov(given(zero, c), d, a)
	l.keptFlags(d)
	l.wroteKnown(d, known)
}

func lowerCmovImm(l *lowerer, in *pvm.Inst, c uint32) {
	d, b := host(in.A), host(in.B)
	known := l.signed(d)
	l.read64(d)
	zero, told := l.flagsSay(b)
	l.a.MovImm(scratch, in.X)
	if !told {
		zero = l.testZero(b)
	}
	l.a.Cmov(given(zero, c), d, scratch)
	l.keptFlags(d)
	l.wroteKnown(d, known)
}

// testZero makes the flags say whether r is 0, and returns the condition for that.
func (l *lowerer) testZero(r amd64.Reg) amd64.Cond {
	if l.pending()&bit(r) != 0 {
		l.a.RegReg(amd64.Test32, r, r)
	} else {
		l.a.RegReg(amd64.Test64, r, r)
	}
	l.before = zeroIf(amd64.Equal, r) // what follows may keep them
	return amd64.Equal
}

// given translates a condition on a register, Equal or NotEqual to 0, to one on the flags; zero holds if it is 0.
func given(zero amd64.Cond, c uint32) amd64.Cond {
	if amd64.Cond(c) == amd64.Equal {
		return zero
	}
	return zero.Not()
}

// lowerSet is d = 1 if a and b compare so, else 0.
func lowerSet(l *lowerer, in *pvm.Inst, c uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	if d != a && d != b {
		l.a.Zero(d)
	}
	l.compare(a, b)
	l.setBool(amd64.Cond(c), d, d == a || d == b)
}

func lowerSetImm(l *lowerer, in *pvm.Inst, c uint32) {
	d, s := host(in.A), host(in.B)
	if d != s {
		l.a.Zero(d)
	}
	l.compareImm(s, int32(in.X))
	l.setBool(amd64.Cond(c), d, d == s)
}

// setBool turns a condition into a number; full says that the register is not 0 yet.
func (l *lowerer) setBool(c amd64.Cond, d amd64.Reg, full bool) {
	l.a.Set(c, d)
	if full {
		l.a.Movzx8(d, d)
	}
	l.wroteSigned(d)
	l.told = zeroIf(c.Not(), d)
}

// lowerBitwiseImm is a = b ∘ imm, bitwise.
func lowerBitwiseImm(l *lowerer, in *pvm.Inst, op uint32) {
	d, s := host(in.A), host(in.B)
	if l.pending()&bit(s) != 0 { // the immediate fits 32 bits with sign
		l.move32(d, s)
		l.a.RegImm(amd64.Op(op).Narrow(), d, int32(in.X))
		l.wrote32(d)
	} else {
		known := l.signed(s)
		l.a.ThreeImm(amd64.Op(op), d, s, int32(in.X))
		l.wroteKnown(d, known)
	}
	l.setFlags(d)
}

func lowerAndImm(l *lowerer, in *pvm.Inst, op uint32) {
	d, s := host(in.A), host(in.B)
	switch {
	case in.X == 0xff:
		l.a.Movzx8(d, s)
		l.wroteSigned(d)
	case in.X == 0xffff:
		l.a.RegReg(amd64.Movzx16, d, s)
		l.wroteSigned(d)
	case int32(in.X) >= 0: // nothing but the lower half matters
		l.move32(d, s)
		l.a.RegImm(amd64.And32, d, int32(in.X))
		l.wroteSigned(d)
		l.setFlags(d)
	default:
		lowerBitwiseImm(l, in, op)
	}
}

func lowerXorImm(l *lowerer, in *pvm.Inst, op uint32) {
	if in.X != ^uint64(0) {
		lowerBitwiseImm(l, in, op)
		return
	}
	d, s := host(in.A), host(in.B)
	known := l.signed(s)
	if l.pending()&bit(s) != 0 {
		l.move32(d, s)
		l.a.Unary(amd64.Not32, d)
		l.wrote32(d)
		return
	}
	l.move(d, s)
	l.a.Unary(amd64.Not64, d)
	l.wroteKnown(d, known)
}

// compare sets the flags for a against b. A value that fits 32 bits with sign compares as its lower half does, signed
// and unsigned.
func (l *lowerer) compare(a, b amd64.Reg) {
	if l.pending()&(bit(a)|bit(b)) != 0 && l.signed(a) && l.signed(b) {
		l.a.RegReg(amd64.Cmp32, a, b)
		return
	}
	l.read64Both(a, b)
	l.a.Two(amd64.Cmp64, a, b)
}

// compareImm sets the flags for a against a constant, which always fits.
func (l *lowerer) compareImm(a amd64.Reg, imm int32) {
	cmp, test := amd64.Cmp64, amd64.Test64
	if l.signed(a) {
		cmp, test = amd64.Cmp32, amd64.Test32
	}
	if imm == 0 {
		l.a.RegReg(test, a, a)
	} else {
		l.a.RegImm(cmp, a, imm)
	}
}
