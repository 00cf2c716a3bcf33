package store

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Backup makes a copy of the store in a folder that must not exist. It may be used meanwhile: the copy is of one moment, and shares
// files with the store where the file system can.
func (s *Store) Backup(dir string) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.readers.Done()
	if err := s.Sync(); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("store %s: backup: %w", s.dir, err)
	}
	return nil
}

// Prune deletes all that is older than the retention, whether or not the store is an archive, and gives the room that deleted things
// took back to the disk.
func (s *Store) Prune() error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.readers.Done()
	s.mu.Lock()
	final := s.hasFinal
	s.mu.Unlock()
	if final {
		if err := s.prune(); err != nil {
			return fmt.Errorf("store %s: prune: %w", s.dir, err)
		}
	}
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	if err := s.db.Compact(context.Background(), []byte{0}, []byte{0xff}, true); err != nil {
		return fmt.Errorf("store %s: compact: %w", s.dir, err)
	}
	return nil
}
