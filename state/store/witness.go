package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"damson/state/trie"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A log or a manifest may end anywhere after a crash, and Pebble takes damage in the middle for such an end: all that
// follows would be gone without a word. A file of our own therefore witnesses how many blocks were on disk when somebody
// was told so. It is written after they were, so that it never claims too much; it may claim too little after a crash
// of the machine, and nothing if it is damaged itself.
const (
	witnessName = "SYNCED"
	witnessSize = 8 + 4 // number of the next block, checksum
)

type witness struct {
	file vfs.File
	seq  uint64
}

// openWitness opens the file, or makes it, and reads what it claims.
func openWitness(fs vfs.FS, dir string) (*witness, error) {
	path := fs.PathJoin(dir, witnessName)
	file, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	w := &witness{file: file}
	var b [witnessSize]byte
	if _, err := file.ReadAt(b[:], 0); err == nil && crc32.ChecksumIEEE(b[:8]) == binary.BigEndian.Uint32(b[8:]) {
		w.seq = binary.BigEndian.Uint64(b[:])
	}
	return w, nil
}

// claim notes that all blocks with numbers below seq are on disk.
func (w *witness) claim(seq uint64) error {
	if seq <= w.seq {
		return nil
	}
	var b [witnessSize]byte
	binary.BigEndian.PutUint64(b[:], seq)
	binary.BigEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[:8]))
	if _, err := w.file.WriteAt(b[:], 0); err != nil {
		return err
	}
	w.seq = seq
	return nil
}

func (w *witness) close() error { return errors.Join(w.file.Sync(), w.file.Close()) }

// inspect reads the logs and the manifest of a store that is not open and names those that do not end as they should.
// That is the mark of a crash as well as of damage. It also names the files that describe the others.
func inspect(fs vfs.FS, dir string) (unclean []string, description string, err error) {
	desc, err := pebble.Peek(dir, fs)
	if err != nil || !desc.Exists {
		return nil, "", err
	}
	names, err := fs.List(dir)
	if err != nil {
		return nil, "", err
	}
	description = fs.PathBase(desc.ManifestFilename) + " and " + fs.PathBase(desc.OptionsFilename)
	manifest := fs.PathBase(desc.ManifestFilename)
	for _, name := range names {
		number, isLog := strings.CutSuffix(name, ".log")
		n, err := strconv.ParseUint(number, 10, 32)
		if !isLog || err != nil {
			if n = 0; name != manifest {
				continue
			}
		}
		at, ok, err := endsWell(fs, fs.PathJoin(dir, name), n)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		if !ok {
			unclean = append(unclean, fmt.Sprintf("%s from offset %d on", name, at))
		}
	}
	return unclean, description, nil
}

// endsWell reads a file of records and gives the place where they end otherwise than by the end of the file.
func endsWell(fs vfs.FS, path string, log uint64) (at int64, ok bool, err error) {
	file, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	records := newReader(record.NewReader, file, log)
	for {
		at = records.Offset()
		r, err := records.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		switch {
		case errors.Is(err, io.EOF):
			return at, true, nil
		case errors.Is(err, record.ErrUnexpectedEOF), errors.Is(err, record.ErrInvalidChunk), errors.Is(err, record.ErrZeroedChunk):
			return at, false, nil
		case err != nil:
			return at, false, err
		}
	}
}

// newReader calls record.NewReader, whose type of numbers has no name outside Pebble.
func newReader[N ~uint64](open func(io.Reader, N) *record.Reader, file io.Reader, log uint64) *record.Reader {
	return open(file, N(log))
}

// lostError says that blocks are gone that were on disk.
func lostError(unclean []string, has, had uint64) error {
	files := "a log or the manifest"
	if len(unclean) > 0 {
		files = strings.Join(unclean, " and ")
	}
	return fmt.Errorf("damaged: %s: %d blocks were on disk, %d can be read", files, had-1, has-1)
}

// checkUnclean looks, without changing anything, at what can be read of a store whose files do not end well.
func (s *Store) checkUnclean(unclean []string, had uint64) (err error) {
	o := s.databaseOptions()
	o.ReadOnly = true
	db, err := pebble.Open(s.dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s.db = db
	has, err := s.number(metaSeq, 1)
	if err != nil {
		return err
	}
	if has < had {
		return lostError(unclean, has, had)
	}
	for _, file := range unclean {
		if strings.HasPrefix(file, "MANIFEST") {
			if err := s.checkWhole(); err != nil {
				return fmt.Errorf("damaged: %s: %w", file, err)
			}
		}
	}
	return nil
}

// checkWhole reads the best block's state and all ancestors of the block that should be there: without its manifest, the
// database does not miss the tables that it listed.
func (s *Store) checkWhole() error {
	hash, ok, err := s.pointer(metaBest)
	if err != nil || !ok {
		return err
	}
	e, err := s.entry(hash)
	if err != nil {
		return err
	}
	t, err := trie.NewPages(source{s}, s.opts.CacheBytes).Open(e.top, e.Root)
	if err != nil {
		return err
	}
	for range t.All() {
	}
	if err := t.Err(); err != nil {
		return err
	}
	tail, _, err := s.pointer(metaTail)
	for err == nil && e.Height > 0 && e.Hash != tail {
		e, err = s.entry(e.Parent)
	}
	return err
}
