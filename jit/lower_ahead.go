package jit

import (
	"slices"

	"damson/internal/pvm"
)

// maxAhead bounds what a block pays for itself and for another one.
const maxAhead = 1000

// Octets of a payment at the start of a block, and the largest of the short form.
const (
	shortPayment  = 10
	longPayment   = 13
	mostInPayment = 127
)

// plan decides which blocks pay for the one behind them as well: those that always go on elsewhere, and those that branch
// back, as loops do most of the time, which give the payment back if they do not. They go to where that one is paid for
// already, so that a payment is saved, of which there is one for every few instructions.
//
// What is paid where a block begins must be final before another pays for it. The jumps come first, since they are always
// taken, and the last block before the others, since most jumps lead forward. Payments grow along a chain of blocks that
// pay for each other, so that none closes a circle without a payment.
func (l *lowerer) plan() {
	l.extra = slices.Grow(l.extra[:0], len(l.blocks))[:len(l.blocks)]
	l.heads = slices.Grow(l.heads[:0], len(l.insts))[:len(l.insts)]
	for i, b := range l.blocks {
		l.extra[i] = 0
		l.heads[b.First] = b.Cost
		if l.short(b, l.blockEnd(i)) {
			l.heads[b.First] = 2 * b.Cost
		}
	}
	latches := l.latches[:0]
	for i := len(l.blocks) - 1; i >= 0; i-- {
		end := l.blockEnd(i)
		last := &l.insts[end-1]
		switch flags := pvm.Ops[last.Op].Flags; {
		case flags&(pvm.Jumps|pvm.Branches) == 0 || last.Y == pvm.NoTarget || last.Y == uint32(end):
		case flags&pvm.Jumps != 0:
			l.payFor(i, last.Y)
			if last.Op == pvm.Jump && last.Y < l.blocks[i].First {
				latches = append(latches, latch{i, last.Y, true})
			}
		case last.Y < l.blocks[i].First:
			latches = append(latches, latch{i, last.Y, false})
		}
	}
	l.latches = latches
	l.payForLoops()
}

// latch is a block that branches back, or jumps.
type latch struct {
	block  int
	target uint32
	jumps  bool
}

// payForLoops makes blocks that branch back pay for what they branch to, but not those that thereby leave a loop inside that
// one. The latches come from the last one to the first, so that those of loops around come before those of loops within.
func (l *lowerer) payForLoops() {
	heads := l.around[:0] // of loops around the latch, the innermost last
	for _, at := range l.latches {
		first := l.blocks[at.block].First
		for len(heads) > 0 && heads[len(heads)-1] > first {
			heads = heads[:len(heads)-1]
		}
		if len(heads) > 0 && heads[len(heads)-1] > at.target {
			continue
		}
		heads = append(heads, at.target)
		if !at.jumps {
			l.payFor(at.block, at.target)
		}
	}
	l.around = heads
}

// payFor makes block i pay for the one that begins with instruction target, unless others count on what it pays.
func (l *lowerer) payFor(i int, target uint32) {
	here, there := &l.heads[l.blocks[i].First], &l.heads[target]
	pays := *there &^ countedOn
	if *here > maxAhead || pays > maxAhead || here == there {
		return
	}
	*there |= countedOn
	*here += pays
	l.extra[i] = uint16(pays)
}

// countedOn marks what a block pays as final, because one behind it pays for it.
const countedOn = 1 << 31

// payment is how many octets the payment of so much takes where a block begins.
func payment(pays uint32) uint32 {
	if pays&^countedOn <= mostInPayment {
		return shortPayment
	}
	return longPayment
}
