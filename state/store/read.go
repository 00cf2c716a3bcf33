package store

import (
	"errors"
	"fmt"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/trie"

	"github.com/cockroachdb/pebble/v2"
)

// Best gives the best block; false if no block was committed as such.
func (s *Store) Best() (*Entry, bool, error) { return s.pointed(&s.best) }

// Finalized gives the finalized block; false if there is none.
func (s *Store) Finalized() (*Entry, bool, error) { return s.pointed(&s.finalized) }

func (s *Store) pointed(at *protocol.Hash) (*Entry, bool, error) {
	s.mu.Lock()
	hash := *at
	s.mu.Unlock()
	if hash == (protocol.Hash{}) {
		return nil, false, nil
	}
	e, err := s.entry(hash)
	return e, err == nil, err
}

// Entry tells of a block; ErrNotFound if it is not kept.
func (s *Store) Entry(hash protocol.Hash) (*Entry, error) { return s.entry(hash) }

// State gives the state after a block; ErrNotFound if it is not kept any more. What the state gives is read when it is
// asked for: see state.State.Err.
func (s *Store) State(hash protocol.Hash) (*state.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	t, err := s.trie(hash)
	if err != nil {
		return nil, err
	}
	return state.Open(s.params, t), nil
}

// trie gives the trie of the state after a block. Its root was checked when it was opened.
func (s *Store) trie(hash protocol.Hash) (*trie.Trie, error) {
	if t, ok := s.recent[hash]; ok && t.Err() == nil {
		return t, nil
	}
	e, err := s.entry(hash)
	if err != nil {
		return nil, err
	}
	if e.seq < s.pruning.tailSeq {
		return nil, ErrNotFound
	}
	t, err := s.pages.Open(e.top, e.Root)
	if err != nil {
		return nil, fmt.Errorf("store %s: state after block %s: %w", s.dir, hash, err)
	}
	s.remember(hash, t)
	return t, nil
}

// Header gives the encoded header of a block.
func (s *Store) Header(hash protocol.Hash) ([]byte, error) {
	e, err := s.entry(hash)
	if err != nil {
		return nil, err
	}
	return s.get(headerKey(e.Slot, hash))
}

// Block gives an encoded block.
func (s *Store) Block(hash protocol.Hash) ([]byte, error) {
	e, err := s.entry(hash)
	if err != nil {
		return nil, err
	}
	header, err := s.get(headerKey(e.Slot, hash))
	if err != nil {
		return nil, err
	}
	body, err := s.get(numberKey(prefixBody, e.seq))
	if err != nil {
		return nil, err
	}
	return append(header, body...), nil
}

// BySlot gives the blocks of the slots from first to last, in the order of their slots, forks included.
func (s *Store) BySlot(first, last protocol.Slot) ([]*Entry, error) {
	var found []*Entry
	err := s.headers(slotKey(first), func(slot protocol.Slot, hash protocol.Hash) (bool, error) {
		if slot > last {
			return false, nil
		}
		e, err := s.entry(hash)
		if errors.Is(err, ErrNotFound) {
			return true, nil // pruned meanwhile
		}
		found = append(found, e)
		return err == nil, err
	})
	return found, err
}

// headers calls each for every header from a key on, until it says no.
func (s *Store) headers(from []byte, each func(protocol.Slot, protocol.Hash) (more bool, err error)) (err error) {
	if !s.enter() {
		return ErrClosed
	}
	defer s.readers.Done()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: keysAfter(prefixHeader)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		key := it.Key()
		if len(key) != 1+4+32 {
			return fmt.Errorf("store %s: key %x: %w", s.dir, key, errEntry)
		}
		slot := protocol.Slot(key[1])<<24 | protocol.Slot(key[2])<<16 | protocol.Slot(key[3])<<8 | protocol.Slot(key[4])
		more, err := each(slot, protocol.Hash(key[5:]))
		if err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// jumpOver gives the jump of a child of parent: to where the parent's jump leads if the two last jumps were equally
// far, else to the parent. Any ancestor is then at most about 2 log n steps away (E. W. Myers, An applicative
// random-access stack, 1983).
func (s *Store) jumpOver(parent *Entry) (protocol.Hash, error) {
	at, steps := parent, [2]uint64{}
	for i := range steps {
		if at.Height == 0 {
			return parent.Hash, nil
		}
		next, err := s.entry(at.jump)
		if errors.Is(err, ErrNotFound) {
			return parent.Hash, nil // pruned
		}
		if err != nil {
			return protocol.Hash{}, err
		}
		steps[i] = at.Height - next.Height
		at = next
	}
	if steps[0] == steps[1] {
		return at.Hash, nil
	}
	return parent.Hash, nil
}

// AncestorAt gives the latest of a block and its ancestors that is not later than a slot; ErrNotFound if none is kept.
func (s *Store) AncestorAt(block protocol.Hash, slot protocol.Slot) (*Entry, error) {
	e, err := s.entry(block)
	for err == nil && e.Slot > slot {
		if e.Height == 0 {
			return nil, ErrNotFound
		}
		next, jumpErr := s.entry(e.jump)
		if jumpErr != nil || next.Slot <= slot {
			next, err = s.entry(e.Parent)
		}
		e = next
	}
	return e, err
}

// Ancestor says whether ancestor, the header of slot, is block itself or one of its ancestors. GP eq:ancestors.
func (s *Store) Ancestor(block, ancestor protocol.Hash, slot protocol.Slot) (bool, error) {
	e, err := s.entry(block)
	for err == nil && e.Hash != ancestor && e.Slot > slot && e.Height > 0 {
		next, jumpErr := s.entry(e.jump)
		if jumpErr != nil || next.Slot < slot {
			next, err = s.entry(e.Parent)
		}
		if err == nil {
			e = next
		}
	}
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && e.Hash == ancestor && e.Slot == slot, err
}
