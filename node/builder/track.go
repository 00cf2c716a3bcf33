package builder

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/state"
)

// Stage is how far a package has come.
type Stage uint8

// The stages of a package. What happens inside of guarantors and auditors is not seen from outside: that a package was refined is
// known when its guarantee stands in a block, and that it was audited when its block is one to vote for.
const (
	Submitted Stage = iota
	Authorized
	Refined
	Guaranteed
	Available
	Accumulated
	Audited
	Final
	Stages // how many there are
)

func (s Stage) String() string {
	return [...]string{
		"submitted", "authorized", "refined", "guaranteed", "available", "accumulated", "audited", "finalized", "",
	}[s]
}

// Track is how a package fares.
type Track struct {
	Hash      protocol.Hash
	Core      protocol.Core
	Package   *block.WorkPackage // nil if it was not submitted here
	Guarantor jamnp.PeerID       // who took it
	Report    *block.Report      // once there is one
	Err       error              // why it is given up

	At    [Stages]time.Time     // when each stage was seen; zero: not yet
	Slots [Stages]protocol.Slot // in which slot, or in the block of which slot

	accumulated protocol.Hash // in which block
}

// Has says whether a stage was reached.
func (t *Track) Has(s Stage) bool { return !t.At[s].IsZero() }

// Last gives the last stage that was reached; false if none was.
func (t *Track) Last() (Stage, bool) {
	for s := Stages; s > 0; s-- {
		if t.Has(s - 1) {
			return s - 1, true
		}
	}
	return 0, false
}

// Done says whether there is nothing more to come.
func (t *Track) Done() bool { return t.Has(Final) || t.Err != nil && !t.Has(Guaranteed) }

// Reach notes that the package has come to a stage, if that is news.
func (t *Track) Reach(s Stage, at time.Time, slot protocol.Slot) {
	if !t.Has(s) {
		t.At[s], t.Slots[s] = at, slot
	}
}

// forget takes back what was seen in a block that is not in the best chain any more.
func (t *Track) forget(from Stage) {
	for s := from; s < Stages; s++ {
		t.At[s], t.Slots[s] = time.Time{}, 0
	}
	t.accumulated = protocol.Hash{}
}

// Watch follows a package from now on.
func (b *Builder) Watch(hash protocol.Hash) *Track {
	t := b.tracks[hash]
	if t == nil {
		t = &Track{Hash: hash}
		b.tracks[hash] = t
	}
	return t
}

// Forget follows a package no more.
func (b *Builder) Forget(t *Track) { delete(b.tracks, t.Hash) }

// follow looks at blocks as they become the best, are to be voted for, and are final.
func (b *Builder) follow() {
	best := b.Node.Chain.Best()
	b.trail = []step{{best.Hash, best.Slot}}
	b.Node.Chain.Watch(chain.Events{
		Best:      func(before, now *chain.Block) { b.best(now) },
		Candidate: func(c *chain.Block) { b.mark(Audited, c) },
		Finalized: func(f *chain.Block) {
			b.mark(Audited, f)
			b.mark(Final, f)
		},
	})
}

// best looks at the blocks that are new in the best chain, the oldest first.
func (b *Builder) best(now *chain.Block) {
	c := b.Node.Chain
	if last := b.trail[len(b.trail)-1]; !c.Ancestor(now.Hash, last.hash, last.slot) {
		b.reorganized(now)
	}
	last := b.trail[len(b.trail)-1].hash
	defer b.late(now)
	var fresh []*chain.Block
	x := now
	for ; x != nil && x.Hash != last; x = c.Parent(x) {
		fresh = append(fresh, x)
	}
	slices.Reverse(fresh)
	if x == nil && len(fresh) > 0 && fresh[0].Parent != last { // blocks between have become final at once, and are not in the tree any more
		b.recall(fresh[0])
	}
	for _, x := range fresh {
		b.trail = append(b.trail, step{x.Hash, x.Slot})
		if err := b.look(x); err != nil {
			b.Node.Log.Error("the reports of a block are not known", "slot", x.Slot, "error", err)
		}
	}
	if drop := len(b.trail) - maxTrail; drop > 0 {
		b.trail = slices.Delete(b.trail, 0, drop)
	}
}

// step is a block of the best chain that was looked at.
type step struct {
	hash protocol.Hash
	slot protocol.Slot
}

// maxTrail bounds the steps that are remembered. Forks are not longer.
const maxTrail = 256

// recall looks for what is followed in the state after a block.
func (b *Builder) recall(x *chain.Block) {
	for _, t := range b.tracks {
		if t.Has(Accumulated) {
			continue
		}
		s, slot, report, err := Find(x.State, t.Hash)
		if err != nil {
			b.Node.Log.Error("the reports of a block are not known", "slot", x.Slot, "error", err)
			return
		}
		if s == Submitted {
			continue
		}
		if slot == 0 {
			slot = x.Slot
		}
		if t.Saw(s, b.Node.Loop.Now(), slot, report); s == Accumulated {
			t.accumulated = x.Hash
		}
		b.changed(t)
	}
}

// ErrLate means that a package was not guaranteed while the chain remembered its anchor. It may be submitted anew, on another one.
var ErrLate = errors.New("builder: the package was not guaranteed in time, and cannot be any more")

// late gives up packages of our own whose anchor the chain has forgotten.
func (b *Builder) late(now *chain.Block) {
	for _, t := range b.tracks {
		if t.Package == nil || t.Err != nil || t.Has(Guaranteed) || t.Package.Context.LookupAnchorSlot+protocol.Slot(b.Node.Params.RecentBlocks) > now.Slot {
			continue
		}
		recent, err := now.State.Recent()
		if err != nil {
			b.Node.Log.Error("the recent blocks are not known", "slot", now.Slot, "error", err)
			return
		}
		if !slices.ContainsFunc(recent.Blocks, func(r state.RecentBlock) bool { return r.HeaderHash == t.Package.Context.Anchor }) {
			t.Err = ErrLate
			b.changed(t)
		}
	}
}

// reorganized forgets what was seen in blocks that are not in the best chain: it will be seen again if it is there.
func (b *Builder) reorganized(now *chain.Block) {
	c := b.Node.Chain
	for len(b.trail) > 1 {
		if last := b.trail[len(b.trail)-1]; c.Ancestor(now.Hash, last.hash, last.slot) {
			break
		}
		b.trail = b.trail[:len(b.trail)-1]
	}
	from := b.trail[len(b.trail)-1].slot
	for _, t := range b.tracks {
		switch {
		case t.Has(Final):
		case t.Has(Guaranteed) && t.Slots[Guaranteed] > from:
			t.forget(Refined)
		case t.Has(Available) && t.Slots[Available] > from:
			t.forget(Available)
		case t.Has(Accumulated) && t.Slots[Accumulated] > from:
			t.forget(Accumulated)
		}
	}
}

// look looks for packages in the state after a block.
func (b *Builder) look(x *chain.Block) error {
	reports, err := x.State.Reports()
	if err != nil {
		return err
	}
	now := b.Node.Loop.Now()
	for _, a := range reports {
		if a == nil || a.Slot != x.Slot {
			continue
		}
		if t := b.tracks[a.Report.Package.Hash]; t != nil {
			t.Err = nil
			t.Saw(Guaranteed, now, x.Slot, &a.Report)
			b.changed(t)
		}
	}
	ready, err := x.State.Ready()
	if err != nil {
		return err
	}
	done, err := x.State.Accumulated()
	if err != nil {
		return err
	}
	b.waiting(ready, now, x)
	if len(done) == 0 {
		return nil
	}
	for _, hash := range done[len(done)-1] {
		if t := b.tracks[hash]; t != nil {
			t.Reach(Available, now, x.Slot)
			t.Reach(Accumulated, now, x.Slot)
			t.accumulated = x.Hash
			b.changed(t)
		}
	}
	return nil
}

// waiting notes packages that are available and wait for others.
func (b *Builder) waiting(ready state.Ready, now time.Time, x *chain.Block) {
	for _, list := range ready {
		for i := range list {
			if t := b.tracks[list[i].Report.Package.Hash]; t != nil && !t.Has(Available) {
				t.Reach(Available, now, x.Slot)
				b.changed(t)
			}
		}
	}
}

// mark notes that a block, and all before it, has come to a stage.
func (b *Builder) mark(s Stage, x *chain.Block) {
	c := b.Node.Chain
	now := b.Node.Loop.Now()
	var list []*Track
	for _, t := range b.tracks {
		if !t.Has(Accumulated) || t.Has(s) || t.Slots[Accumulated] > x.Slot {
			continue
		}
		if c.Ancestor(x.Hash, t.accumulated, t.Slots[Accumulated]) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *Track) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	for _, t := range list {
		t.Reach(s, now, x.Slot)
		b.changed(t)
	}
}

// Find looks for a package in a state: how far it has come, Guaranteed, Available or Accumulated, in which slot it was guaranteed,
// and the report as long as the state has it. Submitted means that the state knows nothing of it, any more or yet.
func Find(sigma *state.State, hash protocol.Hash) (s Stage, slot protocol.Slot, r *block.Report, err error) {
	reports, err := sigma.Reports()
	if err != nil {
		return 0, 0, nil, err
	}
	for _, a := range reports {
		if a != nil && a.Report.Package.Hash == hash {
			return Guaranteed, a.Slot, &a.Report, nil
		}
	}
	ready, err := sigma.Ready()
	if err != nil {
		return 0, 0, nil, err
	}
	for _, list := range ready {
		for i := range list {
			if list[i].Report.Package.Hash == hash {
				return Available, 0, &list[i].Report, nil
			}
		}
	}
	accumulated, err := sigma.Accumulated()
	for _, list := range accumulated {
		if slices.Contains(list, hash) {
			return Accumulated, 0, nil, err
		}
	}
	return Submitted, 0, nil, err
}

// Recall looks for a package in the state after the best block, for those that were submitted before this node followed the chain:
// as far as the state tells, it has come. What the state tells is when it was seen, not when it was.
func (b *Builder) Recall(t *Track) error {
	best := b.Node.Chain.Best()
	s, slot, report, err := Find(best.State, t.Hash)
	if err == nil && s >= Guaranteed {
		if slot == 0 {
			slot = best.Slot
		}
		t.Saw(s, b.Node.Loop.Now(), slot, report)
		if s == Accumulated {
			t.accumulated = best.Hash
		}
	}
	return err
}

// Saw takes in how far a package has come in a state: to a stage, and to all before it from when its guarantee stood in a block.
func (t *Track) Saw(s Stage, at time.Time, slot protocol.Slot, r *block.Report) {
	if r != nil {
		t.Report, t.Core = r, r.Core
	}
	for stage := Refined; stage <= s; stage++ {
		t.Reach(stage, at, slot)
	}
}
