package jit

import "damson/jit/arm64"

// Conditional branches reach 1 MiB, the code of a program may be longer. So what such branches lead to out of line is not
// all at the end but, whenever so much has been written, in an island that the code jumps over: stubs, and bridges from
// branches forward whose target is not reached yet. All that an island may hold, for so much code, is less again.
const islandEvery = 256 << 10

// stopOver writes an island.
func (l *armLowerer) stopOver() {
	l.a.Reserve(arm64.Inst)
	over := l.a.Len()
	l.a.B(0)
	l.slowPaths()
	l.payStubs()
	l.bridges()
	l.a.Patch(over, l.a.Len())
	l.island = l.a.Len()
}

// slowPaths writes where the interpreter takes over.
func (l *armLowerer) slowPaths() {
	l.a.Reserve(arm64.Inst * len(l.slow))
	for _, s := range l.slow {
		l.a.Patch(int(s.at), l.a.Len())
		l.callStub(armStubStep)
		l.sites = append(l.sites, site{uint32(l.a.Len()), s.inst, s.pending, 0})
	}
	l.slow = l.slow[:0]
}

// payStubs writes the ways out of the last blocks, if they cannot be paid.
func (l *armLowerer) payStubs() {
	l.a.Reserve(arm64.Inst * len(l.gasJumps))
	l.unpaid = append(l.unpaid, stubs{uint32(l.a.Len()), l.gasFrom})
	for _, at := range l.gasJumps {
		l.a.Patch(int(at), l.a.Len())
		l.callStub(armStubGas)
	}
	l.gasFrom += uint32(len(l.gasJumps))
	l.gasJumps = l.gasJumps[:0]
}

// bridges completes the conditional branches forward, those whose targets are still to come by an unconditional one.
func (l *armLowerer) bridges() {
	l.a.Reserve(arm64.Inst * len(l.fixups))
	for _, f := range l.fixups {
		if to := l.labels[f.target]; to < notYet {
			l.a.Patch(int(f.at), int(to))
			continue
		}
		l.a.Patch(int(f.at), l.a.Len())
		l.jumpFar(f.target)
	}
	l.fixups = l.fixups[:0]
}

// jumpFar jumps to what does not exist yet.
func (l *armLowerer) jumpFar(target uint32) {
	l.far = append(l.far, uint32(l.a.Len()))
	l.farTo = append(l.farTo, target)
	l.a.B(0)
}

// finish writes what lies out of line and completes the jumps forward.
func (l *armLowerer) finish() {
	l.slowPaths()
	l.bridges()
	for i, at := range l.far {
		l.a.Patch(int(at), int(l.labels[l.farTo[i]]))
	}
}

func (l *armLowerer) gasStubs() []stubs {
	l.payStubs()
	return l.unpaid
}

// link makes jumps by table find it.
func (l *armLowerer) link(code []byte, at, table uint32) {
	for _, where := range l.tables {
		arm64.PatchAddress(code, int(where), int(table-at))
	}
}
