package store

import (
	"errors"
	"fmt"
	"io"

	"damson/internal/protocol"
	"damson/state/store/snapshot"
	"damson/state/trie"
)

// Export writes the state after a block, as a snapshot that Import reads.
func (s *Store) Export(to io.Writer, hash protocol.Hash) error {
	e, err := s.entry(hash)
	if err != nil {
		return fmt.Errorf("block %s: %w", hash, err)
	}
	header, err := s.get(headerKey(e.Slot, hash))
	if err != nil {
		return err
	}
	st, err := s.State(hash)
	if err != nil {
		return err
	}
	h := &snapshot.Head{Hash: hash, Parent: e.Parent, Slot: e.Slot, Root: e.Root, Header: header}
	err = snapshot.Write(to, h, st.All())
	return errors.Join(st.Err(), err)
}

// importBatch bounds what of a snapshot is in memory at once, in octets of keys and values.
const importBatch = 8 << 20

// loader takes a snapshot in, some entries at a time.
type loader struct {
	store   *Store
	head    *snapshot.Head
	trie    *trie.Trie
	next    uint64
	changes []trie.Change
	octets  int
}

// Import reads a snapshot and keeps its state as that of a block whose ancestors are not known, and makes it the best one.
// It gives the block's hash. If it fails, nothing is kept.
func (s *Store) Import(from io.Reader) (protocol.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return protocol.Hash{}, err
	}
	l := &loader{store: s, trie: trie.New(nil), next: s.next}
	err := snapshot.Read(from, l.begin, l.entry)
	if err == nil {
		err = l.finish()
	}
	if err != nil {
		batch := s.db.NewBatch()
		undo := errors.Join(batch.DeleteRange(recordKey(s.next), keysAfter(prefixRecord), nil), s.apply(batch))
		return protocol.Hash{}, errors.Join(fmt.Errorf("store %s: import: %w", s.dir, err), undo)
	}
	return l.head.Hash, nil
}

func (l *loader) begin(h *snapshot.Head) error {
	l.head = h
	if _, err := l.store.entry(h.Hash); !errors.Is(err, ErrNotFound) {
		return errors.Join(err, fmt.Errorf("block %s is kept already", h.Hash))
	}
	if l.store.hasFinal && h.Slot <= l.store.finalSlot {
		return ErrFinalized
	}
	return nil
}

func (l *loader) entry(key protocol.StateKey, value []byte) error {
	l.changes = append(l.changes, trie.Change{Key: key, Value: value})
	l.octets += len(key) + len(value) + 64
	if l.octets < importBatch {
		return nil
	}
	return l.write()
}

// write brings what has gathered to disk. Entries come in order, so little of it is written again with what follows.
func (l *loader) write() error {
	s := l.store
	batch := s.db.NewBatch()
	written, err := s.pages.Write(l.trie.Apply(l.changes), l.next, func(id uint64, record []byte) error {
		return batch.Set(recordKey(id), record, nil)
	})
	if err != nil {
		return err
	}
	retired, err := s.pages.Retired(l.trie, written.Trie)
	if err != nil {
		return err
	}
	for _, id := range retired {
		if err := batch.Delete(recordKey(id), nil); err != nil {
			return err
		}
	}
	if err := s.apply(batch); err != nil {
		return err
	}
	written.Readable()
	l.trie, l.next, l.changes, l.octets = written.Trie, written.Next, nil, 0
	return nil
}

func (l *loader) finish() error {
	if err := l.write(); err != nil {
		return err
	}
	if got := l.trie.Root(); got != l.head.Root {
		return fmt.Errorf("the entries have root %s, the snapshot says %s", got, l.head.Root)
	}
	s, h := l.store, l.head
	batch := s.db.NewBatch()
	e := &Entry{
		Hash: h.Hash, Root: h.Root, Slot: h.Slot, seq: s.seq, top: l.trie.Top(), first: s.next, records: l.next - s.next,
	}
	err := s.describe(batch, e, &Block{Hash: h.Hash, Slot: h.Slot, Header: h.Header, Best: true}, l.next)
	if err == nil {
		err = s.send(&write{batch: batch, seq: e.seq + 1, applied: make(chan error, 1)})
	}
	if err != nil {
		return err
	}
	s.next, s.seq, s.best = l.next, s.seq+1, h.Hash
	s.remember(h.Hash, l.trie)
	return nil
}
