package interp

import "damson/internal/pvm"

// state is a machine between two instructions.
type state struct {
	*pvm.Machine
	program *pvm.Program
	next    uint32 // index of the instruction to go on with
	exit    pvm.Exit
	stopped bool
}

// step executes instruction i of a machine that stands there: Ψ_1, and what Ψ makes of it. It
// reports where to go on, or that the machine has stopped. GP §A.1.
func (c *code) step(m *pvm.Machine, i uint32) (next uint32, exit pvm.Exit, stopped bool) {
	m.PC = c.program.PC(i)
	if m.Gas < pvm.Cost {
		m.Gas = -1
		return i, pvm.Exit{Reason: pvm.OutOfGas}, true
	}
	m.Gas -= pvm.Cost
	in := &c.program.Insts[i]
	s := state{Machine: m, program: c.program, next: i + 1}
	semantics[in.Op](&s, in)
	if s.stopped {
		if s.exit.Reason == pvm.HostCall {
			m.PC = c.program.PC(s.next)
		}
		return i, s.exit, true
	}
	m.PC = c.program.PC(s.next)
	return s.next, pvm.Exit{}, false
}

// stepNowhere is step where no instruction begins, which is a trap.
func stepNowhere(m *pvm.Machine) pvm.Exit {
	if m.Gas < pvm.Cost {
		m.Gas = -1
		return pvm.Exit{Reason: pvm.OutOfGas}
	}
	m.Gas -= pvm.Cost
	return pvm.Exit{Reason: pvm.Panic}
}

func (s *state) stop(e pvm.Exit) { s.exit, s.stopped = e, true }

func (s *state) trap() { s.stop(pvm.Exit{Reason: pvm.Panic}) }

// branch goes to the target in Y. GP §A.4.
func (s *state) branch(in *pvm.Inst) {
	if in.Y == pvm.NoTarget {
		s.trap()
		return
	}
	s.next = in.Y
}

// djump goes where the jump table says. GP eq:jumptablealignment.
func (s *state) djump(addr uint64) {
	to := uint32(addr)
	if to == pvm.HaltAddress {
		s.stop(pvm.Exit{Reason: pvm.Halt})
		return
	}
	if s.next = s.program.Djump(to); s.next == pvm.NoTarget {
		s.trap()
	}
}

// address is where an instruction goes in memory, mod 2^32.
func (s *state) address(in *pvm.Inst) uint32 {
	addr := uint32(in.X)
	if f := pvm.Ops[in.Op].Format; f == pvm.TwoRegsOneImm {
		addr += uint32(s.Regs[in.B])
	} else if f == pvm.OneRegTwoImms {
		addr += uint32(s.Regs[in.A])
	}
	return addr
}

// load is every instruction that reads memory.
func load(s *state, in *pvm.Inst) {
	f := pvm.Ops[in.Op].Flags
	addr, width := s.address(in), f.Width()
	x, ok := s.Mem.Load(addr, width)
	if !ok {
		s.fault(addr, width, pvm.Read)
		return
	}
	if f.Has(pvm.Signed) {
		unused := 64 - 8*width
		x = uint64(int64(x<<unused) >> unused)
	}
	s.Regs[in.A] = x
}

// store is every instruction that writes memory.
func store(s *state, in *pvm.Inst) {
	op := pvm.Ops[in.Op]
	addr, width := s.address(in), op.Flags.Width()
	x := s.Regs[in.A]
	if op.Format == pvm.TwoImms || op.Format == pvm.OneRegTwoImms {
		x = in.ImmY()
	}
	if !s.Mem.Store(addr, width, x) {
		s.fault(addr, width, pvm.Write)
	}
}

func (s *state) fault(addr, width uint32, a pvm.Access) {
	exit, _ := s.Mem.Fault(addr, width, a)
	s.stop(exit)
}
