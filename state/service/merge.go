package service

import (
	"fmt"

	"damson/internal/protocol"
)

// ErrIndexConflict refuses a block in which two services make a service of the same index.
const ErrIndexConflict = protocol.Invalid("accumulate/service_index_conflict")

// Result is what the accumulation of one service made of a fork.
type Result struct {
	Service  protocol.ServiceID
	Accounts *Accounts
}

// Merge makes the work of services, each on a fork of these accounts, one: (d ∪ n) ∖ m of GP eq:accpar. Of each
// fork count the accumulating service itself, services that it made and services that it removed, nothing else;
// removal prevails. The forks must not be used afterwards. After an error the accounts are of no use.
func (a *Accounts) Merge(results []Result) error {
	made := make(map[protocol.ServiceID]struct{})
	type removal struct {
		id   protocol.ServiceID
		from *account
	}
	var removed []removal
	for _, r := range results {
		for id, t := range r.Accounts.touched {
			_, isNew := made[id]
			existed := !isNew && a.Exists(id)
			switch {
			case !t.exists && existed:
				removed = append(removed, removal{id, t})
			case !t.exists || existed && id != r.Service:
			case isNew:
				return fmt.Errorf("service %d: %w", id, ErrIndexConflict)
			default:
				if !existed {
					made[id] = struct{}{}
				}
				a.adopt(id, t)
			}
		}
	}
	for _, r := range removed {
		a.adopt(r.id, r.from)
	}
	return nil
}

// adopt takes over what a fork changed of an account.
func (a *Accounts) adopt(id protocol.ServiceID, from *account) {
	t := a.load(id)
	if from.dirty {
		a.undo.saveAccount(t)
		t.Account, t.exists, t.dirty = from.Account, from.exists, true
	}
	if t.entries == nil {
		t.entries = make(map[protocol.StateKey]entry, len(from.entries))
	}
	for key, e := range from.entries {
		a.set(t, key, e.value)
	}
}
