package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
	"damson/jit/exec"
)

// park saves RAX and RDX, which some instructions insist on, except the one that is overwritten anyway.
func (l *lowerer) park(d amd64.Reg) {
	if d != amd64.RAX {
		l.a.ToContext(amd64.RAX, exec.OffsetSpill0)
	}
	if d != amd64.RDX {
		l.a.ToContext(amd64.RDX, exec.OffsetSpill1)
	}
}

func (l *lowerer) unpark(d amd64.Reg) {
	if d != amd64.RAX {
		l.a.FromContext(amd64.RAX, exec.OffsetSpill0)
	}
	if d != amd64.RDX {
		l.a.FromContext(amd64.RDX, exec.OffsetSpill1)
	}
}

// Which division to lower.
const (
	divSigned    = 1
	divRemainder = 2
	divNarrow    = 4
)

// lowerDiv is division and remainder. The hardware must never see a divisor of 0, nor -1 with sign: it would trap, on -1
// only if the quotient does not fit, but a negation is quicker in any case.
func lowerDiv(l *lowerer, in *pvm.Inst, kind uint32) {
	d, a, b := host(in.D), host(in.A), host(in.B)
	mov, test, cmp := amd64.Mov64, amd64.Test64, amd64.Cmp64
	if kind&divNarrow != 0 {
		mov, test, cmp = amd64.Mov32, amd64.Test32, amd64.Cmp32
	} else {
		l.read64(a)
		l.read64(b)
	}
	l.a.RegReg(mov, scratch, b)
	l.a.RegReg(test, scratch, scratch)
	zero := l.shortJump(amd64.Equal)
	minusOne := 0
	if kind&divSigned != 0 {
		l.a.RegImm(cmp, scratch, -1)
		minusOne = l.shortJump(amd64.Equal)
	}
	l.park(d)
	l.divide(a, kind)
	quotient := amd64.RAX
	if kind&divRemainder != 0 {
		quotient = amd64.RDX
	}
	l.copyResult(d, quotient, kind)
	l.unpark(d)
	done := l.shortJumpAlways()

	l.land(zero)
	if kind&divRemainder != 0 {
		l.copyResult(d, a, kind)
	} else {
		l.a.MovImm(d, ^uint64(0))
	}
	if kind&divSigned != 0 {
		doneToo := l.shortJumpAlways()
		l.land(minusOne)
		l.divideByMinusOne(d, a, kind)
		l.land(doneToo)
	}
	l.land(done)
	if kind&divNarrow != 0 {
		l.wroteSigned(d)
	} else {
		l.wrote64(d)
	}
}

// divide divides a by the scratch register into RAX and RDX.
func (l *lowerer) divide(a amd64.Reg, kind uint32) {
	l.move(amd64.RAX, a)
	switch kind & (divSigned | divNarrow) {
	case 0:
		l.a.Zero(amd64.RDX)
		l.a.Unary(amd64.Div64, scratch)
	case divNarrow:
		l.a.Zero(amd64.RDX)
		l.a.Unary(amd64.Div32, scratch)
	case divSigned:
		l.a.Cqo()
		l.a.Unary(amd64.Idiv64, scratch)
	default:
		l.a.Cdq()
		l.a.Unary(amd64.Idiv32, scratch)
	}
}

func (l *lowerer) divideByMinusOne(d, a amd64.Reg, kind uint32) {
	switch {
	case kind&divRemainder != 0:
		l.a.Zero(d)
	case kind&divNarrow != 0:
		l.move32(d, a)
		l.a.Unary(amd64.Neg32, d)
		l.a.RegReg(amd64.Movsxd, d, d)
	default:
		l.move(d, a)
		l.a.Unary(amd64.Neg64, d)
	}
}

// copyResult copies a result and extends it if it has 32 bits.
func (l *lowerer) copyResult(d, s amd64.Reg, kind uint32) {
	if kind&divNarrow != 0 {
		l.a.RegReg(amd64.Movsxd, d, s)
		return
	}
	l.move(d, s)
}
