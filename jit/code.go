package jit

import (
	"cmp"
	"runtime"
	"slices"
	"sync"

	"damson/internal/invariants"
	"damson/internal/pvm"
	"damson/jit/exec"
)

// code is a program as machine code.
type code struct {
	program  *pvm.Program
	labels   []uint32 // by block: where it begins in the code
	sites    []site   // by place in the code
	gasStubs []stubs
	notes
	native *exec.Code
	size   int     // octets of native
	weight *weight // the same, for the collector

	locate   func(at uint32) site // finds the instruction behind an access to guest memory
	fallback func() pvm.Stepper   // the interpreter's idea of the program, made when it is first needed
}

// notes are what only some lowerings have to say of the code.
type notes struct {
	extra   []uint16 // by block: what it pays for others
	singles []stubs  // where what belongs to a loop lies out of line
	doubles bool     // short loops are lowered twice
}

// maxFused is how many instructions may be lowered together with an access to memory behind them.
const maxFused = 3

// slice is how much gas guest code gets at a time. The preemption signal makes it yield long before; this bounds it
// where there are no such signals.
const slice = 1 << 20

// MachineCode is how many octets of machine code the program became, jump table included.
func (c *code) MachineCode() int { return c.size }

// Run is Ψ. GP §A.1.
func (c *code) Run(m *pvm.Machine) pvm.Exit {
	g, ok := m.Mem.Backing().(*guest)
	for ok && g.space.Exact() {
		block, ok := c.block(g.space.Context(), m.PC)
		if !ok {
			if exit, stopped := c.fallback().RunToBlock(m); stopped {
				return exit
			}
			continue
		}
		if exit, stopped := c.enter(m, g.space, block); stopped {
			runtime.KeepAlive(c)
			return exit
		}
	}
	return c.fallback().Run(m)
}

// block finds the block that begins at pc. Most runs go on after a host call, and the block that made it is still in the
// context; whatever is there, no two blocks begin at one place.
func (c *code) block(ctx *exec.Context, pc uint64) (uint32, bool) {
	if n := uint32(ctx.Site) + 1; int(n) < len(c.program.Blocks) && c.program.PC(c.program.Blocks[n].First) == pc {
		return n, true
	}
	i, ok := c.program.Index(pc)
	if !ok {
		return 0, false
	}
	return c.program.Block(i)
}

// enter runs machine code from block n, and deals with how it is left.
func (c *code) enter(m *pvm.Machine, s *exec.Space, n uint32) (pvm.Exit, bool) {
	ctx, base, budget := s.Context(), uint64(c.native.Base()), int64(slice)
	for {
		given := min(m.Gas, budget)
		ctx.Gas, ctx.Kind = given, kindHost
		s.Enter(uintptr(base)+uintptr(c.labels[n]), &m.Regs)
		left := m.Gas - given + ctx.Gas
		if ctx.Nudged != 0 { // Enter, when called, is where the goroutine yields
			left += exec.Nudge
			ctx.Nudged = 0
		}
		m.Gas = left
		switch ctx.Kind {
		case kindHost:
			next := c.program.Blocks[uint32(ctx.Site)+1].First
			m.PC = c.program.PC(next)
			return pvm.Exit{Reason: pvm.HostCall, Arg: c.program.Insts[next-1].X}, true
		case kindGas:
			block, cost := c.unpaid(uint32(ctx.Site - base))
			m.Gas += cost
			if n = block; m.Gas >= cost { // the slice has ended, not the gas
				budget = max(slice, 2*cost)
				continue
			}
			m.PC = c.program.PC(c.program.Blocks[n].First)
			return c.fallback().RunToBlock(m)
		case kindStep:
			return c.step(m, c.site(uint32(ctx.Site-base)))
		default:
			return c.fault(m, ctx, s)
		}
	}
}

// unpaid finds the block by where the call of its out-of-gas stub returns to, and what it tried to pay.
func (c *code) unpaid(at uint32) (block uint32, cost int64) {
	i, _ := slices.BinarySearchFunc(c.gasStubs, at, func(s stubs, at uint32) int { return cmp.Compare(s.at, at) })
	run := c.gasStubs[i-1]
	block = run.block + (at-run.at)/stubSize - 1
	cost = int64(c.program.Blocks[block].Cost)
	if c.extra != nil {
		cost += int64(c.extra[block])
	}
	return block, cost
}

// site finds what is noted of a place in the code.
func (c *code) site(at uint32) site {
	i, ok := slices.BinarySearchFunc(c.sites, at, func(s site, at uint32) int { return cmp.Compare(s.at, at) })
	if !ok {
		invariants.Fail("jit: no instruction belongs to octet %#x of the code", at)
	}
	return c.sites[i]
}

// step lets the interpreter take over at an instruction inside a block: it undoes the payment for the rest of the block
// and makes the registers what they should be.
func (c *code) step(m *pvm.Machine, at site) (pvm.Exit, bool) {
	n, found := slices.BinarySearchFunc(c.program.Blocks, at.inst, func(b pvm.Block, i uint32) int { return cmp.Compare(b.First, i) })
	if !found {
		n--
	}
	b := c.program.Blocks[n]
	m.Gas += int64(b.Cost) - int64(at.inst-b.First)*pvm.Cost + int64(at.ahead)
	for r := range m.Regs {
		if at.pending&hostBits[r] != 0 {
			m.Regs[r] = uint64(int64(int32(m.Regs[r])))
		}
	}
	m.PC = c.program.PC(at.inst)
	return c.fallback().RunToBlock(m)
}

// fault lets the interpreter repeat the access that the hardware refused, which tells exactly how the run ends.
func (c *code) fault(m *pvm.Machine, ctx *exec.Context, s *exec.Space) (pvm.Exit, bool) {
	at := c.locate(uint32(ctx.FaultPC - uint64(c.native.Base())))
	pc := c.program.PC(at.inst)
	exit, stopped := c.step(m, at)
	fits := exit.Reason == pvm.PageFault || exit.Reason == pvm.Panic || exit.Reason == pvm.OutOfGas
	i, _ := c.program.Index(m.PC)
	if !stopped || i-at.inst > maxFused || !fits || ctx.FaultAt-uint64(s.Base()) > exec.GuestSize+exec.PageSize {
		invariants.Fail("jit: a fault at %#x, guest address %#x, pc %d, is none by the rules: %v %d, pc %d",
			ctx.FaultPC, ctx.FaultAt-uint64(s.Base()), pc, exit.Reason, exit.Arg, m.PC)
	}
	return exit, true
}

// newFallback makes the function that hands out the interpreter's code, once.
func newFallback(e pvm.Engine, p *pvm.Program) func() pvm.Stepper {
	return sync.OnceValue(func() pvm.Stepper {
		c, err := e.Compile(p)
		if err != nil {
			invariants.Fail("jit: the fallback engine refuses a program: %v", err)
		}
		s, ok := c.(pvm.Stepper)
		if !ok {
			invariants.Fail("jit: the fallback engine cannot step")
		}
		return s
	})
}
