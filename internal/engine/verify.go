package engine

import (
	"fmt"
	"strings"

	"damson/internal/invariants"
	"damson/internal/pvm"
)

// Checked runs every program on two engines and compares how they leave the machine at every exit.
type Checked struct {
	subject, reference pvm.Engine
	report             func(Divergence)
}

// Divergence is a run on which the two engines disagree.
type Divergence struct {
	Program *pvm.Program
	Before  pvm.Machine // Mem is nil: it has changed since
	Subject Outcome
	Want    Outcome
	Page    uint32 // the first page that differs, if Memory is set
	Memory  bool
}

// Outcome is how a run left the machine.
type Outcome struct {
	Exit    pvm.Exit
	Machine pvm.Machine // without memory
}

// NewVerify returns an engine that behaves like subject and calls report when reference disagrees.
func NewVerify(subject, reference pvm.Engine, report func(Divergence)) *Checked {
	return &Checked{subject, reference, report}
}

// Diverged stops the program: the recompiler has a bug, and any result may be wrong.
func Diverged(d Divergence) { invariants.Fail("%s", d) }

// String says what differs and how to repeat the run, without memory.
func (d Divergence) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "engines diverge on program %x\n", d.Program.Identity())
	fmt.Fprintf(&b, "before: pc %d gas %d registers %x\n", d.Before.PC, d.Before.Gas, d.Before.Regs)
	fmt.Fprintf(&b, "got:    %v\nwant:   %v\n", d.Subject, d.Want)
	if d.Memory {
		fmt.Fprintf(&b, "memory differs, first on page %#x\n", d.Page)
	}
	return b.String()
}

func (o Outcome) String() string {
	return fmt.Sprintf("%v %#x, pc %d gas %d registers %x", o.Exit.Reason, o.Exit.Arg, o.Machine.PC, o.Machine.Gas, o.Machine.Regs)
}

// Compile implements pvm.Engine.
func (e *Checked) Compile(p *pvm.Program) (pvm.Code, error) {
	subject, err := e.subject.Compile(p)
	if err != nil {
		return nil, err
	}
	reference, err := e.reference.Compile(p)
	if err != nil {
		return nil, err
	}
	return &checkedCode{e, p, subject, reference}, nil
}

// NewMemory implements pvm.Engine.
func (e *Checked) NewMemory() *pvm.Memory { return e.subject.NewMemory() }

// checkedCode is a program on two engines.
type checkedCode struct {
	engine             *Checked
	program            *pvm.Program
	subject, reference pvm.Code
}

// Run implements pvm.Code. The reference runs on a copy, so that the machine ends as the subject leaves it.
func (c *checkedCode) Run(m *pvm.Machine) pvm.Exit {
	before, twin := *m, *m
	twin.Mem = c.engine.reference.NewMemory()
	defer twin.Mem.Release()
	twin.Mem.CopyFrom(m.Mem)
	before.Mem = nil

	exit := c.subject.Run(m)
	want := c.reference.Run(&twin)
	copied := twin.Mem
	got := Outcome{exit, *m}
	expected := Outcome{want, twin}
	got.Machine.Mem, expected.Machine.Mem = nil, nil
	page, differs := m.Mem.Differs(copied)
	if got != expected || differs {
		c.engine.report(Divergence{c.program, before, got, expected, page, differs})
	}
	return exit
}
