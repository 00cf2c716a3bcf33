// Package pvm times the engines on the programs of bench/programs.
//
//	go test -run - -bench . ./bench/pvm
package pvm

import (
	"testing"

	"damson/bench/programs"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
)

// eachEngine runs a benchmark on every engine that works here and every program.
func eachEngine(b *testing.B, bench func(b *testing.B, e pvm.Engine, p *programs.Program)) {
	all, err := programs.All()
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range []engine.Kind{engine.Interp, engine.JIT} {
		e, _, err := engine.New(kind, jit.Options{})
		if err != nil {
			b.Logf("no %s: %v", kind, err)
			continue
		}
		for _, p := range all {
			b.Run("engine="+string(kind)+"/program="+p.Name, func(b *testing.B) { bench(b, e, &p) })
		}
	}
}

// BenchmarkRun times the long run of every program. A gas unit is an instruction, so Minst/s is
// also Mgas/s.
func BenchmarkRun(b *testing.B) {
	eachEngine(b, func(b *testing.B, e pvm.Engine, p *programs.Program) {
		r, err := p.Run("timing")
		if err != nil {
			b.Fatal(err)
		}
		img, err := pvm.DecodeImage(p.Blob)
		if err != nil {
			b.Fatal(err)
		}
		code, err := e.Compile(img.Program)
		if err != nil {
			b.Fatal(err)
		}
		m := &pvm.Machine{Mem: e.NewMemory()}
		defer m.Mem.Release()
		var gas int64
		for b.Loop() {
			if err := img.Start(m, r.Arguments); err != nil {
				b.Fatal(err)
			}
			m.PC, m.Gas = 0, r.Gas
			for code.Run(m) == (pvm.Exit{Reason: pvm.HostCall}) {
				m.Regs[7]++
			}
			gas += r.Gas - m.Gas
		}
		if m.Regs != r.Registers {
			b.Fatalf("registers %x, want %x", m.Regs, r.Registers)
		}
		b.ReportMetric(float64(gas)/1e6/b.Elapsed().Seconds(), "Minst/s")
	})
}

// BenchmarkDecode times what becomes of a blob before any engine sees it.
func BenchmarkDecode(b *testing.B) {
	all, err := programs.All()
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range all {
		b.Run("program="+p.Name, func(b *testing.B) {
			b.SetBytes(int64(len(p.Blob)))
			var insts int
			for b.Loop() {
				img, err := pvm.DecodeImage(p.Blob)
				if err != nil {
					b.Fatal(err)
				}
				insts += len(img.Program.Insts)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(insts), "ns/inst")
		})
	}
}

// BenchmarkCompile times what the interpreter makes of a decoded program. The recompiler keeps what
// it has compiled, and is timed in package jit.
func BenchmarkCompile(b *testing.B) {
	all, err := programs.All()
	if err != nil {
		b.Fatal(err)
	}
	e := interp.New()
	for _, p := range all {
		b.Run("engine=interp/program="+p.Name, func(b *testing.B) {
			img, err := pvm.DecodeImage(p.Blob)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(p.Blob)))
			var insts int
			for b.Loop() {
				if _, err := e.Compile(img.Program); err != nil {
					b.Fatal(err)
				}
				insts += len(img.Program.Insts)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(insts), "ns/inst")
		})
	}
}
