package interp

import (
	"encoding/binary"
	"math/bits"

	"damson/internal/pvm"
)

// code is a program made runnable.
type code struct {
	program *pvm.Program
	insts   []inst
}

// inst is an instruction as the fast interpreter wants it: a quarter of a cache line.
type inst struct {
	op      uint8 // of pvm, or one of those in fuse.go
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

// run is the fast interpreter. Every case either does all that its instruction does and goes on, at
// the next instruction or, with `continue blocks`, where it jumps; or changes nothing and leaves the
// instruction to step, with `break fast`.
func (c *code) run(m *pvm.Machine, start uint32) pvm.Exit {
	var regs [16]uint64
	copy(regs[:], m.Regs[:])
	insts, mem := c.insts, m.Mem
	gas := m.Gas
	pc := uint(start)
blocks:
	for {
		if cost := int64(insts[pc].rest); cost <= gas {
			gas -= cost
		fast:
			for ; ; pc++ {
				in := &insts[pc]
				switch in.op {
				default: // opStep, and what step does well enough
					break fast
				case uint8(pvm.Trap):
					break fast
				case uint8(pvm.Fallthrough):
					pc++
					continue blocks
				case uint8(pvm.Ecalli):
					m.Regs = [pvm.Registers]uint64(regs[:])
					m.Gas, m.PC = gas, c.program.PC(uint32(pc)+1)
					return pvm.Exit{Reason: pvm.HostCall, Arg: uint64(int64(in.x))}
				case uint8(pvm.LoadImm64):
					regs[in.a&15] = uint64(uint32(in.x)) | uint64(in.y)<<32
				case uint8(pvm.StoreImmU8):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil {
						p[addr%pvm.PageSize] = byte(uint64(int64(int32(in.y))))
						continue
					}
					break fast
				case uint8(pvm.StoreImmU16):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						binary.LittleEndian.PutUint16(p[addr%pvm.PageSize:], uint16(uint64(int64(int32(in.y)))))
						continue
					}
					break fast
				case uint8(pvm.StoreImmU32):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						binary.LittleEndian.PutUint32(p[addr%pvm.PageSize:], uint32(uint64(int64(int32(in.y)))))
						continue
					}
					break fast
				case uint8(pvm.StoreImmU64):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-8 {
						binary.LittleEndian.PutUint64(p[addr%pvm.PageSize:], uint64(int64(int32(in.y))))
						continue
					}
					break fast
				case uint8(pvm.Jump):
					pc = uint(in.y)
					continue blocks
				case uint8(pvm.JumpInd):
					jumps := c.program.JumpTable
					to := uint32(regs[in.a&15] + uint64(int64(in.x)))
					if i := to/2 - 1; to%2 == 0 && i < uint32(len(jumps)) && jumps[i] != pvm.NoTarget {
						pc = uint(jumps[i])
						continue blocks
					}
					break fast
				case uint8(pvm.LoadImm):
					regs[in.a&15] = uint64(int64(in.x))
				case uint8(pvm.LoadU8):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil {
						regs[in.a&15] = uint64(p[addr%pvm.PageSize])
						continue
					}
					break fast
				case uint8(pvm.LoadI8):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil {
						regs[in.a&15] = uint64(int64(int8(p[addr%pvm.PageSize])))
						continue
					}
					break fast
				case uint8(pvm.LoadU16):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						regs[in.a&15] = uint64(binary.LittleEndian.Uint16(p[addr%pvm.PageSize:]))
						continue
					}
					break fast
				case uint8(pvm.LoadI16):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						regs[in.a&15] = uint64(int64(int16(binary.LittleEndian.Uint16(p[addr%pvm.PageSize:]))))
						continue
					}
					break fast
				case uint8(pvm.LoadU32):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						regs[in.a&15] = uint64(binary.LittleEndian.Uint32(p[addr%pvm.PageSize:]))
						continue
					}
					break fast
				case uint8(pvm.LoadI32):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						regs[in.a&15] = uint64(int64(int32(binary.LittleEndian.Uint32(p[addr%pvm.PageSize:]))))
						continue
					}
					break fast
				case uint8(pvm.LoadU64):
					addr := uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-8 {
						regs[in.a&15] = binary.LittleEndian.Uint64(p[addr%pvm.PageSize:])
						continue
					}
					break fast
				case uint8(pvm.StoreU8):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil {
						p[addr%pvm.PageSize] = byte(regs[in.a&15])
						continue
					}
					break fast
				case uint8(pvm.StoreU16):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						binary.LittleEndian.PutUint16(p[addr%pvm.PageSize:], uint16(regs[in.a&15]))
						continue
					}
					break fast
				case uint8(pvm.StoreU32):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						binary.LittleEndian.PutUint32(p[addr%pvm.PageSize:], uint32(regs[in.a&15]))
						continue
					}
					break fast
				case uint8(pvm.StoreU64):
					addr := uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-8 {
						binary.LittleEndian.PutUint64(p[addr%pvm.PageSize:], regs[in.a&15])
						continue
					}
					break fast
				case uint8(pvm.StoreImmIndU8):
					addr := uint32(regs[in.a&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil {
						p[addr%pvm.PageSize] = byte(uint64(int64(int32(in.y))))
						continue
					}
					break fast
				case uint8(pvm.StoreImmIndU16):
					addr := uint32(regs[in.a&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						binary.LittleEndian.PutUint16(p[addr%pvm.PageSize:], uint16(uint64(int64(int32(in.y)))))
						continue
					}
					break fast
				case uint8(pvm.StoreImmIndU32):
					addr := uint32(regs[in.a&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						binary.LittleEndian.PutUint32(p[addr%pvm.PageSize:], uint32(uint64(int64(int32(in.y)))))
						continue
					}
					break fast
				case uint8(pvm.StoreImmIndU64):
					addr := uint32(regs[in.a&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-8 {
						binary.LittleEndian.PutUint64(p[addr%pvm.PageSize:], uint64(int64(int32(in.y))))
						continue
					}
					break fast
				case uint8(pvm.LoadImmJump):
					regs[in.a&15] = uint64(int64(in.x))
					pc = uint(in.y)
					continue blocks
				case uint8(pvm.BranchEqImm):
					if regs[in.a&15] == uint64(int64(in.x)) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchNeImm):
					if regs[in.a&15] != uint64(int64(in.x)) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchLtUImm):
					if regs[in.a&15] < uint64(int64(in.x)) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchLeUImm):
					if regs[in.a&15] <= uint64(int64(in.x)) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchGeUImm):
					if regs[in.a&15] >= uint64(int64(in.x)) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchGtUImm):
					if regs[in.a&15] > uint64(int64(in.x)) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchLtSImm):
					if int64(regs[in.a&15]) < int64(uint64(int64(in.x))) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchLeSImm):
					if int64(regs[in.a&15]) <= int64(uint64(int64(in.x))) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchGeSImm):
					if int64(regs[in.a&15]) >= int64(uint64(int64(in.x))) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchGtSImm):
					if int64(regs[in.a&15]) > int64(uint64(int64(in.x))) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.MoveReg):
					regs[in.d&15] = regs[in.a&15]
				case uint8(pvm.CountSetBits64):
					regs[in.d&15] = popcount(regs[in.a&15])
				case uint8(pvm.CountSetBits32):
					regs[in.d&15] = popcount(uint64(uint32(regs[in.a&15])))
				case uint8(pvm.LeadingZeroBits64):
					regs[in.d&15] = uint64(bits.LeadingZeros64(regs[in.a&15]))
				case uint8(pvm.LeadingZeroBits32):
					regs[in.d&15] = uint64(bits.LeadingZeros32(uint32(regs[in.a&15])))
				case uint8(pvm.TrailingZeroBits64):
					regs[in.d&15] = uint64(bits.TrailingZeros64(regs[in.a&15]))
				case uint8(pvm.TrailingZeroBits32):
					regs[in.d&15] = uint64(bits.TrailingZeros32(uint32(regs[in.a&15])))
				case uint8(pvm.SignExtend8):
					regs[in.d&15] = uint64(int64(int8(regs[in.a&15])))
				case uint8(pvm.SignExtend16):
					regs[in.d&15] = uint64(int64(int16(regs[in.a&15])))
				case uint8(pvm.ZeroExtend16):
					regs[in.d&15] = uint64(uint16(regs[in.a&15]))
				case uint8(pvm.ReverseBytes):
					regs[in.d&15] = bits.ReverseBytes64(regs[in.a&15])
				case uint8(pvm.StoreIndU8):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil {
						p[addr%pvm.PageSize] = byte(regs[in.a&15])
						continue
					}
					break fast
				case uint8(pvm.StoreIndU16):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						binary.LittleEndian.PutUint16(p[addr%pvm.PageSize:], uint16(regs[in.a&15]))
						continue
					}
					break fast
				case uint8(pvm.StoreIndU32):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						binary.LittleEndian.PutUint32(p[addr%pvm.PageSize:], uint32(regs[in.a&15]))
						continue
					}
					break fast
				case uint8(pvm.StoreIndU64):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.WritePage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-8 {
						binary.LittleEndian.PutUint64(p[addr%pvm.PageSize:], regs[in.a&15])
						continue
					}
					break fast
				case uint8(pvm.LoadIndU8):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil {
						regs[in.a&15] = uint64(p[addr%pvm.PageSize])
						continue
					}
					break fast
				case uint8(pvm.LoadIndI8):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil {
						regs[in.a&15] = uint64(int64(int8(p[addr%pvm.PageSize])))
						continue
					}
					break fast
				case uint8(pvm.LoadIndU16):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						regs[in.a&15] = uint64(binary.LittleEndian.Uint16(p[addr%pvm.PageSize:]))
						continue
					}
					break fast
				case uint8(pvm.LoadIndI16):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-2 {
						regs[in.a&15] = uint64(int64(int16(binary.LittleEndian.Uint16(p[addr%pvm.PageSize:]))))
						continue
					}
					break fast
				case uint8(pvm.LoadIndU32):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						regs[in.a&15] = uint64(binary.LittleEndian.Uint32(p[addr%pvm.PageSize:]))
						continue
					}
					break fast
				case uint8(pvm.LoadIndI32):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-4 {
						regs[in.a&15] = uint64(int64(int32(binary.LittleEndian.Uint32(p[addr%pvm.PageSize:]))))
						continue
					}
					break fast
				case uint8(pvm.LoadIndU64):
					addr := uint32(regs[in.b&15]) + uint32(in.x)
					if p := mem.ReadPage(addr); p != nil && addr%pvm.PageSize <= pvm.PageSize-8 {
						regs[in.a&15] = binary.LittleEndian.Uint64(p[addr%pvm.PageSize:])
						continue
					}
					break fast
				case uint8(pvm.AddImm32):
					regs[in.a&15] = extend32(regs[in.b&15] + uint64(int64(in.x)))
				case uint8(pvm.AndImm):
					regs[in.a&15] = regs[in.b&15] & uint64(int64(in.x))
				case uint8(pvm.XorImm):
					regs[in.a&15] = regs[in.b&15] ^ uint64(int64(in.x))
				case uint8(pvm.OrImm):
					regs[in.a&15] = regs[in.b&15] | uint64(int64(in.x))
				case uint8(pvm.MulImm32):
					regs[in.a&15] = extend32(regs[in.b&15] * uint64(int64(in.x)))
				case uint8(pvm.SetLtUImm):
					regs[in.a&15] = truth(regs[in.b&15] < uint64(int64(in.x)))
				case uint8(pvm.SetLtSImm):
					regs[in.a&15] = truth(int64(regs[in.b&15]) < int64(uint64(int64(in.x))))
				case uint8(pvm.ShloLImm32):
					regs[in.a&15] = extend32(regs[in.b&15] << (uint32(in.x) % 32))
				case uint8(pvm.ShloRImm32):
					regs[in.a&15] = extend32(uint64(uint32(regs[in.b&15]) >> (uint32(in.x) % 32)))
				case uint8(pvm.SharRImm32):
					regs[in.a&15] = uint64(int64(int32(regs[in.b&15]) >> (uint32(in.x) % 32)))
				case uint8(pvm.NegAddImm32):
					regs[in.a&15] = extend32(uint64(int64(in.x)) - regs[in.b&15])
				case uint8(pvm.SetGtUImm):
					regs[in.a&15] = truth(regs[in.b&15] > uint64(int64(in.x)))
				case uint8(pvm.SetGtSImm):
					regs[in.a&15] = truth(int64(regs[in.b&15]) > int64(uint64(int64(in.x))))
				case uint8(pvm.ShloLImmAlt32):
					regs[in.a&15] = extend32(uint64(int64(in.x)) << (regs[in.b&15] % 32))
				case uint8(pvm.ShloRImmAlt32):
					regs[in.a&15] = extend32(uint64(uint32(in.x) >> (regs[in.b&15] % 32)))
				case uint8(pvm.SharRImmAlt32):
					regs[in.a&15] = uint64(int64(in.x >> (regs[in.b&15] % 32)))
				case uint8(pvm.CmovIzImm):
					if regs[in.b&15] == 0 {
						regs[in.a&15] = uint64(int64(in.x))
					}
				case uint8(pvm.CmovNzImm):
					if regs[in.b&15] != 0 {
						regs[in.a&15] = uint64(int64(in.x))
					}
				case uint8(pvm.AddImm64):
					regs[in.a&15] = regs[in.b&15] + uint64(int64(in.x))
				case uint8(pvm.MulImm64):
					regs[in.a&15] = regs[in.b&15] * uint64(int64(in.x))
				case uint8(pvm.ShloLImm64):
					regs[in.a&15] = regs[in.b&15] << (uint32(in.x) % 64)
				case uint8(pvm.ShloRImm64):
					regs[in.a&15] = regs[in.b&15] >> (uint32(in.x) % 64)
				case uint8(pvm.SharRImm64):
					regs[in.a&15] = uint64(int64(regs[in.b&15]) >> (uint32(in.x) % 64))
				case uint8(pvm.NegAddImm64):
					regs[in.a&15] = uint64(int64(in.x)) - regs[in.b&15]
				case uint8(pvm.ShloLImmAlt64):
					regs[in.a&15] = uint64(int64(in.x)) << (regs[in.b&15] % 64)
				case uint8(pvm.ShloRImmAlt64):
					regs[in.a&15] = uint64(int64(in.x)) >> (regs[in.b&15] % 64)
				case uint8(pvm.SharRImmAlt64):
					regs[in.a&15] = uint64(int64(uint64(int64(in.x))) >> (regs[in.b&15] % 64))
				case uint8(pvm.RotR64Imm):
					regs[in.a&15] = bits.RotateLeft64(regs[in.b&15], -int(in.x%64))
				case uint8(pvm.RotR64ImmAlt):
					regs[in.a&15] = bits.RotateLeft64(uint64(int64(in.x)), -int(regs[in.b&15]%64))
				case uint8(pvm.RotR32Imm):
					regs[in.a&15] = extend32(uint64(bits.RotateLeft32(uint32(regs[in.b&15]), -int(in.x%32))))
				case uint8(pvm.RotR32ImmAlt):
					regs[in.a&15] = extend32(uint64(bits.RotateLeft32(uint32(in.x), -int(regs[in.b&15]%32))))
				case uint8(pvm.BranchEq):
					if regs[in.a&15] == regs[in.b&15] {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchNe):
					if regs[in.a&15] != regs[in.b&15] {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchLtU):
					if regs[in.a&15] < regs[in.b&15] {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchLtS):
					if int64(regs[in.a&15]) < int64(regs[in.b&15]) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchGeU):
					if regs[in.a&15] >= regs[in.b&15] {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.BranchGeS):
					if int64(regs[in.a&15]) >= int64(regs[in.b&15]) {
						pc = uint(in.y)
					} else {
						pc++
					}
					continue blocks
				case uint8(pvm.LoadImmJumpInd):
					jumps := c.program.JumpTable
					to := uint32(regs[in.b&15] + uint64(int64(int32(in.y))))
					if i := to/2 - 1; to%2 == 0 && i < uint32(len(jumps)) && jumps[i] != pvm.NoTarget {
						regs[in.a&15] = uint64(int64(in.x))
						pc = uint(jumps[i])
						continue blocks
					}
					break fast
				case uint8(pvm.Add32):
					regs[in.d&15] = extend32(regs[in.a&15] + regs[in.b&15])
				case uint8(pvm.Sub32):
					regs[in.d&15] = extend32(regs[in.a&15] - regs[in.b&15])
				case uint8(pvm.Mul32):
					regs[in.d&15] = extend32(regs[in.a&15] * regs[in.b&15])
				case uint8(pvm.DivU32):
					regs[in.d&15] = divU32(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.DivS32):
					regs[in.d&15] = divS32(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.RemU32):
					regs[in.d&15] = remU32(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.RemS32):
					regs[in.d&15] = remS32(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.ShloL32):
					regs[in.d&15] = extend32(regs[in.a&15] << (regs[in.b&15] % 32))
				case uint8(pvm.ShloR32):
					regs[in.d&15] = extend32(uint64(uint32(regs[in.a&15]) >> (regs[in.b&15] % 32)))
				case uint8(pvm.SharR32):
					regs[in.d&15] = uint64(int64(int32(regs[in.a&15]) >> (regs[in.b&15] % 32)))
				case uint8(pvm.Add64):
					regs[in.d&15] = regs[in.a&15] + regs[in.b&15]
				case uint8(pvm.Sub64):
					regs[in.d&15] = regs[in.a&15] - regs[in.b&15]
				case uint8(pvm.Mul64):
					regs[in.d&15] = regs[in.a&15] * regs[in.b&15]
				case uint8(pvm.DivU64):
					regs[in.d&15] = divU64(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.DivS64):
					regs[in.d&15] = divS64(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.RemU64):
					regs[in.d&15] = remU64(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.RemS64):
					regs[in.d&15] = remS64(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.ShloL64):
					regs[in.d&15] = regs[in.a&15] << (regs[in.b&15] % 64)
				case uint8(pvm.ShloR64):
					regs[in.d&15] = regs[in.a&15] >> (regs[in.b&15] % 64)
				case uint8(pvm.SharR64):
					regs[in.d&15] = uint64(int64(regs[in.a&15]) >> (regs[in.b&15] % 64))
				case uint8(pvm.And):
					regs[in.d&15] = regs[in.a&15] & regs[in.b&15]
				case uint8(pvm.Xor):
					regs[in.d&15] = regs[in.a&15] ^ regs[in.b&15]
				case uint8(pvm.Or):
					regs[in.d&15] = regs[in.a&15] | regs[in.b&15]
				case uint8(pvm.MulUpperSS):
					regs[in.d&15] = mulUpperSS(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.MulUpperUU):
					regs[in.d&15] = mulUpperUU(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.MulUpperSU):
					regs[in.d&15] = mulUpperSU(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.SetLtU):
					regs[in.d&15] = truth(regs[in.a&15] < regs[in.b&15])
				case uint8(pvm.SetLtS):
					regs[in.d&15] = truth(int64(regs[in.a&15]) < int64(regs[in.b&15]))
				case uint8(pvm.CmovIz):
					if regs[in.b&15] == 0 {
						regs[in.d&15] = regs[in.a&15]
					}
				case uint8(pvm.CmovNz):
					if regs[in.b&15] != 0 {
						regs[in.d&15] = regs[in.a&15]
					}
				case uint8(pvm.RotL64):
					regs[in.d&15] = bits.RotateLeft64(regs[in.a&15], int(regs[in.b&15]%64))
				case uint8(pvm.RotL32):
					regs[in.d&15] = extend32(uint64(bits.RotateLeft32(uint32(regs[in.a&15]), int(regs[in.b&15]%32))))
				case uint8(pvm.RotR64):
					regs[in.d&15] = bits.RotateLeft64(regs[in.a&15], -int(regs[in.b&15]%64))
				case uint8(pvm.RotR32):
					regs[in.d&15] = extend32(uint64(bits.RotateLeft32(uint32(regs[in.a&15]), -int(regs[in.b&15]%32))))
				case uint8(pvm.AndInv):
					regs[in.d&15] = regs[in.a&15] &^ regs[in.b&15]
				case uint8(pvm.OrInv):
					regs[in.d&15] = regs[in.a&15] | ^regs[in.b&15]
				case uint8(pvm.Xnor):
					regs[in.d&15] = ^(regs[in.a&15] ^ regs[in.b&15])
				case uint8(pvm.Max):
					regs[in.d&15] = uint64(max(int64(regs[in.a&15]), int64(regs[in.b&15])))
				case uint8(pvm.MaxU):
					regs[in.d&15] = max(regs[in.a&15], regs[in.b&15])
				case uint8(pvm.Min):
					regs[in.d&15] = uint64(min(int64(regs[in.a&15]), int64(regs[in.b&15])))
				case uint8(pvm.MinU):
					regs[in.d&15] = min(regs[in.a&15], regs[in.b&15])
				}
			}
			gas += int64(insts[pc].rest)
		}
		m.Regs, m.Gas = [pvm.Registers]uint64(regs[:]), gas
		next, exit, stopped := c.step(m, uint32(pc))
		if stopped {
			return exit
		}
		copy(regs[:], m.Regs[:])
		gas, pc = m.Gas, uint(next)
	}
}
