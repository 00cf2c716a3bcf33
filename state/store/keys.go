package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"damson/internal/protocol"
)

// Prefixes of keys. Numbers are big-endian, so that what is written later sorts later and compaction has little to do.
const (
	prefixBody    = 'b' // + number of the block: its extrinsic
	prefixEntry   = 'e' // + hash of the header: entry
	prefixHeader  = 'h' // + slot + hash: the encoded header
	prefixMeta    = 'm' // + name
	prefixNote    = 'n' // + name: see SetNote
	prefixRecord  = 'p' // + number: a page or a value of the states
	prefixRetired = 'r' // + number of the block: records that its parent's state had and its own does not
)

// Names of single values.
const (
	metaFormat    = "format"    // version of all this
	metaParams    = "params"    // hash of the chain's parameters
	metaBest      = "best"      // hash of the best block
	metaFinalized = "finalized" // hash of the finalized block
	metaTail      = "tail"      // hash of the oldest finalized block whose state is kept
	metaForks     = "forks"     // is there if an archive has kept forks from before the finalized block
	metaNext      = "next"      // number of the next record
	metaSeq       = "seq"       // number of the next block
)

func numberKey(prefix byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, n)
}

func recordKey(id uint64) []byte { return numberKey(prefixRecord, id) }

func entryKey(hash protocol.Hash) []byte { return append([]byte{prefixEntry}, hash[:]...) }

func slotKey(slot protocol.Slot) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixHeader}, uint32(slot))
}

func headerKey(slot protocol.Slot, hash protocol.Hash) []byte {
	return append(slotKey(slot), hash[:]...)
}

func metaKey(name string) []byte { return append([]byte{prefixMeta}, name...) }

// keysAfter is the end of the keys with a prefix.
func keysAfter(prefix byte) []byte { return []byte{prefix + 1} }

// Entry is what is known of a block without looking into it.
type Entry struct {
	Hash   protocol.Hash // of the header
	Parent protocol.Hash // zero if it is not kept
	Root   protocol.Hash // of the state after it
	Slot   protocol.Slot
	Height uint64 // above the first block kept here

	seq     uint64        // number of the block
	top     uint64        // record of the state's top
	first   uint64        // records that came with it: first and following
	records uint64        // how many
	jump    protocol.Hash // an ancestor further back, see Ancestor
}

const entrySize = 32 + 32 + 32 + 4 + 5*8

func (e *Entry) encode() []byte {
	b := make([]byte, 0, entrySize)
	b = append(b, e.Parent[:]...)
	b = append(b, e.Root[:]...)
	b = append(b, e.jump[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(e.Slot))
	for _, n := range []uint64{e.Height, e.seq, e.top, e.first, e.records} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

var errEntry = errors.New("entry has another length than the format says")

func decodeEntry(hash protocol.Hash, b []byte) (*Entry, error) {
	if len(b) != entrySize {
		return nil, errEntry
	}
	e := &Entry{Hash: hash}
	copy(e.Parent[:], b)
	copy(e.Root[:], b[32:])
	copy(e.jump[:], b[64:])
	e.Slot = protocol.Slot(binary.BigEndian.Uint32(b[96:]))
	for i, n := range []*uint64{&e.Height, &e.seq, &e.top, &e.first, &e.records} {
		*n = binary.BigEndian.Uint64(b[100+8*i:])
	}
	return e, nil
}

// entry reads the entry of a block.
func (s *Store) entry(hash protocol.Hash) (*Entry, error) {
	b, err := s.get(entryKey(hash))
	if err != nil {
		return nil, err
	}
	e, err := decodeEntry(hash, b)
	if err != nil {
		return nil, fmt.Errorf("store %s: block %s: %w", s.dir, hash, err)
	}
	return e, nil
}

// number reads a number kept by name, or gives what it is in the beginning.
func (s *Store) number(name string, initial uint64) (uint64, error) {
	b, err := s.get(metaKey(name))
	switch {
	case errors.Is(err, ErrNotFound):
		return initial, nil
	case err != nil:
		return 0, err
	case len(b) != 8:
		return 0, fmt.Errorf("%s: %w", name, errEntry)
	}
	return binary.BigEndian.Uint64(b), nil
}

// pointer reads a hash kept by name.
func (s *Store) pointer(name string) (hash protocol.Hash, ok bool, err error) {
	b, err := s.get(metaKey(name))
	switch {
	case errors.Is(err, ErrNotFound):
		return hash, false, nil
	case err != nil:
		return hash, false, err
	case len(b) != len(hash):
		return hash, false, fmt.Errorf("%s: %w", name, errEntry)
	}
	return protocol.Hash(b), true, nil
}
