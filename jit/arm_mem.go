package jit

import (
	"damson/internal/pvm"
	"damson/jit/arm64"
)

// Guest memory is reached by load and storeAt only, through arm64.Guest: the hardware extends a 32-bit address and adds
// the base, so that no access leaves the reservation, and checks it. Nothing is emitted between noting the site and the
// access itself.

// address is a register whose lower half is base + imm: base itself, or X16.
func (l *armLowerer) address(base arm64.Reg, imm uint64) arm64.Reg {
	if uint32(imm) == 0 {
		return base
	}
	l.addImm(arm64.Add32, arm64.X16, base, imm)
	return arm64.X16
}

func (l *armLowerer) load(in *pvm.Inst, op uint32) {
	l.a.MovImm32(arm64.X16, uint32(in.X))
	l.loadAt(armHost(in.A), arm64.X16, arm64.Op(op))
}

func (l *armLowerer) loadInd(in *pvm.Inst, op uint32) {
	l.loadAt(armHost(in.A), l.address(armHost(in.B), in.X), arm64.Op(op))
}

func (l *armLowerer) loadAt(d, address arm64.Reg, op arm64.Op) {
	l.access()
	l.a.Guest(op, d, armBase, address)
	l.wroteKnown(d, op != arm64.Load64 && op != arm64.Load32U)
}

// access notes that the next instruction touches guest memory.
func (l *armLowerer) access() {
	l.sites = append(l.sites, site{uint32(l.a.Len()), uint32(l.i), l.pending(), 0})
}

// width is how many octets a store writes, as a power of two.
func width(op arm64.Op) uint8 { return uint8(op >> 30) }

// straddles reports whether a store at a fixed address touches two pages.
func straddles(address uint32, op arm64.Op) bool {
	return address&(pvm.PageSize-1)+1<<width(op) > pvm.PageSize
}

func (l *armLowerer) store(in *pvm.Inst, op uint32) {
	if straddles(uint32(in.X), arm64.Op(op)) {
		l.interpretRest(in, 0)
		return
	}
	s := armHost(in.A)
	if arm64.Op(op) == arm64.Store64 {
		l.read64(s)
	}
	l.a.MovImm32(arm64.X16, uint32(in.X))
	l.access()
	l.a.Guest(arm64.Op(op), s, armBase, arm64.X16)
}

func (l *armLowerer) storeImm(in *pvm.Inst, op uint32) {
	if straddles(uint32(in.X), arm64.Op(op)) {
		l.interpretRest(in, 0)
		return
	}
	s := l.storeConstant(in)
	l.a.MovImm32(arm64.X16, uint32(in.X))
	l.access()
	l.a.Guest(arm64.Op(op), s, armBase, arm64.X16)
}

func (l *armLowerer) storeInd(in *pvm.Inst, op uint32) {
	s := armHost(in.A)
	if arm64.Op(op) == arm64.Store64 {
		l.read64(s)
	}
	l.storeAt(s, l.address(armHost(in.B), in.X), arm64.Op(op))
}

func (l *armLowerer) storeImmInd(in *pvm.Inst, op uint32) {
	s := l.storeConstant(in)
	l.storeAt(s, l.address(armHost(in.A), in.X), arm64.Op(op))
}

// storeConstant is a register, other than X16, that holds what is to be stored.
func (l *armLowerer) storeConstant(in *pvm.Inst) arm64.Reg {
	if in.Y == 0 {
		return arm64.ZR
	}
	l.a.MovImm(arm64.X17, in.ImmY())
	return arm64.X17
}

// storeAt stores. If a store touches two pages and one of them refuses, arm64 leaves open what the other then holds, so
// the interpreter does those that touch two pages. A register for each width holds its octets less one, times 2^20: to
// add that to the address times 2^20 carries if the last octet lies beyond the page.
func (l *armLowerer) storeAt(s, address arm64.Reg, op arm64.Op) {
	if w := width(op); w > 0 {
		l.a.RegsShifted(arm64.Cmn32, arm64.ZR, armWidth+arm64.Reg(w-1), address, arm64.LSL, 20)
		l.interpretIf(flags(arm64.AboveOrEqual))
	}
	l.access()
	l.a.Guest(op, s, armBase, address)
}
