package sim

import (
	"errors"
	"sync/atomic"

	"damson/internal/protocol"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is a node's: what it wrote and did not wait for is lost when it crashes.
//
// The store waits for the disk in goroutines of its own, at times that no seed knows. So only those syncs count that happen
// while somebody is waiting for them, inside durably; any other is answered at once and does nothing, as if the disk got
// to it later.
type disk struct {
	fs    *vfs.MemFS
	store *store.Store
	heeds *atomic.Bool
	fails func(error)
}

func newDisk(fails func(error)) *disk {
	return &disk{fs: vfs.NewCrashableMem(), heeds: new(atomic.Bool), fails: fails}
}

// open opens the store, as it was when the node crashed.
func (d *disk) open(p *protocol.Params) error {
	d.heeds.Store(true)
	defer d.heeds.Store(false)
	var err error
	d.store, err = store.Open("db", store.Options{
		Params: p, FS: lazy{d.fs, d.heeds}, CacheBytes: 4 << 20, Archive: true, // pruning goes on whenever it likes
	})
	return err
}

// durably does something after which all that was written is on disk.
func (d *disk) durably(do func()) {
	d.heeds.Store(true)
	defer d.heeds.Store(false)
	do()
	if err := d.store.Sync(); err != nil && !errors.Is(err, store.ErrClosed) {
		d.fails(err)
	}
}

// crash forgets what was not durable, and closes what is of no use any more.
func (d *disk) crash() {
	after := d.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := d.store.Close(); err != nil {
		d.fails(err)
	}
	d.fs, d.store, d.heeds = after, nil, new(atomic.Bool)
}

// lazy is a file system whose syncs do nothing unless it heeds them.
type lazy struct {
	vfs.FS
	heeds *atomic.Bool
}

func (l lazy) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return lazyFile{f, l.heeds}, nil
}

// Create makes a file.
func (l lazy) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return l.file(l.FS.Create(name, category))
}

// OpenReadWrite opens a file.
func (l lazy) OpenReadWrite(name string, category vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return l.file(l.FS.OpenReadWrite(name, category, o...))
}

// OpenDir opens a folder, to be synced.
func (l lazy) OpenDir(name string) (vfs.File, error) { return l.file(l.FS.OpenDir(name)) }

// ReuseForWrite makes a file of one that is there.
func (l lazy) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return l.file(l.FS.ReuseForWrite(from, to, category))
}

type lazyFile struct {
	vfs.File
	heeds *atomic.Bool
}

// Sync implements vfs.File.
func (f lazyFile) Sync() error {
	if !f.heeds.Load() {
		return nil
	}
	return f.File.Sync()
}

// SyncData implements vfs.File.
func (f lazyFile) SyncData() error { return f.Sync() }
