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
		if b := &l.blocks[i]; l.short(b) { // pays for two rounds
			l.labels[i] += b.Cost
		}
	}
	latches, blocks := l.latches[:0], l.blocks
	labels, extra := l.labels[:len(blocks)], l.extra[:len(blocks)]
	for i := len(blocks) - 1; i >= 0; i-- {
		b, self := &blocks[i], uint32(i)
		kind, target := endKind(b), b.Target
		extra[i] = 0
		if kind&endsJump != 0 && target < self {
			latches = append(latches, latch{self, target, kind == endsJump})
		}
		if kind-endsJump <= endsCall-endsJump && target != self+1 {
			payFor(labels, extra, self, target)
		}
	}
	l.latches = latches
	l.payForLoops()
}

// latch is a block that branches back, or jumps.
type latch struct {
	block  uint32
	target uint32
	jumps  bool
}

// payForLoops makes blocks that branch back pay for what they branch to, but not those that thereby leave a loop inside that
// one. The latches come from the last one to the first, so that those of loops around come before those of loops within.
func (l *lowerer) payForLoops() {
	heads := l.around[:0] // of loops around the latch, the innermost last
	for _, at := range l.latches {
		for len(heads) > 0 && heads[len(heads)-1] > at.block {
			heads = heads[:len(heads)-1]
		}
		if len(heads) > 0 && heads[len(heads)-1] > at.target {
			continue
		}
		heads = append(heads, at.target)
		if !at.jumps {
			payFor(l.labels, l.extra, at.block, at.target)
		}
	}
	l.around = heads
}

// payFor makes block i pay for another one, target, unless others count on what it pays.
func payFor(labels []uint32, extra []uint16, i, target uint32) {
	pays := labels[target] & paysMask
	if pays > maxAhead || labels[i]&(countedOn|paysMask) > maxAhead || i == target {
		return
	}
	labels[target] |= countedOn
	labels[i] += pays
	extra[i] = uint16(pays)
}

// payment is how many octets the payment of so much takes where a block begins, if anything is paid.
func payment(pays uint16) uint32 {
	octets := uint32(shortPayment)
	if pays > mostInPayment {
		octets = longPayment
	}
	if pays == 0 {
		octets = 0
	}
	return octets
}
