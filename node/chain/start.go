package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/store"
)

// Notes of the store.
const (
	noteGenesis = "chain/genesis" // hash of the genesis header
	noteBegin   = "chain/begin"   // slot of the block that the store began with
)

// ErrOtherChain is a store that holds another chain than the one asked for.
var ErrOtherChain = errors.New("chain: the store holds a chain with another genesis")

// Start begins the chain of a genesis in a store, unless the store holds it already.
func Start(s *store.Store, genesis *block.Header, sigma *state.State) error {
	return StartAt(s, genesis.Hash(), genesis, sigma)
}

// StartAt is Start with a later block, which is known to be final, and the state after it.
func StartAt(s *store.Store, genesis protocol.Hash, header *block.Header, sigma *state.State) error {
	kept, ok, err := s.Note(noteGenesis)
	if err != nil {
		return err
	}
	if ok && protocol.Hash(kept) != genesis {
		return fmt.Errorf("%w: %s, not %s", ErrOtherChain, protocol.Hash(kept), genesis)
	}
	if _, started, err := s.Finalized(); started || err != nil {
		return err
	}
	if err := s.SetNote(noteGenesis, genesis[:]); err != nil {
		return err
	}
	if err := s.SetNote(noteBegin, binary.BigEndian.AppendUint32(nil, uint32(header.Slot))); err != nil {
		return err
	}
	hash := header.Hash()
	if _, err := s.Commit(&store.Block{
		Hash: hash, Parent: header.Parent, Slot: header.Slot, Header: header.AppendTo(nil), State: sigma, Best: true,
	}); err != nil {
		return err
	}
	if err := s.Finalize(hash); err != nil {
		return err
	}
	return s.Sync()
}

// beginning gives the slot of the block that the store began with.
func beginning(s *store.Store) (protocol.Slot, error) {
	value, ok, err := s.Note(noteBegin)
	if err != nil || !ok {
		return 0, err
	}
	if len(value) != 4 {
		return 0, fmt.Errorf("chain: note %s has %d octets", noteBegin, len(value))
	}
	return protocol.Slot(binary.BigEndian.Uint32(value)), nil
}

// rebuild makes the tree of what the store has. Which block was best is forgotten: it follows from the tree.
func (c *Chain) rebuild() error {
	final, ok, err := c.opts.Store.Finalized()
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotStarted
	}
	root, err := c.load(final)
	if err != nil {
		return err
	}
	root.Height = final.Height
	c.root, c.best = root, root
	c.blocks[root.Hash] = root
	c.touch(root)
	if final.Slot == math.MaxUint32 {
		return nil
	}
	entries, err := c.opts.Store.BySlot(final.Slot+1, math.MaxUint32)
	if err != nil {
		return err
	}
	for _, e := range entries {
		parent := c.blocks[e.Parent]
		if parent == nil {
			continue // a fork that an archive keeps
		}
		b, err := c.load(e)
		if err != nil {
			return err
		}
		c.insert(parent, b)
	}
	c.best = c.choose(c.acceptable)
	return nil
}

// load reads a block that the store has.
func (c *Chain) load(e *store.Entry) (*Block, error) {
	octets, err := c.opts.Store.Header(e.Hash)
	if err != nil {
		return nil, fmt.Errorf("chain: header %s: %w", e.Hash, err)
	}
	h := new(block.Header)
	d := codec.NewDecoder(octets)
	h.DecodeFrom(&d, c.opts.Params)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("chain: header %s: %w", e.Hash, err)
	}
	sigma, err := c.opts.Store.State(e.Hash)
	if err != nil {
		return nil, fmt.Errorf("chain: state after %s: %w", e.Hash, err)
	}
	b, err := newBlock(e.Hash, h, sigma)
	if err != nil {
		return nil, fmt.Errorf("chain: block %s: %w", e.Hash, err)
	}
	return b, nil
}
