package pvm

import "encoding/binary"

// window is how much of the code an instruction's operands can reach: three octets, then two
// immediates of four.
const window = 16

// brief is what decoding wants to know of an opcode.
type brief struct {
	format Format
	does   uint8
}

// What opcodes do, in brief.
const (
	cuts  = 1 << iota // ends a block, of those that are charged together
	ends              // ends a basic block
	goes              // names a place to go on
	valid             // is defined
)

var briefs = func() (t [256]brief) {
	for op := range t {
		flags := Ops[op].Flags
		t[op].format = Ops[op].Format
		for bit, is := range map[uint8]bool{
			cuts:  !Opcode(op).Valid() || flags&(Ends|CallsHost) != 0, // what is not defined is a trap
			ends:  flags.Has(Ends),
			goes:  flags&(Branches|Jumps) != 0,
			valid: Opcode(op).Valid(),
		} {
			if is {
				t[op].does |= bit
			}
		}
	}
	return t
}()

// decodeInst decodes the instruction at pc, where the mask has a bit, and behind which execution goes on at next. GP §A.5.
func (p *Program) decodeInst(in *Inst, pc, next uint32, targets ranked) {
	code := p.blob.Code
	op := Opcode(code[pc])
	b := briefs[op]
	if b.does&valid == 0 {
		*in = Inst{Op: Trap, Y: NoTarget}
		return
	}
	in.Op = op
	if end := int(pc) + window; end <= len(code) {
		in.operands(b.format, (*[window]byte)(code[pc:end]), int(next-pc-1))
	} else {
		var z [window]byte // ζ: zeros follow the code. GP eq:instructions
		copy(z[:], code[pc:])
		in.operands(b.format, &z, int(next-pc-1))
	}
	if b.does&goes != 0 {
		in.Y = p.target(uint64(pc)+in.ImmY(), targets)
	}
}

// operands reads registers and immediates from z, which begins with the opcode. An offset is left
// in Y as an immediate. ℓ is how far the next instruction is, less one.
func (in *Inst) operands(f Format, z *[window]byte, ℓ int) {
	low, high := register(z[1]&15), register(z[1]>>4)
	switch f {
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
	unused := 64 - 8*max(0, min(n, 4)) // 64 leaves nothing
	return uint64(int64(uint64(binary.LittleEndian.Uint32(z))<<unused) >> unused)
}

func register(n byte) uint8 { return min(n, Registers-1) }
