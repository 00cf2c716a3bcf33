package reports

import (
	"damson/internal/protocol"
	"damson/internal/shuffle"
	"damson/state"
)

// assignment says who guarantees for which core. The paper's keys without those of offenders are here all keys: who
// offended is refused when he signs.
type assignment struct {
	cores []protocol.Core // by validator
	keys  state.Validators
}

// assignmentAt gives the assignment for a guarantee of a slot that is in this block's rotation or the one before. Each
// is made when it is first asked for. GP eq:priorassignments, GP eq:guarantorsig.
func (c *checker) assignmentAt(slot protocol.Slot) *assignment {
	if slot/c.RotationPeriod == c.Slot/c.RotationPeriod {
		if c.current == nil {
			c.current = &assignment{permute(c.Params, c.Entropy[2], c.Slot), c.Active}
		}
		return c.current
	}
	if c.previous == nil {
		// There is a rotation before this one, so that the difference is none below zero.
		before := c.Slot - c.RotationPeriod
		entropy, keys := c.Entropy[2], c.Active
		if before/c.EpochLength != c.Slot/c.EpochLength {
			entropy, keys = c.Entropy[3], c.Previous
		}
		c.previous = &assignment{permute(c.Params, entropy, before), keys}
	}
	return c.previous
}

// permute is P: the core of each validator. GP §11.3.
func permute(p *protocol.Params, entropy protocol.Hash, slot protocol.Slot) []protocol.Core {
	cores := make([]protocol.Core, p.Validators)
	for i := range cores {
		cores[i] = protocol.Core(p.Cores * i / p.Validators)
	}
	shuffle.InPlace(cores, entropy)
	rotation := int(slot % p.EpochLength / p.RotationPeriod)
	for i := range cores {
		cores[i] = protocol.Core((int(cores[i]) + rotation) % p.Cores)
	}
	return cores
}

// Assignment gives the core of each validator in a slot, of those active in it: what guarantors need to know. GP §11.3.
func Assignment(p *protocol.Params, entropy *state.Entropy, slot protocol.Slot) []protocol.Core {
	return permute(p, entropy[2], slot)
}
