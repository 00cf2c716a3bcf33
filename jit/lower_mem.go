package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// Guest memory is reached by these functions only, through amd64.Guest and amd64.GuestAbsolute: the hardware reduces the
// address modulo 2^32 and checks the access. Nothing is emitted between access() and the access itself.

func lowerLoad(l *lowerer, in *pvm.Inst, op uint32) {
	d := host(in.A)
	l.access()
	l.a.RegMem(amd64.Op(op), d, amd64.GuestAbsolute(uint32(in.X)))
	l.loaded(d, amd64.Op(op))
}

func lowerLoadInd(l *lowerer, in *pvm.Inst, op uint32) {
	d := host(in.A)
	l.access()
	l.a.RegMem(amd64.Op(op), d, amd64.Guest(host(in.B), int32(in.X)))
	l.loaded(d, amd64.Op(op))
}

// loaded notes what a load leaves in d.
func (l *lowerer) loaded(d amd64.Reg, op amd64.Op) {
	l.wroteKnown(d, op != amd64.Load64 && op != amd64.Load32U)
}

func lowerStore(l *lowerer, in *pvm.Inst, op uint32) {
	s := host(in.A)
	if amd64.Op(op) == amd64.Store64 {
		l.read64(s)
	}
	l.access()
	l.a.RegMem(amd64.Op(op), s, amd64.GuestAbsolute(uint32(in.X)))
}

func lowerStoreInd(l *lowerer, in *pvm.Inst, op uint32) {
	s := host(in.A)
	if amd64.Op(op) == amd64.Store64 {
		l.read64(s)
	}
	l.access()
	l.a.RegMem(amd64.Op(op), s, amd64.Guest(host(in.B), int32(in.X)))
}

func lowerStoreImm(l *lowerer, in *pvm.Inst, op uint32) {
	l.access()
	l.a.StoreImm(amd64.Op(op), amd64.GuestAbsolute(uint32(in.X)), int32(in.Y))
}

func lowerStoreImmInd(l *lowerer, in *pvm.Inst, op uint32) {
	l.access()
	l.a.StoreImm(amd64.Op(op), amd64.Guest(host(in.A), int32(in.X)), int32(in.Y))
}
