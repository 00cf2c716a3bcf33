package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"damson/internal/protocol"

	"github.com/cockroachdb/pebble/v2"
)

// ErrNotDescendant is a block to be finalized that does not descend from the one finalized before.
var ErrNotDescendant = errors.New("store: does not descend from the finalized block")

// pruneBatch bounds the deletions of one batch, so that a block never waits long for its own.
const pruneBatch = 2000

// pruner deletes in the background what finality has made old.
type pruner struct {
	wake chan struct{}
	stop chan struct{}
	done sync.WaitGroup
	turn sync.Mutex // held while old things are deleted

	tailSeq uint64 // states of blocks with lower numbers are gone; guarded by Store.mu
}

// Finalize makes a block and its ancestors final. Blocks that do not descend from it, and are not its ancestors, are
// forgotten at once; what is older than the retention goes in the background.
func (s *Store) Finalize(hash protocol.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if s.hasFinal && s.finalized == hash {
		return nil
	}
	e, err := s.entry(hash)
	if err != nil {
		return err
	}
	if s.hasFinal && e.Slot <= s.finalSlot {
		return fmt.Errorf("block %s: %w", hash, ErrNotDescendant)
	}
	batch := s.db.NewBatch()
	var dead []protocol.Hash
	err = batch.Set(metaKey(metaFinalized), hash[:], nil)
	switch {
	case err != nil:
	case s.opts.Archive:
		err = errors.Join(s.checkDescends(e), batch.Set(metaKey(metaForks), nil, nil))
	default:
		dead, err = s.dropForks(batch, e, s.finalized, s.finalSlot)
	}
	if err == nil {
		err = s.apply(batch)
	}
	if err != nil {
		return fmt.Errorf("store %s: finalize: %w", s.dir, err)
	}
	s.finalized, s.finalSlot, s.hasFinal = hash, e.Slot, true
	s.forget(dead)
	select {
	case s.pruning.wake <- struct{}{}:
	default:
	}
	return nil
}

// checkDescends says whether a block descends from the finalized one.
func (s *Store) checkDescends(e *Entry) error {
	if !s.hasFinal {
		return nil
	}
	if ok, err := s.Ancestor(e.Hash, s.finalized, s.finalSlot); err != nil || ok {
		return err
	}
	return ErrNotDescendant
}

// dropForks adds to a batch the deletion of all blocks from a slot on that can never be best once final is finalized,
// which must descend from since, the block finalized in that slot. Since is zero if there is none.
func (s *Store) dropForks(batch *pebble.Batch, final *Entry, since protocol.Hash, slot protocol.Slot) (dead []protocol.Hash, err error) {
	path := map[protocol.Hash]bool{final.Hash: true}
	for e := final; e.Height > 0 && e.Hash != since; {
		if e, err = s.entry(e.Parent); errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		path[e.Hash] = true
	}
	if since != (protocol.Hash{}) && !path[since] {
		return nil, ErrNotDescendant
	}
	gone := make(map[protocol.Hash]bool)
	err = s.headers(slotKey(slot), func(slot protocol.Slot, hash protocol.Hash) (bool, error) {
		e, err := s.entry(hash)
		if err != nil {
			return false, err
		}
		if path[hash] || slot > final.Slot && !gone[e.Parent] {
			return true, nil
		}
		gone[hash] = true
		dead = append(dead, hash)
		if e.records > 0 {
			err = batch.DeleteRange(recordKey(e.first), recordKey(e.first+e.records), nil)
		}
		return err == nil, errors.Join(err, batch.Delete(numberKey(prefixRetired, e.seq), nil), deleteBlock(batch, e))
	})
	if gone[s.best] {
		err = errors.Join(err, batch.Set(metaKey(metaBest), final.Hash[:], nil))
		s.best = final.Hash
	}
	return dead, err
}

// dropArchived forgets the forks of a chain that was an archive before.
func (s *Store) dropArchived() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.get(metaKey(metaForks)); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	final, err := s.entry(s.finalized)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	dead, err := s.dropForks(batch, final, protocol.Hash{}, 0)
	if err == nil {
		err = batch.Delete(metaKey(metaForks), nil)
	}
	if err == nil {
		err = s.apply(batch)
	}
	s.forget(dead)
	return err
}

// forget drops what is at hand of blocks that are gone.
func (s *Store) forget(dead []protocol.Hash) {
	for _, hash := range dead {
		delete(s.recent, hash)
	}
}

// deleteBlock adds the deletion of all of a block but its state.
func deleteBlock(batch *pebble.Batch, e *Entry) error {
	return errors.Join(batch.Delete(entryKey(e.Hash), nil), batch.Delete(headerKey(e.Slot, e.Hash), nil),
		batch.Delete(numberKey(prefixBody, e.seq), nil))
}

func (s *Store) startPruning() {
	s.pruning.wake, s.pruning.stop = make(chan struct{}, 1), make(chan struct{})
	if s.opts.Archive {
		return
	}
	if s.hasFinal {
		s.pruning.wake <- struct{}{} // go on where it was stopped
	}
	s.pruning.done.Go(func() {
		for {
			select {
			case <-s.pruning.stop:
				return
			case <-s.pruning.wake:
			}
			if err := s.prune(); err != nil {
				s.failed.note(fmt.Errorf("prune: %w", err))
				return
			}
		}
	})
}

func (s *Store) stopPruning() {
	close(s.pruning.stop)
	s.pruning.done.Wait()
}

func (s *Store) stopped() bool {
	select {
	case <-s.pruning.stop:
		return true
	case <-s.failed.done:
		return true
	default:
		return false
	}
}

// prune deletes the states and blocks that are older than the retention.
func (s *Store) prune() error {
	s.pruning.turn.Lock()
	defer s.pruning.turn.Unlock()
	s.mu.Lock()
	final := s.finalSlot
	s.mu.Unlock()
	if err := s.dropArchived(); err != nil {
		return err
	}
	tail, err := s.tail()
	for more := true; more && err == nil && !s.stopped(); {
		tail, more, err = s.pruneStates(tail, final)
	}
	for more := true; more && err == nil && !s.stopped(); {
		more, err = s.pruneBlocks(tail, final)
	}
	return err
}

// tail gives the oldest finalized block whose state is kept.
func (s *Store) tail() (*Entry, error) {
	hash, ok, err := s.pointer(metaTail)
	if err != nil {
		return nil, err
	}
	if !ok {
		err = s.headers(slotKey(0), func(_ protocol.Slot, first protocol.Hash) (bool, error) {
			hash = first
			return false, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return s.entry(hash)
}

// pruneStates deletes the oldest states, as many as fit one batch: of each state what the next one does not have.
func (s *Store) pruneStates(tail *Entry, final protocol.Slot) (post *Entry, more bool, err error) {
	batch := s.db.NewBatch()
	prior := tail
	var old []protocol.Hash
	err = s.headers(slotKey(tail.Slot+1), func(slot protocol.Slot, hash protocol.Hash) (bool, error) {
		more = slot <= final && tail.Slot+s.opts.StateSlots < final
		if !more || batch.Count() >= pruneBatch {
			return false, nil
		}
		next, err := s.entry(hash)
		if err != nil {
			return false, err
		}
		if next.Parent != tail.Hash {
			return false, fmt.Errorf("block %s follows finalized %s but is no child of it", hash, tail.Hash)
		}
		old = append(old, tail.Hash)
		tail = next
		return true, s.deleteRetired(batch, next)
	})
	if err != nil || tail == prior {
		return tail, false, errors.Join(err, batch.Close())
	}
	s.mu.Lock()
	s.forget(old)
	s.pruning.tailSeq = tail.seq
	s.mu.Unlock()
	if err := batch.Set(metaKey(metaTail), tail.Hash[:], nil); err != nil {
		return nil, false, err
	}
	return tail, more, s.apply(batch)
}

// deleteRetired adds the deletion of what a block's state does not have of its parent's.
func (s *Store) deleteRetired(batch *pebble.Batch, e *Entry) error {
	key := numberKey(prefixRetired, e.seq)
	list, err := s.get(key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for id := uint64(0); len(list) > 0; {
		delta, n := binary.Uvarint(list)
		if n <= 0 {
			return fmt.Errorf("records retired by block %s: %w", e.Hash, errEntry)
		}
		list, id = list[n:], id+delta
		if err := batch.Delete(recordKey(id), nil); err != nil {
			return err
		}
	}
	return batch.Delete(key, nil)
}

// pruneBlocks deletes the oldest blocks, as many as fit one batch. Their states are gone already.
func (s *Store) pruneBlocks(tail *Entry, final protocol.Slot) (more bool, err error) {
	batch := s.db.NewBatch()
	err = s.headers(slotKey(0), func(slot protocol.Slot, hash protocol.Hash) (bool, error) {
		old := slot < tail.Slot && slot+s.opts.BlockSlots < final
		more = old && batch.Count() >= pruneBatch
		if !old || more {
			return false, nil
		}
		e, err := s.entry(hash)
		if err != nil {
			return false, err
		}
		return true, deleteBlock(batch, e)
	})
	if err != nil || batch.Empty() {
		return false, errors.Join(err, batch.Close())
	}
	return more, s.apply(batch)
}
