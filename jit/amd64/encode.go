// Package amd64 writes amd64 machine code octet by octet.
//
// It knows no PVM and allocates nothing per instruction: an instruction is put together in one or two machine words,
// each stored with a single 8-octet write, and the write position then advances by the octets that count. The
// caller reserves room first ([Asm.Reserve]). There is no check that an instruction makes sense: tests compare every
// form, register combination and immediate width with an independent assembler and disassembler.
package amd64

import (
	"encoding/binary"
	"unsafe"
)

// Slack is the room that one instruction may touch beyond its own octets.
const Slack = 8

// MaxInst is the longest instruction that is emitted, rounded up.
const MaxInst = 16

// Asm is machine code under construction. The zero value is empty and usable.
type Asm struct {
	base unsafe.Pointer // of buf, into which put writes without a look at how long it is: Reserve has looked
	n    int
	buf  []byte
	more func(old []byte, least int) []byte
}

// Reset empties a and keeps its buffer.
func (a *Asm) Reset() { a.n = 0 }

// Use empties a and makes it write into buf, which it may do all over. When that is full, more is to return room for
// that many octets at least, which begins with the old ones, or nil for the heap.
func (a *Asm) Use(buf []byte, more func(old []byte, least int) []byte) {
	a.into(buf)
	a.n, a.more = 0, more
}

// Len is the number of octets written.
func (a *Asm) Len() int { return a.n }

// Bytes returns what was written; it aliases the buffer.
func (a *Asm) Bytes() []byte { return a.buf[:a.n] }

// Room is how many octets can be written in all before room has to be made.
func (a *Asm) Room() int { return len(a.buf) - Slack }

// Reserve makes room for n more octets.
func (a *Asm) Reserve(n int) {
	if a.n+n+Slack > len(a.buf) {
		a.grow(n)
	}
}

func (a *Asm) grow(n int) {
	least := a.n + n + Slack
	if a.more != nil {
		if bigger := a.more(a.buf[:a.n], least); bigger != nil {
			a.into(bigger)
			return
		}
	}
	bigger := make([]byte, max(2*len(a.buf), least, 4096))
	copy(bigger, a.buf[:a.n])
	a.into(bigger)
}

func (a *Asm) into(buf []byte) { a.buf, a.base = buf, unsafe.Pointer(unsafe.SliceData(buf)) }

// PatchInt32 overwrites four octets at position at.
func (a *Asm) PatchInt32(at int, v int32) { binary.LittleEndian.PutUint32(a.buf[at:], uint32(v)) }

// PatchInt8 overwrites one octet at position at.
func (a *Asm) PatchInt8(at int, v int8) { a.buf[at] = byte(v) }

// put appends the n low octets of v.
//
// SAFETY: a.base is where a.buf begins, and who calls any of these functions has made room by Reserve for all that it writes
// and for Slack octets more, so that the eight octets written here lie in a.buf.
func (a *Asm) put(v uint64, n int) {
	*(*uint64)(unsafe.Add(a.base, a.n)) = v
	a.n += n
}

// put2 appends the n low octets of v and the m low ones of w.
//
// SAFETY: see put.
func (a *Asm) put2(v uint64, n int, w uint64, m int) {
	at := unsafe.Add(a.base, a.n)
	*(*uint64)(at) = v
	*(*uint64)(unsafe.Add(at, n)) = w
	a.n += n + m
}

// CallEach appends calls of to, one for each jump in from, and makes the jumps lead to them: from holds where the
// displacement of each of them is.
func (a *Asm) CallEach(to int, from []uint32) {
	const size = 5
	a.Reserve(size * len(from))
	buf, at := a.buf, a.n
	for _, jump := range from {
		binary.LittleEndian.PutUint32(buf[jump:], uint32(at)-jump-4)
		binary.LittleEndian.PutUint64(buf[at:at+8], 0xe8|uint64(uint32(to-at-size))<<8)
		at += size
	}
	a.n = at
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

// pairs holds, for two registers in ModRM, the REX bits that these need in the lowest octet and ModRM in the third.
var pairs = func() (t [256]uint32) {
	for i := range t {
		reg, rm := uint32(i>>4), uint32(i&15)
		t[i] = reg>>3<<2 | rm>>3 | (0xc0|reg&7<<3|rm&7)<<16
	}
	return t
}()

func pair(reg, rm Reg) uint64 { return uint64(pairs[uint8(reg<<4|rm&15)]) }

// wide is REX.W and an opcode of one octet, to be merged with a pair.
func wide(op Op) uint64 { return uint64(rexNone|rexW) | uint64(op&0xff)<<8 }

// RegReg emits op with two registers.
func (a *Asm) RegReg(op Op, dst, src Reg) {
	reg, rm := dst, src
	if op&opReverse != 0 {
		reg, rm = src, dst
	}
	switch {
	case op&(opF3|opTwo|opWide) == opTwo|opWide:
		a.twoOctets(uint64(op>>8&0xff), reg, rm)
	case op&(opF3|opTwo) != 0:
		a.modRM(op, reg, rm, false)
	case op&opWide != 0:
		a.put(pair(reg, rm)|wide(op), 3)
	default:
		a.narrow(op, reg, rm)
	}
}

// Two emits an op with two registers, as RegReg does, for those of 64 bits whose opcode has one octet and that can be turned
// around: the arithmetic ones, Test64, Mov64 and Xchg64.
func (a *Asm) Two(op Op, dst, src Reg) { a.put(pair(src, dst)|wide(op), 3) }

// narrow emits a register form of 32 bits, with a REX prefix only where one is needed.
func (a *Asm) narrow(op Op, reg, rm Reg) { a.putShort(pair(reg, rm)|uint64(op&0xff)<<8, 0, 2) }

// putShort appends v and what it needs of rex, of which the lowest octet is left out if nothing remains of it: n octets
// without that one.
func (a *Asm) putShort(v, rex uint64, n int) {
	v, some := shorten(v, rex)
	a.put(v, some+n)
}

// shorten leaves out the lowest octet, REX, if nothing of it is needed. It returns what remains and whether REX does.
func shorten(v, rex uint64) (uint64, int) {
	v |= rex
	n := (v&15 + 15) >> 4
	return (v | uint64(rexNone)) >> (8 - 8*n), int(n)
}

// Move copies src to dst by op, Mov32 or Mov64, unless they are one register.
func (a *Asm) Move(op Op, dst, src Reg) {
	v, n := shorten(pair(src, dst)|uint64(op&0xff)<<8, uint64(op>>17&1)<<3)
	if n += 2; dst == src {
		n = 0
	}
	a.put(v, n)
}

// modRM emits a register form; force adds a REX prefix that only selects SPL, BPL, SIL or DIL.
func (a *Asm) modRM(op Op, reg, rm Reg, force bool) {
	v, at := prefixes(op, uint64(reg>>3)<<2|uint64(rm>>3), force)
	v |= uint64(op&0xffff) << (at & 63)
	at += 8 + uint64(op>>16&1)*8
	v |= uint64(0xc0|reg&7<<3|rm&7) << (at & 63)
	a.put(v, int(at/8)+1)
}

// prefixes returns the mandatory and REX prefixes of op and their length in bits.
func prefixes(op Op, rex uint64, force bool) (v, n uint64) {
	rex |= uint64(op>>17&1) << 3
	f3, some := uint64(op>>18&1), (rex+15)>>4
	if force {
		some = 1
	}
	v = 0xf3*f3 | (uint64(rexNone)|rex)*some<<(8*f3)
	return v, 8 * (f3 + some)
}

// RegMem emits op between a register and memory; whether it loads or stores is op's affair.
func (a *Asm) RegMem(op Op, reg Reg, m Operand) {
	if m.prefix == prefixGuest {
		a.guest(op, reg, m)
		return
	}
	v, n := before(op, m, uint64(reg>>3)<<2)
	a.put2(v, n, m.bits|uint64(reg&7)<<3, int(m.size))
}

// guest emits an access to guest memory. It has a REX prefix, needed or not: most do need it.
func (a *Asm) guest(op Op, reg Reg, m Operand) {
	v := uint64(op&0xffff)<<8 | uint64(rexNone|m.rex) | uint64(reg>>3)<<2 | uint64(op>>17&1)<<3
	narrow := uint64(op >> 19 & 1)
	v = (v<<(narrow*8)|0x66*narrow)<<16 | prefixGuest
	a.put2(v, int(4+uint64(op>>16&1)+narrow), m.bits|uint64(reg&7)<<3, int(m.size))
}

// before is what precedes ModRM, prefixes and opcode, and how many octets that is.
func before(op Op, m Operand, rex uint64) (v uint64, n int) {
	v, n = uint64(op&0xffff), 1+int(op>>16&1)
	rex |= uint64(m.rex) | uint64(op>>17&1)<<3
	if rex != 0 || op&opByte != 0 {
		v, n = v<<8|uint64(rexNone)|rex, n+1
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
	return v, n
}
