// Package store keeps blocks and the states after them on disk, so that a chain goes on where it stopped, whatever
// stopped it. GP leaves this to the node; what must be kept follows from GP §5 (ancestors) and §17 (audits).
//
// Everything of a block is written in one atomic batch: header, body, what its state has that no state before had, and
// the pointer to the best block. Batches reach the disk in the order of [Store.Commit], and a crash loses at most the
// last of them: those for which [Store.Sync] had not returned. States share their records (state/trie.Pages); docs/adr
// says why they are kept so.
package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"damson/internal/protocol"
	"damson/state/trie"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configures Open. Params must be set; the zero value of the rest is fit for production.
type Options struct {
	Params     *protocol.Params
	CacheBytes int64 // bound on what is kept in memory of what is on disk; 0 means 256 MiB
	Archive    bool  // keep everything

	// What is kept of finalized history, in slots before the finalized block. 0 means what the protocol needs: states for
	// an epoch, blocks for D slots, which are the age of lookup anchors and the time for audits (GP §I.4.4).
	StateSlots, BlockSlots protocol.Slot

	FS vfs.FS // nil means the disk
}

const (
	defaultCache = 256 << 20
	memTable     = 16 << 20 // octets of a table in memory before it goes to disk; up to two exist
	recentTries  = 64       // states whose upper nodes are kept at hand
	maxPending   = 64       // batches that wait to be synced
)

// Reasons why something is not given or not taken.
var (
	ErrNotFound  = errors.New("store: not found")                                  // never kept, or pruned
	ErrFinalized = errors.New("store: the block forks off before a finalized one") // and can never be best
	ErrClosed    = errors.New("store: closed")
)

// Store is an open chain. It is safe for concurrent use; commits are taken one at a time.
type Store struct {
	dir     string
	opts    Options
	params  *protocol.Params
	db      *pebble.DB
	cache   *pebble.Cache
	witness *witness // written by the goroutine that waits for the disk
	pages   *trie.Pages
	failed  failure
	running atomic.Bool // all is open

	readers   sync.WaitGroup // who reads the database now
	readersMu sync.Mutex
	gone      bool // nobody may begin to; guarded by readersMu

	mu        sync.Mutex // guards what follows
	next      uint64     // number of the next record
	seq       uint64     // number of the next block
	best      protocol.Hash
	finalized protocol.Hash
	finalSlot protocol.Slot
	hasFinal  bool
	closed    bool
	recent    map[protocol.Hash]*trie.Trie
	order     []protocol.Hash // of recent, oldest first

	writes  chan *write
	synced  chan *write
	writers sync.WaitGroup
	pruning pruner
}

// failure is the first error after which the database is not to be trusted until it is opened again.
type failure struct {
	once sync.Once
	err  atomic.Pointer[error]
	done chan struct{} // closed then
}

func (f *failure) note(err error) {
	f.once.Do(func() {
		f.err.Store(&err)
		close(f.done)
	})
}

func (f *failure) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Open opens the chain in a folder, or begins one there. It finds the last block committed, checks the top of its
// state against its root, and reads no more.
func Open(dir string, o Options) (*Store, error) {
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.StateSlots == 0 {
		o.StateSlots = o.Params.EpochLength
	}
	if o.BlockSlots == 0 {
		o.BlockSlots = o.Params.ExpungePeriod
	}
	s := &Store{
		dir: dir, opts: o, params: o.Params, recent: make(map[protocol.Hash]*trie.Trie),
		writes: make(chan *write), synced: make(chan *write, maxPending),
	}
	s.failed.done = make(chan struct{})
	// A quarter of the cache holds blocks of tables, the rest what was made of them.
	s.cache = pebble.NewCache(o.CacheBytes / 4)
	if err := s.openDatabase(); err != nil {
		s.cache.Unref()
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	s.pages = trie.NewPages(source{s}, o.CacheBytes-o.CacheBytes/4)
	if err := protect(s.load); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", dir, err), s.closeDatabase())
	}
	s.running.Store(true)
	s.startWriters()
	s.startPruning()
	return s, nil
}

// load reads the pointers, brings an older format up to date, and checks what they point to.
func (s *Store) load() error {
	if err := s.checkFormat(migrations); err != nil {
		return err
	}
	var err error
	if s.next, err = s.number(metaNext, 1); err != nil {
		return err
	}
	if s.seq, err = s.number(metaSeq, 1); err != nil {
		return err
	}
	// What an import of a snapshot left behind when it was stopped belongs to no block.
	if err := s.db.DeleteRange(recordKey(s.next), keysAfter(prefixRecord), pebble.NoSync); err != nil {
		return err
	}
	if s.finalized, s.hasFinal, err = s.pointer(metaFinalized); err != nil {
		return err
	}
	if s.hasFinal {
		e, err := s.entry(s.finalized)
		if err != nil {
			return fmt.Errorf("finalized block %s: %w", s.finalized, err)
		}
		s.finalSlot = e.Slot
	}
	tail, ok, err := s.pointer(metaTail)
	if err != nil {
		return err
	}
	if ok {
		e, err := s.entry(tail)
		if err != nil {
			return fmt.Errorf("oldest block with a state %s: %w", tail, err)
		}
		s.pruning.tailSeq = e.seq
	}
	best, ok, err := s.pointer(metaBest)
	if err != nil || !ok {
		return err
	}
	s.best = best
	if _, err := s.trie(best); err != nil {
		return fmt.Errorf("best block %s: %w", best, err)
	}
	return nil
}

// Close waits until all that was committed is on disk and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stopPruning()
	return s.stop()
}

func (s *Store) closeDatabase() error {
	s.readersMu.Lock()
	s.gone = true
	s.readersMu.Unlock()
	s.readers.Wait()
	err := errors.Join(s.db.Close(), s.witness.close())
	s.cache.Unref()
	return err
}

// Err tells why the store takes no more blocks: what it wrote may not have reached the disk. Blocks whose Sync
// succeeded before are safe. The store must be opened again.
func (s *Store) Err() error {
	if err := s.failed.get(); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	return nil
}

// CachedBytes gives the octets of memory that states take, about.
func (s *Store) CachedBytes() int64 { return s.pages.Cached() }
