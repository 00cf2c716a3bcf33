// Package amd64 writes amd64 machine code octet by octet.
//
// It knows no PVM and allocates nothing per instruction: an instruction is put together in one or two machine words,
// each stored with a single 8-octet write, and the write position then advances by the octets that count. The
// caller reserves room first ([Asm.Reserve]). There is no check that an instruction makes sense: tests compare every
// form, register combination and immediate width with an independent assembler and disassembler.
package amd64

import "encoding/binary"

// Slack is the room that one instruction may touch beyond its own octets.
const Slack = 8

// MaxInst is the longest instruction that is emitted, rounded up.
const MaxInst = 16

// Asm is machine code under construction. The zero value is empty and usable.
type Asm struct {
	buf []byte
	n   int
}

// Reset empties a and keeps its buffer.
func (a *Asm) Reset() { a.n = 0 }

// Len is the number of octets written.
func (a *Asm) Len() int { return a.n }

// Bytes returns what was written; it aliases the buffer.
func (a *Asm) Bytes() []byte { return a.buf[:a.n] }

// Reserve makes room for n more octets.
func (a *Asm) Reserve(n int) {
	if a.n+n+Slack > len(a.buf) {
		a.grow(n)
	}
}

func (a *Asm) grow(n int) {
	bigger := make([]byte, max(2*len(a.buf), a.n+n+Slack, 4096))
	copy(bigger, a.buf[:a.n])
	a.buf = bigger
}

// PatchInt32 overwrites four octets at position at.
func (a *Asm) PatchInt32(at int, v int32) { binary.LittleEndian.PutUint32(a.buf[at:], uint32(v)) }

// PatchInt8 overwrites one octet at position at.
func (a *Asm) PatchInt8(at int, v int8) { a.buf[at] = byte(v) }

// put appends the n low octets of v.
func (a *Asm) put(v uint64, n int) {
	binary.LittleEndian.PutUint64(a.buf[a.n:], v)
	a.n += n
}

// Op is the opcode of a two-operand instruction with all that its encoding needs: the octets of the opcode in the low
// 16 bits, and flags.
type Op uint32

const (
	opTwo     Op = 1 << 16 // the opcode has two octets (0x0f first)
	opWide    Op = 1 << 17 // REX.W
	opF3      Op = 1 << 18 // mandatory prefix
	op66      Op = 1 << 19 // operand-size prefix
	opByte    Op = 1 << 20 // the register field names an 8-bit register
	opReverse Op = 1 << 21 // the register field is the source
)

// Opcodes for [Asm.RegReg], by destination width. The arithmetic ones serve [Asm.RegImm] too.
const (
	Add32    = 0x01 | opReverse
	Or32     = 0x09 | opReverse
	And32    = 0x21 | opReverse
	Sub32    = 0x29 | opReverse
	Xor32    = 0x31 | opReverse
	Cmp32    = 0x39 | opReverse
	Test32   = 0x85 | opReverse
	Mov32    = 0x89 | opReverse
	Xchg32   = 0x87 | opReverse
	Add64    = Add32 | opWide
	Or64     = Or32 | opWide
	And64    = And32 | opWide
	Sub64    = Sub32 | opWide
	Xor64    = Xor32 | opWide
	Cmp64    = Cmp32 | opWide
	Test64   = Test32 | opWide
	Mov64    = Mov32 | opWide
	Xchg64   = Xchg32 | opWide
	Imul32   = 0xaf0f | opTwo
	Imul64   = Imul32 | opWide
	Popcnt32 = 0xb80f | opTwo | opF3
	Tzcnt32  = 0xbc0f | opTwo | opF3
	Lzcnt32  = 0xbd0f | opTwo | opF3
	Popcnt64 = Popcnt32 | opWide
	Tzcnt64  = Tzcnt32 | opWide
	Lzcnt64  = Lzcnt32 | opWide
	Movsxd   = 0x63 | opWide
	Movzx16  = 0xb70f | opTwo
	Movsx16  = 0xbf0f | opTwo | opWide
)

// Opcodes for [Asm.RegMem]: what a load does to the upper octets is in the name, U for zeroes and S for the sign.
const (
	Load8U   = 0xb60f | opTwo
	Load8S   = 0xbe0f | opTwo | opWide
	Load16U  = 0xb70f | opTwo
	Load16S  = 0xbf0f | opTwo | opWide
	Load32U  = Op(0x8b)
	Load32S  = 0x63 | opWide
	Load64   = 0x8b | opWide
	Store8   = 0x88 | opByte
	Store16  = 0x89 | op66
	Store32  = Op(0x89)
	Store64  = 0x89 | opWide
	SubMem64 = 0x2b | opWide
	Lea32    = Op(0x8d)
	Lea64    = 0x8d | opWide
)

// Narrow is the 32-bit form of a 64-bit arithmetic op, and Wide tells which it is.
func (op Op) Narrow() Op { return op &^ opWide }

// Wide is described with Narrow.
func (op Op) Wide() bool { return op&opWide != 0 }

// RegReg emits op with two registers.
func (a *Asm) RegReg(op Op, dst, src Reg) {
	reg, rm := dst, src
	if op&opReverse != 0 {
		reg, rm = src, dst
	}
	if op&(opF3|opTwo) != 0 {
		a.modRM(op, reg, rm, false)
		return
	}
	rex := rexNone | uint8(reg>>3)<<2 | uint8(rm>>3) | uint8(op>>17&1)<<3
	v, n := uint64(op&0xff)|uint64(0xc0|reg&7<<3|rm&7)<<8, 2
	if rex != rexNone {
		v, n = uint64(rex)|v<<8, 3
	}
	a.put(v, n)
}

// modRM emits a register form; force adds a REX prefix that only selects SPL, BPL, SIL or DIL.
func (a *Asm) modRM(op Op, reg, rm Reg, force bool) {
	v, n := prefixes(op, rexNone|uint8(reg>>3)<<2|uint8(rm>>3), force)
	v |= uint64(op&0xffff) << n
	n += 8 + uint(op>>16&1)*8
	v |= uint64(0xc0|reg&7<<3|rm&7) << n
	a.put(v, int(n/8)+1)
}

// prefixes returns the mandatory and REX prefixes of op and their length in bits.
func prefixes(op Op, rex uint8, force bool) (v uint64, n uint) {
	rex |= uint8(op>>17&1) << 3
	if op&opF3 != 0 {
		v, n = 0xf3, 8
	}
	if rex != rexNone || force {
		v |= uint64(rex) << n
		n += 8
	}
	return v, n
}

// RegMem emits op between a register and memory; whether it loads or stores is op's affair.
func (a *Asm) RegMem(op Op, reg Reg, m Operand) {
	v, n := uint64(op&0xffff), 1+int(op>>16&1)
	rex := rexNone | m.rex | uint8(reg>>3)<<2 | uint8(op>>17&1)<<3
	if rex != rexNone || op&opByte != 0 && reg >= RSP {
		v, n = v<<8|uint64(rex), n+1
	}
	if op&op66 != 0 {
		v, n = v<<8|0x66, n+1
	}
	switch m.prefix {
	case prefixGuest:
		v, n = v<<16|prefixGuest, n+2
	case prefixGS:
		v, n = v<<8|prefixGS, n+1
	}
	a.put(v, n)
	a.put(m.bits|uint64(reg&7)<<3, int(m.size))
}

// memory emits what precedes ModRM where that holds no register: prefixes and opcode.
func (a *Asm) memory(op Op, m Operand) {
	v, n := uint64(op&0xff), 1
	if rex := rexNone | m.rex | uint8(op>>17&1)<<3; rex != rexNone {
		v, n = v<<8|uint64(rex), n+1
	}
	if op&op66 != 0 {
		v, n = v<<8|0x66, n+1
	}
	switch m.prefix {
	case prefixGuest:
		v, n = v<<16|prefixGuest, n+2
	case prefixGS:
		v, n = v<<8|prefixGS, n+1
	}
	a.put(v, n)
}
