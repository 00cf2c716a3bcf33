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
	dir, killed := t.TempDir(), 0
	for n := range kills {
		if n%5 == 0 {
			dir = t.TempDir()
		}
		child := exec.Command(os.Args[0], "import", "--engine", "interp", "--data-path", dir)
		child.Env = append(os.Environ(), programEnv+"=1")
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.IntN(400))*time.Millisecond, func() { _ = child.Process.Kill() }) // it may have ended
		err := child.Wait()
		timer.Stop()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && !exit.Exited() {
			killed++
		} else if err != nil {
			t.Fatalf("the import failed: %v", err)
		}
		checkBest(t, dir)
	}
	out, err := importing("--json", "--data-path", dir)
	var s replay.Summary
	if err != nil || json.Unmarshal([]byte(out), &s) != nil || s.Failed > 0 || s.Imported == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	vectors.Figure(t, "import-kills", "%d of %d imports killed, no loss; seed %d", killed, kills, seed)
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
