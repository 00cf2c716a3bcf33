package arm64

// Regs is d = n ∘ m. For Cmp and Cmn, d is ZR.
func (a *Asm) Regs(op Op, d, n, m Reg) {
	a.put(uint32(op) | uint32(m)<<16 | uint32(n)<<5 | uint32(d))
}

// RegsShifted is d = n ∘ (m shifted by count).
func (a *Asm) RegsShifted(op Op, d, n, m Reg, s Shift, count uint8) {
	a.put(uint32(op) | uint32(s) | uint32(m)<<16 | uint32(count)<<10 | uint32(n)<<5 | uint32(d))
}

// TwoRegs is d = ∘ s.
func (a *Asm) TwoRegs(op Op, d, s Reg) {
	at := 5
	if op&^wide == Mov32 {
		at = 16
	}
	a.put(uint32(op) | uint32(s)<<at | uint32(d))
}

// Compare sets the flags for n against m.
func (a *Asm) Compare(op Op, n, m Reg) { a.Regs(op, ZR, n, m) }

// MulSub is d = c - n*m. It takes Mul32 or Mul64.
func (a *Asm) MulSub(op Op, d, n, m, c Reg) {
	a.put(uint32(op)&^0x7c00 | 0x8000 | uint32(m)<<16 | uint32(c)<<10 | uint32(n)<<5 | uint32(d))
}

// Immediate reports whether the immediate fits [Asm.RegImm].
func Immediate(imm uint64) bool { return imm < 1<<12 || imm&0xfff == 0 && imm < 1<<24 }

// RegImm is d = n ∘ imm for Add, Sub, Cmn and Cmp with an immediate that fits.
func (a *Asm) RegImm(op Op, d, n Reg, imm uint64) {
	word := uint32(op)&0xe0000000 | 0x11000000 | uint32(n)<<5 | uint32(d)
	if imm >= 1<<12 {
		word |= 1 << 22
		imm >>= 12
	}
	a.put(word | uint32(imm)<<10)
}

// Field is SBFM or UBFM.
func (a *Asm) Field(op Op, d, n Reg, rotate, top uint8) {
	a.put(uint32(op) | uint32(rotate)<<16 | uint32(top)<<10 | uint32(n)<<5 | uint32(d))
}

// ShiftLeft64 shifts by a constant below 64.
func (a *Asm) ShiftLeft64(d, n Reg, count uint8) { a.Field(Ubfm64, d, n, -count&63, 63-count) }

// ShiftLeft32 shifts by a constant below 32.
func (a *Asm) ShiftLeft32(d, n Reg, count uint8) { a.Field(Ubfm32, d, n, -count&31, 31-count) }

// RotateRight64 rotates by a constant below 64.
func (a *Asm) RotateRight64(d, n Reg, count uint8) {
	a.put(0x93c00000 | uint32(n)<<16 | uint32(count)<<10 | uint32(n)<<5 | uint32(d))
}

// RotateRight32 rotates by a constant below 32.
func (a *Asm) RotateRight32(d, n Reg, count uint8) {
	a.put(0x13800000 | uint32(n)<<16 | uint32(count)<<10 | uint32(n)<<5 | uint32(d))
}

// Select is d = n if c holds, else m.
func (a *Asm) Select(c Cond, d, n, m Reg) {
	a.put(0x9a800000 | uint32(m)<<16 | uint32(c)<<12 | uint32(n)<<5 | uint32(d))
}

// SelectNot is d = n if c holds, else the complement of m.
func (a *Asm) SelectNot(c Cond, d, n, m Reg) {
	a.put(0xda800000 | uint32(m)<<16 | uint32(c)<<12 | uint32(n)<<5 | uint32(d))
}

// Set is d = 1 if c holds, else 0.
func (a *Asm) Set(c Cond, d Reg) { a.put(0x9a9f07e0 | uint32(c.Not())<<12 | uint32(d)) }

// CountBits is d = the number of bits set in s, 64 or 32 of them. It uses the vector register v.
func (a *Asm) CountBits(d, s, v Reg, narrow bool) {
	if narrow {
		a.put(0x1e270000 | uint32(s)<<5 | uint32(v)) // FMOV s, w
	} else {
		a.put(0x9e670000 | uint32(s)<<5 | uint32(v)) // FMOV d, x
	}
	a.put(0x0e205800 | uint32(v)<<5 | uint32(v)) // CNT v.8b, v.8b
	a.put(0x0e31b800 | uint32(v)<<5 | uint32(v)) // ADDV b, v.8b
	a.put(0x1e260000 | uint32(v)<<5 | uint32(d)) // FMOV w, s
}

// Guest loads or stores t at base + index, of which 32 bits count.
func (a *Asm) Guest(op Op, t, base, index Reg) {
	a.put(uint32(op) | 2<<13 | uint32(index)<<16 | uint32(base)<<5 | uint32(t)) // UXTW
}

// LoadEntry loads t from the table of 8-octet entries at base, by a 32-bit index.
func (a *Asm) LoadEntry(t, base, index Reg) {
	a.put(uint32(Load64) | 2<<13 | 1<<12 | uint32(index)<<16 | uint32(base)<<5 | uint32(t))
}

// StoreContext stores t at base + offset, a multiple of 8 below 2^15.
func (a *Asm) StoreContext(t, base Reg, offset int32) {
	a.put(0xf9000000 | uint32(offset/8)<<10 | uint32(base)<<5 | uint32(t))
}

// Jump goes to where r points.
func (a *Asm) Jump(r Reg) { a.put(0xd61f0000 | uint32(r)<<5) }

// Ret returns to where r points, which the hardware takes to be the caller.
func (a *Asm) Ret(r Reg) { a.put(0xd65f0000 | uint32(r)<<5) }

// B, Call, BCond, BZero and Address are relative to their own position; those that lead nowhere yet are completed by
// Patch, the last by PatchAddress.

// B goes rel octets further.
func (a *Asm) B(rel int) { a.put(0x14000000 | uint32(rel/Inst)&0x3ffffff) }

// Call is B and leaves the address of the next instruction in LR.
func (a *Asm) Call(rel int) { a.put(0x94000000 | uint32(rel/Inst)&0x3ffffff) }

// BCond goes rel octets further if c holds.
func (a *Asm) BCond(c Cond, rel int) { a.put(0x54000000 | uint32(rel/Inst)&0x7ffff<<5 | uint32(c)) }

// BZero goes rel octets further if all 64 bits of r are 0; not turns it round.
func (a *Asm) BZero(r Reg, not bool, rel int) {
	word := 0xb4000000 | uint32(rel/Inst)&0x7ffff<<5 | uint32(r)
	if not {
		word |= 1 << 24
	}
	a.put(word)
}

// Reach is how far conditional branches reach, and a little less.
const Reach = 1<<20 - 64

// Conditional reports whether the branch at a position is a conditional one, which reaches less far.
func (a *Asm) Conditional(at int) bool { return a.word(at)&0x7c000000 != 0x14000000 }

// Patch makes the branch at a position lead to another.
func (a *Asm) Patch(at, to int) {
	rel := uint32((to - at) / Inst)
	word := a.word(at)
	n := a.n
	a.n = at
	if a.Conditional(at) {
		a.put(word&^(0x7ffff<<5) | rel&0x7ffff<<5)
	} else {
		a.put(word&^0x3ffffff | rel&0x3ffffff)
	}
	a.n = n
}

// Address is d = an address that [PatchAddress] fills in: it takes two instructions.
func (a *Asm) Address(d Reg) {
	a.put(0x90000000 | uint32(d))                // ADRP
	a.put(0x91000000 | uint32(d)<<5 | uint32(d)) // ADD
}

// Trap is an instruction that ends the process.
func (a *Asm) Trap() { a.put(trap) }
