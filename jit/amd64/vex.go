package amd64

// Three-operand instructions of BMI1 and BMI2, which leave the flags alone (ANDN excepted). All are VEX-encoded with
// the three-octet prefix, general registers only.
const (
	vexMap0F38 = 2
	vexMap0F3A = 3
	vexNone    = 0 // implied prefixes
	vex66      = 1
	vexF3      = 2
	vexF2      = 3
)

// vex emits opcode with ModRM.reg = reg, VEX.vvvv = vvvv, ModRM.rm = rm.
func (a *Asm) vex(pp, table uint64, wide bool, opcode uint64, reg, vvvv, rm Reg) {
	second := uint64(^reg>>3&1)<<7 | 1<<6 | uint64(^rm>>3&1)<<5 | table
	third := uint64(^vvvv&15)<<3 | pp
	if wide {
		third |= 1 << 7
	}
	modRM := uint64(0xc0 | reg&7<<3 | rm&7)
	a.put(0xc4|second<<8|third<<16|opcode<<24|modRM<<32, 5)
}

// ShiftX is a shift by a register that takes its count modulo the width.
type ShiftX uint8

// The shifts by a register: implied prefix, +8 for 64 bits.
const (
	Shlx32 ShiftX = vex66
	Sarx32 ShiftX = vexF3
	Shrx32 ShiftX = vexF2
	Shlx64 ShiftX = 8 | Shlx32
	Sarx64 ShiftX = 8 | Sarx32
	Shrx64 ShiftX = 8 | Shrx32
)

// ShiftX sets dst to src shifted by count.
func (a *Asm) ShiftX(s ShiftX, dst, src, count Reg) {
	a.vex(uint64(s&3), vexMap0F38, s&8 != 0, 0xf7, dst, count, src)
}

// Rorx64 and Rorx32 set dst to src rotated right by a constant.
func (a *Asm) Rorx64(dst, src Reg, count uint8) {
	a.vex(vexF2, vexMap0F3A, true, 0xf0, dst, 0, src)
	a.put(uint64(count), 1)
}

// Rorx32 is described with Rorx64.
func (a *Asm) Rorx32(dst, src Reg, count uint8) {
	a.vex(vexF2, vexMap0F3A, false, 0xf0, dst, 0, src)
	a.put(uint64(count), 1)
}

// Andn sets dst to src AND NOT inverted.
func (a *Asm) Andn(dst, src, inverted Reg) {
	a.vex(vexNone, vexMap0F38, true, 0xf2, dst, inverted, src)
}

// Mulx sets high:low to RDX times src, unsigned; if high and low are one register it gets the high half.
func (a *Asm) Mulx(high, low, src Reg) {
	a.vex(vexF2, vexMap0F38, true, 0xf6, high, low, src)
}
