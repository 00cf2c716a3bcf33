package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pkg/profile"
	"github.com/spf13/pflag"
)

// profileFlags are the flags by which one sees what a command spends its time on.
type profileFlags struct{ file, address string }

func (f *profileFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "profile", "", "write a profile for go tool pprof or trace: `KIND=FILE` with KIND cpu, mem or trace")
	flags.StringVar(&f.address, "pprof", "", "serve profiles by HTTP at `ADDR`, such as localhost:6060")
}

// start begins what the flags ask for, and says on w where profiles are served. The caller must call stop.
func (f *profileFlags) start(w io.Writer) (stop func() error, err error) {
	stopServing, err := servePprof(f.address, w)
	if err != nil {
		return nil, err
	}
	stopProfile, err := startProfile(f.file)
	if err != nil {
		return nil, errors.Join(err, stopServing())
	}
	return func() error { return errors.Join(stopProfile(), stopServing()) }, nil
}

// servePprof serves /debug/pprof/, on nothing but the address given.
func servePprof(address string, w io.Writer) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if _, err := fmt.Fprintf(w, "damson: profiles at http://%s/debug/pprof/\n", listener.Addr()); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return func() error {
		// A profile that somebody waits for may be finished, but not for long.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("--pprof: %w", err)
		}
		return nil
	}, nil
}

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
