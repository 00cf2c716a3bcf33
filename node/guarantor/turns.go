package guarantor

import (
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/node/roster"
)

// Of those on a core each may sign one report a slot, and a report needs two of them: if each began with a package of his own,
// none would be guaranteed. So they take turns: in each slot another one may begin at once, and the others somewhat later,
// if by then nobody has asked for their help.

// next begins with a package, if it is our turn and there is one.
func (g *Guarantor) next() {
	if g.stopped || g.working != nil || len(g.helping) > 0 || g.Ready != nil && !g.Ready() {
		return
	}
	for _, j := range g.jobs {
		if !j.ready() {
			continue
		}
		if _, guaranteed := g.Pool.Guaranteed(j.hash); guaranteed { // by others; maybe it does not get into a block
			continue
		}
		rotation, slot := g.rotation(j.core, 1)
		if rotation == nil || !g.guard.free(j.core, slot) || j.tries > 0 && j.slot == g.slot() {
			continue
		}
		rank, group := rank(rotation, j.core, g.Key.Public, g.slot())
		if len(group) < 2 {
			continue
		}
		now := g.Loop.Now()
		if at := g.Slots.Start(g.slot()).Add(time.Duration(rank) * g.Slots.Scale(rankTime)); now.Before(at) {
			if g.turn != nil {
				g.turn.Stop()
			}
			g.turn = g.Loop.After(at.Sub(now), g.next)
			return
		}
		g.begin(j, rotation, slot)
		return
	}
}

// rank gives whose turn on a core a validator's is in a slot, the first being 0, and who else is on the core.
func rank(r *roster.Rotation, core protocol.Core, key protocol.Ed25519Key, slot protocol.Slot) (int, []protocol.Validator) {
	group := r.Group(core)
	self, _ := roster.Index(r.Keys, key)
	at := slices.Index(group, self)
	if at < 0 {
		return len(group), group
	}
	n := len(group)
	return (at + n - int(slot)%n) % n, group
}
