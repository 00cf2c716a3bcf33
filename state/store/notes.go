package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Notes are small facts by name that a node must not forget whatever stops it: which slot it has sealed, how it has voted.
// They know nothing of blocks and are kept until somebody deletes them.
const (
	maxNoteKey = 1 << 10 // octets
	maxNote    = 16 << 20
)

// ErrNote is a note whose name is empty, or that is too long.
var ErrNote = errors.New("store: not a note that can be kept")

func noteKey(name string) []byte { return append([]byte{prefixNote}, name...) }

// SetNote keeps a value by name in the place of the one before. When it returns without an error, the value is on disk,
// and so is all that was committed before.
func (s *Store) SetNote(name string, value []byte) error {
	if name == "" || len(name) > maxNoteKey || len(value) > maxNote {
		return fmt.Errorf("%w: name of %d octets, value of %d", ErrNote, len(name), len(value))
	}
	batch := s.db.NewBatch()
	if err := batch.Set(noteKey(name), value, nil); err != nil {
		return fmt.Errorf("store %s: note %s: %w", s.dir, name, err)
	}
	return s.settle(batch)
}

// Note gives a copy of the value kept by name; false if there is none.
func (s *Store) Note(name string) ([]byte, bool, error) {
	value, err := s.get(noteKey(name))
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Notes calls each for every note whose name begins with prefix, in the order of the names, until it says no. The value
// must not be kept. It must not close the store.
func (s *Store) Notes(prefix string, each func(name string, value []byte) (more bool)) (err error) {
	if !s.enter() {
		return ErrClosed
	}
	defer s.readers.Done()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: noteKey(prefix), UpperBound: after(noteKey(prefix))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if !each(string(it.Key()[1:]), it.Value()) {
			return nil
		}
	}
	return it.Error()
}

// DeleteNotes deletes all notes whose names begin with prefix. When it returns without an error, they are gone from disk.
func (s *Store) DeleteNotes(prefix string) error {
	batch := s.db.NewBatch()
	if err := batch.DeleteRange(noteKey(prefix), after(noteKey(prefix)), nil); err != nil {
		return fmt.Errorf("store %s: notes %s: %w", s.dir, prefix, err)
	}
	return s.settle(batch)
}

// after is the end of the keys that begin with key, whose first octet is not 255.
func after(key []byte) []byte {
	end := append([]byte(nil), key...)
	for end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	end[len(end)-1]++
	return end
}

// settle hands over a batch, or none, and waits until it and all before it is on disk.
func (s *Store) settle(batch *pebble.Batch) error {
	w := &write{batch: batch, applied: make(chan error, 1), synced: make(chan error, 1)}
	s.mu.Lock()
	err := s.ready()
	if err == nil {
		err = s.send(w)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.wait(w.synced)
}
