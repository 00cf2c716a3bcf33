package arm64

import (
	"encoding/binary"
	"math/bits"
)

// PatchAddress completes the Address at a position of code that begins on a page: it becomes the address of a place in
// the same code.
func PatchAddress(code []byte, at, to int) {
	pages := uint32(to>>12 - at>>12)
	high := binary.LittleEndian.Uint32(code[at:]) | pages&3<<29 | pages>>2&0x7ffff<<5
	low := binary.LittleEndian.Uint32(code[at+Inst:]) | uint32(to)&0xfff<<10
	binary.LittleEndian.PutUint32(code[at:], high)
	binary.LittleEndian.PutUint32(code[at+Inst:], low)
}

// MovImm sets all 64 bits of d, by one to four instructions.
func (a *Asm) MovImm(d Reg, imm uint64) {
	zeros, ones := 0, 0
	for i := 0; i < 64; i += 16 {
		switch uint16(imm >> i) {
		case 0:
			zeros++
		case 0xffff:
			ones++
		}
	}
	invert, filler := uint32(0x92800000), uint16(0xffff) // MOVN
	if ones <= zeros {
		invert, filler = 0xd2800000, 0 // MOVZ
	}
	first := true
	for i := 0; i < 64; i += 16 {
		part := uint16(imm >> i)
		if part == filler {
			continue
		}
		op := uint32(0xf2800000) // MOVK
		if first {
			op, part, first = invert, part^filler, false
		}
		a.put(op | uint32(i/16)<<21 | uint32(part)<<5 | uint32(d))
	}
	if first {
		a.put(invert | uint32(d))
	}
}

// MovImm32 sets the lower half of d and clears the upper.
func (a *Asm) MovImm32(d Reg, imm uint32) {
	low, high := imm&0xffff, imm>>16
	switch {
	case high == 0:
		a.put(0x52800000 | low<<5 | uint32(d))
	case low == 0:
		a.put(0x52a00000 | high<<5 | uint32(d))
	case high == 0xffff:
		a.put(0x12800000 | ^imm&0xffff<<5 | uint32(d))
	case low == 0xffff:
		a.put(0x12a00000 | ^imm>>16<<5 | uint32(d))
	default:
		a.put(0x52800000 | low<<5 | uint32(d))
		a.put(0x72a00000 | high<<5 | uint32(d))
	}
}

// Bitwise is how an immediate of AND, ORR and EOR is encoded: as a run of ones, rotated in an element of 2 to 64 bits
// that is repeated.
type Bitwise uint32

// BitwiseImm encodes an immediate of 64 bits, or reports that there is no way.
func BitwiseImm(imm uint64) (Bitwise, bool) {
	if imm == 0 || imm == ^uint64(0) {
		return 0, false
	}
	size := 64
	for size > 2 && imm == bits.RotateLeft64(imm, size/2) {
		size /= 2
	}
	mask := ^uint64(0) >> (64 - size)
	element := imm & mask
	// Rotate the element until its ones are at the bottom.
	rotate := 0
	if element&1 != 0 { // it may begin in the middle of its ones
		rotate = bits.LeadingZeros64(^(element << (64 - size)))
	} else {
		rotate = size - bits.TrailingZeros64(element)
	}
	run := (element<<rotate | element>>(size-rotate)) & mask
	count := bits.OnesCount64(run)
	if run != 1<<count-1 {
		return 0, false
	}
	// The size is coded by the ones above the count; N is set for 64.
	top := uint32(-2*size)&0x3f | uint32(count-1)
	word := uint32(rotate&(size-1))<<16 | top<<10
	if size == 64 {
		word |= 1 << 22
	}
	return Bitwise(word), true
}

// RegBitwise is d = n ∘ imm for And64, Orr64 and Eor64.
func (a *Asm) RegBitwise(op Op, d, n Reg, imm Bitwise) {
	a.put(uint32(op)&0xe0000000 | 0x12000000 | uint32(imm) | uint32(n)<<5 | uint32(d))
}
