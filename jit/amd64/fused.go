package amd64

// What most of guest code becomes, put together in few steps: these are the forms that compile time hangs on. Each is
// what the general functions emit, one behind the other if there are two instructions.

// Three sets dst to left op right for a 64-bit op that overwrites its left operand. dst is not right, unless it is left.
func (a *Asm) Three(op Op, dst, left, right Reg) {
	v, n := pair(right, dst)|wide(op), 3
	if both := v<<24 | pair(left, dst) | wide(Mov64); dst != left {
		v, n = both, 6
	}
	a.put(v, n)
}

// ThreeShift sets dst to src shifted by a constant, for a shift of 64 bits.
func (a *Asm) ThreeShift(s Shift, dst, src Reg, count uint8) {
	v, n := pair(Reg(s&7), dst)|wide(0xc1)|uint64(count)<<24, 4
	if both := v<<24 | pair(src, dst) | wide(Mov64); dst != src {
		v, n = both, 7
	}
	a.put(v, n)
}

// ThreeImm sets dst to src op imm for an arithmetic op of 64 bits.
func (a *Asm) ThreeImm(op Op, dst, src Reg, imm int32) {
	v, size := pair(Reg(op>>3)&7, dst)|wide(0x81), 4
	if imm == int32(int8(imm)) {
		v, size = v|2<<8, 1
	} else if dst == RAX { // one octet less
		v, n := pair(src, dst)|wide(Mov64), 3
		if dst == src {
			v, n = 0, 0
		}
		a.put2(v, n, uint64(rexNone|rexW)|uint64(op&0x38|5)<<8|uint64(uint32(imm))<<16, 6)
		return
	}
	n := 3
	if both := v<<24 | pair(src, dst) | wide(Mov64); dst != src {
		v, n = both, 6
	}
	a.put2(v, n, uint64(uint32(imm)), size)
}

// LeaSum sets dst to left plus right.
func (a *Asm) LeaSum(dst, left, right Reg) { a.LeaScaled(dst, left, right, 0) }

// LeaScaled sets dst to base plus index<<scale. index is not RSP.
func (a *Asm) LeaScaled(dst, base, index Reg, scale uint8) {
	if base&7 == RBP && scale == 0 { // which as a base needs a displacement
		base, index = index, base
	}
	v := pair(dst, base)&7 | uint64(index>>3)<<1 | wide(0x8d) | uint64(rmSIB|dst&7<<3)<<16 |
		uint64(uint32(scale)<<6|uint32(index&7<<3|base&7))<<24
	if base&7 != RBP {
		a.put(v, 4)
	} else {
		a.put(v|modDisp8<<16, 5)
	}
}

// Sum sets dst to src, which is not RSP, plus disp. Whether that leaves the flags as they were depends on whether dst is src.
func (a *Asm) Sum(dst, src Reg, disp int32) {
	switch {
	case src == R12 && dst != src:
		a.RegMem(Lea64, dst, Based(src, disp))
		return
	case dst == src && (disp == 128 || dst == RAX): // of which there are shorter forms
		a.AddImm(Add64, dst, disp)
		return
	}
	v, flip := pair(0, dst)|wide(0x81), uint64(2<<8)
	if dst != src {
		v, flip = pair(dst, src)^(0xc0^2*modDisp8)<<16|wide(0x8d), 3*modDisp8<<16
	}
	n := 7
	if disp == int32(int8(disp)) {
		v, n = v^flip, 4
	}
	a.put(v|uint64(uint32(disp))<<24, n)
}

// Pay subtracts imm from dst and jumps if the result is less than 0, to where [Asm.PatchInt32] says.
func (a *Asm) Pay(dst Reg, imm int32) {
	a.RegImm(Sub64, dst, imm)
	a.Jcc32(Less, 0)
}

// PayLittle is Pay for imm up to 127 and registers from R8.
func (a *Asm) PayLittle(dst Reg, imm uint8) {
	a.put2(0x8349|uint64(0xe8|dst&7)<<16|uint64(imm)<<24, 4, 0x0f|uint64(0x80|Less)<<8, 6)
}

// GuestDisp emits an access to guest memory at base+disp, as RegMem does for [Guest]: most accesses are of this kind. base is
// not RSP.
func (a *Asm) GuestDisp(op Op, reg, base Reg, disp int32) {
	if base == R12 || op&op66 != 0 {
		a.RegMem(op, reg, Guest(base, disp))
		return
	}
	mod, size := uint64(0xc0^2*modDisp8), 4
	if disp == int32(int8(disp)) {
		mod, size = 0xc0^modDisp8, 1
	}
	if disp == 0 && base&7 != RBP {
		mod, size = 0xc0, 0
	}
	p := pair(reg, base)
	v := uint64(op&0xffff)<<24 | uint64(op&opWide)<<2 | p&7<<16 | uint64(rexNone)<<16 | prefixGuest
	a.put2(v, int(4+op>>16&1), p>>16^mod|uint64(uint32(disp))<<8, 1+size)
}

// JmpTable jumps to the address stored at index*8+disp32, which [Asm.PatchInt32] sets later; index is below R8, not RSP.
func (a *Asm) JmpTable(index Reg) {
	a.put(0x24ff|uint64(3<<6|index<<3|5)<<16, 7)
}

// ToContext and FromContext move a register to the context page and back; offset is negative.
func (a *Asm) ToContext(reg Reg, offset int32) { a.context(0x89, reg, offset) }

// FromContext is described with ToContext.
func (a *Asm) FromContext(reg Reg, offset int32) { a.context(0x8b, reg, offset) }

func (a *Asm) context(op uint64, reg Reg, offset int32) {
	v := prefixGS | uint64(rexNone|rexW|uint8(reg>>3)*rexR)<<8 | op<<16 | uint64(rmSIB|reg&7<<3)<<24 | sibAbsolute<<32
	a.put2(v, 5, uint64(uint32(offset)), 4)
}

// twoOctets emits a register form of 64 bits whose opcode is 0x0f and another octet.
func (a *Asm) twoOctets(op uint64, reg, rm Reg) {
	p := pair(reg, rm)
	a.put(uint64(rexNone|rexW)|p&7|0x0f<<8|op<<16|p>>16<<24, 4)
}
