package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"damson/internal/protocol"
	"damson/node/importer"
)

const (
	// maxSessions bounds the sessions at a time. Fuzzers come one after another; the others are there so that a client
	// that hangs does not keep them from it.
	maxSessions = 8
	// defaultPatience is how long a message may take from its first octet to its last.
	defaultPatience = 30 * time.Second
)

// TargetOptions configures NewTarget. Params and Importer must be set.
type TargetOptions struct {
	Params   *protocol.Params
	Importer *importer.Importer
	Version  Version       // of the program
	Patience time.Duration // how long a message may take once it has begun; 0 means 30 s
	Log      *slog.Logger  // nil means silence

	// Data is a folder for states, each Initialize's in a folder of its own that goes with it; empty means memory. It belongs
	// to one target: what another has left there is removed.
	Data       string
	CacheBytes int64 // bound on what is kept in memory of a session's states on disk; 0 means 256 MiB
}

// Target imports the blocks that fuzzers send.
type Target struct {
	params   *protocol.Params
	importer *importer.Importer
	info     PeerInfo
	patience time.Duration
	log      *slog.Logger

	data       string
	cacheBytes int64
}

// GrayPaperVersion is protocol.GrayPaper as the handshake has it.
func GrayPaperVersion() (v Version) {
	if n, err := fmt.Sscanf(protocol.GrayPaper, "%d.%d.%d", &v.Major, &v.Minor, &v.Patch); n != 3 || err != nil {
		panic("protocol.GrayPaper is no version: " + protocol.GrayPaper)
	}
	return v
}

// NewTarget makes a target that knows both features.
func NewTarget(o TargetOptions) *Target {
	t := &Target{
		params: o.Params, importer: o.Importer, patience: o.Patience, log: o.Log, data: o.Data, cacheBytes: o.CacheBytes,
		info: PeerInfo{
			Protocol: ProtocolVersion, Features: FeatureAncestry | FeatureForks,
			JAM: GrayPaperVersion(), App: o.Version, Name: "damson",
		},
	}
	if t.patience == 0 {
		t.patience = defaultPatience
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t
}

// clean makes the folder for states, and removes from it what a target left that was stopped by force.
func (t *Target) clean() error {
	if t.data == "" {
		return nil
	}
	if err := os.MkdirAll(t.data, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(t.data)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), sessionFolder) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(t.data, e.Name())))
		}
	}
	return err
}

// Listen binds a Unix socket. A socket that nobody listens on any more, as after a crash, is replaced.
func Listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("listen on %s: another process does", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}

// Serve serves sessions until ctx is done, then closes the listener, which removes the socket, and returns nil when all
// sessions have ended.
func (t *Target) Serve(ctx context.Context, l net.Listener) error {
	if err := t.clean(); err != nil {
		return errors.Join(fmt.Errorf("folder for states: %w", err), l.Close())
	}
	var sessions sync.WaitGroup
	defer sessions.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	free := make(chan struct{}, maxSessions)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		stream, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		sessions.Go(func() {
			defer func() { <-free }()
			t.ServeStream(ctx, stream)
		})
	}
}

// ServeStream serves one session, on a stream that it closes. It ends when ctx is done.
func (t *Target) ServeStream(ctx context.Context, stream net.Conn) {
	c, err := NewConn(stream, t.patience)
	if err != nil {
		t.log.Error("session does not begin", "error", err)
		return
	}
	defer func() { _ = c.Close() }() // the other side may be gone already
	stop := context.AfterFunc(ctx, c.Interrupt)
	defer stop()
	s := &session{Target: t}
	err = s.run(c)
	switch {
	case err == nil:
		t.log.Info("session ends", "blocks", s.blocks)
	case ctx.Err() != nil:
		t.log.Info("session ends with the target", "blocks", s.blocks)
	case errors.As(err, new(*internalError)):
		t.log.Error("session ends by a fault of this node", "blocks", s.blocks, "error", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		t.log.Warn("session ends within a message", "blocks", s.blocks)
	default:
		t.log.Warn("session ends early", "blocks", s.blocks, "error", err)
	}
}
