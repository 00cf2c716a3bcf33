package jit

import (
	"cmp"
	"slices"

	"damson/internal/invariants"
)

// Accesses to guest memory are a third of all instructions, and hardly one of them ever faults. So nothing is noted of them:
// when one does, its block is lowered once more, to the same code, until what is written reaches the place.

// locate implements assembler.
func (l *lowerer) locate(c *code, at uint32) site {
	l.insts, l.blocks, l.labels = withNext(c.program.Insts), c.program.Blocks, c.labels
	l.slow, l.tables, l.fixups, l.sites = l.slow[:0], l.tables[:0], l.fixups[:0], l.sites[:0]
	l.doubles = c.doubles
	l.a.Reset()
	l.a.Reserve(maxLowered)
	l.forget()
	found, ok := l.again(c, at)
	if !ok {
		invariants.Fail("jit: no instruction of block %d begins before octet %#x of the code and ends behind it", l.n, at)
	}
	return found
}

// again lowers what the place belongs to once more, until it is reached: a block, or a round of a loop that is paid alone.
func (l *lowerer) again(c *code, at uint32) (site, bool) {
	if i, _ := slices.BinarySearchFunc(c.singles, at+1, func(s stubs, at uint32) int { return cmp.Compare(s.at, at) }); i > 0 {
		l.ahead = 0
		l.payAlone(l.enter(int(c.singles[i-1].block)))
		return l.until(at - c.singles[i-1].at)
	}
	n, _ := slices.BinarySearch(c.labels, at+1)
	n--
	b, at := l.enter(n), at-c.labels[n]
	if endKind(b) == endsBranch && int(b.Target) == n && l.short(b) {
		l.a.Pay(gasReg, int32(2*b.Cost))
		l.loops = append(l.loops[:0], loop{block: n})
		l.half, l.ahead = true, uint16(b.Cost)
		found, ok := l.until(at)
		l.half, l.ahead = false, 0
		if ok {
			return found, true
		}
		l.i = int(b.First)
		return l.until(at)
	}
	l.ahead = c.extra[n]
	l.a.Pay(gasReg, int32(b.Cost+uint32(l.ahead)))
	return l.until(at)
}

// until lowers instructions of a block until the code reaches behind a place, and tells of the last one what held when it
// began. That is true where it accesses memory too, because all it has done before is to make registers whole.
func (l *lowerer) until(at uint32) (site, bool) {
	for ; l.i < l.end; l.i++ {
		l.a.Reserve(maxLowered)
		in, before := &l.insts[l.i], site{inst: uint32(l.i), pending: l.pending(), ahead: l.ahead}
		l.before, l.told = l.told, 0
		l.lowers[in.Op](l, in, l.args[in.Op])
		if l.a.Len() > int(at) {
			return before, true
		}
	}
	return site{}, false
}
