package workbench

import (
	"fmt"
	"io"
	"strings"

	"damson/internal/pvm"
)

// Trace runs a program on an engine and writes a line for every instruction: where it is, what it is, what it changed, and the
// gas that is left. The caller releases the machine's memory.
func (s *Session) Trace(engine pvm.Engine, w io.Writer) (*pvm.Machine, pvm.Exit, error) {
	m, code, err := s.start(engine)
	if err != nil {
		return nil, pvm.Exit{}, err
	}
	for {
		before := *m
		exit, stopped := step(code, m)
		if exit.Reason == pvm.OutOfGas && stopped {
			return m, exit, nil
		}
		if _, err := io.WriteString(w, s.line(&before, m, exit, stopped)); err != nil {
			return m, exit, err
		}
		if stopped && !s.answers(m, exit) {
			return m, exit, nil
		}
	}
}

// line tells of an instruction that has run.
func (s *Session) line(before, after *pvm.Machine, exit pvm.Exit, stopped bool) string {
	text, in, _ := s.instruction(before.PC)
	var b strings.Builder
	fmt.Fprintf(&b, "%6x  %-42s gas %d", before.PC, text, after.Gas)
	for i, r := range after.Regs {
		if r != before.Regs[i] {
			fmt.Fprintf(&b, "  r%d=%#x", i, r)
		}
	}
	if addr, value, width, ok := stored(&in, before); ok && !stopped {
		fmt.Fprintf(&b, "  [%#x]=%#x/%d", addr, value, width)
	}
	if stopped {
		fmt.Fprintf(&b, "  %s", ending(exit))
	}
	b.WriteByte('\n')
	return b.String()
}

// ending says how a run ended.
func ending(exit pvm.Exit) string {
	switch exit.Reason {
	case pvm.HostCall:
		return fmt.Sprintf("host call %d", exit.Arg)
	case pvm.PageFault:
		return fmt.Sprintf("page fault at %#x", exit.Arg)
	case pvm.Halt, pvm.Panic, pvm.OutOfGas:
	}
	return exit.Reason.String()
}

// stored is what an instruction is about to store, and where.
func stored(in *pvm.Inst, m *pvm.Machine) (addr uint32, value uint64, width uint32, ok bool) {
	op := pvm.Ops[in.Op]
	if !op.Flags.Has(pvm.Stores) {
		return 0, 0, 0, false
	}
	switch op.Format {
	case pvm.TwoImms:
		addr, value = uint32(in.X), in.ImmY()
	case pvm.OneRegOneImm:
		addr, value = uint32(in.X), m.Regs[in.A]
	case pvm.OneRegTwoImms:
		addr, value = uint32(m.Regs[in.A]+in.X), in.ImmY()
	case pvm.TwoRegsOneImm:
		addr, value = uint32(m.Regs[in.B]+in.X), m.Regs[in.A]
	case pvm.NoArgs, pvm.OneImm, pvm.OneRegExtImm, pvm.OneOffset, pvm.OneRegOneImmOneOffset, pvm.TwoRegs,
		pvm.TwoRegsOneOffset, pvm.TwoRegsTwoImms, pvm.ThreeRegs:
		return 0, 0, 0, false
	}
	width = op.Flags.Width()
	return addr, value & (^uint64(0) >> (64 - 8*width)), width, true
}
