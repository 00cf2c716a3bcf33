package main

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/node/replay"
	"damson/state/store"
)

// programEnv names the variable that makes the test program the program itself.
const programEnv = "DAMSON_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestImportKilled kills an import at random moments. Each time the store must open with a best block whose state is
// whole, and in the end the import must finish with every state as expected, those from before the kills too.
func TestImportKilled(t *testing.T) {
	seed := vectors.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 6))
	kills := 20
	if vectors.Thorough() {
		kills = 500
	}
	whole := time.Now()
	killedImport(t, t.TempDir(), time.Hour)
	took := time.Since(whole)
	dir, killed, ended := t.TempDir(), 0, 0
	for killed < kills {
		if killed%5 == 0 {
			dir = t.TempDir()
		}
		if killedImport(t, dir, time.Duration(rng.Int64N(int64(took)))) {
			killed++
		} else if ended++; ended > 10*kills {
			t.Fatalf("only %d of %d imports were killed", killed, killed+ended)
		}
		checkBest(t, dir)
	}
	out, err := importing("--json", "--data-path", dir)
	var s replay.Summary
	if err != nil || json.Unmarshal([]byte(out), &s) != nil || s.Failed > 0 || s.Imported == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	vectors.Figure(t, "import-kills", "%d imports killed, %d ended before, no loss; seed %d", killed, ended, seed)
}

// killedImport imports in a child that it kills after a while, and tells whether it was still at it.
func killedImport(t *testing.T, dir string, after time.Duration) bool {
	t.Helper()
	child := exec.Command(os.Args[0], "import", "--engine", "interp", "--data-path", dir)
	child.Env = append(os.Environ(), programEnv+"=1")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = child.Process.Kill() }) // it may have ended
	defer timer.Stop()
	err := child.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && !exit.Exited() {
		return true
	}
	if err != nil {
		t.Fatalf("the import failed: %v", err)
	}
	return false
}

func checkBest(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(dir, store.Options{Params: protocol.Tiny()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	best, ok, err := s.Best()
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return
	}
	got, err := s.State(best.Hash)
	if err != nil {
		t.Fatal(err)
	}
	for range got.All() {
	}
	if err := got.Err(); err != nil || got.Root() != best.Root {
		t.Fatalf("root %s, want %s: %v", got.Root(), best.Root, err)
	}
}
