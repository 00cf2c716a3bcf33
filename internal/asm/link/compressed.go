package link

import (
	"fmt"

	"damson/internal/pvm"
)

// signed extends the sign of a number of n bits.
func signed(x uint16, n int) int64 { return int64(int16(x<<(16-n)) >> (16 - n)) }

// field takes n bits of h from a position on and puts them at another.
func field(h uint16, from, n, to int) uint16 { return h >> from & (1<<n - 1) << to }

// decodeCompressed decodes an instruction of 16 bits, of the extension C, as the one of 32 bits that it stands for.
func decodeCompressed(h uint16) (in inst, err error) {
	in.size = 2
	if h == 0 {
		in.form, in.op = trap, pvm.Trap
		return in, nil
	}
	known := false
	switch h & 3 {
	case 0:
		known = in.quadrant0(h)
	case 1:
		known = in.quadrant1(h)
	case 2:
		known = in.quadrant2(h)
	}
	if !known {
		return in, fmt.Errorf("%#04x cannot be translated: it is of no extension but I, M, C and Zbb", h)
	}
	return in, nil
}

// quadrant0 are loads and stores by the registers x8 to x15.
func (in *inst) quadrant0(h uint16) bool {
	in.rd, in.rs1 = uint8(h>>2&7)+8, uint8(h>>7&7)+8
	in.rs2 = in.rd
	word := int64(field(h, 10, 3, 3) | field(h, 6, 1, 2) | field(h, 5, 1, 6))
	double := int64(field(h, 10, 3, 3) | field(h, 5, 2, 6))
	switch h >> 13 {
	case 0:
		in.form, in.op, in.rs1 = immediate, pvm.AddImm64, 2
		in.imm = int64(field(h, 11, 2, 4) | field(h, 7, 4, 6) | field(h, 6, 1, 2) | field(h, 5, 1, 3))
		return in.imm != 0
	case 2:
		in.form, in.op, in.imm = load, pvm.LoadIndI32, word
	case 3:
		in.form, in.op, in.imm = load, pvm.LoadIndU64, double
	case 6:
		in.form, in.op, in.imm = store, pvm.StoreIndU32, word
	case 7:
		in.form, in.op, in.imm = store, pvm.StoreIndU64, double
	default:
		return false
	}
	return true
}

func (in *inst) quadrant1(h uint16) bool {
	in.rd = uint8(h >> 7 & 31)
	in.rs1 = in.rd
	in.form, in.imm = immediate, signed(field(h, 12, 1, 5)|field(h, 2, 5, 0), 6)
	switch h >> 13 {
	case 0:
		in.op = pvm.AddImm64
	case 1:
		in.op = pvm.AddImm32
	case 2:
		in.op, in.rs1 = pvm.AddImm64, zero
	case 3:
		if in.rd == 2 {
			in.op = pvm.AddImm64
			in.imm = signed(field(h, 12, 1, 9)|field(h, 6, 1, 4)|field(h, 5, 1, 6)|field(h, 3, 2, 7)|field(h, 2, 1, 5), 10)
			return true
		}
		in.form, in.op, in.imm = lui, pvm.LoadImm, in.imm<<12
	case 4:
		in.short(h)
	case 5:
		in.form, in.op, in.rd = jal, pvm.Jump, zero
		in.imm = signed(field(h, 12, 1, 11)|field(h, 11, 1, 4)|field(h, 9, 2, 8)|field(h, 8, 1, 10)|field(h, 7, 1, 6)|
			field(h, 6, 1, 7)|field(h, 3, 3, 1)|field(h, 2, 1, 5), 12)
	default:
		in.form, in.op, in.rs1, in.rs2 = branch, pvm.BranchEq, uint8(h>>7&7)+8, zero
		if h>>13 == 7 {
			in.op = pvm.BranchNe
		}
		in.imm = signed(field(h, 12, 1, 8)|field(h, 10, 2, 3)|field(h, 5, 2, 6)|field(h, 3, 2, 1)|field(h, 2, 1, 5), 9)
	}
	return in.op != 0
}

// short is arithmetic on the registers x8 to x15.
func (in *inst) short(h uint16) {
	in.rd = uint8(h>>7&7) + 8
	in.rs1, in.rs2 = in.rd, uint8(h>>2&7)+8
	switch h >> 10 & 3 {
	case 0:
		in.op, in.imm = pvm.ShloRImm64, in.imm&63
	case 1:
		in.op, in.imm = pvm.SharRImm64, in.imm&63
	case 2:
		in.op = pvm.AndImm
	default:
		in.form = three
		in.op = [8]pvm.Opcode{pvm.Sub64, pvm.Xor, pvm.Or, pvm.And, pvm.Sub32, pvm.Add32}[h>>12&1<<2|h>>5&3]
	}
}

// quadrant2 are loads and stores by the stack pointer, and what moves whole registers.
func (in *inst) quadrant2(h uint16) bool {
	in.rd, in.rs2 = uint8(h>>7&31), uint8(h>>2&31)
	in.rs1 = 2
	switch h >> 13 {
	case 0:
		in.form, in.op, in.rs1 = immediate, pvm.ShloLImm64, in.rd
		in.imm = int64(field(h, 12, 1, 5) | field(h, 2, 5, 0))
	case 2:
		in.form, in.op, in.imm = load, pvm.LoadIndI32, int64(field(h, 12, 1, 5)|field(h, 4, 3, 2)|field(h, 2, 2, 6))
	case 3:
		in.form, in.op, in.imm = load, pvm.LoadIndU64, int64(field(h, 12, 1, 5)|field(h, 5, 2, 3)|field(h, 2, 3, 6))
	case 4:
		in.whole(h)
	case 6:
		in.form, in.op, in.imm = store, pvm.StoreIndU32, int64(field(h, 9, 4, 2)|field(h, 7, 2, 6))
	case 7:
		in.form, in.op, in.imm = store, pvm.StoreIndU64, int64(field(h, 10, 3, 3)|field(h, 7, 3, 6))
	default:
		return false
	}
	return true
}

func (in *inst) whole(h uint16) {
	links := h>>12&1 != 0
	switch {
	case in.rs2 != 0:
		in.form, in.op, in.rs1 = three, pvm.Add64, zero
		if links {
			in.rs1 = in.rd
		}
	case in.rd == 0:
		in.form, in.op = trap, pvm.Trap // ebreak, or reserved
	default:
		in.form, in.op, in.rs1, in.rd = jalr, pvm.JumpInd, in.rd, zero
		if links {
			in.rd = 1
		}
	}
}
