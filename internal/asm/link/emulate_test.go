package link

import (
	"encoding/binary"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/pvm"
	"damson/internal/vectors"
)

// emulate executes an instruction of RV64IMC with Zbb, by the words of its specification: what the translation is judged by.
type emulate func(a, b uint64) uint64

func sext(x uint64) uint64 { return uint64(int64(int32(x))) }

// registerModels are by major opcode, funct7 and funct3.
var registerModels = map[[3]uint32]emulate{
	{majorOp, 0, 0}:    func(a, b uint64) uint64 { return a + b },
	{majorOp, 0, 1}:    func(a, b uint64) uint64 { return a << (b & 63) },
	{majorOp, 0, 2}:    func(a, b uint64) uint64 { return truth(int64(a) < int64(b)) },
	{majorOp, 0, 3}:    func(a, b uint64) uint64 { return truth(a < b) },
	{majorOp, 0, 4}:    func(a, b uint64) uint64 { return a ^ b },
	{majorOp, 0, 5}:    func(a, b uint64) uint64 { return a >> (b & 63) },
	{majorOp, 0, 6}:    func(a, b uint64) uint64 { return a | b },
	{majorOp, 0, 7}:    func(a, b uint64) uint64 { return a & b },
	{majorOp, 0x20, 0}: func(a, b uint64) uint64 { return a - b },
	{majorOp, 0x20, 5}: func(a, b uint64) uint64 { return uint64(int64(a) >> (b & 63)) },
	{majorOp, 0x20, 4}: func(a, b uint64) uint64 { return ^(a ^ b) },
	{majorOp, 0x20, 6}: func(a, b uint64) uint64 { return a | ^b },
	{majorOp, 0x20, 7}: func(a, b uint64) uint64 { return a &^ b },
	{majorOp, 1, 0}:    func(a, b uint64) uint64 { return a * b },
	{majorOp, 1, 1}: func(a, b uint64) uint64 {
		high, _ := bits.Mul64(a, b)
		return high - truth(int64(a) < 0)*b - truth(int64(b) < 0)*a
	},
	{majorOp, 1, 2}: func(a, b uint64) uint64 { high, _ := bits.Mul64(a, b); return high - truth(int64(a) < 0)*b },
	{majorOp, 1, 3}: func(a, b uint64) uint64 { high, _ := bits.Mul64(a, b); return high },
	{majorOp, 1, 4}: func(a, b uint64) uint64 {
		if b == 0 {
			return ^uint64(0)
		}
		return uint64(int64(a) / int64(b))
	},
	{majorOp, 1, 5}: func(a, b uint64) uint64 {
		if b == 0 {
			return ^uint64(0)
		}
		return a / b
	},
	{majorOp, 1, 6}: func(a, b uint64) uint64 {
		if b == 0 {
			return a
		}
		return uint64(int64(a) % int64(b))
	},
	{majorOp, 1, 7}: func(a, b uint64) uint64 {
		if b == 0 {
			return a
		}
		return a % b
	},
	{majorOp, 5, 4}:      func(a, b uint64) uint64 { return uint64(min(int64(a), int64(b))) },
	{majorOp, 5, 5}:      func(a, b uint64) uint64 { return min(a, b) },
	{majorOp, 5, 6}:      func(a, b uint64) uint64 { return uint64(max(int64(a), int64(b))) },
	{majorOp, 5, 7}:      func(a, b uint64) uint64 { return max(a, b) },
	{majorOp, 0x30, 1}:   func(a, b uint64) uint64 { return bits.RotateLeft64(a, int(b&63)) },
	{majorOp, 0x30, 5}:   func(a, b uint64) uint64 { return bits.RotateLeft64(a, -int(b&63)) },
	{majorOp32, 0, 0}:    func(a, b uint64) uint64 { return sext(a + b) },
	{majorOp32, 0, 1}:    func(a, b uint64) uint64 { return sext(a << (b & 31)) },
	{majorOp32, 0, 5}:    func(a, b uint64) uint64 { return sext(uint64(uint32(a) >> (b & 31))) },
	{majorOp32, 0x20, 0}: func(a, b uint64) uint64 { return sext(a - b) },
	{majorOp32, 0x20, 5}: func(a, b uint64) uint64 { return sext(uint64(int32(a) >> (b & 31))) },
	{majorOp32, 1, 0}:    func(a, b uint64) uint64 { return sext(a * b) },
	{majorOp32, 1, 4}: func(a, b uint64) uint64 {
		if int32(b) == 0 {
			return ^uint64(0)
		}
		return sext(uint64(int32(a) / int32(b)))
	},
	{majorOp32, 1, 5}: func(a, b uint64) uint64 {
		if uint32(b) == 0 {
			return ^uint64(0)
		}
		return sext(uint64(uint32(a) / uint32(b)))
	},
	{majorOp32, 1, 6}: func(a, b uint64) uint64 {
		if int32(b) == 0 {
			return sext(a)
		}
		return sext(uint64(int32(a) % int32(b)))
	},
	{majorOp32, 1, 7}: func(a, b uint64) uint64 {
		if uint32(b) == 0 {
			return sext(a)
		}
		return sext(uint64(uint32(a) % uint32(b)))
	},
	{majorOp32, 0x30, 1}: func(a, b uint64) uint64 { return sext(uint64(bits.RotateLeft32(uint32(a), int(b&31)))) },
	{majorOp32, 0x30, 5}: func(a, b uint64) uint64 { return sext(uint64(bits.RotateLeft32(uint32(a), -int(b&31)))) },
}

// immediateModels are by major opcode and funct3, with the immediate as the second operand; shifts are tested by programs.
var immediateModels = map[[2]uint32]emulate{
	{majorImm, 0}: func(a, b uint64) uint64 { return a + b }, {majorImm, 2}: func(a, b uint64) uint64 { return truth(int64(a) < int64(b)) },
	{majorImm, 3}: func(a, b uint64) uint64 { return truth(a < b) }, {majorImm, 4}: func(a, b uint64) uint64 { return a ^ b },
	{majorImm, 6}: func(a, b uint64) uint64 { return a | b }, {majorImm, 7}: func(a, b uint64) uint64 { return a & b },
	{majorImm32, 0}: func(a, b uint64) uint64 { return sext(a + b) },
}

// The keys of the models, in order, so that a seed makes a program.
var (
	registerKeys  = slices.SortedFunc(maps.Keys(registerModels), func(a, b [3]uint32) int { return slices.Compare(a[:], b[:]) })
	immediateKeys = slices.SortedFunc(maps.Keys(immediateModels), func(a, b [2]uint32) int { return slices.Compare(a[:], b[:]) })
)

// generated is a straight program with what it must leave in its registers.
type generated struct {
	code []uint32
	regs [32]uint64
}

// usable are registers that the programs compute with: neither gp, tp, nor the stack pointer and its like.
var usable = []uint32{0, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 31}

func generate(r *rand.Rand) *generated {
	g := &generated{}
	reg := func() uint32 { return usable[r.IntN(len(usable))] }
	set := func(rd uint32, x uint64) {
		if rd != 0 {
			g.regs[rd] = x
		}
	}
	g.regs[10], g.regs[11] = 0xfeff0000, 0 // where there are no arguments
	for range 40 {
		rd, rs1, rs2 := reg(), reg(), reg()
		imm := uint32(r.IntN(4096))
		if r.IntN(3) == 0 {
			imm = uint32(r.IntN(4))
		}
		switch r.IntN(4) {
		case 0:
			w := r.Uint32()&0xfffff000 | rd<<7 | majorLUI
			g.code = append(g.code, w)
			set(rd, sext(uint64(w&^0xfff)))
		case 1:
			key := immediateKeys[r.IntN(len(immediateKeys))]
			g.code = append(g.code, imm<<20|rs1<<15|key[1]<<12|rd<<7|key[0])
			set(rd, immediateModels[key](g.regs[rs1], uint64(int64(int32(imm<<20))>>20)))
		default:
			key := registerKeys[r.IntN(len(registerKeys))]
			g.code = append(g.code, key[1]<<25|rs2<<20|rs1<<15|key[2]<<12|rd<<7|key[0])
			set(rd, registerModels[key](g.regs[rs1], g.regs[rs2]))
		}
	}
	return g
}

// TestTranslation runs random programs of arithmetic, with all kinds of registers, against the models above.
func TestTranslation(t *testing.T) {
	r := rand.New(rand.NewPCG(vectors.Seed(t), 64))
	for range 3000 {
		g := generate(r)
		code := g.code
		for i, reg := range usable { // store them all
			if i > 0 {
				off := uint32(8 * i)
				code = append(code, off>>5<<25|reg<<20|3<<12|off&31<<7|majorStore|2<<15)
			}
		}
		code = append([]uint32{0xf0010113}, code...)     // addi sp, sp, -256
		code = append(code, 0x00010513, 0x10000593, ret) // a0 = sp, a1 = 256
		result, err := Link([]File{{"generated.o", object("_start", code, nil)}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		out := run(t, result.Object, 0, nil, func(*pvm.Machine, uint64) bool { return false })
		for i, reg := range usable {
			if got := binary.LittleEndian.Uint64(out[8*i:]); i > 0 && got != g.regs[reg] {
				t.Fatalf("x%d is %#x, want %#x, after %08x", reg, got, g.regs[reg], g.code)
			}
		}
	}
}
