// Package authorization keeps α, the authorizers that each core accepts: GP §8.
package authorization

import (
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// Transition gives α′. From the pool of a core goes the authorizer that a guarantee of this block used, and in comes
// the next of the core's queue in φ′; where that is too many, the oldest goes. GP §8.2.
func Transition(p *protocol.Params, pools state.AuthPools, queues state.AuthQueues, slot protocol.Slot, guarantees []block.Guarantee) state.AuthPools {
	row := p.AuthPoolSize + 1
	room := make([]protocol.Hash, len(pools)*row) // one allocation for all pools
	post := make(state.AuthPools, len(pools))
	for core, pool := range pools {
		post[core] = append(room[core*row:core*row:(core+1)*row], pool...)
	}
	for i := range guarantees { // at most one for a core
		r := &guarantees[i].Report
		if at := slices.Index(post[r.Core], r.Authorizer); at >= 0 {
			post[r.Core] = slices.Delete(post[r.Core], at, at+1)
		}
	}
	for core, queue := range queues {
		grown := append(post[core], queue[int(slot)%len(queue)])
		post[core] = grown[max(0, len(grown)-p.AuthPoolSize):]
	}
	return post
}
