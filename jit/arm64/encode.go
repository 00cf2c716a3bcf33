// Package arm64 writes arm64 machine code word by word.
//
// It knows no PVM and allocates nothing per instruction: each is one word, put together from the bits of its [Op] and
// its operands. The caller reserves room first ([Asm.Reserve]). There is no check that an instruction makes sense: tests
// compare every form, register combination and immediate with an independent assembler and disassembler.
package arm64

import "encoding/binary"

// Inst is the length of every instruction.
const Inst = 4

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
	if a.n+n > len(a.buf) {
		a.grow(n)
	}
}

func (a *Asm) grow(n int) {
	bigger := make([]byte, max(2*len(a.buf), a.n+n, 4096))
	copy(bigger, a.buf[:a.n])
	a.buf = bigger
}

// AlignTo fills up with NOPs until the length is a multiple of n, a power of two.
func (a *Asm) AlignTo(n int) {
	for a.n&(n-1) != 0 {
		a.put(nop)
	}
}

// word is the instruction at position at.
func (a *Asm) word(at int) uint32 { return binary.LittleEndian.Uint32(a.buf[at:]) }

func (a *Asm) put(word uint32) {
	binary.LittleEndian.PutUint32(a.buf[a.n:], word)
	a.n += Inst
}

// Op is an instruction with all its operands 0.
type Op uint32

// wide is the bit that makes an instruction work on 64 bits, where it comes in both widths.
const wide = 1 << 31

// Wide is the instruction for 64 bits.
func (o Op) Wide() Op { return o | wide }

// Three registers, the last of which may be shifted: [Asm.Regs], [Asm.RegsShifted].
const (
	Add32 Op = 0x0b000000
	Sub32 Op = 0x4b000000
	Cmn32 Op = 0x2b000000 // ADDS; with destination ZR
	Cmp32 Op = 0x6b000000 // SUBS; with destination ZR
	And32 Op = 0x0a000000
	Bic32 Op = 0x0a200000
	Orr32 Op = 0x2a000000
	Orn32 Op = 0x2a200000
	Eor32 Op = 0x4a000000
	Eon32 Op = 0x4a200000

	Add64 = Add32 | wide
	Sub64 = Sub32 | wide
	Cmn64 = Cmn32 | wide
	Cmp64 = Cmp32 | wide
	And64 = And32 | wide
	Bic64 = Bic32 | wide
	Orr64 = Orr32 | wide
	Orn64 = Orn32 | wide
	Eor64 = Eor32 | wide
	Eon64 = Eon32 | wide
)

// Three registers: [Asm.Regs].
const (
	Lsl32  Op = 0x1ac02000
	Lsr32  Op = 0x1ac02400
	Asr32  Op = 0x1ac02800
	Ror32  Op = 0x1ac02c00
	Udiv32 Op = 0x1ac00800
	Sdiv32 Op = 0x1ac00c00
	Mul32  Op = 0x1b007c00 // MADD with ZR

	Lsl64  = Lsl32 | wide
	Lsr64  = Lsr32 | wide
	Asr64  = Asr32 | wide
	Ror64  = Ror32 | wide
	Udiv64 = Udiv32 | wide
	Sdiv64 = Sdiv32 | wide
	Mul64  = Mul32 | wide

	Smulh Op = 0x9b407c00
	Umulh Op = 0x9bc07c00
)

// Two registers: [Asm.TwoRegs].
const (
	Clz32  Op = 0x5ac01000
	Clz64     = Clz32 | wide
	Rbit32 Op = 0x5ac00000
	Rbit64    = Rbit32 | wide
	Rev64  Op = 0xdac00c00
	Sxtb   Op = 0x93401c00
	Sxth   Op = 0x93403c00
	Sxtw   Op = 0x93407c00
	Uxth   Op = 0x53003c00
	Mov32  Op = 0x2a0003e0 // the source takes another place: see TwoRegs
	Mov64     = Mov32 | wide
)

// Loads and stores of a general register: [Asm.Guest].
const (
	Store8  Op = 0x38200800
	Store16 Op = 0x78200800
	Store32 Op = 0xb8200800
	Store64 Op = 0xf8200800
	Load8U  Op = 0x38600800
	Load16U Op = 0x78600800
	Load32U Op = 0xb8600800
	Load64  Op = 0xf8600800
	Load8S  Op = 0x38a00800
	Load16S Op = 0x78a00800
	Load32S Op = 0xb8a00800
)

// Bit fields, which shifts by a constant and extensions are: [Asm.Field].
const (
	Sbfm32 Op = 0x13000000
	Ubfm32 Op = 0x53000000
	Sbfm64 Op = 0x93400000
	Ubfm64 Op = 0xd3400000
)

const (
	nop  = 0xd503201f
	trap = 0xd4200000 // BRK #0
)
