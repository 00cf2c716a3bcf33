package store

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logGuard stands between Pebble and the disk. Pebble ends the program if it cannot write or begin a log: it panics
// without the lock that it then gives back, which nobody can recover from. So whoever meets such an error waits there,
// for ever, and the store is told what happened and takes no more blocks. What was acknowledged is not touched.
type logGuard struct {
	vfs.FS
	store *Store
}

func (g logGuard) guard(name string, f vfs.File, err error) (vfs.File, error) {
	if !strings.HasSuffix(name, ".log") {
		return f, err
	}
	if g.check(name, err) != nil {
		return nil, err
	}
	return guardedFile{f, g, name}, nil
}

// check gives the error back while the database is being opened, when Pebble gives it to its caller.
func (g logGuard) check(name string, err error) error {
	if err != nil && g.store.running.Load() {
		g.store.failed.note(fmt.Errorf("file %s: %w", name, err))
		select {}
	}
	return err
}

// Create makes a file.
func (g logGuard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, category)
	return g.guard(name, f, err)
}

// ReuseForWrite makes a file of one that is there.
func (g logGuard) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.ReuseForWrite(from, to, category)
	return g.guard(to, f, err)
}

// OpenDir opens a folder, to be synced when a log was made in it.
func (g logGuard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if g.check(name, err) != nil {
		return nil, err
	}
	return guardedFile{f, g, name}, nil
}

type guardedFile struct {
	vfs.File
	guard logGuard
	name  string
}

func (f guardedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.guard.check(f.name, err)
}

func (f guardedFile) Sync() error { return f.guard.check(f.name, f.File.Sync()) }

func (f guardedFile) SyncData() error { return f.guard.check(f.name, f.File.SyncData()) }

func (f guardedFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.guard.check(f.name, err)
}

func (f guardedFile) Close() error { return f.guard.check(f.name, f.File.Close()) }
