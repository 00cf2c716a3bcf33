package jit

import "slices"

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
	for _, i := range l.circles {
		if b := l.blocks[i]; l.circular(int(i), b) && l.short(b, l.blockEnd(int(i))) { // pays for two rounds
			l.labels[b.First] += b.Cost
		}
	}
	latches := l.latches[:0]
	for i := len(l.blocks) - 1; i >= 0; i-- {
		end, first := l.ends[i], l.blocks[i].First
		l.extra[i] = 0
		switch {
		case end.kind == endsElse || end.target == uint32(l.blockEnd(i)):
			continue
		case end.kind != endsBranch:
			l.payFor(i, end.target)
		}
		if end.kind != endsCall && end.target < first {
			latches = append(latches, latch{i, end.target, end.kind == endsJump})
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
	here, there := &l.labels[l.blocks[i].First], &l.labels[target]
	mine, pays := *here&(countedOn|paysMask), *there&paysMask
	if mine > maxAhead || pays > maxAhead || here == there {
		return
	}
	*there |= countedOn
	*here += pays
	l.extra[i] = uint16(pays)
}

// payment is how many octets the payment of so much takes where a block begins.
func payment(pays uint16) uint32 {
	if pays <= mostInPayment {
		return shortPayment
	}
	return longPayment
}
