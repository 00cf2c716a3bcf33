package store

import (
	"errors"
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/trie"
)

// Contents is what Check has found.
type Contents struct {
	Blocks, Bodies  int // with a header, and of these with an extrinsic
	Forks           int // blocks beside the chain that ends in the best one
	Notes           int
	First, Last     protocol.Slot // of blocks
	Best, Finalized *Entry        // nil if there is none
	Entries         int           // of the state after the best block
	Octets          int64         // of these, keys included
}

// ErrDamaged is what Check finds that should not be so.
var ErrDamaged = errors.New("store: damaged")

// Check reads everything: that headers have the hashes they are kept under, that each block's parent is there and older and its
// extrinsic the one that its header names, that the chain reaches from its first block over the finalized one to the best, and
// that the state after the best block has the root that it should. It gives what it found up to the first fault.
func (s *Store) Check() (*Contents, error) {
	c := new(Contents)
	var err error
	if c.Best, _, err = s.Best(); err != nil {
		return c, err
	}
	if c.Finalized, _, err = s.Finalized(); err != nil {
		return c, err
	}
	err = s.headers(slotKey(0), func(slot protocol.Slot, hash protocol.Hash) (bool, error) {
		if c.Blocks++; c.Blocks == 1 {
			c.First = slot
		}
		c.Last = slot
		if err := s.checkBlock(c, slot, hash); err != nil {
			return false, fmt.Errorf("block %s of slot %d: %w", hash, slot, err)
		}
		return true, nil
	})
	if err == nil {
		err = s.checkChain(c)
	}
	if err == nil {
		err = s.checkState(c)
	}
	if err == nil {
		err = s.Notes("", func(string, []byte) bool {
			c.Notes++
			return true
		})
	}
	return c, err
}

func (s *Store) checkBlock(c *Contents, slot protocol.Slot, hash protocol.Hash) error {
	e, err := s.entry(hash)
	if err != nil {
		return err
	}
	header, err := s.get(headerKey(slot, hash))
	if err != nil {
		return err
	}
	if len(header) > 0 && blake2b.Sum256(header) != hash {
		return fmt.Errorf("%w: the header has another hash", ErrDamaged)
	}
	if e.Slot != slot {
		return fmt.Errorf("%w: it says that it is of slot %d", ErrDamaged, e.Slot)
	}
	body, err := s.get(numberKey(prefixBody, e.seq))
	if errors.Is(err, ErrNotFound) || err == nil && len(body) == 0 {
		return nil // a genesis, or where a downloaded state began
	}
	if err != nil {
		return err
	}
	c.Bodies++
	v := new(block.View)
	if err := v.Decode(append(header, body...), s.params); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if v.ExtrinsicHash() != v.Header.ExtrinsicHash {
		return fmt.Errorf("%w: the extrinsic is not the header's", ErrDamaged)
	}
	if e.Height > 0 && v.Header.Parent != e.Parent {
		return fmt.Errorf("%w: it hangs on %s and names %s", ErrDamaged, e.Parent, v.Header.Parent)
	}
	return nil
}

// checkChain goes from the best block back to the first.
func (s *Store) checkChain(c *Contents) error {
	if c.Best == nil {
		return nil
	}
	length, final := 1, c.Finalized == nil
	for e := c.Best; ; length++ {
		final = final || e.Hash == c.Finalized.Hash
		parent, err := s.entry(e.Parent)
		if e.Height == 0 || errors.Is(err, ErrNotFound) && e.Slot == c.First {
			break
		}
		if err != nil {
			return fmt.Errorf("parent of block %s of slot %d: %w", e.Hash, e.Slot, err)
		}
		if parent.Slot >= e.Slot || parent.Height+1 != e.Height {
			return fmt.Errorf("%w: block %s of slot %d hangs on one of slot %d", ErrDamaged, e.Hash, e.Slot, parent.Slot)
		}
		e = parent
	}
	c.Forks = c.Blocks - length
	if !final {
		return fmt.Errorf("%w: the best block does not descend from the finalized one", ErrDamaged)
	}
	return nil
}

// checkState reads the state after the best block and computes its root anew.
func (s *Store) checkState(c *Contents) error {
	if c.Best == nil {
		return nil
	}
	sigma, err := s.State(c.Best.Hash)
	if err != nil {
		return err
	}
	fresh := new(trie.Trie)
	var some []trie.Change
	octets := 0
	for key, value := range sigma.All() {
		some = append(some, trie.Change{Key: key, Value: value})
		c.Entries++
		c.Octets += int64(len(key) + len(value))
		if octets += len(key) + len(value); octets > importBatch {
			fresh, some, octets = fresh.Apply(some), nil, 0
		}
	}
	if err := sigma.Err(); err != nil {
		return err
	}
	if root := fresh.Apply(some).Root(); root != c.Best.Root {
		return fmt.Errorf("%w: the state after block %s has root %s, not %s", ErrDamaged, c.Best.Hash, root, c.Best.Root)
	}
	return nil
}
