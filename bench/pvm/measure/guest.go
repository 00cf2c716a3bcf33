// Package measure runs what benchmarks of the engines time: programs of bench/programs, and the small things that a
// node does a million times, like making an instance or answering a host call.
package measure

import (
	"bytes"
	"fmt"
	"runtime"
	"time"

	"damson/bench/programs"
	"damson/bench/pvm/cputime"
	"damson/internal/pvm"
)

// Guest is a program that stands ready on an engine.
type Guest struct {
	Program *programs.Program
	Run     *programs.Run

	image *pvm.Image
	code  pvm.Code
	m     pvm.Machine
}

// NewGuest readies the run of a program that has the role. Close it.
func NewGuest(e pvm.Engine, p *programs.Program, role string) (*Guest, error) {
	r, err := p.Run(role)
	if err != nil {
		return nil, err
	}
	image, err := pvm.DecodeImage(p.Blob)
	if err != nil {
		return nil, err
	}
	code, err := e.Compile(image.Program)
	if err != nil {
		return nil, err
	}
	return &Guest{Program: p, Run: r, image: image, code: code, m: pvm.Machine{Mem: e.NewMemory()}}, nil
}

// Close gives the memory back.
func (g *Guest) Close() { g.m.Mem.Release() }

// Time runs the guest from the beginning, checks what comes of it, and gives the CPU time of the run alone.
func (g *Guest) Time() (time.Duration, error) {
	if err := g.image.Start(&g.m, g.Run.Arguments); err != nil {
		return 0, err
	}
	g.m.PC, g.m.Gas = 0, g.Run.Gas
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cputime.Thread()
	exit := g.code.Run(&g.m)
	for exit == (pvm.Exit{Reason: pvm.HostCall}) {
		g.m.Regs[7]++
		exit = g.code.Run(&g.m)
	}
	took := cputime.Thread() - start
	return took, g.check(exit)
}

func (g *Guest) check(exit pvm.Exit) error {
	if exit.Reason != pvm.Halt || g.m.Gas != 0 {
		return fmt.Errorf("%s: ended with %v at %d, %d gas left", g.Program.Name, exit.Reason, g.m.PC, g.m.Gas)
	}
	if g.m.Regs != g.Run.Registers {
		return fmt.Errorf("%s: registers %x, want %x", g.Program.Name, g.m.Regs, g.Run.Registers)
	}
	output, ok := g.m.Mem.View(g.m.Regs[7], g.m.Regs[8])
	if !ok || !bytes.Equal(output, g.Run.Output) {
		return fmt.Errorf("%s: output %x, want %x", g.Program.Name, output, g.Run.Output)
	}
	return nil
}

// MachineCode is how many octets of machine code a program became, or 0 if the engine made none.
func MachineCode(c pvm.Code) int {
	if c, ok := c.(interface{ MachineCode() int }); ok {
		return c.MachineCode()
	}
	return 0
}
