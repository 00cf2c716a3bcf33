package importer_test

import (
	"strings"
	"testing"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
	"damson/node/importer"
	"damson/node/replay"
)

// replayer makes a Replay of tiny chains on the interpreter.
func replayer(t testing.TB) *replay.Replay {
	t.Helper()
	im, err := importer.New(importer.Options{Params: protocol.Tiny(), Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	return replay.New(replay.Options{Params: protocol.Tiny(), Importer: im})
}

// TestTraces imports every step of every family and compares roots and all entries.
func TestTraces(t *testing.T) { importAll(t, "traces") }

// TestFuzzTraces does the same with the chains of the conformance fuzzer: forks, and blocks to be refused.
func TestFuzzTraces(t *testing.T) { importAll(t, "fuzz-traces") }

func importAll(t *testing.T, suite string) {
	for _, family := range vectors.Suites(t, suite) {
		t.Run(strings.TrimPrefix(family, suite+"/"), func(t *testing.T) {
			r := replayer(t)
			for f := range vectors.Files(t, family, ".bin") {
				if err := r.File(f.Path, f.Data); err != nil {
					t.Fatal(err)
				}
			}
			s := r.Summary()
			for _, failure := range s.Failures {
				t.Errorf("%s: %s", failure.Path, failure.Reason)
			}
			if s.Imported+s.Rejected != s.Steps {
				t.Errorf("%d imported and %d refused of %d", s.Imported, s.Rejected, s.Steps)
			}
			vectors.Count(t, family, s.Steps, 0)
		})
	}
}
