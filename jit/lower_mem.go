package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// Guest memory is reached by these functions only, through amd64.Guest and amd64.GuestAbsolute: the hardware reduces the
// address modulo 2^32 and checks the access. What an instruction does before it touches memory is no more than to extend
// registers and to write the scratch register, so that it can begin again: see locate.

func lowerLoad(l *lowerer, in *pvm.Inst, op uint32) {
	d := host(in.A)
	l.a.RegMem(amd64.Op(op), d, amd64.GuestAbsolute(uint32(in.X)))
	l.loaded(d, amd64.Op(op))
}

func lowerLoadInd(l *lowerer, in *pvm.Inst, op uint32) {
	d := host(in.A)
	l.a.GuestDisp(amd64.Op(op), d, host(in.B), int32(in.X))
	l.wroteSigned(d)
	l.keptFlags(d)
}

// lowerLoadIndWhole is lowerLoadInd for what does not fit 32 bits with sign.
func lowerLoadIndWhole(l *lowerer, in *pvm.Inst, op uint32) {
	d := host(in.A)
	l.a.GuestDisp(amd64.Op(op), d, host(in.B), int32(in.X))
	l.wrote64(d)
	l.keptFlags(d)
}

// loaded notes what a load leaves in d.
func (l *lowerer) loaded(d amd64.Reg, op amd64.Op) {
	l.wroteKnown(d, op != amd64.Load64 && op != amd64.Load32U)
	l.keptFlags(d)
}

func lowerStore(l *lowerer, in *pvm.Inst, op uint32) {
	s := host(in.A)
	if amd64.Op(op) == amd64.Store64 {
		l.read64(s)
	}
	l.a.RegMem(amd64.Op(op), s, amd64.GuestAbsolute(uint32(in.X)))
	l.keptFlags(scratch)
}

func lowerStoreInd(l *lowerer, in *pvm.Inst, op uint32) {
	s := host(in.A)
	if amd64.Op(op) == amd64.Store64 {
		l.read64(s)
	}
	l.a.GuestDisp(amd64.Op(op), s, host(in.B), int32(in.X))
	l.keptFlags(scratch)
}

func lowerStoreImm(l *lowerer, in *pvm.Inst, op uint32) {
	l.a.StoreImm(amd64.Op(op), amd64.GuestAbsolute(uint32(in.X)), int32(in.Y))
	l.keptFlags(scratch)
}

func lowerStoreImmInd(l *lowerer, in *pvm.Inst, op uint32) {
	l.a.StoreImm(amd64.Op(op), amd64.Guest(host(in.A), int32(in.X)), int32(in.Y))
	l.keptFlags(scratch)
}

// loadsFrom reports whether an instruction loads from the address in register t.
func loadsFrom(load *pvm.Inst, t uint8) bool {
	return load.Op-pvm.LoadIndU8 <= pvm.LoadIndU64-pvm.LoadIndU8 && load.B == t
}

// loadEarly lowers a load from the address in register t, which instructions from here to the one in front of it compute:
// base+index<<scale. The hardware computes that too, so the load need not wait for them, and t need not be written at all if
// the load overwrites it, in which case nothing else is to be done. Else t is still to be written, by those who found that the
// load leaves base and index alone. If the access faults the interpreter begins again with the first of the instructions,
// before which nothing has changed.
func (l *lowerer) loadEarly(load *pvm.Inst, t uint8, base, index amd64.Reg, scale uint8) (done bool) {
	d, op := host(load.A), amd64.Op(l.args[load.Op])
	if load.A != t && (d == base || d == index) {
		return false
	}
	if scale == 0 && base&7 == amd64.RBP {
		base, index = index, base
	}
	l.a.RegMem(op, d, amd64.GuestIndexed(base, index, scale, int32(load.X)))
	l.loaded(d, op)
	l.before = l.told
	l.i++
	return load.A == t
}
