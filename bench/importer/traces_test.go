// Package importer times the import of blocks.
package importer

import (
	"strings"
	"testing"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/jit"
	"damson/node/importer"
	"damson/node/replay"
)

// file is a step of a trace in memory.
type file struct {
	path string
	data []byte
}

// BenchmarkImport imports all official traces, a family at a time and each time from cold caches. Times are of blocks,
// decoding included, state roots included, reading of the trace files not.
func BenchmarkImport(b *testing.B) {
	for _, kind := range []engine.Kind{engine.Interp, engine.JIT} {
		for _, family := range vectors.Suites(b, "traces") {
			name := "engine=" + string(kind) + "/family=" + strings.TrimPrefix(family, "traces/")
			b.Run(name, func(b *testing.B) {
				var steps []file
				for f := range vectors.Files(b, family, ".bin") {
					steps = append(steps, file{f.Path, f.Data})
				}
				timeImport(b, kind, steps)
			})
		}
	}
}

func timeImport(b *testing.B, kind engine.Kind, steps []file) {
	var s *replay.Summary
	for b.Loop() {
		e, why, err := engine.New(kind, jit.Options{})
		if err != nil || why != nil {
			b.Skipf("no engine %s here: %v %v", kind, err, why)
		}
		im, err := importer.New(importer.Options{Params: protocol.Tiny(), Engine: e})
		if err != nil {
			b.Fatal(err)
		}
		r := replay.New(replay.Options{Params: protocol.Tiny(), Importer: im, RootOnly: true})
		for _, step := range steps {
			if err := r.File(step.path, step.data); err != nil {
				b.Fatal(err)
			}
		}
		if s = r.Summary(); s.Failed > 0 {
			b.Fatalf("%d steps failed: %s", s.Failed, s.Failures[0].Reason)
		}
	}
	b.ReportMetric(s.P50, "p50-ms/block")
	b.ReportMetric(s.P90, "p90-ms/block")
	b.ReportMetric(s.P99, "p99-ms/block")
	b.ReportMetric(s.Max, "max-ms/block")
	b.ReportMetric(s.Mean, "mean-ms/block")
	b.ReportMetric(0, "ns/op")
}
