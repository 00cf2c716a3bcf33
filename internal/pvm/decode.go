package pvm

import "encoding/binary"

// window is how much of the code an instruction's operands can reach: three octets, then two
// immediates of four.
const window = 16

// decodeInst decodes the instruction at pc, behind which execution goes on at next. GP §A.5.
func (p *Program) decodeInst(in *Inst, pc, next uint32, targets ranked) {
	op := Opcode(p.blob.Code[pc])
	if !op.Valid() || !p.blob.starts(uint64(pc)) {
		*in = Inst{Op: Trap, Y: NoTarget}
		return
	}
	var tail [window]byte // ζ: zeros follow the code. GP eq:instructions
	z := p.blob.Code[pc:]
	if len(z) < window {
		copy(tail[:], z)
		z = tail[:]
	}
	in.Op = op
	in.operands((*[window]byte)(z), int(next-pc-1))
	if Ops[op].Flags&(Branches|Jumps) != 0 {
		in.Y = p.target(uint64(pc)+in.ImmY(), targets)
	}
}

// operands reads registers and immediates from z, which begins with the opcode. An offset is left
// in Y as an immediate. ℓ is how far the next instruction is, less one.
func (in *Inst) operands(z *[window]byte, ℓ int) {
	low, high := register(z[1]&15), register(z[1]>>4)
	switch Ops[in.Op].Format {
	case NoArgs:
	case OneImm:
		in.X = immediate(z[1:], ℓ)
	case OneRegExtImm:
		in.A = low
		in.X = binary.LittleEndian.Uint64(z[2:])
	case TwoImms:
		in.immediates(z[2:], int(z[1]%8), ℓ-1)
	case OneOffset:
		in.Y = uint32(immediate(z[1:], ℓ))
	case OneRegOneImm:
		in.A = low
		in.X = immediate(z[2:], ℓ-1)
	case OneRegTwoImms, OneRegOneImmOneOffset:
		in.A = low
		in.immediates(z[2:], int(z[1]>>4%8), ℓ-1)
	case TwoRegs:
		in.D, in.A = low, high
	case TwoRegsOneImm:
		in.A, in.B = low, high
		in.X = immediate(z[2:], ℓ-1)
	case TwoRegsOneOffset:
		in.A, in.B = low, high
		in.Y = uint32(immediate(z[2:], ℓ-1))
	case TwoRegsTwoImms:
		in.A, in.B = low, high
		in.immediates(z[3:], int(z[2]%8), ℓ-2)
	case ThreeRegs:
		in.A, in.B, in.D = low, high, register(z[2])
	}
}

// immediates reads ν_X, of as many octets as it says itself, and ν_Y, of what then is left.
func (in *Inst) immediates(z []byte, x, left int) {
	x = min(x, 4)
	in.X = immediate(z, x)
	in.Y = uint32(immediate(z[x:], left-x))
}

// immediate reads a number of n octets, but at most 4 and at least none, and extends its sign.
// GP eq:signedextension.
func immediate(z []byte, n int) uint64 {
	n = max(0, min(n, 4))
	if n == 0 {
		return 0
	}
	unused := 32 - 8*n
	return uint64(int64(int32(binary.LittleEndian.Uint32(z)<<unused) >> unused))
}

func register(n byte) uint8 { return min(n, Registers-1) }
