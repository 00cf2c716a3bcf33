package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"damson/crypto/blake2b"

	"github.com/cockroachdb/pebble/v2"
)

// migrations[i] turns a store of format i+1 into one of format i+2, in one batch. Whoever changes what is written in a
// way that older code or older stores do not have appends one; a store then has the format len(migrations)+1.
var migrations = []migration{
	// Format 2 has notes. Whoever does not know them would seal and vote in spite of them.
	func(*Store, *pebble.Batch) error { return nil },
}

type migration func(*Store, *pebble.Batch) error

// checkFormat makes a new store one of the newest format, brings an older one up to date, and refuses what it does not know.
func (s *Store) checkFormat(migrations []migration) error {
	newest := uint64(len(migrations)) + 1
	params := blake2b.Sum256(s.params.AppendTo(nil))
	version, err := s.number(metaFormat, 0)
	switch {
	case err != nil:
		return err
	case version > newest:
		return fmt.Errorf("format %d is newer than this program, which knows %d", version, newest)
	case version == 0:
		b := s.db.NewBatch()
		return errors.Join(
			b.Set(metaKey(metaFormat), binary.BigEndian.AppendUint64(nil, newest), nil),
			b.Set(metaKey(metaParams), params[:], nil), b.Commit(pebble.Sync))
	}
	kept, err := s.get(metaKey(metaParams))
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	if !bytes.Equal(kept, params[:]) {
		return errors.New("holds a chain with other parameters (see --spec)")
	}
	for ; version < newest; version++ {
		b := s.db.NewBatch()
		if err := migrations[version-1](s, b); err != nil {
			return fmt.Errorf("migration from format %d: %w", version, err)
		}
		err := errors.Join(
			b.Set(metaKey(metaFormat), binary.BigEndian.AppendUint64(nil, version+1), nil), b.Commit(pebble.Sync))
		if err != nil {
			return fmt.Errorf("migration from format %d: %w", version, err)
		}
	}
	return nil
}
