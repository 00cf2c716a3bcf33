package nodiff

import "damson/internal/pvm"

// Where the programs' memory is.
const (
	dataPage  = 32
	dataStart = dataPage * pvm.PageSize
	dataPages = 8
	lastPage  = 1<<20 - 1
)

// opcodes are the valid ones, each as often as it should come up.
var opcodes = func() (all []pvm.Opcode) {
	for op := range pvm.Ops {
		if !pvm.Opcode(op).Valid() || op == int(pvm.Trap) {
			continue
		}
		all = append(all, pvm.Opcode(op))
	}
	return all
}()

// interesting are values at which something changes.
var interesting = [...]uint64{
	0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000,
	0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ffff, 1 << 32, 1<<32 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1,
	^uint64(0), ^uint64(1), ^uint64(127), ^uint64(128), 0xffff_ffff_8000_0000, 0xffff_ffff_7fff_ffff,
	dataStart, dataStart + pvm.PageSize - 1, dataStart + pvm.PageSize - 4, dataStart + 2*pvm.PageSize - 7,
	pvm.HaltAddress, 0xffff_fffc, 0xffff_fff9, 0x1_0002_0ffe, 0xfffe, 0xffff_0000_0002_0010,
}

// Generate makes a program at random: valid opcodes, targets that are mostly good, addresses that are mostly mapped or
// near the edge, and gas that often ends in the middle.
func Generate(seed uint64) *Program {
	rng := random(seed)
	p := &Program{}
	size := 2 + rng.below(40)
	if rng.chance(20) {
		size += rng.below(400)
	}
	g := generator{&rng, p, size}
	for len(p.Insts) < size {
		g.inst()
	}
	for range 3 + rng.below(6) {
		p.Jumps = append(p.Jumps, g.target())
	}
	if len(p.Jumps) > 0 && rng.chance(3) { // a table without gaps, as compilers make them
		for i := range p.Jumps {
			p.Jumps[i] = max(p.Jumps[i], 0)
		}
	}
	c := &p.Rest
	for i := range c.Regs {
		c.Regs[i] = g.value()
	}
	c.Seed = rng.next()
	c.Exits = rng.below(24)
	c.Gas = int64(rng.below(2 * size))
	switch {
	case rng.chance(3):
		c.Gas = int64(rng.below(4000))
	case rng.chance(8): // for those that run in circles
		c.Gas = 500_000 + int64(rng.below(1000))
	case rng.chance(40):
		c.Gas = pvm.GasCap
		c.Exits = 0
	}
	if c.Gas == pvm.GasCap && loops(p) { // it would never end
		c.Gas = 3000
	}
	if rng.chance(10) {
		c.PC = uint64(rng.below(4 * size))
	}
	for first := uint32(dataPage); first < dataPage+dataPages; {
		n := 1 + uint32(rng.below(2))
		switch {
		case rng.chance(12):
		case rng.chance(6):
			c.Pages = append(c.Pages, Pages{first, n, pvm.Read})
		default:
			c.Pages = append(c.Pages, Pages{first, n, pvm.Write})
		}
		first += n
	}
	if rng.chance(4) {
		c.Pages = append(c.Pages, Pages{lastPage, 1, pvm.Write})
	}
	return p
}

// loops reports whether any jump leads back, or may.
func loops(p *Program) bool {
	for i, in := range p.Insts {
		f := pvm.Ops[in.Op].Flags
		if f.Has(pvm.JumpsIndirect) || f&(pvm.Branches|pvm.Jumps) != 0 && in.Target <= i {
			return true
		}
	}
	return false
}

type generator struct {
	*random
	p    *Program
	size int
}

// value is a number of some interest.
func (g generator) value() uint64 {
	switch g.below(4) {
	case 0:
		return g.next()
	case 1:
		return dataStart + g.next()%(dataPages*pvm.PageSize)
	case 2:
		return interesting[g.below(len(interesting))] + uint64(g.below(5)) - 2
	default:
		return interesting[g.below(len(interesting))]
	}
}

// target is an instruction, now and then none.
func (g generator) target() int {
	if g.chance(30) {
		return -1 - g.below(500)
	}
	return g.below(g.size)
}

// inst appends an instruction, and before it what makes it do something.
func (g generator) inst() {
	in := Inst{
		Op: opcodes[g.below(len(opcodes))], A: uint8(g.below(13)), B: uint8(g.below(13)), D: uint8(g.below(13)),
		X: g.value(), Y: g.value(), Target: g.target(), Size: uint8(g.next()),
	}
	flags := pvm.Ops[in.Op].Flags
	switch {
	case in.Op == pvm.JumpInd || in.Op == pvm.LoadImmJumpInd:
		if !g.chance(20) { // a good address, if there are so many
			at := uint64(2 + 2*g.below(4))
			if g.chance(3) {
				at = pvm.HaltAddress
			}
			base := in.A
			if in.Op == pvm.LoadImmJumpInd {
				base = in.B
			}
			in.Size = 3
			displacement := uint64(g.below(64)) - 32
			in.X, in.Y = displacement, displacement
			g.append(Inst{Op: pvm.LoadImm64, A: base, X: at - displacement})
		}
	case in.Op == pvm.Sbrk:
		if !g.chance(500) {
			g.append(Inst{Op: pvm.LoadImm64, A: in.A, X: uint64(g.below(5*pvm.PageSize)) + uint64(g.below(8)/7)<<33})
		}
	case flags.Width() > 0:
		g.address(&in)
	case flags.Has(pvm.Ends) && g.chance(2):
		return // fewer of these, or blocks are short
	}
	g.append(in)
	if flags.Has(pvm.Ends) {
		return
	}
	g.follow(&in)
}

// follow appends, at times, what compilers write behind an instruction that computes something: what a recompiler knows
// of a register or of the flags is then put to use.
func (g generator) follow(in *Inst) {
	result := in.A
	if f := pvm.Ops[in.Op].Format; f == pvm.ThreeRegs || f == pvm.TwoRegs {
		result = in.D
	}
	other := uint8(g.below(13))
	switch g.below(16) {
	case 0, 1: // used at once
		again := Inst{Op: opcodes[g.below(len(opcodes))], A: result, B: in.B, D: other, X: g.value(), Y: g.value(), Size: 3}
		if g.chance(2) {
			again.A, again.B = in.A, result
		}
		if g.chance(2) {
			again.D = result
		}
		again.Target = g.target()
		g.append(again)
	case 2:
		branch := Inst{Op: pvm.BranchEqImm + pvm.Opcode(g.below(10)), A: result, Target: g.target()}
		switch g.below(4) {
		case 0:
			branch.X = g.value()
		case 1, 2: // what the flags may tell already
			branch.Op = pvm.BranchEqImm + pvm.Opcode(g.below(2))
		}
		g.append(branch)
	case 3:
		g.append(Inst{Op: pvm.ShloLImm64, A: other, B: result, X: 32})
		g.append(Inst{Op: pvm.ShloRImm64, A: other, B: other, X: 32})
	case 4:
		g.append(Inst{Op: pvm.AddImm32, A: other, B: result})
	case 5:
		g.indexed()
	case 6:
		if g.chance(3) {
			g.loop()
		}
	}
}

// loop appends a loop of a single block, which ends by a counter or by whatever happens to another register.
func (g generator) loop() {
	counter := uint8(g.below(13))
	g.append(Inst{Op: pvm.LoadImm, A: counter, X: uint64(g.below(12)), Size: 3})
	g.append(Inst{Op: pvm.Fallthrough})
	start := len(g.p.Insts)
	for range g.below(8) {
		in := Inst{
			Op: opcodes[g.below(len(opcodes))], A: uint8(g.below(13)), B: uint8(g.below(13)), D: uint8(g.below(13)),
			X: g.value(), Y: g.value(), Size: uint8(g.next()),
		}
		flags := pvm.Ops[in.Op].Flags
		if flags.Has(pvm.Ends) || in.Op == pvm.Sbrk {
			continue
		}
		if flags.Width() > 0 {
			g.address(&in)
		}
		g.append(in)
	}
	g.append(Inst{Op: pvm.AddImm64 - pvm.Opcode(g.below(2))*(pvm.AddImm64-pvm.AddImm32), A: counter, B: counter, X: ^uint64(0), Size: 3})
	branch := Inst{Op: pvm.BranchEqImm + pvm.Opcode(g.below(10)), A: counter, Target: start}
	if g.chance(2) {
		branch.Op = pvm.BranchNeImm
	}
	if g.chance(4) {
		branch = Inst{Op: pvm.BranchEq + pvm.Opcode(g.below(6)), A: counter, B: uint8(g.below(13)), Target: start}
	}
	g.append(branch)
}

// indexed appends an access to an element of an array, as compilers for RISC-V write it: scale the index, perhaps clear
// its upper half on the way, add the base, load.
func (g generator) indexed() {
	t, index, base := uint8(g.below(13)), uint8(g.below(13)), uint8(g.below(13))
	if g.chance(2) {
		index = t
	}
	scale := uint64(g.below(4))
	g.append(Inst{Op: pvm.LoadImm64, A: index, X: uint64(g.below(1000)) | g.next()<<32*uint64(g.below(2))})
	g.append(Inst{Op: pvm.LoadImm64, A: base, X: dataStart + g.next()%pvm.PageSize})
	if g.chance(2) { // the flags then say something of a register that may be written
		g.append(Inst{Op: pvm.SetLtU, A: index, B: uint8(g.below(13)), D: t})
	}
	switch g.below(3) {
	case 0:
		g.append(Inst{Op: pvm.ShloLImm64, A: t, B: index, X: 32})
		g.append(Inst{Op: pvm.ShloRImm64, A: t, B: t, X: 32 - scale})
	case 1:
		g.append(Inst{Op: pvm.ShloLImm64, A: t, B: index, X: scale})
	default:
		t = index
	}
	add := Inst{Op: pvm.Add64, A: t, B: base, D: t}
	if g.chance(2) {
		add.A, add.B = base, t
	}
	g.append(add)
	load := Inst{Op: pvm.LoadIndU8 + pvm.Opcode(g.below(7)), A: t, B: t, X: g.next() % pvm.PageSize, Size: 3}
	if g.chance(2) {
		load.A = uint8(g.below(13))
	}
	g.append(load)
	if g.chance(2) { // and here they are asked
		asked := t
		if g.chance(2) {
			asked = load.A
		}
		g.append(Inst{Op: pvm.CmovIzImm + pvm.Opcode(g.below(2)), A: uint8(g.below(13)), B: asked, X: g.value(), Size: 3})
	}
}

func (g generator) append(in Inst) { g.p.Insts = append(g.p.Insts, in) }

// address makes an access to memory hit the mapped pages, or come near.
func (g generator) address(in *Inst) {
	at := dataStart + g.next()%(dataPages*pvm.PageSize)
	if g.chance(3) { // straddling pages
		at = at&^(pvm.PageSize-1) + pvm.PageSize - uint64(g.below(9))
	}
	if g.chance(60) {
		at = 0x1_0000_0000 - uint64(g.below(9))
	}
	if g.chance(60) {
		at = interesting[g.below(len(interesting))]
	}
	switch pvm.Ops[in.Op].Format { //nolint:exhaustive // the others address by a register
	case pvm.TwoImms, pvm.OneRegOneImm:
		in.X, in.Size = at, 3
		return
	case pvm.OneRegTwoImms:
		if !g.chance(20) {
			in.Size = 3
			g.append(Inst{Op: pvm.LoadImm64, A: in.A, X: at - in.X | g.next()<<32})
		}
	default:
		if !g.chance(20) {
			in.Size = 3
			g.append(Inst{Op: pvm.LoadImm64, A: in.B, X: at - in.X | g.next()<<32})
		}
	}
}
