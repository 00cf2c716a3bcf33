package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/jit"
	"damson/node/importer"
)

// childEnv names the variable by which a test starts this program again, as a target on the socket that it holds.
const childEnv = "DAMSON_TEST_TARGET"

func TestMain(m *testing.M) {
	if socket := os.Getenv(childEnv); socket != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := serve(ctx, socket); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func serve(ctx context.Context, socket string) error {
	im, err := newImporter(engine.Auto)
	if err != nil {
		return err
	}
	l, err := Listen(socket)
	if err != nil {
		return err
	}
	return NewTarget(TargetOptions{Params: protocol.Tiny(), Importer: im}).Serve(ctx, l)
}

func newImporter(kind engine.Kind) (*importer.Importer, error) {
	e, _, err := engine.New(kind, jit.Options{})
	if err != nil {
		return nil, err
	}
	return importer.New(importer.Options{Params: protocol.Tiny(), Engine: e})
}

// startTarget serves in this process until the test ends, and gives the socket.
func startTarget(t testing.TB, kind engine.Kind, patience time.Duration) (socket string) {
	t.Helper()
	im, err := newImporter(kind)
	if err != nil {
		t.Fatal(err)
	}
	return startTargetWith(t, TargetOptions{Params: protocol.Tiny(), Importer: im, Patience: patience})
}

func startTargetWith(t testing.TB, o TargetOptions) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "target.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	target := NewTarget(o)
	go func() { done <- target.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the target does not end")
		}
		if _, err := os.Lstat(socket); !os.IsNotExist(err) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
	return socket
}

func driveOptions(socket string, features Features) DriveOptions {
	return DriveOptions{Params: protocol.Tiny(), Socket: socket, Features: features, Timeout: time.Minute}
}

// drive drives a target through paths below the vectors, and fails the test for every answer that is wrong.
func drive(t *testing.T, o DriveOptions, paths ...string) *Report {
	t.Helper()
	root := vectors.Root(t)
	d := NewDrive(o)
	defer d.Close()
	for _, path := range paths {
		if err := d.Path(filepath.Join(root, filepath.FromSlash(path))); err != nil {
			t.Fatal(err)
		}
	}
	r := d.Report()
	for _, f := range r.Families {
		for i, failure := range f.Failures {
			if i < 3 {
				t.Errorf("%s: %s", failure.Path, failure.Reason)
			}
		}
	}
	return r
}

// engines are those that a test goes through: all of them at full size.
func engines() []engine.Kind {
	if vectors.Thorough() {
		return []engine.Kind{engine.Interp, engine.JIT, engine.Verify}
	}
	return []engine.Kind{engine.Auto}
}

// greet opens a connection and shakes hands.
func greet(t testing.TB, socket string, features Features) *client {
	t.Helper()
	o := driveOptions(socket, features)
	c, err := dial(&o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func rawConn(t testing.TB, socket string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UnixConn)
}
