package engine

import (
	"bytes"
	"testing"

	"damson/bench/programs"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/jit"
)

// each runs a test on every engine.
func each(t *testing.T, f func(t *testing.T, e pvm.Engine)) {
	for _, kind := range []Kind{Interp, JIT, Verify} {
		t.Run(string(kind), func(t *testing.T) {
			e, why, err := New(kind, jit.Options{})
			if err != nil || why != nil {
				t.Skip(err, why)
			}
			f(t, e)
		})
	}
}

func TestPrograms(t *testing.T) {
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, e pvm.Engine) {
		for _, p := range all {
			img, err := pvm.DecodeImage(p.Blob)
			if err != nil {
				t.Fatal(err)
			}
			c, err := e.Compile(img.Program)
			if err != nil {
				t.Fatal(err)
			}
			mem := e.NewMemory()
			for i := range p.Runs {
				if r := &p.Runs[i]; r.Role == "small" {
					t.Run(p.Name, func(t *testing.T) { runProgram(t, img, c, &pvm.Machine{Mem: mem}, r) })
				}
			}
			mem.Release()
		}
	})
}

// runProgram runs a program as programs/README.md says and checks all that it must give.
func runProgram(tb testing.TB, img *pvm.Image, c pvm.Code, m *pvm.Machine, r *programs.Run) {
	tb.Helper()
	if err := img.Start(m, r.Arguments); err != nil {
		tb.Fatal(err)
	}
	m.PC, m.Gas = 0, r.Gas
	calls := 0
	exit := c.Run(m)
	for exit == (pvm.Exit{Reason: pvm.HostCall}) {
		calls++
		m.Regs[7]++
		exit = c.Run(m)
	}
	if exit.Reason != pvm.Halt {
		tb.Fatalf("%s: ended with %v %#x at %d, gas %d", r.Role, exit.Reason, exit.Arg, m.PC, m.Gas)
	}
	output, ok := m.Mem.View(m.Regs[7], m.Regs[8])
	if !ok || !bytes.Equal(output, r.Output) {
		tb.Errorf("%s: output %x, want %x", r.Role, output, r.Output)
	}
	if m.Gas != 0 || calls != r.HostCalls {
		tb.Errorf("%s: %d gas too many, %d host calls, want %d", r.Role, m.Gas, calls, r.HostCalls)
	}
	vectors.Equal(tb, "registers", m.Regs, r.Registers)
}

func BenchmarkPrograms(b *testing.B) {
	all, err := programs.All()
	if err != nil {
		b.Fatal(err)
	}
	e, _, err := New(JIT, jit.Options{})
	if err != nil {
		b.Skip(err)
	}
	for _, p := range all {
		b.Run(p.Name, func(b *testing.B) {
			img, err := pvm.DecodeImage(p.Blob)
			if err != nil {
				b.Fatal(err)
			}
			c, err := e.Compile(img.Program)
			if err != nil {
				b.Fatal(err)
			}
			m := &pvm.Machine{Mem: e.NewMemory()}
			var gas int64
			for b.Loop() {
				for i := range p.Runs {
					if r := &p.Runs[i]; r.Role == "timing" {
						runProgram(b, img, c, m, r)
						gas += r.Gas
					}
				}
			}
			b.ReportMetric(float64(gas)/1e6/b.Elapsed().Seconds(), "Mgas/s")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1e3/float64(b.N), "ms/op")
		})
	}
}
