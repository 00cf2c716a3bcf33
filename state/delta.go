package state

import (
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state/trie"
)

// Delta is what a block changes. A component that is nil did not change.
type Delta struct {
	AuthPools   AuthPools
	AuthQueues  AuthQueues
	Recent      *Recent
	Safrole     *Safrole
	Disputes    *Disputes
	Entropy     *Entropy
	Staging     Validators
	Active      Validators
	Previous    Validators
	Reports     Reports
	Slot        *protocol.Slot
	Privileges  *Privileges
	Activity    *Activity
	Ready       Ready
	Accumulated Accumulated
	LastOutputs *LastOutputs

	// Services are entries of δ by their keys; nil removes one.
	Services []trie.Change
}

// encoder is what every component does.
type encoder interface{ AppendTo([]byte) []byte }

// Apply makes the posterior state. The delta's components become the state's and must not change any more.
func (s *State) Apply(d *Delta) *State {
	post := &State{params: s.params, cells: s.cells}
	changes := make([]trie.Change, 0, 16+len(d.Services))
	set(&changes, &post.cells.authPools, AuthPoolsKey, d.AuthPools, d.AuthPools != nil)
	set(&changes, &post.cells.authQueues, AuthQueuesKey, d.AuthQueues, d.AuthQueues != nil)
	set(&changes, &post.cells.recent, RecentKey, d.Recent, d.Recent != nil)
	set(&changes, &post.cells.safrole, SafroleKey, d.Safrole, d.Safrole != nil)
	set(&changes, &post.cells.disputes, DisputesKey, d.Disputes, d.Disputes != nil)
	set(&changes, &post.cells.entropy, EntropyKey, d.Entropy, d.Entropy != nil)
	set(&changes, &post.cells.staging, StagingKey, d.Staging, d.Staging != nil)
	set(&changes, &post.cells.active, ActiveKey, d.Active, d.Active != nil)
	set(&changes, &post.cells.previous, PreviousKey, d.Previous, d.Previous != nil)
	set(&changes, &post.cells.reports, ReportsKey, d.Reports, d.Reports != nil)
	set(&changes, &post.cells.privileges, PrivilegesKey, d.Privileges, d.Privileges != nil)
	set(&changes, &post.cells.activity, ActivityKey, d.Activity, d.Activity != nil)
	set(&changes, &post.cells.ready, ReadyKey, d.Ready, d.Ready != nil)
	set(&changes, &post.cells.accumulated, AccumulatedKey, d.Accumulated, d.Accumulated != nil)
	if d.Slot != nil {
		post.cells.slot = known(*d.Slot)
		changes = append(changes, trie.Change{Key: SlotKey.Key(), Value: codec.AppendU32(nil, uint32(*d.Slot))})
	}
	if d.LastOutputs != nil {
		set(&changes, &post.cells.outputs, LastOutputsKey, *d.LastOutputs, true)
	}
	post.trie = s.trie.Apply(append(changes, d.Services...))
	return post
}

// set puts a component that changed into its cell and its encoding into the changes.
func set[T encoder](changes *[]trie.Change, c **cell[T], key Component, value T, changed bool) {
	if !changed {
		return
	}
	*c = known(value)
	*changes = append(*changes, trie.Change{Key: key.Key(), Value: value.AppendTo(nil)})
}
