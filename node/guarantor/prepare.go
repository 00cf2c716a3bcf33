package guarantor

import (
	"errors"
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/node/availability"
	"damson/state/workreport"
)

// job is a package that we want to be reported.
type job struct {
	g    *Guarantor
	hash protocol.Hash
	core protocol.Core
	data *bundle.Bundle
	auth *workreport.Authorization
	size int // octets, about

	roots    []block.SegmentRootEntry // 𝑙, when it is known
	fetching bool
	fetches  int           // times that imports were not to be had
	asked    protocol.Slot // the last of these
	whole    bool          // all imports are there
	claimed  []block.SegmentRootEntry

	out   *workreport.Output // when it is refined
	slot  protocol.Slot      // the last in which it was worked on
	tries int
}

// enqueue takes in a package that was admitted.
func (g *Guarantor) enqueue(a *admission) error {
	if err := g.unknown(a.hash); err != nil { // it came twice at once
		return err
	}
	if len(g.jobs) >= maxJobs {
		return ErrFull
	}
	j := &job{
		g: g, hash: a.hash, core: a.core, data: a.data, auth: a.auth, whole: a.whole, claimed: a.mappings,
		size: a.data.Size() + imports(a.data.Package)*g.Params.SegmentOctets(),
	}
	g.jobs = append(g.jobs, j)
	g.octets += j.size
	g.counts.Admitted++
	g.Stage(j.hash, Admitted, nil)
	g.changed()
	return nil
}

func imports(w *block.WorkPackage) (n int) {
	for i := range w.Items {
		n += len(w.Items[i].Imports)
	}
	return n
}

// sift drops what cannot be reported any more, and gets the imports of what can now.
func (g *Guarantor) sift() {
	if len(g.jobs) == 0 {
		return
	}
	x, err := g.past()
	if err == nil {
		hashes := make([]protocol.Hash, len(g.jobs))
		for i, j := range g.jobs {
			hashes[i] = j.hash
		}
		err = x.remember(hashes...)
	}
	if err != nil {
		g.log.Error("the best block's state cannot be read", "error", err)
		return
	}
	for _, j := range slices.Clone(g.jobs) {
		if g.working != nil && g.working.job == j {
			continue
		}
		rotation, slot := g.rotation(j.core, 1)
		if rotation == nil || rotation.Last < g.slot() && !g.guard.free(j.core, slot) {
			g.forward(j)
			continue
		}
		if err := x.check(j.data.Package, j.hash, j.core); err != nil {
			g.drop(j, err)
			continue
		}
		j.prepare(x)
	}
}

// drop gives a package up.
func (g *Guarantor) drop(j *job, why error) {
	if g.remove(j) {
		if !errors.Is(why, ErrKnown) { // else others were faster
			g.counts.Dropped++
		}
		g.log.Debug("a package is dropped", "package", j.hash, "error", why)
		g.Stage(j.hash, Dropped, why)
	}
}

func (g *Guarantor) remove(j *job) bool {
	at := slices.Index(g.jobs, j)
	if at < 0 {
		return false
	}
	g.jobs = slices.Delete(g.jobs, at, at+1)
	g.octets -= j.size
	return true
}

// ready says whether the package can be refined.
func (j *job) ready() bool { return j.whole && !j.fetching && j.roots != nil }

// prepare finds the roots that the package means, and then the segments.
func (j *job) prepare(x *past) {
	if j.fetching {
		return
	}
	roots, err := j.g.lookups(x, j.data.Package)
	if err != nil {
		j.roots = nil // it may have been known on another fork
		return
	}
	if j.claimed != nil && !slices.Equal(roots, j.claimed) {
		j.g.drop(j, ErrMapping)
		return
	}
	if j.roots != nil && !slices.Equal(roots, j.roots) {
		j.whole, j.out = false, nil
	}
	before := j.ready()
	if j.roots = roots; roots == nil {
		j.roots = []block.SegmentRootEntry{}
	}
	if !j.whole && imports(j.data.Package) > 0 {
		if now := j.g.slot(); j.fetches == 0 || j.asked != now { // once a slot
			j.asked = now
			j.fetch()
		}
		return
	}
	j.whole = true
	if !before {
		j.g.Stage(j.hash, Ready, nil)
	}
}

// wanted is where an imported segment is from, and where it belongs.
type wanted struct {
	root       protocol.Hash // of the segments of the package that exported it
	index      uint16
	item, slot int // in the bundle
}

// imported lists what the package imports.
func (j *job) imported() (list []wanted, err error) {
	for i := range j.data.Package.Items {
		for k := range j.data.Package.Items[i].Imports {
			r := &j.data.Package.Items[i].Imports[k]
			root, err := bundle.SegmentRoot(r, j.roots)
			if err != nil {
				return nil, err
			}
			list = append(list, wanted{root, r.Index, i, k})
		}
	}
	return list, nil
}

// fetch gets the imported segments, of one package after another, and puts them into the bundle.
func (j *job) fetch() {
	j.fetching = true
	list, err := j.imported()
	if err != nil {
		j.fetched(err)
		return
	}
	var order []protocol.Hash
	indices := make(map[protocol.Hash][]uint16)
	for _, w := range list {
		if indices[w.root] == nil {
			order = append(order, w.root)
		}
		indices[w.root] = append(indices[w.root], w.index)
	}
	var next func()
	next = func() {
		if len(order) == 0 {
			j.fetched(nil)
			return
		}
		root := order[0]
		order = order[1:]
		j.g.Keeper.Segments(root, indices[root], func(segments map[uint16]availability.Segment, err error) {
			if err != nil {
				j.fetched(err)
				return
			}
			for _, w := range list {
				if w.root == root {
					j.data.Imports[w.item][w.slot], j.data.Proofs[w.item][w.slot] = segments[w.index].Octets, segments[w.index].Proof
				}
			}
			next()
		})
	}
	next()
}

// fetched ends fetching. What is not available is tried again in the next slot.
func (j *job) fetched(err error) {
	j.fetching = false
	_, invalid := errors.AsType[protocol.Invalid](err)
	switch {
	case err == nil:
		j.whole = true
		j.g.Stage(j.hash, Ready, nil)
		j.g.next()
	case invalid || j.fetches >= maxTries:
		j.g.drop(j, fmt.Errorf("imports: %w", err))
	default:
		j.fetches++
		j.g.log.Debug("imports are not to be had yet", "package", j.hash, "error", err)
	}
}
