package importer

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"damson/internal/archive"
	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/jit"
	"damson/node/importer"
	"damson/state/claim"
)

// engines are those that benchmarks compare.
var engines = []engine.Kind{engine.Interp, engine.JIT}

func newEngine(b *testing.B, kind engine.Kind) pvm.Engine {
	b.Helper()
	e, why, err := engine.New(kind, jit.Options{})
	if err != nil || why != nil {
		b.Skip(err, why)
	}
	return e
}

// BenchmarkOwn imports the chain that the binary carries.
func BenchmarkOwn(b *testing.B) {
	var steps []file
	err := archive.ReadFrom("own", bytes.NewReader(devchain.OwnArchive), func(name string, data []byte) error {
		steps = append(steps, file{name, data})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range engines {
		b.Run("engine="+string(kind), func(b *testing.B) { timeImport(b, kind, steps) })
	}
}

// report gives the figures that conformance reports have.
func report(b *testing.B, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	var sum time.Duration
	for _, d := range times {
		sum += d
	}
	at := func(quantile float64) time.Duration { return times[int(quantile*float64(len(times)-1)+0.5)] }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(sum)/float64(len(times)), "mean-ms/block")
	b.ReportMetric(ms(at(0.5)), "p50-ms/block")
	b.ReportMetric(ms(at(0.9)), "p90-ms/block")
	b.ReportMetric(ms(at(0.99)), "p99-ms/block")
	b.ReportMetric(ms(times[len(times)-1]), "max-ms/block")
}

// BenchmarkBigState imports a block that changes 1,000 storage keys of a service that has many.
func BenchmarkBigState(b *testing.B) {
	for _, size := range []struct {
		name string
		keys uint64
	}{{"1e5", 100_000}, {"1e6", 1_000_000}} {
		b.Run("keys="+size.name, func(b *testing.B) {
			chain, err := devchain.BigState(newEngine(b, engine.Auto), size.keys, 1000)
			if err != nil {
				b.Fatal(err)
			}
			timeStep(b, chain, 1)
		})
	}
}

// fullChain is made when a benchmark first needs it: it takes a while.
var fullChain = sync.OnceValues(func() (*devchain.Chain, error) {
	e, _, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		return nil, err
	}
	return devchain.FullSize(e, 5)
})

// BenchmarkFullSize imports blocks of full size: 1,023 assurances, 341 guarantees with three signatures each, 16 tickets, and
// 341 reports to accumulate.
func BenchmarkFullSize(b *testing.B) {
	chain, err := fullChain()
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range []struct {
		name string
		step int
	}{{"usual", 4}, {"epoch", 3}} {
		b.Run("block="+kind.name, func(b *testing.B) { timeStep(b, chain, kind.step) })
	}
}

// timeStep times one block of a chain on each engine, again and again on the same state.
func timeStep(b *testing.B, c *devchain.Chain, step int) {
	s := &c.Steps[step]
	for _, kind := range engines {
		b.Run("engine="+string(kind), func(b *testing.B) {
			im, err := importer.New(importer.Options{Params: c.Params, Engine: newEngine(b, kind), Claims: claim.Options{Setup: c.Setup}})
			if err != nil {
				b.Fatal(err)
			}
			<-im.Warm(s.Prior, nil) // an importer that has imported the blocks before has done so
			var times []time.Duration
			for b.Loop() {
				start := time.Now()
				var v block.View
				if err := v.Decode(s.Block, c.Params); err != nil {
					b.Fatal(err)
				}
				post, err := im.Apply(s.Prior, &v)
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
				if post.Root() != s.Post.Root() {
					b.Fatalf("root %s, want %s", post.Root(), s.Post.Root())
				}
			}
			report(b, times)
		})
	}
}
