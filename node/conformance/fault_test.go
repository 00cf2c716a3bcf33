package conformance

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"damson/internal/invariants"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/interp"
	"damson/node/importer"
	"damson/state/claim"
)

// brokenEngine panics when it is told to: where code is made ready, or where it runs.
type brokenEngine struct {
	*interp.Engine
	compile, run atomic.Bool
}

func (e *brokenEngine) Compile(p *pvm.Program) (pvm.Code, error) {
	if e.compile.Load() {
		invariants.Fail("no code today")
	}
	code, err := e.Engine.Compile(p)
	return brokenCode{code, e}, err
}

type brokenCode struct {
	pvm.Code
	engine *brokenEngine
}

func (c brokenCode) Run(m *pvm.Machine) pvm.Exit {
	if c.engine.run.Load() {
		invariants.Fail("no run today")
	}
	return c.Code.Run(m)
}

// TestFaultEndsSession has the engine panic while blocks are imported, in goroutines too: the connection is closed without an
// answer, the reason is logged, and whoever comes next is served.
func TestFaultEndsSession(t *testing.T) {
	e := &brokenEngine{Engine: interp.New()}
	im, err := importer.New(importer.Options{Params: protocol.Tiny(), Engine: e, Claims: claim.Options{}})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "target.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	done := make(chan error, 1)
	target := NewTarget(TargetOptions{Params: protocol.Tiny(), Importer: im, Log: slog.New(slog.NewTextHandler(&log, nil))})
	go func() { done <- target.Serve(ctx, l) }()

	genesis, list := steps(t, "traces/storage_light", 20)
	play := func() (ended bool) {
		c := greet(t, socket, FeatureForks)
		defer c.close()
		begin := &Message{Kind: KindInitialize, Initialize: &Initialize{Header: genesis.Header, Entries: genesis.State.Entries}}
		if _, _, err := c.ask(begin, KindStateRoot); err != nil {
			t.Fatal(err)
		}
		for _, step := range list {
			answer, _, err := c.ask(&Message{Kind: KindImportBlock, Block: step.Block}, KindStateRoot)
			if err != nil {
				return true
			}
			if answer.Kind != KindStateRoot || answer.Hash != step.Post.Root {
				t.Fatalf("answered %+v, want root %s", answer, step.Post.Root)
			}
		}
		return false
	}
	for _, broken := range []*atomic.Bool{&e.compile, &e.run} {
		broken.Store(true)
		if !play() {
			t.Error("the fault was answered")
		}
		broken.Store(false)
		if play() {
			t.Error("the session after the fault ended early")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, reason := range []string{"no code today", "no run today"} {
		if !strings.Contains(log.String(), reason) {
			t.Errorf("the log does not have the reason %q", reason)
		}
	}
}
