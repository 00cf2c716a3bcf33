package sim

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"damson/internal/protocol"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is a node's: what was written and nobody has waited for is lost in a crash.
//
// The store writes and syncs in goroutines of its own, at times that no seed knows. So what a crash leaves does not depend on
// them: it is all that was written until the node last waited for its disk, and nothing that came after.
type disk struct {
	store *store.Store
	files *files
	fails func(error)
}

const (
	folder = "db"
	trash  = "trash"
)

func newDisk(fails func(error)) *disk {
	d := &disk{fails: fails}
	d.check(d.replace(vfs.NewMem()))
	return d
}

func (d *disk) replace(fs *vfs.MemFS) error {
	d.files = &files{FS: fs, kept: make(map[string]mark)}
	return errors.Join(fs.MkdirAll(folder, 0o755), fs.MkdirAll(trash, 0o755))
}

func (d *disk) check(err error) {
	if err != nil && !errors.Is(err, store.ErrClosed) {
		d.fails(err)
	}
}

// open opens the store, as it was when the node crashed.
func (d *disk) open(p *protocol.Params) (err error) {
	d.store, err = store.Open(folder, store.Options{
		Params: p, FS: d.files, CacheBytes: 4 << 20, Archive: true, // pruning goes on whenever it likes
	})
	return err
}

// durably does something after which all that was written is safe.
func (d *disk) durably(do func()) {
	do()
	d.check(d.store.Sync())
	d.check(d.files.keep())
}

// crash forgets what was not safe, and closes what is of no use any more.
func (d *disk) crash() {
	after, err := d.files.left()
	d.check(errors.Join(err, d.store.Close()))
	d.store = nil
	d.check(d.replace(after))
}

// files is a file system in memory that knows what it was like when keep was called last. It is for files that only grow,
// but for those of a few octets.
type files struct {
	vfs.FS

	mu      sync.RWMutex // held for writing while nothing may change
	kept    map[string]mark
	trashMu sync.Mutex
	trashed int
}

// mark is what a file was.
type mark struct {
	path   string // where it is now
	size   int64
	octets []byte // of a small one
}

const small = 64

// keep notes what there is.
func (f *files) keep() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	names, err := f.List(folder)
	if err != nil {
		return err
	}
	for _, m := range f.kept {
		if f.PathDir(m.path) == trash {
			if err := f.FS.Remove(m.path); err != nil {
				return err
			}
		}
	}
	kept := make(map[string]mark, len(names))
	for _, name := range names {
		m := mark{path: f.PathJoin(folder, name)}
		info, err := f.Stat(m.path)
		if err != nil {
			return err
		}
		if m.size = info.Size(); m.size <= small {
			if m.octets, err = f.read(m); err != nil {
				return err
			}
		}
		kept[m.path] = m
	}
	f.kept = kept
	return nil
}

func (f *files) read(m mark) (octets []byte, err error) {
	if m.octets != nil {
		return m.octets, nil
	}
	file, err := f.Open(m.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	octets = make([]byte, m.size)
	if _, err := io.ReadFull(file, octets); err != nil {
		return nil, fmt.Errorf("%s: %w", m.path, err)
	}
	return octets, nil
}

// left makes a file system of what was kept.
func (f *files) left() (*vfs.MemFS, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := vfs.NewMem()
	if err := out.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	for name, m := range f.kept {
		octets, err := f.read(m)
		if err != nil {
			return nil, err
		}
		file, err := out.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return nil, err
		}
		_, err = file.Write(octets)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *files) file(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &growing{file, f}, nil
}

// Create makes a file.
func (f *files) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.file(f.FS.Create(name, category))
}

// OpenReadWrite opens a file, or makes it.
func (f *files) OpenReadWrite(name string, category vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.file(f.FS.OpenReadWrite(name, category, o...))
}

// ReuseForWrite makes a new file and removes the old one: what was kept must not be written over.
func (f *files) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Remove(from); err != nil {
		return nil, err
	}
	return f.Create(to, category)
}

// Remove removes a file. One that was kept is only out of sight.
func (f *files) Remove(name string) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.trashMu.Lock()
	defer f.trashMu.Unlock()
	m, kept := f.kept[name]
	if !kept || m.path != name {
		return f.FS.Remove(name)
	}
	f.trashed++
	m.path = f.PathJoin(trash, fmt.Sprint(f.trashed))
	if err := f.Rename(name, m.path); err != nil {
		return err
	}
	f.kept[name] = m
	return nil
}

// growing is a file that is written to.
type growing struct {
	vfs.File
	of *files
}

// Write implements vfs.File.
func (g *growing) Write(p []byte) (int, error) {
	g.of.mu.RLock()
	defer g.of.mu.RUnlock()
	return g.File.Write(p)
}

// WriteAt implements vfs.File.
func (g *growing) WriteAt(p []byte, at int64) (int, error) {
	g.of.mu.RLock()
	defer g.of.mu.RUnlock()
	return g.File.WriteAt(p, at)
}
