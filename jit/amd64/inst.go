package amd64

// RegImm emits an arithmetic op with a sign-extended immediate, in the shortest form.
func (a *Asm) RegImm(op Op, dst Reg, imm int32) {
	digit := Reg(op>>3) & 7
	short := imm == int32(int8(imm))
	if dst == RAX && !short { // one octet less
		v, n := prefixes(op&opWide, 0, false)
		a.put(v|uint64(op&0x38|5)<<n|uint64(uint32(imm))<<(n+8), int(n/8)+5)
		return
	}
	opcode, size := uint64(0x81<<8), 4
	if short {
		opcode, size = 0x83<<8, 1
	}
	a.putShort(pair(digit, dst)|opcode|uint64(uint32(imm))<<24, uint64(op>>17&1)<<3, 2+size)
}

// AddImm adds imm by op, Add32 or Add64, in the shortest form. The carry flag is undefined.
func (a *Asm) AddImm(op Op, dst Reg, imm int32) {
	if imm == 128 { // does not fit an octet, but -128 does
		a.RegImm(op-Add32+Sub32, dst, -128)
		return
	}
	a.RegImm(op, dst, imm)
}

// PopReg pops the stack into r.
func (a *Asm) PopReg(r Reg) {
	if r >= R8 {
		a.put(0x41|uint64(0x58|r&7)<<8, 2)
		return
	}
	a.put(uint64(0x58|r), 1)
}

// MovImm32 sets dst to imm, zero-extended. Flags stay.
func (a *Asm) MovImm32(dst Reg, imm uint32) {
	high := int(dst >> 3)
	a.put((0x41|uint64(0xb8|dst&7)<<8|uint64(imm)<<16)>>(8-8*high), 5+high)
}

// MovImm sets dst to imm in the shortest form that leaves the flags alone.
func (a *Asm) MovImm(dst Reg, imm uint64) {
	switch {
	case imm == uint64(uint32(imm)):
		a.MovImm32(dst, uint32(imm))
	case imm == uint64(int64(int32(imm))):
		a.put(pair(0, dst)|wide(0xc7)|uint64(uint32(imm))<<24, 7)
	default:
		a.put2(uint64(rexNone|rexW|uint8(dst>>3))|uint64(0xb8|dst&7)<<8, 2, imm, 8)
	}
}

// Zero sets dst to 0 and clobbers the flags.
func (a *Asm) Zero(dst Reg) { a.RegReg(Xor32, dst, dst) }

// TestImm compares dst AND imm with 0.
func (a *Asm) TestImm(dst Reg, imm int32) {
	a.put(pair(0, dst)|wide(0xf7)|uint64(uint32(imm))<<24, 7)
}

// ImulImm32 and ImulImm64 set dst to src times imm.
func (a *Asm) ImulImm32(dst, src Reg, imm int32) { a.imulImm(0, dst, src, imm) }

// ImulImm64 is described with ImulImm32.
func (a *Asm) ImulImm64(dst, src Reg, imm int32) { a.imulImm(opWide, dst, src, imm) }

func (a *Asm) imulImm(wide Op, dst, src Reg, imm int32) {
	opcode, size := uint64(0x69<<8), 4
	if imm == int32(int8(imm)) {
		opcode, size = 0x6b<<8, 1
	}
	a.putShort(pair(dst, src)|opcode|uint64(uint32(imm))<<24, uint64(wide>>17&1)<<3, 2+size)
}

// Shift is a shift or rotate, by the digit in its ModRM octet; +8 makes it 64 bits wide.
type Shift uint8

// The shifts and rotates.
const (
	Rol32 Shift = 0
	Ror32 Shift = 1
	Shl32 Shift = 4
	Shr32 Shift = 5
	Sar32 Shift = 7
	Rol64 Shift = 8 | Rol32
	Ror64 Shift = 8 | Ror32
	Shl64 Shift = 8 | Shl32
	Shr64 Shift = 8 | Shr32
	Sar64 Shift = 8 | Sar32
)

// ShiftImm shifts dst by a constant.
func (a *Asm) ShiftImm(s Shift, dst Reg, count uint8) {
	opcode, size := uint64(0xc1), 3
	if count == 1 {
		opcode, size = 0xd1, 2
	}
	a.putShort(pair(Reg(s&7), dst)|opcode<<8|uint64(count)<<24, uint64(s&8), size)
}

// ShiftCL shifts dst by CL.
func (a *Asm) ShiftCL(s Shift, dst Reg) {
	a.putShort(pair(Reg(s&7), dst)|0xd3<<8, uint64(s&8), 2)
}

// Unary is a one-operand instruction, by the digit in its ModRM octet; +8 makes it 64 bits wide.
type Unary uint8

// The one-operand instructions. Those that multiply and divide work on RDX:RAX.
const (
	Not32  Unary = 2
	Neg32  Unary = 3
	Mul32  Unary = 4
	Div32  Unary = 6
	Idiv32 Unary = 7
	Not64  Unary = 8 | Not32
	Neg64  Unary = 8 | Neg32
	Mul64  Unary = 8 | Mul32
	Imul1  Unary = 8 | 5
	Div64  Unary = 8 | Div32
	Idiv64 Unary = 8 | Idiv32
)

// Unary emits op on r.
func (a *Asm) Unary(op Unary, r Reg) {
	a.putShort(pair(Reg(op&7), r)|0xf7<<8, uint64(op&8), 2)
}

// Cdq spreads the sign of EAX over EDX, Cqo that of RAX over RDX.
func (a *Asm) Cdq() { a.put(0x99, 1) }

// Cqo is described with Cdq.
func (a *Asm) Cqo() { a.put(0x9948, 2) }

// Bswap reverses the octets of r.
func (a *Asm) Bswap(r Reg) {
	a.put(uint64(rexNone|rexW|uint8(r>>3))|0x0f<<8|uint64(0xc8|r&7)<<16, 3)
}

// Movzx8 and Movsx8 extend the low octet of src to the whole of dst.
func (a *Asm) Movzx8(dst, src Reg) { a.modRM(0xb60f|opTwo, dst, src, src >= RSP) }

// Movsx8 is described with Movzx8.
func (a *Asm) Movsx8(dst, src Reg) { a.twoOctets(0xbe, dst, src) }

// Set sets the low octet of r to 1 if c holds and else to 0.
func (a *Asm) Set(c Cond, r Reg) { a.modRM(0x900f|Op(c)<<8|opTwo, 0, r, r >= RSP) }

// Cmov copies all of src to dst if c holds.
func (a *Asm) Cmov(c Cond, dst, src Reg) { a.twoOctets(0x40|uint64(c), dst, src) }

// StoreImm writes the low octets of imm, 1, 2, 4 or 8 by op's width; the last sign-extends it.
func (a *Asm) StoreImm(op Op, m Operand, imm int32) {
	opcode, size := Op(0xc7)|op&(opWide|op66), 4
	switch {
	case op&opByte != 0:
		opcode, size = 0xc6, 1
	case op&op66 != 0:
		size = 2
	}
	v, n := before(opcode, m, 0)
	a.put2(v, n, m.bits, int(m.size))
	a.put(uint64(uint32(imm)), size)
}

// JmpReg jumps to the address in r.
func (a *Asm) JmpReg(r Reg) { a.modRM(0xff, 4, r, false) }

// Jmp8, Jmp32, Jcc8, Jcc32 and Call32 go to their own end plus rel, which [Asm.PatchInt8] and [Asm.PatchInt32] can
// set later in the last octets.
func (a *Asm) Jmp8(rel int8) { a.put(0xeb|uint64(uint8(rel))<<8, 2) }

// Jmp32 is described with Jmp8.
func (a *Asm) Jmp32(rel int32) { a.put(0xe9|uint64(uint32(rel))<<8, 5) }

// Jcc8 is described with Jmp8.
func (a *Asm) Jcc8(c Cond, rel int8) { a.put(uint64(0x70|c)|uint64(uint8(rel))<<8, 2) }

// Jcc32 is described with Jmp8.
func (a *Asm) Jcc32(c Cond, rel int32) { a.put(0x0f|uint64(0x80|c)<<8|uint64(uint32(rel))<<16, 6) }

// Call32 is described with Jmp8.
func (a *Asm) Call32(rel int32) { a.put(0xe8|uint64(uint32(rel))<<8, 5) }

// Ret returns.
func (a *Asm) Ret() { a.put(0xc3, 1) }

// Int3 traps.
func (a *Asm) Int3() { a.put(0xcc, 1) }

// nops holds the recommended long NOP of each length in its row.
var nops = [...]uint64{
	1: 0x90,
	2: 0x9066,
	3: 0x001f0f,
	4: 0x00401f0f,
	5: 0x0000441f0f,
	6: 0x0000441f0f66,
	7: 0x00000000801f0f,
	8: 0x0000000000841f0f,
}

// longestNop is nops[8] with as many operand-size prefixes as processors decode without delay.
const longestNop = 11

// Nop fills n octets with as few instructions as possible. The caller reserves n octets.
func (a *Asm) Nop(n int) {
	for ; n > 8; n -= min(n, longestNop) {
		extra := min(n, longestNop) - 8
		a.put(0x666666, extra)
		a.put(nops[8], 8)
	}
	if n > 0 {
		a.put(nops[n], n)
	}
}

// AlignTo fills up with NOPs to a multiple of boundary, a power of two, unless more than most octets are missing.
func (a *Asm) AlignTo(boundary, most int) {
	if gap := -a.n & (boundary - 1); gap <= most {
		a.Nop(gap)
	}
}
