package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// maxShort is how many instructions a loop may have to be lowered twice.
const maxShort = 16

// Programs with more loops of one block than these are made to keep a recompiler busy: there are so many for each
// instruction, and so many in any case, that are lowered twice.
const (
	instsByLoop = 32
	someLoops   = 256
)

// loop is a block that branches back to its own start, lowered so that two rounds are paid for at a time. That saves half
// of the payments and of the jumps, which is much where there is little else. What to do when there is not gas
// enough for two rounds, or when the loop ends after the first of them, lies out of line.
type loop struct {
	block  int    // its number
	unpaid uint32 // displacement of the jump that is taken when two rounds cannot be paid
	leaves uint32 // displacement of the jump out of the first round
}

// short reports whether the block, which branches back to itself, is such a loop.
func (l *lowerer) short(b *pvm.Block) bool {
	if !l.doubles || b.Cost > maxShort*pvm.Cost {
		return false
	}
	for i := b.First; i < b.End(); i++ {
		if l.insts[i].Op == pvm.Sbrk { // would leave the code in the middle
			return false
		}
	}
	return true
}

// twice lowers two rounds of a short loop.
func (l *lowerer) twice(b *pvm.Block) {
	l.a.AlignTo(loopAlignment, loopAlignment)
	l.labels[l.n] = uint32(l.a.Len())
	l.pay(l.n, 2*b.Cost)
	l.loops = append(l.loops, loop{block: l.n, unpaid: uint32(l.a.Len() - 4)})

	l.half, l.ahead = true, uint16(b.Cost)
	l.body()
	l.half, l.ahead = false, 0
	l.i = int(b.First)
	l.body()
}

// single lowers what lies out of line: a round that is paid alone, and the way out after the first of two rounds, which
// gives the payment for the second back.
func (l *lowerer) single(lp loop) {
	b := &l.blocks[lp.block]
	l.a.Reserve(maxLowered)
	l.patch(lp.unpaid, l.a.Len())
	l.singles = append(l.singles, stubs{uint32(l.a.Len()), uint32(lp.block)})
	l.payAlone(b)
	l.gasJumps[lp.block] = uint32(l.a.Len() - 4)
	l.forget()
	l.enter(lp.block)
	l.body()
	l.jump(uint32(lp.block) + 1)

	l.a.Reserve(maxLowered)
	l.patch(lp.leaves, l.a.Len())
	l.a.RegImm(amd64.Add64, gasReg, int32(b.Cost))
	l.jump(uint32(lp.block) + 1)
}

// payAlone takes half of the payment for two rounds back.
func (l *lowerer) payAlone(b *pvm.Block) {
	l.a.RegImm(amd64.Add64, gasReg, int32(b.Cost))
	l.a.Jcc32(amd64.Less, 0)
}
