package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/trie"

	"github.com/cockroachdb/pebble/v2"
)

// Block is what Commit keeps: a block and the state after it.
type Block struct {
	Hash   protocol.Hash // of the header
	Parent protocol.Hash
	Slot   protocol.Slot
	Header []byte // encoded; may be empty where only the state is known, as at the beginning of a trace
	Body   []byte // the encoded extrinsic
	State  *state.State
	Best   bool // it is the best block from now on
}

// Commit keeps a block, all of it or nothing, and gives its state as the store has it: what is in memory of it from now
// on has a bound. It does not wait for the disk: see Sync. A block that is kept already stays as it is.
func (s *Store) Commit(b *Block) (*state.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	if _, err := s.entry(b.Hash); err == nil {
		return s.again(b)
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	batch := s.db.NewBatch()
	e := &Entry{Hash: b.Hash, Root: b.State.Root(), Slot: b.Slot, seq: s.seq, first: s.next}
	written, err := s.pages.Write(b.State.Trie(), s.next, func(id uint64, record []byte) error {
		return batch.Set(recordKey(id), record, nil)
	})
	if err == nil {
		e.top, e.records = written.Trie.Top(), written.Next-s.next
		err = s.link(batch, e, b.Parent, written.Trie)
	}
	if err == nil {
		err = s.describe(batch, e, b, written.Next)
	}
	if err == nil {
		err = s.send(&write{batch: batch, seq: e.seq + 1, applied: make(chan error, 1)})
	}
	if err != nil {
		return nil, fmt.Errorf("store %s: block %s: %w", s.dir, b.Hash, err)
	}
	written.Readable()
	s.next, s.seq = written.Next, s.seq+1
	if b.Best {
		s.best = b.Hash
	}
	s.remember(b.Hash, written.Trie)
	return b.State.On(written.Trie), nil
}

// again answers for a block that is kept already.
func (s *Store) again(b *Block) (*state.State, error) {
	if b.Best && s.best != b.Hash {
		if err := s.point(metaBest, b.Hash); err != nil {
			return nil, err
		}
		s.best = b.Hash
	}
	t, err := s.trie(b.Hash)
	if err != nil {
		return nil, err
	}
	return b.State.On(t), nil
}

// link says what the block has to do with its parent, if that is kept.
func (s *Store) link(batch *pebble.Batch, e *Entry, hash protocol.Hash, post *trie.Trie) error {
	parent, err := s.entry(hash)
	if errors.Is(err, ErrNotFound) {
		if s.hasFinal && e.Slot <= s.finalSlot {
			return ErrFinalized
		}
		return nil
	}
	if err != nil {
		return err
	}
	if s.hasFinal && hash != s.finalized && parent.Slot <= s.finalSlot {
		return ErrFinalized
	}
	e.Parent, e.Height = hash, parent.Height+1
	if e.jump, err = s.jumpOver(parent); err != nil {
		return err
	}
	prior, err := s.trie(hash)
	if err != nil {
		return err
	}
	retired, err := s.pages.Retired(prior, post)
	if err != nil || len(retired) == 0 {
		return err
	}
	list := make([]byte, 0, 3*len(retired))
	last := uint64(0)
	for _, id := range retired {
		list = binary.AppendUvarint(list, id-last)
		last = id
	}
	return batch.Set(numberKey(prefixRetired, e.seq), list, nil)
}

// describe adds all of a block but its state.
func (s *Store) describe(batch *pebble.Batch, e *Entry, b *Block, next uint64) error {
	errs := []error{
		batch.Set(entryKey(b.Hash), e.encode(), nil),
		batch.Set(headerKey(b.Slot, b.Hash), b.Header, nil),
		batch.Set(numberKey(prefixBody, e.seq), b.Body, nil),
		batch.Set(metaKey(metaNext), binary.BigEndian.AppendUint64(nil, next), nil),
		batch.Set(metaKey(metaSeq), binary.BigEndian.AppendUint64(nil, e.seq+1), nil),
	}
	if b.Best {
		errs = append(errs, batch.Set(metaKey(metaBest), b.Hash[:], nil))
	}
	return errors.Join(errs...)
}

// SetBest makes a block that is kept the best one.
func (s *Store) SetBest(hash protocol.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if _, err := s.entry(hash); err != nil {
		return err
	}
	if err := s.point(metaBest, hash); err != nil {
		return err
	}
	s.best = hash
	return nil
}

func (s *Store) ready() error {
	if s.closed {
		return ErrClosed
	}
	return s.Err()
}

// point writes a hash kept by name.
func (s *Store) point(name string, hash protocol.Hash) error {
	batch := s.db.NewBatch()
	if err := batch.Set(metaKey(name), hash[:], nil); err != nil {
		return err
	}
	return s.apply(batch)
}

// remember keeps a trie at hand.
func (s *Store) remember(hash protocol.Hash, t *trie.Trie) {
	if _, ok := s.recent[hash]; !ok {
		s.order = append(s.order, hash)
	}
	s.recent[hash] = t
	if len(s.order) > recentTries {
		delete(s.recent, s.order[0])
		s.order = s.order[1:]
	}
}

// write is a batch on its way to the disk.
type write struct {
	batch   *pebble.Batch // nil asks only when all before are synced
	seq     uint64        // number of the block after it, if it holds one
	applied chan error
	synced  chan error // nil if nobody waits
}

// apply makes a batch visible now, and durable some time later.
func (s *Store) apply(batch *pebble.Batch) error {
	return s.send(&write{batch: batch, applied: make(chan error, 1)})
}

func (s *Store) send(w *write) error {
	select {
	case s.writes <- w:
		return s.wait(w.applied)
	case <-s.failed.done:
		return s.Err()
	}
}

// wait gives the reply, or the failure if that comes first: a database whose disk is full may never reply.
func (s *Store) wait(reply chan error) error {
	select {
	case err := <-reply:
		return err
	case <-s.failed.done:
		return s.Err()
	}
}

// Sync returns when all that was committed before is on disk. Only then may anybody be told so.
func (s *Store) Sync() error { return s.settle(nil) }

// startWriters begins two goroutines: one hands batches to the database in order, the other waits for them to reach the
// disk. The database syncs all that came meanwhile at once.
func (s *Store) startWriters() {
	s.writers.Go(func() {
		defer close(s.synced)
		for w := range s.writes {
			var err error
			if w.batch != nil {
				err = s.hand(w.batch)
			}
			w.applied <- err
			if err == nil {
				s.synced <- w
			}
		}
	})
	s.writers.Go(func() {
		onDisk := uint64(0)
		for w := range s.synced {
			if w.batch != nil {
				if err := w.batch.SyncWait(); err != nil {
					s.failed.note(fmt.Errorf("sync: %w", err))
				}
				_ = w.batch.Close() // gives its memory back; it cannot fail
			}
			onDisk = max(onDisk, w.seq)
			if w.synced == nil {
				continue
			}
			if s.failed.get() == nil {
				if err := s.witness.claim(onDisk); err != nil {
					s.failed.note(fmt.Errorf("%s: %w", witnessName, err))
				}
			}
			w.synced <- s.failed.get()
		}
	})
}

// protect makes an error of a panic: the database panics where it cannot write.
func protect(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("database: %v", r)
		}
	}()
	return do()
}

// hand gives a batch to the database.
func (s *Store) hand(batch *pebble.Batch) error {
	err := protect(func() error { return s.db.ApplyNoSyncWait(batch, pebble.Sync) })
	if err != nil {
		s.failed.note(fmt.Errorf("write: %w", err))
	}
	return s.failed.get()
}

// stop waits for the writers and closes the database. After a failure it does not wait: they may never end.
func (s *Store) stop() error {
	close(s.writes)
	closed := make(chan error, 1)
	go func() {
		s.writers.Wait()
		closed <- s.closeDatabase()
	}()
	return s.wait(closed)
}
