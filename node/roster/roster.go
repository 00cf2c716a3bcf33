// Package roster tells who has which duty in a slot: who guarantees for which core, who may author, who assures. GP §11.3.
//
// It is worked out from a state before the block of the slot, so that a duty can be done before that block is there.
package roster

import (
	"slices"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/reports"
)

// Roster is who does what in a slot. It does not change.
type Roster struct {
	Slot     protocol.Slot
	Active   state.Validators // κ′: they author, and guarantee in this rotation
	Previous state.Validators // λ′

	params  *protocol.Params
	now     *Rotation
	before  *Rotation
	entropy state.Entropy // η′, of which the first is not known yet
}

// Rotation is who guarantees for which core as long as nobody changes: R slots.
type Rotation struct {
	First, Last protocol.Slot
	Keys        state.Validators
	Cores       []protocol.Core // by validator
}

// At gives the roster of a slot after the block whose state is given. Epochs in between without a block change the validators
// once, as that block will. GP §6.3.
func At(p *protocol.Params, sigma *state.State, slot protocol.Slot) (*Roster, error) {
	before, err := sigma.Slot()
	if err != nil {
		return nil, err
	}
	entropy, err := sigma.Entropy()
	if err != nil {
		return nil, err
	}
	r := &Roster{Slot: slot, params: p, entropy: *entropy}
	if r.Active, err = sigma.Active(); err != nil {
		return nil, err
	}
	if r.Previous, err = sigma.Previous(); err != nil {
		return nil, err
	}
	if slot/p.EpochLength > before/p.EpochLength {
		gamma, err := sigma.Safrole()
		if err != nil {
			return nil, err
		}
		r.Active, r.Previous = gamma.Pending, r.Active
		copy(r.entropy[1:], entropy[:len(entropy)-1])
	}
	return r, nil
}

// Now gives the rotation of the slot: M of GP §11.3.
func (r *Roster) Now() *Rotation {
	if r.now == nil {
		r.now = r.rotation(r.Slot, r.Active, r.entropy[2])
	}
	return r.now
}

// Before gives the rotation before, whose guarantees still count: M* of GP §11.3. Nil if there is none.
func (r *Roster) Before() *Rotation {
	p := r.params
	if r.before == nil && r.Slot >= p.RotationPeriod {
		slot := r.Slot - p.RotationPeriod
		keys, entropy := r.Active, r.entropy[2]
		if slot/p.EpochLength != r.Slot/p.EpochLength {
			keys, entropy = r.Previous, r.entropy[3]
		}
		r.before = r.rotation(slot, keys, entropy)
	}
	return r.before
}

func (r *Roster) rotation(slot protocol.Slot, keys state.Validators, entropy protocol.Hash) *Rotation {
	p := r.params
	first := slot - slot%p.RotationPeriod
	return &Rotation{
		First: first, Last: first + p.RotationPeriod - 1, Keys: keys,
		Cores: reports.Assignment(p, &state.Entropy{2: entropy}, slot),
	}
}

// Of gives the rotation of a slot, which may be the one before.
func (r *Roster) Of(slot protocol.Slot) *Rotation {
	if slot/r.params.RotationPeriod == r.Slot/r.params.RotationPeriod {
		return r.Now()
	}
	return r.Before()
}

// LastOfEpoch says whether the rotation of the slot is the last one of its epoch.
func (r *Roster) LastOfEpoch() bool {
	return r.Now().Last%r.params.EpochLength+1 >= r.params.EpochLength
}

// Index finds a key among validators.
func Index(set state.Validators, key protocol.Ed25519Key) (protocol.Validator, bool) {
	if key == (protocol.Ed25519Key{}) {
		return 0, false
	}
	at := slices.IndexFunc(set, func(k state.ValidatorKeys) bool { return k.Ed25519 == key })
	return protocol.Validator(max(at, 0)), at >= 0
}

// Core gives the core of a key; false if it has none.
func (x *Rotation) Core(key protocol.Ed25519Key) (protocol.Core, protocol.Validator, bool) {
	at, ok := Index(x.Keys, key)
	if !ok || int(at) >= len(x.Cores) {
		return 0, 0, false
	}
	return x.Cores[at], at, true
}

// Group lists who guarantees for a core, in ascending order.
func (x *Rotation) Group(core protocol.Core) (group []protocol.Validator) {
	for v, of := range x.Cores {
		if of == core && v < len(x.Keys) {
			group = append(group, protocol.Validator(v))
		}
	}
	return group
}
