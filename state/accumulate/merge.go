package accumulate

import (
	"cmp"
	"slices"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

// merge makes the state after a round of those in which its services left it. GP eq:accpar.
func (r *run) merge(jobs []job) error {
	prior := r.state
	// Of a service that did not run, Δ1 is the state before: without gas and inputs nothing can happen.
	post := func(id protocol.ServiceID) *invoke.PartialState {
		i, ok := slices.BinarySearchFunc(jobs, id, func(j job, id protocol.ServiceID) int { return cmp.Compare(j.service, id) })
		if !ok {
			return &prior
		}
		return &jobs[i].out.State
	}
	results := make([]service.Result, len(jobs))
	privileges, queues := false, false
	for i := range jobs {
		out := &jobs[i].out.State
		results[i] = service.Result{Service: jobs[i].service, Accounts: out.Accounts}
		privileges = privileges || out.Privileges != prior.Privileges
		queues = queues || !same(out.Queues, prior.Queues)
	}
	if err := prior.Accounts.Merge(results); err != nil {
		return err
	}
	for i := range jobs {
		for _, x := range jobs[i].out.Provisions {
			prior.Accounts.Provide(x.Service, x.Hash, x.Blob, r.slot)
		}
	}
	r.state.Staging = post(prior.Privileges.Delegator).Staging
	if privileges {
		r.state.Privileges = mergePrivileges(prior.Privileges, func(id protocol.ServiceID) *state.Privileges { return post(id).Privileges })
	}
	if queues {
		r.state.Queues = mergeQueues(&prior, post)
	}
	return nil
}

// same reports whether two slices are one in memory.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// mergePrivileges is χ after a round: what the manager says goes, and where it says nothing new, the owner of a
// privilege may have passed it on. GP eq:accpar.
func mergePrivileges(prior *state.Privileges, post func(protocol.ServiceID) *state.Privileges) *state.Privileges {
	manager := post(prior.Manager)
	x := &state.Privileges{
		Manager:          manager.Manager,
		Assigners:        make([]protocol.ServiceID, len(prior.Assigners)),
		Delegator:        choose(prior.Delegator, manager.Delegator, post(prior.Delegator).Delegator),
		Registrar:        choose(prior.Registrar, manager.Registrar, post(prior.Registrar).Registrar),
		AlwaysAccumulate: manager.AlwaysAccumulate,
	}
	for c, owner := range prior.Assigners {
		x.Assigners[c] = choose(owner, manager.Assigners[c], post(owner).Assigners[c])
	}
	return x
}

// choose is R: what the manager changed the owner of a privilege to, or else what the owner itself did.
func choose(prior, byManager, byOwner protocol.ServiceID) protocol.ServiceID {
	if byManager == prior {
		return byOwner
	}
	return byManager
}

// mergeQueues is φ after a round: of each core, as the service left it that could assign the core before the round.
// GP eq:accpar.
func mergeQueues(prior *invoke.PartialState, post func(protocol.ServiceID) *invoke.PartialState) state.AuthQueues {
	queues := make(state.AuthQueues, len(prior.Queues))
	for c, owner := range prior.Privileges.Assigners {
		queues[c] = post(owner).Queues[c]
	}
	return queues
}
