package interp

import (
	"bytes"
	"testing"

	"damson/bench/programs"
	"damson/internal/pvm"
	"damson/internal/vectors"
)

func TestPrograms(t *testing.T) {
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 10 {
		t.Fatalf("%d programs, want 10", len(all))
	}
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			img, err := pvm.DecodeImage(p.Blob)
			if err != nil {
				t.Fatal(err)
			}
			c, err := New().Compile(img.Program)
			if err != nil {
				t.Fatal(err)
			}
			m := &pvm.Machine{Mem: pvm.NewMemory()}
			for i := range p.Runs {
				if r := &p.Runs[i]; r.Role == "small" || !testing.Short() {
					runProgram(t, img, c, m, r)
				}
			}
		})
	}
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
		tb.Fatalf("%s: ended with %v %#x at %d", r.Role, exit.Reason, exit.Arg, m.PC)
	}
	output, ok := m.Mem.View(m.Regs[7], m.Regs[8])
	if !ok || !bytes.Equal(output, r.Output) {
		tb.Errorf("%s: output %x, want %x", r.Role, output, r.Output)
	}
	if m.Gas != 0 {
		tb.Errorf("%s: %d gas used, want %d", r.Role, r.Gas-m.Gas, r.Gas)
	}
	if calls != r.HostCalls {
		tb.Errorf("%s: %d host calls, want %d", r.Role, calls, r.HostCalls)
	}
	vectors.Equal(tb, "registers", m.Regs, r.Registers)
}
