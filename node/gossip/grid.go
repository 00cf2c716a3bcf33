package gossip

import (
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/keys"
	"damson/state"
)

// Sets are the validator sets of three epochs, in the grid of JAMNP-S. They do not change.
type Sets struct {
	Epoch   uint32 // the current one
	members [sets]state.Validators
	places  map[jamnp.PeerID]place
}

// The sets.
const (
	Previous = iota // λ
	Current         // κ
	Next            // γ_P
	sets
)

// place is a validator's index in each of the sets, or nowhere.
type place [sets]int32

const nowhere = -1

// NewSets reads the sets of a state: of an epoch's first block, or a later one.
func NewSets(p *protocol.Params, sigma *state.State) (*Sets, error) {
	slot, err := sigma.Slot()
	if err != nil {
		return nil, err
	}
	previous, err := sigma.Previous()
	if err != nil {
		return nil, err
	}
	active, err := sigma.Active()
	if err != nil {
		return nil, err
	}
	safrole, err := sigma.Safrole()
	if err != nil {
		return nil, err
	}
	s := &Sets{members: [sets]state.Validators{previous, active, safrole.Pending}, places: make(map[jamnp.PeerID]place)}
	s.Epoch, _ = p.Epoch(slot)
	s.index()
	return s, nil
}

// index finds everybody's place.
func (s *Sets) index() {
	for which, set := range s.members {
		for i := range set {
			id := set[i].Ed25519
			if id == (jamnp.PeerID{}) {
				continue // an offender: GP eq:validatorkeys nulls its keys
			}
			at, ok := s.places[id]
			if !ok {
				at = place{nowhere, nowhere, nowhere}
			}
			if at[which] == nowhere {
				at[which] = int32(i)
			}
			s.places[id] = at
		}
	}
}

// Members gives one of the sets.
func (s *Sets) Members(which int) state.Validators { return s.members[which] }

// Index gives a node's index in one of the sets; false if it is not in it.
func (s *Sets) Index(id jamnp.PeerID, which int) (protocol.Validator, bool) {
	at, ok := s.places[id]
	if !ok || at[which] == nowhere {
		return 0, false
	}
	return protocol.Validator(at[which]), true
}

// Validator says whether a node is in one of the sets.
func (s *Sets) Validator(id jamnp.PeerID) bool {
	_, ok := s.places[id]
	return ok
}

// Neighbours says whether two validators are neighbours in the grid: in the same row or column of one epoch, or with the
// same index in different epochs.
func (s *Sets) Neighbours(a, b jamnp.PeerID) bool {
	at, ok := s.places[a]
	other, known := s.places[b]
	if !ok || !known || a == b {
		return false
	}
	for i := range at {
		for j := range other {
			if at[i] == nowhere || other[j] == nowhere {
				continue
			}
			if i != j && at[i] == other[j] {
				return true
			}
			if i == j && jamnp.Neighbours(protocol.Validator(at[i]), protocol.Validator(other[j]), len(s.members[i])) {
				return true
			}
		}
	}
	return false
}

// Announces says whether two nodes announce blocks to each other: neighbours do, and everybody with who is no validator.
func (s *Sets) Announces(a, b jamnp.PeerID) bool {
	return !s.Validator(a) || !s.Validator(b) || s.Neighbours(a, b)
}

// Everybody lists the validators of all sets, each once, with their addresses; the order follows from the sets.
func (s *Sets) Everybody() []Address {
	var out []Address
	seen := make(map[jamnp.PeerID]bool, len(s.places))
	for _, which := range [...]int{Current, Next, Previous} { // the next sets' metadata are younger; the current ones' are in use
		for i := range s.members[which] {
			v := &s.members[which][i]
			if id := v.Ed25519; id != (jamnp.PeerID{}) && !seen[id] {
				seen[id] = true
				out = append(out, Address{id, keys.Address(v)})
			}
		}
	}
	return out
}
