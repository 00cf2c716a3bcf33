package transition

import (
	"damson/internal/protocol"
	"damson/state"
)

// prior holds the components of the state before a block, decoded.
type prior struct {
	state       *state.State
	slot        protocol.Slot     // τ
	authPools   state.AuthPools   // α
	authQueues  state.AuthQueues  // φ
	recent      *state.Recent     // β
	safrole     *state.Safrole    // γ
	disputes    *state.Disputes   // ψ
	entropy     *state.Entropy    // η
	staging     state.Validators  // ι
	active      state.Validators  // κ
	previous    state.Validators  // λ
	reports     state.Reports     // ρ
	privileges  *state.Privileges // χ
	activity    *state.Activity   // π
	ready       state.Ready       // ω
	accumulated state.Accumulated // ξ
}

// load decodes the components that are not decoded yet. It fails with a *state.CorruptError.
func load(s *state.State) (*prior, error) {
	p := &prior{state: s}
	var l loader
	get(&l, &p.slot, s.Slot)
	get(&l, &p.authPools, s.AuthPools)
	get(&l, &p.authQueues, s.AuthQueues)
	get(&l, &p.recent, s.Recent)
	get(&l, &p.safrole, s.Safrole)
	get(&l, &p.disputes, s.Disputes)
	get(&l, &p.entropy, s.Entropy)
	get(&l, &p.staging, s.Staging)
	get(&l, &p.active, s.Active)
	get(&l, &p.previous, s.Previous)
	get(&l, &p.reports, s.Reports)
	get(&l, &p.privileges, s.Privileges)
	get(&l, &p.activity, s.Activity)
	get(&l, &p.ready, s.Ready)
	get(&l, &p.accumulated, s.Accumulated)
	return p, l.err
}

// loader keeps the first error.
type loader struct{ err error }

func get[T any](l *loader, to *T, from func() (T, error)) {
	if l.err == nil {
		*to, l.err = from()
	}
}
