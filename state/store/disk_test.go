package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"damson/internal/protocol"
	"damson/internal/vectors"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestPowerCut cuts the power at random moments: what was not synced is lost, all of it or at random.
func TestPowerCut(t *testing.T) {
	seed := vectors.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	c := crashed
	c.last = 600
	roots := c.roots()
	disk, reached := vfs.NewCrashableMem(), -1
	for range crashes() {
		opts := c.opts
		opts.FS = disk
		var synced, cut, atCut atomic.Int64 // block that was acknowledged last, and that before the cut began
		synced.Store(int64(reached))
		after := make(chan *vfs.MemFS, 1)
		stopAt := int64(reached + 1 + rng.IntN(60))
		percent := []int{0, 0, 50}[rng.IntN(3)]
		clone := vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(rng.Uint64(), 1))}
		s, err := Open("chain", opts)
		if err != nil {
			t.Fatal(err)
		}
		err = c.extendTo(s, min(c.last, int(stopAt)), func(n int) {
			synced.Store(int64(n))
			if int64(n)+10 > stopAt && cut.CompareAndSwap(0, 1) {
				atCut.Store(int64(n))
				go func() { after <- disk.CrashClone(clone) }() // while the import goes on
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		acknowledged := int(synced.Load())
		if cut.Load() == 0 {
			after <- disk.CrashClone(clone)
		} else {
			acknowledged = int(atCut.Load()) // and perhaps more
		}
		disk = <-after
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		opts.FS = disk
		reached = c.check(t, "chain", opts, roots, acknowledged)
		if reached == c.last {
			disk, reached = vfs.NewCrashableMem(), -1
		}
	}
	vectors.Figure(t, "power-cuts", "%d cuts, no loss; seed %d", crashes(), seed)
}

// faultyFS fails writes, all from a certain one on or just that one, some after half of the octets.
type faultyFS struct {
	vfs.FS
	left    atomic.Int64 // writes until the first failure
	lasting bool
	short   bool
}

func (f *faultyFS) fail() bool {
	left := f.left.Add(-1)
	return left == 0 || left < 0 && f.lasting
}

func (f *faultyFS) file(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faultyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.fail() {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	return f.file(f.FS.Create(name, category))
}

func (f *faultyFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(f.FS.ReuseForWrite(from, to, category))
}

type faultyFile struct {
	vfs.File
	fs *faultyFS
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if !f.fs.fail() {
		return f.File.Write(p)
	}
	if f.fs.short {
		n, err := f.File.Write(p[:len(p)/2])
		return n, errors.Join(err, syscall.ENOSPC)
	}
	return 0, syscall.ENOSPC
}

func (f *faultyFile) Sync() error {
	if f.fs.fail() {
		return syscall.EIO
	}
	return f.File.Sync()
}

func (f *faultyFile) SyncData() error {
	if f.fs.fail() {
		return syscall.EIO
	}
	return f.File.SyncData()
}

// TestWriteErrors has writes fail at random: the store must say so, acknowledge nothing more, and what it had
// acknowledged must be there when it is opened on a disk in order.
func TestWriteErrors(t *testing.T) {
	seed := vectors.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	c := crashed
	c.last = 600
	roots := c.roots()
	failures := 0
	for round := range crashes() {
		disk := vfs.NewCrashableMem()
		faulty := &faultyFS{FS: disk, lasting: round%2 == 0, short: round%3 == 0}
		faulty.left.Store(int64(1 + rng.IntN(400)))
		opts := c.opts
		opts.FS = faulty
		synced := -1
		s, err := Open("chain", opts)
		if err == nil {
			err = c.extendTo(s, 150, func(n int) { synced = n })
			if err != nil && s.Err() == nil {
				t.Fatalf("round %d: an error that the store does not know of: %v", round, err)
			}
			if closeErr := s.Close(); err == nil {
				err = closeErr
			}
		}
		if err != nil {
			failures++
			if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
				t.Fatalf("a block was blamed for the disk: %v", err)
			}
		}
		opts.FS = disk.CrashClone(vfs.CrashCloneCfg{})
		c.check(t, "chain", opts, roots, synced)
	}
	if failures < crashes()/4 {
		t.Errorf("only %d of %d rounds had an error", failures, crashes())
	}
	vectors.Figure(t, "write-errors", "%d rounds, %d failed, no loss; seed %d", crashes(), failures, seed)
}

// TestCorruptedFiles flips octets in every file of a store. It must say which, or lose nothing by it.
func TestCorruptedFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(vectors.Seed(t), 4))
	c := crashed
	c.last = 120
	c.opts.Archive = true
	roots := c.roots()
	dir := t.TempDir()
	for _, last := range []int{80, 120} { // tables from the first, a log with the rest from the second
		s := open(t, dir, c.opts)
		if err := c.extendTo(s, last, func(int) {}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	flips := 3
	if vectors.Thorough() {
		flips = 100
	}
	for _, f := range files {
		for range flips {
			other := t.TempDir()
			if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(other, f.Name())
			octets, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(octets) == 0 {
				continue
			}
			at := rng.IntN(len(octets))
			octets[at] ^= 1 << rng.IntN(8)
			if err := os.WriteFile(path, octets, 0o600); err != nil {
				t.Fatal(err)
			}
			err = readAll(c, other, roots)
			if err != nil && !strings.Contains(err.Error(), f.Name()) {
				t.Errorf("%s, octet %d of %d: %v", f.Name(), at, len(octets), err)
			}
		}
	}
}

// readAll opens a store and reads all that was committed to it.
func readAll(c crashChain, dir string, roots []protocol.Hash) (err error) {
	s, err := Open(dir, c.opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for n := range c.last + 1 {
		if _, err := s.Block(c.hash(n, 0)); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		if n%20 != 0 {
			continue
		}
		got, err := s.State(c.hash(n, 0))
		if err != nil {
			return err
		}
		for range got.All() {
		}
		if err := got.Err(); err != nil {
			return err
		}
		if got.Root() != roots[n] {
			return errors.New("another root")
		}
	}
	return nil
}
