package conformance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

// sessionsIn counts the folders of sessions, and waits a little for there to be so many.
func sessionsIn(t *testing.T, dir string, want int) (count int) {
	t.Helper()
	for range 200 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		count = 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), sessionFolder) {
				count++
			}
		}
		if count == want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return count
}

// TestStatesOnDisk drives a target that keeps its states on disk: it answers as one in memory does, and each Initialize begins
// with an empty folder, which goes when the next one or the end of the session comes.
func TestStatesOnDisk(t *testing.T) {
	im, err := newImporter(engine.Auto)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	left := filepath.Join(dir, sessionFolder+"7", "more")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "not ours")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := startTargetWith(t, TargetOptions{Params: protocol.Tiny(), Importer: im, Data: dir, CacheBytes: 1 << 20})
	if n := sessionsIn(t, dir, 0); n != 0 {
		t.Error("what an earlier target left is still there")
	}
	paths := []string{"traces/storage_light.tar.zst", "traces/safrole.tar.zst"}
	if vectors.Thorough() {
		paths = []string{"traces", "fuzz-traces"}
	}
	r := drive(t, driveOptions(socket, FeatureForks), paths...)
	if r.Stats.Steps == 0 || r.Stats.Mismatched > 0 {
		t.Errorf("%d steps, %d wrong", r.Stats.Steps, r.Stats.Mismatched)
	}
	t.Run("sessions", func(t *testing.T) { replaySession(t, socket, "fuzz-proto/forks") })

	genesis, list := steps(t, "traces/fallback", 3)
	c := greet(t, socket, FeatureForks)
	begin := &Message{Kind: KindInitialize, Initialize: &Initialize{Header: genesis.Header, Entries: genesis.State.Entries}}
	for range 3 {
		if _, _, err := c.ask(begin, KindStateRoot); err != nil {
			t.Fatal(err)
		}
		if answer, _, err := c.ask(&Message{Kind: KindImportBlock, Block: list[1].Block}, KindStateRoot); err != nil || answer.Kind != KindError {
			t.Fatalf("a block whose parent was imported before Initialize: %+v, %v", answer, err)
		}
		for _, step := range list {
			answer, _, err := c.ask(&Message{Kind: KindImportBlock, Block: step.Block}, KindStateRoot)
			if err != nil || answer.Hash != step.Post.Root {
				t.Fatalf("%+v, %v", answer, err)
			}
		}
		if n := sessionsIn(t, dir, 1); n != 1 {
			t.Errorf("%d folders of one session", n)
		}
	}
	c.close()
	if n := sessionsIn(t, dir, 0); n != 0 {
		t.Errorf("%d folders after the session", n)
	}
	if _, err := os.Lstat(other); err != nil {
		t.Error(err)
	}
}

// TestNoFolder has a file where the folder for states should be.
func TestNoFolder(t *testing.T) {
	im, err := newImporter(engine.Interp)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "target.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	target := NewTarget(TargetOptions{Params: protocol.Tiny(), Importer: im, Data: file})
	if err := target.Serve(context.Background(), l); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is still there")
	}
}
