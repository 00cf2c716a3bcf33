// Package shelf keeps on disk what a validator has of the data of packages: its shards, the packages that it guaranteed, and
// what it needs to find those of others. GP §14.3, §15.
//
// shelf.go is the database, what it may hold and what goes first; entries.go is what stands in it. All of it may be called by
// several goroutines, and nothing of it by a loop, since it waits for the disk.
package shelf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"damson/internal/protocol"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configures Open. Params must be set; the zero value of the rest is fit for production.
type Options struct {
	Params *protocol.Params
	Bytes  int64  // bound on what is kept: what is oldest goes first; 0 means 1 TiB
	FS     vfs.FS // nil means the disk

	// SegmentSlots is how long the shards of segments are kept after their report; 0 means 672 epochs, which are 28 days.
	SegmentSlots protocol.Slot
}

const (
	defaultBytes  = 1 << 40
	segmentEpochs = 672     // GP §14.3
	memTable      = 8 << 20 // octets
	dropBatch     = 4096    // entries that go at a time
)

// Reasons why something is not given or not taken.
var (
	ErrNotFound = errors.New("shelf: not found")
	ErrFull     = errors.New("shelf: no room")
)

// Shelf is an open database.
type Shelf struct {
	opts   Options
	db     *pebble.DB
	size   atomic.Int64
	fatal  atomic.Pointer[error]
	making sync.Mutex // who drops
}

// Open opens what is kept in a folder, or begins there.
func Open(dir string, o Options) (*Shelf, error) {
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.SegmentSlots == 0 {
		o.SegmentSlots = segmentEpochs * o.Params.EpochLength
	}
	s := &Shelf{opts: o}
	db, err := pebble.Open(dir, &pebble.Options{
		FS: o.FS, FormatMajorVersion: pebble.FormatTableFormatV6, MemTableSize: memTable, Logger: events{s},
	})
	if err != nil {
		return nil, fmt.Errorf("shelf %s: %w", dir, err)
	}
	s.db = db
	if err := s.measure(); err != nil {
		return nil, errors.Join(fmt.Errorf("shelf %s: %w", dir, err), db.Close())
	}
	return s, nil
}

// Close closes the database. Nobody may use it any more.
func (s *Shelf) Close() error { return s.db.Close() }

// Size gives about how many octets are kept.
func (s *Shelf) Size() int64 { return s.size.Load() }

// events takes what Pebble would log: of what is fatal it also returns an error.
type events struct{ *Shelf }

// Infof drops what is of no consequence.
func (events) Infof(string, ...any) {}

// Errorf drops what comes back as an error too.
func (events) Errorf(string, ...any) {}

// Fatalf notes that nothing more can be written.
func (e events) Fatalf(format string, args ...any) {
	err := fmt.Errorf("shelf: "+format, args...)
	e.fatal.CompareAndSwap(nil, &err)
}

// class says how long an entry is kept.
type class byte

const (
	brief class = iota // until the block is final that makes the data available
	long               // as long as Options.SegmentSlots
)

// put keeps values under keys as long as their classes say of a slot. When it returns, all is on disk that was put before.
func (s *Shelf) put(slot protocol.Slot, values ...entry) error {
	if err := s.fatal.Load(); err != nil {
		return *err
	}
	batch := s.db.NewBatch()
	var added int64
	for _, e := range values {
		if known, err := s.has(e.key); known || err != nil {
			if err != nil {
				return errors.Join(err, batch.Close())
			}
			continue
		}
		size := int64(len(e.key) + len(e.value))
		added += size
		err := errors.Join(
			batch.Set(e.key, e.value, nil),
			batch.Set(timeKey(e.class, slot, e.key), binary.LittleEndian.AppendUint64(nil, uint64(size)), nil))
		if err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	if err := s.room(added); err != nil {
		return errors.Join(err, batch.Close())
	}
	s.size.Add(added)
	if err := batch.Commit(pebble.Sync); err != nil {
		s.size.Add(-added)
		return fmt.Errorf("shelf: %w", err)
	}
	return nil
}

type entry struct {
	class
	key, value []byte
}

func (s *Shelf) has(key []byte) (bool, error) {
	_, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("shelf: %w", err)
	}
	return true, closer.Close()
}

// get gives a copy of a value.
func (s *Shelf) get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("shelf: %w", err)
	}
	return append([]byte(nil), value...), closer.Close()
}

// timeKey orders entries by class and age.
func timeKey(c class, slot protocol.Slot, key []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{prefixTime, byte(c)}, uint32(slot))
	return append(b, key...)
}

const timeOctets = 1 + 1 + 4

// Finalized drops what need not be kept any more once a block of a slot is final. The data of a report is available or given
// up U slots after it stands on chain, which is at most two rotations after it was guaranteed.
func (s *Shelf) Finalized(slot protocol.Slot) error {
	p := s.opts.Params
	var first error
	for c, age := range [...]protocol.Slot{brief: p.AvailabilityTimeout + 2*p.RotationPeriod, long: s.opts.SegmentSlots} {
		if slot <= age {
			continue
		}
		if err := s.drop(timeKey(class(c), 0, nil), timeKey(class(c), slot-age, nil), 1<<62); first == nil {
			first = err
		}
	}
	return first
}

// room makes room for so many octets: what is oldest goes.
func (s *Shelf) room(octets int64) error {
	if octets > s.opts.Bytes {
		return ErrFull
	}
	for _, c := range [...]class{long, brief} {
		over := s.size.Load() + octets - s.opts.Bytes
		if over <= 0 {
			return nil
		}
		if err := s.drop(timeKey(c, 0, nil), timeKey(c+1, 0, nil), over); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes entries between two keys of time, the oldest first, until so many octets are gone.
func (s *Shelf) drop(first, end []byte, octets int64) (err error) {
	s.making.Lock()
	defer s.making.Unlock()
	var dropped int64
	for more := true; more && err == nil && dropped < octets; {
		var n int64
		n, more, err = s.dropSome(first, end, octets-dropped)
		dropped += n
	}
	s.size.Add(-dropped)
	return err
}

func (s *Shelf) dropSome(first, end []byte, octets int64) (dropped int64, more bool, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: first, UpperBound: end})
	if err != nil {
		return 0, false, fmt.Errorf("shelf: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	batch := s.db.NewBatch()
	count := 0
	ok := it.First()
	for ; ok && dropped < octets && count < dropBatch; ok = it.Next() {
		if err := errors.Join(batch.Delete(it.Key()[timeOctets:], nil), batch.Delete(it.Key(), nil)); err != nil {
			return 0, false, err
		}
		dropped += sizeOf(it.Value())
		count++
	}
	if err := errors.Join(it.Error(), batch.Commit(pebble.NoSync)); err != nil {
		return 0, false, fmt.Errorf("shelf: %w", err)
	}
	return dropped, ok, nil
}

func sizeOf(value []byte) int64 {
	if len(value) != 8 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(value))
}

// measure adds up what is there.
func (s *Shelf) measure() (err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixTime}, UpperBound: []byte{prefixTime + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var size int64
	for ok := it.First(); ok; ok = it.Next() {
		size += sizeOf(it.Value())
	}
	s.size.Store(size)
	return it.Error()
}
