// Package pvm times the engines on the programs of bench/programs, and beside them what the same algorithms cost in C
// and in Go.
//
//	go test -run - -bench . ./bench/pvm
//
// The program table puts a run of all of this in docs/BENCHMARKS.md.
package pvm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"damson/bench/programs"
	"damson/bench/pvm/measure"
	"damson/bench/pvm/native"
	"damson/bench/pvm/twins"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/jit"
)

// kinds are the engines that are timed.
var kinds = []engine.Kind{engine.Interp, engine.JIT}

// eachEngine runs a benchmark on every engine that works here.
func eachEngine(b *testing.B, o jit.Options, bench func(b *testing.B, e pvm.Engine)) {
	for _, kind := range kinds {
		b.Run("engine="+string(kind), func(b *testing.B) {
			e, _, err := engine.New(kind, o)
			if err != nil {
				b.Skip(err)
			}
			bench(b, e)
		})
	}
}

// eachProgram runs a benchmark on every program.
func eachProgram(b *testing.B, bench func(b *testing.B, p *programs.Program)) {
	all, err := programs.All()
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range all {
		b.Run("program="+p.Name, func(b *testing.B) { bench(b, &p) })
	}
}

// argument is a run's n.
func argument(r *programs.Run) uint64 { return binary.LittleEndian.Uint64(r.Arguments) }

// reportRun reports the times of a run by the guest's own measure, the instruction; one costs one gas.
func reportRun(b *testing.B, took time.Duration, gas int64) {
	runs := float64(b.N)
	b.ReportMetric(took.Seconds()*1e3/runs, "ms/run")
	b.ReportMetric(float64(gas)*runs/1e6/took.Seconds(), "Mgas/s")
	b.ReportMetric(float64(took.Nanoseconds())/(float64(gas)*runs), "ns/inst")
}

// BenchmarkRun times the long run of every program, CPU time of the guest alone.
func BenchmarkRun(b *testing.B) {
	eachEngine(b, jit.Options{}, func(b *testing.B, e pvm.Engine) {
		eachProgram(b, func(b *testing.B, p *programs.Program) {
			g, err := measure.NewGuest(e, p, "timing")
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			var took time.Duration
			for b.Loop() {
				t, err := g.Time()
				if err != nil {
					b.Fatal(err)
				}
				took += t
			}
			reportRun(b, took, g.Run.Gas)
			if calls := g.Run.HostCalls; calls > 1000 {
				b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/float64(calls), "ns/call")
			}
		})
	})
}

// BenchmarkC times the same in C, by the compiler that is installed. Figures by gas tell what an engine without any
// cost would have.
func BenchmarkC(b *testing.B) {
	dir := b.TempDir()
	if err := native.Sources(dir); err != nil {
		b.Fatal(err)
	}
	eachProgram(b, func(b *testing.B, p *programs.Program) {
		r, err := p.Run("timing")
		if err != nil {
			b.Fatal(err)
		}
		c, err := native.Build(dir, p.Name)
		if errors.Is(err, native.ErrNone) {
			b.Skip(err)
		}
		if err != nil {
			b.Fatal(err)
		}
		var took time.Duration
		for b.Loop() {
			t, output, err := c.Time(argument(r))
			if err != nil {
				b.Fatal(err)
			}
			if !bytes.Equal(output, r.Output) {
				b.Fatalf("output %x, want %x", output, r.Output)
			}
			took += t
		}
		reportRun(b, took, r.Gas)
	})
}

// BenchmarkGo times the same in Go.
func BenchmarkGo(b *testing.B) {
	eachProgram(b, func(b *testing.B, p *programs.Program) {
		r, err := p.Run("timing")
		if err != nil {
			b.Fatal(err)
		}
		twin := twins.All[p.Name]
		if twin == nil {
			b.Skip("no twin")
		}
		for b.Loop() {
			if got := twin(argument(r)); got != binary.LittleEndian.Uint64(r.Output) {
				b.Fatalf("%#x, want %x", got, r.Output)
			}
		}
		reportRun(b, b.Elapsed(), r.Gas)
	})
}

// BenchmarkBlob times what becomes of a blob before any engine sees it.
func BenchmarkBlob(b *testing.B) {
	eachProgram(b, func(b *testing.B, p *programs.Program) {
		insts, octets := 0, 0
		for b.Loop() {
			img, err := pvm.DecodeImage(p.Blob)
			if err != nil {
				b.Fatal(err)
			}
			insts += len(img.Program.Insts)
			octets = len(img.Program.Code())
		}
		b.SetBytes(int64(octets))
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(insts), "ns/inst")
	})
}

// BenchmarkCompile times what engines make of decoded programs: octets of guest code a second, and how many octets of
// machine code each became.
func BenchmarkCompile(b *testing.B) {
	eachEngine(b, jit.Options{CacheBytes: 1}, func(b *testing.B, e pvm.Engine) {
		eachProgram(b, func(b *testing.B, p *programs.Program) {
			c, err := measure.NewCompiler(e, p.Blob)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(c.Octets()))
			var code pvm.Code
			for b.Loop() {
				if code, err = c.Compile(); err != nil {
					b.Fatal(err)
				}
				if err := c.Forget(); err != nil {
					b.Fatal(err)
				}
			}
			if size := measure.MachineCode(code); size > 0 {
				b.ReportMetric(float64(size)/float64(c.Octets()), "octets/octet")
			}
		})
	})
}

// BenchmarkInstantiate times a typical service from the pool: 64 KiB to read, 256 KiB to write, 64 KiB of stack, of
// which a short run touches 19 pages.
func BenchmarkInstantiate(b *testing.B) {
	eachEngine(b, jit.Options{}, func(b *testing.B, e pvm.Engine) {
		s, err := measure.NewService(e)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := s.Instantiate(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkInvoke times the host call invoke, with an inner machine that leaves at once.
func BenchmarkInvoke(b *testing.B) {
	const times = 10_000
	eachEngine(b, jit.Options{}, func(b *testing.B, e pvm.Engine) {
		n, err := measure.NewInner(e, times)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := n.Refine(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/times, "ns/invoke")
	})
}
