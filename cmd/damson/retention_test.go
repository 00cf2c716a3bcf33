package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/devchain"
	"damson/interp"
	"damson/node/replay"
	"damson/node/trace"
	"damson/state/store"
)

// TestImportPrunes imports a chain of 56 slots from a genesis, in two parts and then again. What is 24 slots old becomes
// final, and states an epoch of 12 slots older are gone, unless everything is to be kept.
func TestImportPrunes(t *testing.T) {
	c, err := devchain.Own(interp.New())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	genesis := filepath.Join(dir, "genesis.bin")
	first := trace.Genesis{Header: *c.Header, State: trace.Raw(c.Genesis)}
	if err := os.WriteFile(genesis, first.AppendTo(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var all, part []byte
	good := 0
	for i := range c.Steps {
		if c.Steps[i].Refusal == "" {
			all = append(all, c.Steps[i].Block...)
			if good++; good == 20 {
				part = all[:len(all):len(all)]
			}
		}
	}
	blocks, half := filepath.Join(dir, "blocks.bin"), filepath.Join(dir, "half.bin")
	if err := errors.Join(os.WriteFile(blocks, all, 0o600), os.WriteFile(half, part, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, archive := range []bool{false, true} {
		data := filepath.Join(dir, "chain")
		if archive {
			data += "-archive"
		}
		passed := 0
		for _, path := range []string{half, blocks, blocks} {
			args := []string{"--json", "--engine", "interp", "--data-path", data, "--genesis", genesis, path}
			if archive {
				args = append(args, "--archive")
			}
			out, err := importing(args...)
			var s replay.Summary
			if err != nil || json.Unmarshal([]byte(out), &s) != nil || s.Failed > 0 {
				t.Fatalf("%v: %s", err, out)
			}
			if path == blocks && s.Imported+s.Passed != good {
				t.Errorf("%d imported and %d passed over of %d", s.Imported, s.Passed, good)
			}
			passed = s.Passed
		}
		if archive != (passed == 0) {
			t.Errorf("archive %v: %d blocks passed over", archive, passed)
		}
		checkRetention(t, c, data, archive)
	}
	if out, err := importing("--engine", "interp", "--data-path", filepath.Join(dir, "chain"), "--genesis", genesis, blocks); err != nil ||
		!strings.Contains(out, "passed over") {
		t.Errorf("%v: %s", err, out)
	}
}

func checkRetention(t *testing.T, c *devchain.Chain, dir string, archive bool) {
	t.Helper()
	s, err := store.Open(dir, store.Options{Params: c.Params, Archive: archive})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	last := c.Steps[len(c.Steps)-1]
	best, ok, err := s.Best()
	if err != nil || !ok || best.Slot != last.Slot || best.Root != last.Post.Root() {
		t.Fatalf("best %+v, %v", best, err)
	}
	final, ok, err := s.Finalized()
	if err != nil || ok == archive {
		t.Fatalf("archive %v: final %+v, %v", archive, final, err)
	}
	oldest, err := s.State(c.Header.Hash())
	switch {
	case archive && (err != nil || oldest.Root() != c.Genesis.Root()):
		t.Errorf("the archive does not have the genesis: %v", err)
	case !archive && !errors.Is(err, store.ErrNotFound):
		t.Errorf("the state of the genesis is kept: %v", err)
	case !archive && final.Slot+c.Params.LookupAnchorAge > best.Slot:
		t.Errorf("block of slot %d is final when %d is best", final.Slot, best.Slot)
	}
}
