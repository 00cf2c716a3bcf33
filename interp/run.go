package interp

import "damson/internal/pvm"

//go:generate go run gen.go

// code is a program made runnable.
type code struct {
	program *pvm.Program
	insts   []inst
}

// inst is an instruction as the fast interpreter wants it: a quarter of a cache line.
type inst struct {
	op      uint8 // of pvm, or of a sequence, or opStep
	a, b, d uint8
	x       int32  // ν_X; the low half of it in load_imm_64
	y       uint32 // ν_Y, or the index of a target; the high half of ν_X in load_imm_64
	rest    uint32 // gas from here to the end of the block, this instruction included
}

func compile(p *pvm.Program) *code {
	c := &code{program: p, insts: make([]inst, len(p.Insts))}
	for i := range p.Insts {
		from, to := &p.Insts[i], &c.insts[i]
		*to = inst{op: uint8(from.Op), a: from.A, b: from.B, d: from.D, x: int32(from.X), y: from.Y}
		flags := pvm.Ops[from.Op].Flags
		switch {
		case from.Op == pvm.LoadImm64:
			to.y = uint32(from.X >> 32)
		case from.Op == pvm.RotR64Imm || from.Op == pvm.RotR32Imm: // to the left
			to.x = -to.x & 63
		case from.Y == pvm.NoTarget && flags&(pvm.Branches|pvm.Jumps) != 0:
			to.op = opStep
		}
	}
	for _, b := range p.Blocks {
		left := b.Cost
		for i := b.First; left > 0; i++ {
			c.insts[i].rest = left
			left -= pvm.Cost
		}
	}
	fuse(c.insts)
	return c
}

// Run is Ψ. GP §A.1.
func (c *code) Run(m *pvm.Machine) pvm.Exit {
	i, ok := c.program.Index(m.PC)
	if !ok {
		return stepNowhere(m)
	}
	return c.run(m, i)
}

// RunToBlock implements pvm.Stepper.
func (c *code) RunToBlock(m *pvm.Machine) (pvm.Exit, bool) {
	i, ok := c.program.Index(m.PC)
	if !ok {
		return stepNowhere(m), true
	}
	for {
		next, exit, stopped := c.step(m, i)
		if stopped {
			return exit, true
		}
		if next == 0 || c.insts[next-1].rest == pvm.Cost {
			return pvm.Exit{}, false
		}
		i = next
	}
}
