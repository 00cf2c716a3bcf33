package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pkg/profile"
)

// profiles are the kinds of --profile, and the files that pkg/profile writes for them.
var profiles = map[string]struct {
	mode func(*profile.Profile)
	file string
}{
	"cpu":   {profile.CPUProfile, "cpu.pprof"},
	"mem":   {profile.MemProfileAllocs, "mem.pprof"},
	"trace": {profile.TraceProfile, "trace.out"},
}

// startProfile begins what --profile KIND=FILE asks for. The caller must call stop.
func startProfile(spec string) (stop func() error, err error) {
	if spec == "" {
		return func() error { return nil }, nil
	}
	kind, path, ok := strings.Cut(spec, "=")
	p, known := profiles[kind]
	if !ok || !known || path == "" {
		return nil, fmt.Errorf("--profile %s: want cpu=FILE, mem=FILE or trace=FILE", spec)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".profile-")
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	running := profile.Start(p.mode, profile.ProfilePath(dir), profile.Quiet, profile.NoShutdownHook)
	return func() error {
		running.Stop()
		err := os.Rename(filepath.Join(dir, p.file), path)
		if rmErr := os.RemoveAll(dir); err == nil {
			err = rmErr
		}
		return err
	}, nil
}
