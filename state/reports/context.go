package reports

import (
	"encoding/binary"
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// contexts checks what concerns the reports together with each other and the past. GP §11.4.1.
func (c *checker) contexts() error {
	incoming := newPackageSet(c.Guarantees)
	for i := range c.Guarantees {
		spec := &c.Guarantees[i].Report.Package
		if !incoming.add(spec.Hash, spec.ExportsRoot) {
			return fmt.Errorf("guarantee %d: %w", i, ErrDuplicatePackage)
		}
	}
	if err := c.known(incoming); err != nil {
		return err
	}
	for i := range c.Guarantees {
		if err := c.anchors(&c.Guarantees[i].Report.Context); err != nil {
			return fmt.Errorf("guarantee %d: %w", i, err)
		}
	}
	return c.dependencies(incoming)
}

// anchors checks the blocks that a report builds on. GP eq:limitlookupanchorage.
func (c *checker) anchors(context *block.RefinementContext) error {
	var anchor *state.RecentBlock
	for i := range c.Recent.Blocks {
		if c.Recent.Blocks[i].HeaderHash == context.Anchor {
			anchor = &c.Recent.Blocks[i]
			break
		}
	}
	switch {
	case anchor == nil:
		return ErrAnchorNotRecent
	case anchor.StateRoot != context.AnchorStateRoot:
		return ErrBadStateRoot
	case anchor.BeefyRoot != context.AnchorBeefyRoot:
		return ErrBadBeefyRoot
	case uint64(context.LookupAnchorSlot)+uint64(c.LookupAnchorAge) < uint64(c.Slot):
		return ErrLookupNotRecent
	case c.Ancestor != nil && !c.Ancestor(context.LookupAnchor, context.LookupAnchorSlot):
		return ErrLookupNotRecent
	}
	return nil
}

// known refuses packages that were reported before and are still remembered: q, a and the rest of GP §11.4.1.
func (c *checker) known(incoming *packageSet) error {
	for i := range c.Recent.Blocks {
		for j := range c.Recent.Blocks[i].Reported {
			if incoming.has(&c.Recent.Blocks[i].Reported[j].Hash) {
				return fmt.Errorf("in recent block %d: %w", i, ErrDuplicatePackage)
			}
		}
	}
	for _, slot := range c.Accumulated {
		for i := range slot {
			if incoming.has(&slot[i]) {
				return fmt.Errorf("accumulated: %w", ErrDuplicatePackage)
			}
		}
	}
	for _, slot := range c.Ready {
		for i := range slot {
			if incoming.has(&slot[i].Report.Package.Hash) {
				return fmt.Errorf("waiting for others: %w", ErrDuplicatePackage)
			}
		}
	}
	for _, pending := range c.PriorReports {
		if pending != nil && incoming.has(&pending.Report.Package.Hash) {
			return fmt.Errorf("waiting for availability: %w", ErrDuplicatePackage)
		}
	}
	return nil
}

// dependencies checks that the packages that reports build on are in this block or recent ones, and the roots of
// their exports. GP §11.4.1.
func (c *checker) dependencies(incoming *packageSet) error {
	var recent map[protocol.Hash]protocol.Hash // made when it is first needed
	find := func(hash *protocol.Hash) (root protocol.Hash, ok bool) {
		if incoming.has(hash) {
			return incoming.roots[*hash], true
		}
		if recent == nil {
			recent = make(map[protocol.Hash]protocol.Hash)
			for i := range c.Recent.Blocks {
				for _, reported := range c.Recent.Blocks[i].Reported {
					recent[reported.Hash] = reported.ExportsRoot
				}
			}
		}
		root, ok = recent[*hash]
		return root, ok
	}
	for i := range c.Guarantees {
		r := &c.Guarantees[i].Report
		for j := range r.Context.Prerequisites {
			if _, ok := find(&r.Context.Prerequisites[j]); !ok {
				return fmt.Errorf("guarantee %d: %w", i, ErrDependencyMissing)
			}
		}
		for j := range r.SegmentRoot {
			if root, ok := find(&r.SegmentRoot[j].Package); !ok || root != r.SegmentRoot[j].Root {
				return fmt.Errorf("guarantee %d: %w", i, ErrBadSegmentRoot)
			}
		}
	}
	return nil
}

// packageSet holds the packages of a block with the roots of their exports. All packages of an epoch are held
// against it in every block, so that most must be told apart without hashing: by a bit for the first octets of each.
type packageSet struct {
	roots map[protocol.Hash]protocol.Hash
	bits  []uint64
}

// filterBits is the size of the filter: with 341 packages, one in 192 others gets past it.
const filterBits = 1 << 16

func newPackageSet(guarantees []block.Guarantee) *packageSet {
	return &packageSet{make(map[protocol.Hash]protocol.Hash, len(guarantees)), make([]uint64, filterBits/64)}
}

// add reports false for a package that is there already.
func (s *packageSet) add(hash, root protocol.Hash) bool {
	if _, found := s.roots[hash]; found {
		return false
	}
	s.roots[hash] = root
	bit := binary.LittleEndian.Uint16(hash[:])
	s.bits[bit/64] |= 1 << (bit % 64)
	return true
}

func (s *packageSet) has(hash *protocol.Hash) bool {
	bit := binary.LittleEndian.Uint16(hash[:])
	if s.bits[bit/64]>>(bit%64)&1 == 0 {
		return false
	}
	_, found := s.roots[*hash]
	return found
}
