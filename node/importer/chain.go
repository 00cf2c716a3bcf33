package importer

import (
	"errors"
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/store"
)

// ErrUnknownParent is a block whose parent is not among those kept.
const ErrUnknownParent = protocol.Invalid("header/unknown_parent")

// keptBlocks bounds the blocks whose states a Chain keeps at hand.
const keptBlocks = 64

// Chain keeps the states of recent blocks, forks included, by the hashes of their headers. It belongs to one goroutine.
type Chain struct {
	importer *Importer
	store    *store.Store // nil: memory is all there is
	states   map[protocol.Hash]*state.State
	order    []protocol.Hash // oldest first
}

// NewChain makes a chain that knows no block yet.
func NewChain(im *Importer) *Chain {
	return &Chain{importer: im, states: make(map[protocol.Hash]*state.State)}
}

// NewStoredChain makes a chain that knows the blocks of a store, if one is given, and keeps there what it takes in, the
// latest block as the best. What Import says was taken in is safe from a crash once the store's Sync has returned.
func NewStoredChain(im *Importer, s *store.Store) *Chain {
	c := NewChain(im)
	c.store = s
	return c
}

// Put records the state after a block that was not imported here: a genesis, or where a trace begins. A block that the store
// has is not the best because of it: the chain goes on.
func (c *Chain) Put(header protocol.Hash, s *state.State) error {
	if c.store == nil {
		c.remember(header, s)
		return nil
	}
	if _, known, err := c.State(header); known || err != nil {
		return err
	}
	slot, err := s.Slot()
	if err != nil {
		return err
	}
	return c.keep(&store.Block{Hash: header, Slot: slot, State: s, Best: true})
}

func (c *Chain) keep(b *store.Block) error {
	StageStore.Enter()
	defer LeaveStages()
	kept, err := c.store.Commit(b)
	if err == nil {
		c.remember(b.Hash, kept)
	}
	return err
}

func (c *Chain) remember(header protocol.Hash, s *state.State) {
	if _, ok := c.states[header]; !ok {
		c.order = append(c.order, header)
	}
	c.states[header] = s
	if len(c.order) > keptBlocks {
		delete(c.states, c.order[0])
		c.order = c.order[1:]
	}
}

// State gives the state after a block; false if it is not known. The error is of reading.
func (c *Chain) State(header protocol.Hash) (*state.State, bool, error) {
	if s, ok := c.states[header]; ok && s.Err() == nil {
		return s, true, nil
	}
	if c.store == nil {
		return nil, false, nil
	}
	s, err := c.store.State(header)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	c.remember(header, s)
	return s, true, nil
}

// Import executes an encoded block on the state of its parent and keeps the state that results. The octets must not
// change afterwards. A block that is refused, by an error that wraps protocol.Invalid, leaves no trace. A block that
// the store has is not executed again.
func (c *Chain) Import(octets []byte) (*state.State, error) {
	StageDecode.Enter()
	defer LeaveStages()
	v := new(block.View)
	if err := v.Decode(octets, c.importer.params); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	hash := v.HeaderHash()
	// A known header with another body, which the header's hash does not tell, is no known block.
	if c.store != nil && v.ExtrinsicHash() == v.Header.ExtrinsicHash {
		if s, ok, err := c.State(hash); ok || err != nil {
			return s, err
		}
	}
	prior, ok, err := c.State(v.Header.Parent)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("block of slot %d with parent %s: %w", v.Header.Slot, v.Header.Parent, ErrUnknownParent)
	}
	post, err := c.importer.Apply(prior, v)
	if err != nil {
		return nil, err
	}
	if c.store == nil {
		c.remember(hash, post)
		return post, nil
	}
	header := v.HeaderOctets()
	err = c.keep(&store.Block{
		Hash: hash, Parent: v.Header.Parent, Slot: v.Header.Slot, Header: header, Body: octets[len(header):],
		State: post, Best: true,
	})
	return c.states[hash], err
}
