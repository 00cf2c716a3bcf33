package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// databaseFormat is the format of Pebble's files. A newer one is a migration of ours: see format.go.
const databaseFormat = pebble.FormatTableFormatV6

func (s *Store) databaseOptions() *pebble.Options {
	o := &pebble.Options{
		Cache:                       s.cache,
		FS:                          logGuard{s.opts.FS, s},
		FormatMajorVersion:          databaseFormat,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                512,
		Logger:                      events{s},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.failed.note(fmt.Errorf("database: %w", err)) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.failed.note(fmt.Errorf("file %s is corrupted: %w", info.Path, info.Details))
			},
		},
	}
	o.Levels[0].BlockSize = 8 << 10
	return o
}

// events takes what Pebble would log. What it calls fatal ends the store, not the program: Pebble gives the error to
// its caller after that.
type events struct{ store *Store }

// Infof drops what is of no consequence.
func (events) Infof(string, ...any) {}

// Errorf drops what comes back as an error too.
func (events) Errorf(string, ...any) {}

// Fatalf notes what the database cannot go on after.
func (e events) Fatalf(format string, args ...any) {
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			e.store.failed.note(fmt.Errorf("database: %s: %w", strings.TrimSuffix(format, ": %v"), err))
			return
		}
	}
	e.store.failed.note(fmt.Errorf("database: "+format, args...))
}

// openDatabase opens the database. Where its files end as they do after a crash or after damage, it looks first whether
// anything is lost, because opening it would remove what is left.
func (s *Store) openDatabase() error {
	fs := s.opts.FS
	if err := fs.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	unclean, description, err := inspect(fs, s.dir)
	if err != nil {
		return err
	}
	w, err := openWitness(fs, s.dir)
	if err != nil {
		return err
	}
	if len(unclean) > 0 && w.seq > 0 {
		err = s.checkUnclean(unclean, w.seq)
	}
	if err == nil {
		s.db, err = pebble.Open(s.dir, s.databaseOptions())
	}
	if err != nil {
		if noted := s.failed.get(); noted != nil && !errors.Is(err, noted) {
			err = errors.Join(noted, err)
		}
		if len(unclean) > 0 {
			err = fmt.Errorf("%w (%s may be damaged)", err, strings.Join(unclean, " and "))
		}
		if description != "" {
			err = fmt.Errorf("open by %s: %w", description, err)
		}
		return errors.Join(err, w.close())
	}
	has, err := s.number(metaSeq, 1)
	if err == nil && has < w.seq {
		err = lostError(unclean, has, w.seq)
	}
	if err != nil {
		return errors.Join(err, s.db.Close(), w.close())
	}
	s.witness = w
	return nil
}

// enter begins to read; the database stays open until readers.Done is called.
func (s *Store) enter() bool {
	s.readersMu.Lock()
	defer s.readersMu.Unlock()
	if !s.gone {
		s.readers.Add(1)
	}
	return !s.gone
}

// source gives the records of states.
type source struct{ store *Store }

// Read gives a record.
func (s source) Read(id uint64) ([]byte, error) { return s.store.get(recordKey(id)) }

// get gives a copy of the value of a key; ErrNotFound if there is none.
func (s *Store) get(key []byte) ([]byte, error) {
	if !s.enter() {
		return nil, ErrClosed
	}
	defer s.readers.Done()
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		if noted := s.failed.get(); noted != nil {
			err = noted // with the file's name
		}
		return nil, fmt.Errorf("store %s: %w", s.dir, err)
	}
	out := append([]byte{}, value...)
	return out, closer.Close()
}
