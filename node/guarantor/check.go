package guarantor

import (
	"errors"
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/node/chain"
	"damson/state"
	"damson/state/history"
	"damson/state/reports"
	"damson/state/workreport"
)

// Why a package cannot be reported, or not yet. None is anybody's fault: others may know another best block.
var (
	ErrNotOurs   = errors.New("guarantor: we do not guarantee for this core")
	ErrKnown     = errors.New("guarantor: the package is known already")
	ErrNotReady  = errors.New("guarantor: not near the head of the chain")
	ErrTooLate   = errors.New("guarantor: the package cannot be reported on the best chain")
	errDependent = errors.New("guarantor: it depends on packages that are not reported yet")
)

// freshAnchors is how many blocks are to come at least before the anchor is forgotten: the guarantee goes into the second, say.
const freshAnchors = 2

// past is what the best chain remembers, as far as packages are concerned. It does not change.
type past struct {
	p     *protocol.Params
	best  *chain.Block
	slot  protocol.Slot // of a block to come
	state *state.State

	recent *state.Recent          // β†
	known  map[protocol.Hash]bool // packages that were reported before and are still remembered, of those asked for
	pools  state.AuthPools
}

func (g *Guarantor) past() (*past, error) {
	best := g.Chain.Best()
	x := &past{p: g.Params, best: best, state: best.State, slot: max(g.slot(), best.Slot+1)}
	recent, err := x.state.Recent()
	if err != nil {
		return nil, err
	}
	x.recent = history.WithStateRoot(recent, best.StateRoot)
	x.pools, err = x.state.AuthPools()
	return x, err
}

// check holds a package, for which remember has been asked, against what a block to come will hold its report against: GP §11.4,
// §11.4.1. It does not ask for what the package depends on.
func (x *past) check(w *block.WorkPackage, hash protocol.Hash, core protocol.Core) error {
	if x.known[hash] {
		return ErrKnown
	}
	if err := x.anchored(&w.Context); err != nil {
		return fmt.Errorf("%w: %w", ErrTooLate, err)
	}
	if !slices.Contains(x.pools[core], workreport.Authorizer(w)) {
		return fmt.Errorf("%w: %w", ErrTooLate, reports.ErrCoreUnauthorized)
	}
	for i := range w.Items {
		item := &w.Items[i]
		account, ok, err := x.state.Account(item.Service)
		switch {
		case err != nil:
			return err
		case !ok:
			err = reports.ErrBadService
		case account.CodeHash != item.CodeHash:
			err = reports.ErrBadCodeHash
		case item.AccumulateGas < account.MinItemGas:
			err = reports.ErrItemGasTooLow
		}
		if err != nil {
			return fmt.Errorf("%w: item %d: %w", ErrTooLate, i, err)
		}
	}
	return nil
}

// remember finds which of some packages were reported before and are still remembered: q, a and the rest of GP §11.4.1.
func (x *past) remember(packages ...protocol.Hash) error {
	asked := make(map[protocol.Hash]bool, len(packages))
	for _, hash := range packages {
		asked[hash] = true
	}
	x.known = make(map[protocol.Hash]bool)
	see := func(hash *protocol.Hash) {
		if asked[*hash] {
			x.known[*hash] = true
		}
	}
	for i := range x.recent.Blocks {
		for j := range x.recent.Blocks[i].Reported {
			see(&x.recent.Blocks[i].Reported[j].Hash)
		}
	}
	accumulated, err := x.state.Accumulated()
	if err != nil {
		return err
	}
	for _, slot := range accumulated {
		for i := range slot {
			see(&slot[i])
		}
	}
	ready, err := x.state.Ready()
	if err != nil {
		return err
	}
	for _, slot := range ready {
		for i := range slot {
			see(&slot[i].Report.Package.Hash)
		}
	}
	pending, err := x.state.Reports()
	for _, a := range pending {
		if a != nil {
			see(&a.Report.Package.Hash)
		}
	}
	return err
}

// reported gives the segment root of a package in a recent block.
func (x *past) reported(hash protocol.Hash) (protocol.Hash, bool) {
	for i := range x.recent.Blocks {
		for _, r := range x.recent.Blocks[i].Reported {
			if r.Hash == hash {
				return r.ExportsRoot, true
			}
		}
	}
	return protocol.Hash{}, false
}

// anchored is GP eq:limitlookupanchorage, with some time to come. That the lookup anchor is an ancestor is left to who can
// ask the disk.
func (x *past) anchored(c *block.RefinementContext) error {
	blocks := x.recent.Blocks
	at := slices.IndexFunc(blocks, func(b state.RecentBlock) bool { return b.HeaderHash == c.Anchor })
	switch {
	case at < 0 || at+x.p.RecentBlocks-len(blocks) < freshAnchors:
		return reports.ErrAnchorNotRecent
	case blocks[at].StateRoot != c.AnchorStateRoot:
		return reports.ErrBadStateRoot
	case blocks[at].BeefyRoot != c.AnchorBeefyRoot:
		return reports.ErrBadBeefyRoot
	case uint64(c.LookupAnchorSlot)+uint64(x.p.LookupAnchorAge) < uint64(x.slot)+1:
		return reports.ErrLookupNotRecent
	}
	return nil
}

// lookups gives the segment roots of packages that a package imports from by their hashes, and errDependent while what it depends on
// is neither in recent blocks nor about to be reported.
func (g *Guarantor) lookups(x *past, w *block.WorkPackage) ([]block.SegmentRootEntry, error) {
	find := func(hash protocol.Hash) (protocol.Hash, bool) {
		if root, ok := x.reported(hash); ok {
			return root, true
		}
		return g.Pool.Guaranteed(hash)
	}
	for _, hash := range w.Context.Prerequisites {
		if _, ok := find(hash); !ok {
			return nil, errDependent
		}
	}
	var roots []block.SegmentRootEntry
	for _, hash := range bundle.ImportedPackages(w) {
		root, ok := find(hash)
		if !ok {
			return nil, errDependent
		}
		roots = append(roots, block.SegmentRootEntry{Package: hash, Root: root})
	}
	return roots, nil
}
