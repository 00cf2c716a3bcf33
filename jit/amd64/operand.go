package amd64

// Operand is a memory operand, ready to be merged with an opcode. The only ones that exist are those made below, so
// whatever is emitted reaches guest memory, the context page or a jump table and nothing else. With more than four
// fields the compiler would not keep it in registers.
type Operand struct {
	bits   uint64 // ModRM with an empty register field, SIB, displacement
	size   uint8  // octets in bits
	rex    uint8  // REX.X and REX.B
	prefix uint16 // 0x67 and 0x65 as needed, first octet lowest, zero if none
}

const (
	prefixGS          = 0x65
	prefixGuest       = 0x6567 // 0x67 first, then 0x65
	modDisp8          = 0x40
	rmSIB             = 4
	sibNoIndex        = 0x20
	sibAbsolute       = 0x25 // neither base nor index
	rexB              = 1
	rexX              = 2
	rexR              = 4
	rexW              = 8
	rexNone     uint8 = 0x40
)

// Guest is gs:[base+disp] with 32-bit address arithmetic: the hardware reduces the sum modulo 2^32.
func Guest(base Reg, disp int32) Operand {
	o := based(base, disp)
	o.prefix = prefixGuest
	return o
}

// GuestAbsolute is gs:[address].
func GuestAbsolute(address uint32) Operand {
	return Operand{bits: rmSIB | sibAbsolute<<8 | uint64(address)<<16, size: 6, prefix: prefixGuest}
}

// GuestIndexed is gs:[base+index<<scale+disp] with 32-bit address arithmetic. index is not RSP.
func GuestIndexed(base, index Reg, scale uint8, disp int32) Operand {
	o := Indexed(base, index, scale, disp)
	o.prefix = prefixGuest
	return o
}

// Context is gs:[offset] with 64-bit address arithmetic; offset is negative, so that no guest access can meet it.
func Context(offset int32) Operand {
	return Operand{bits: rmSIB | sibAbsolute<<8 | uint64(uint32(offset))<<16, size: 6, prefix: prefixGS}
}

// Table is [index*8+address], for jumps through a table that lies below 2 GiB. index is not RSP.
func Table(index Reg, address int32) Operand {
	sib := uint64(3<<6 | index&7<<3 | 5)
	return Operand{bits: rmSIB | sib<<8 | uint64(uint32(address))<<16, size: 6, rex: uint8(index>>3) * rexX}
}

// Based is [base+disp], for LEA alone.
func Based(base Reg, disp int32) Operand { return based(base, disp) }

// Indexed is [base+index<<scale+disp], for LEA alone. index is not RSP.
func Indexed(base, index Reg, scale uint8, disp int32) Operand {
	sib := uint64(scale<<6) | uint64(index&7)<<3 | uint64(base&7)
	return displaced(rmSIB|sib<<8, 2, base, disp, uint8(index>>3)*rexX|uint8(base>>3))
}

// Scaled is [index<<scale+disp], for LEA alone. index is not RSP.
func Scaled(index Reg, scale uint8, disp int32) Operand {
	sib := uint64(scale<<6) | uint64(index&7)<<3 | 5
	return Operand{bits: rmSIB | sib<<8 | uint64(uint32(disp))<<16, size: 6, rex: uint8(index>>3) * rexX}
}

// Relative is [rip+disp], for LEA alone; disp counts from the end of the instruction.
func Relative(disp int32) Operand {
	return Operand{bits: 5 | uint64(uint32(disp))<<8, size: 5}
}

func based(base Reg, disp int32) Operand {
	if base&7 == RSP { // the number of RSP and R12 means that a SIB octet follows
		return displaced((sibNoIndex|rmSIB)<<8|rmSIB, 2, base, disp, uint8(base>>3))
	}
	return displaced(uint64(base&7), 1, base, disp, uint8(base>>3))
}

// displaced adds a displacement of 0, 1 or 4 octets to an operand of so many. Of the displacement it writes more than
// counts.
func displaced(bits, size uint64, base Reg, disp int32, rex uint8) Operand {
	long, some := uint64(1), uint64(1)
	if disp == int32(int8(disp)) {
		long = 0
	}
	if disp == 0 && base&7 != RBP { // RBP and R13 without displacement mean something else
		some = 0
	}
	return Operand{
		bits: bits | (some+long)*modDisp8 | uint64(uint32(disp))<<(size*8&63),
		size: uint8(size + some + 3*long),
		rex:  rex,
	}
}
