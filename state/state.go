package state

import (
	"fmt"
	"iter"
	"sync"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state/trie"
)

// State is σ after some block: an immutable handle on a trie. Components are decoded when first asked for, and
// a state made by [State.Apply] shares those that did not change. It is safe for concurrent use.
type State struct {
	params *protocol.Params
	trie   *trie.Trie
	cells  cells
}

// cells hold the decoded components. States that have a component's value in common share its cell.
type cells struct {
	authPools   *cell[AuthPools]
	authQueues  *cell[AuthQueues]
	recent      *cell[*Recent]
	safrole     *cell[*Safrole]
	disputes    *cell[*Disputes]
	entropy     *cell[*Entropy]
	staging     *cell[Validators]
	active      *cell[Validators]
	previous    *cell[Validators]
	reports     *cell[Reports]
	slot        *cell[protocol.Slot]
	privileges  *cell[*Privileges]
	activity    *cell[*Activity]
	ready       *cell[Ready]
	accumulated *cell[Accumulated]
	outputs     *cell[LastOutputs]
}

// cell is a component that is decoded once, by whoever asks first.
type cell[T any] struct {
	once  sync.Once
	value T
	err   error
}

func known[T any](value T) *cell[T] {
	c := &cell[T]{value: value}
	c.once.Do(func() {})
	return c
}

// CorruptError says that a state holds what is no encoding of one of its components. It is not the fault of a block.
type CorruptError struct {
	Key  protocol.StateKey
	What string
	Why  string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("state: %s at key %s: %s", e.What, e.Key, e.Why)
}

// New makes a state of its entries. Values are kept, not copied. What the values mean is not looked at until asked for.
func New(p *protocol.Params, entries []trie.Change) *State {
	return &State{params: p, trie: trie.New(entries), cells: newCells()}
}

// Open makes a state of a trie, which may be kept on disk; see Err.
func Open(p *protocol.Params, t *trie.Trie) *State {
	return &State{params: p, trie: t, cells: newCells()}
}

// On gives the same state on an equal trie: components that are decoded stay so.
func (s *State) On(t *trie.Trie) *State { return &State{params: s.params, trie: t, cells: s.cells} }

// Trie gives the state's trie.
func (s *State) Trie() *trie.Trie { return s.trie }

// Err tells why nothing that the state gave can be relied upon: what it holds on disk could not be read. A state in
// memory has no such error. Whoever concludes something from a state must ask in the end.
func (s *State) Err() error { return s.trie.Err() }

func newCells() cells {
	return cells{
		new(cell[AuthPools]), new(cell[AuthQueues]), new(cell[*Recent]), new(cell[*Safrole]), new(cell[*Disputes]),
		new(cell[*Entropy]), new(cell[Validators]), new(cell[Validators]), new(cell[Validators]), new(cell[Reports]),
		new(cell[protocol.Slot]), new(cell[*Privileges]), new(cell[*Activity]), new(cell[Ready]),
		new(cell[Accumulated]), new(cell[LastOutputs]),
	}
}

// Params gives the parameters of the chain.
func (s *State) Params() *protocol.Params { return s.params }

// Root is the state's Merkle root.
func (s *State) Root() protocol.Hash { return s.trie.Root() }

// Get gives the value of a key. It must not be changed.
func (s *State) Get(key protocol.StateKey) ([]byte, bool) { return s.trie.Get(key) }

// All gives the entries in ascending order of their keys.
func (s *State) All() iter.Seq2[protocol.StateKey, []byte] { return s.trie.All() }

// Diff gives what must change in s to make it other.
func (s *State) Diff(other *State) []trie.Change { return s.trie.Diff(other.trie) }

// load decodes a component into its cell, or fails with a *CorruptError.
func load[T any](s *State, c *cell[T], key Component, decode func(*codec.Decoder, *protocol.Params) T) (T, error) {
	c.once.Do(func() {
		c.err = &CorruptError{key.Key(), key.String(), "decoding it was not finished"} // if this panics
		octets, ok := s.trie.Get(key.Key())
		if !ok {
			c.err = &CorruptError{key.Key(), key.String(), "there is no such entry"}
			return
		}
		d := codec.NewDecoder(octets)
		d.Field(key.String())
		value := decode(&d, s.params)
		if err := d.Finish(); err != nil {
			c.err = &CorruptError{key.Key(), key.String(), err.Error()}
			return
		}
		c.value, c.err = value, nil
	})
	return c.value, c.err
}

// AuthPools is α.
func (s *State) AuthPools() (AuthPools, error) {
	return load(s, s.cells.authPools, AuthPoolsKey, DecodeAuthPools)
}

// AuthQueues is φ.
func (s *State) AuthQueues() (AuthQueues, error) {
	return load(s, s.cells.authQueues, AuthQueuesKey, DecodeAuthQueues)
}

// Recent is β.
func (s *State) Recent() (*Recent, error) { return load(s, s.cells.recent, RecentKey, DecodeRecent) }

// Safrole is γ.
func (s *State) Safrole() (*Safrole, error) {
	return load(s, s.cells.safrole, SafroleKey, DecodeSafrole)
}

// Disputes is ψ.
func (s *State) Disputes() (*Disputes, error) {
	return load(s, s.cells.disputes, DisputesKey, DecodeDisputes)
}

// Entropy is η.
func (s *State) Entropy() (*Entropy, error) {
	return load(s, s.cells.entropy, EntropyKey, DecodeEntropy)
}

// Staging is ι.
func (s *State) Staging() (Validators, error) {
	return load(s, s.cells.staging, StagingKey, DecodeValidators)
}

// Active is κ.
func (s *State) Active() (Validators, error) {
	return load(s, s.cells.active, ActiveKey, DecodeValidators)
}

// Previous is λ.
func (s *State) Previous() (Validators, error) {
	return load(s, s.cells.previous, PreviousKey, DecodeValidators)
}

// Reports is ρ.
func (s *State) Reports() (Reports, error) {
	return load(s, s.cells.reports, ReportsKey, DecodeReports)
}

// Slot is τ.
func (s *State) Slot() (protocol.Slot, error) {
	return load(s, s.cells.slot, SlotKey, func(d *codec.Decoder, _ *protocol.Params) protocol.Slot {
		return protocol.Slot(d.U32())
	})
}

// Privileges is χ.
func (s *State) Privileges() (*Privileges, error) {
	return load(s, s.cells.privileges, PrivilegesKey, DecodePrivileges)
}

// Activity is π.
func (s *State) Activity() (*Activity, error) {
	return load(s, s.cells.activity, ActivityKey, DecodeActivity)
}

// Ready is ω.
func (s *State) Ready() (Ready, error) { return load(s, s.cells.ready, ReadyKey, DecodeReady) }

// Accumulated is ξ.
func (s *State) Accumulated() (Accumulated, error) {
	return load(s, s.cells.accumulated, AccumulatedKey, DecodeAccumulated)
}

// LastOutputs is θ.
func (s *State) LastOutputs() (LastOutputs, error) {
	return load(s, s.cells.outputs, LastOutputsKey, DecodeLastOutputs)
}

// Component gives the component with a number, decoded: what the method of its name gives, or nil for a number of none.
func (s *State) Component(c Component) (any, error) {
	switch c {
	case AuthPoolsKey:
		return s.AuthPools()
	case AuthQueuesKey:
		return s.AuthQueues()
	case RecentKey:
		return s.Recent()
	case SafroleKey:
		return s.Safrole()
	case DisputesKey:
		return s.Disputes()
	case EntropyKey:
		return s.Entropy()
	case StagingKey:
		return s.Staging()
	case ActiveKey:
		return s.Active()
	case PreviousKey:
		return s.Previous()
	case ReportsKey:
		return s.Reports()
	case SlotKey:
		return s.Slot()
	case PrivilegesKey:
		return s.Privileges()
	case ActivityKey:
		return s.Activity()
	case ReadyKey:
		return s.Ready()
	case AccumulatedKey:
		return s.Accumulated()
	case LastOutputsKey:
		return s.LastOutputs()
	case accountChapter: // many keys, see Account
	}
	return nil, nil
}

// Account gives a service's account: one of δ. It reports false where there is none.
func (s *State) Account(id protocol.ServiceID) (a *Account, ok bool, err error) {
	key := AccountKey(id)
	octets, ok := s.trie.Get(key)
	if !ok {
		return nil, false, nil
	}
	a = new(Account)
	d := codec.NewDecoder(octets)
	a.DecodeFrom(&d)
	if err := d.Finish(); err != nil {
		return nil, false, &CorruptError{key, fmt.Sprintf("account of service %d", id), err.Error()}
	}
	return a, true, nil
}
