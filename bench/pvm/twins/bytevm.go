package twins

import "math/bits"

const (
	opHalt = iota
	opLdi
	opMov
	opAdd
	opSub
	opMul
	opXor
	opShr
	opLd
	opSt
	opJnz
	opJlt
	opCall
	opRet
	opNop
	opInc
	opDec
	opAnd
)

type bytecode struct{ op, a, b, c byte }

// bytecodes is the program that the bytecode machine runs.
var bytecodes = [...]bytecode{
	{opLdi, 0, 0, 200},
	{opLdi, 1, 0, 17},
	{opLdi, 5, 0, 0},
	{opMov, 2, 1, 0},
	{opCall, 22, 0, 0}, // outer loop
	{opLdi, 3, 0, 60},
	{opMov, 4, 2, 0},
	{opShr, 4, 4, 7},
	{opXor, 2, 2, 4},
	{opLdi, 6, 0, 255},
	{opAnd, 7, 2, 6}, // inner loop
	{opLd, 8, 7, 0},
	{opAdd, 8, 8, 2},
	{opSt, 8, 7, 0},
	{opAdd, 5, 5, 8},
	{opDec, 3, 0, 0},
	{opJnz, 3, 0, 6},
	{opAdd, 1, 1, 5},
	{opDec, 0, 0, 0},
	{opJnz, 0, 0, 3},
	{opHalt, 0, 0, 0},
	{opNop, 0, 0, 0},
	{opJlt, 0, 9, 24},
	{opRet, 0, 0, 0}, // subroutine
	{opLdi, 10, 0, 3},
	{opMul, 2, 2, 10},
	{opInc, 2, 0, 0},
	{opInc, 2, 0, 0},
	{opNop, 0, 0, 0},
	{opRet, 0, 0, 0},
}

func bytevm(n uint64) uint64 {
	var mem [1024]uint64
	for i := range mem {
		mem[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	h := uint64(0)
	for i := range n {
		h = bits.RotateLeft64(h, 9) + interpret(&mem, i+3)
	}
	return h
}

// interpret runs bytecodes once.
func interpret(mem *[1024]uint64, seed uint64) uint64 {
	var r [16]uint64
	var stack [16]byte
	pc, sp, steps := byte(0), 0, uint64(0)
	for i := range r {
		r[i] = seed * uint64(i+1)
	}
	r[9] = 1000
	for {
		x := bytecodes[pc]
		pc++
		steps++
		switch x.op {
		case opLdi:
			r[x.a&15] = uint64(x.c)
		case opMov:
			r[x.a&15] = r[x.b&15]
		case opAdd:
			r[x.a&15] = r[x.b&15] + r[x.c&15]
		case opSub:
			r[x.a&15] = r[x.b&15] - r[x.c&15]
		case opMul:
			r[x.a&15] = r[x.b&15] * r[x.c&15]
		case opXor:
			r[x.a&15] = r[x.b&15] ^ r[x.c&15]
		case opAnd:
			r[x.a&15] = r[x.b&15] & r[x.c&15]
		case opShr:
			r[x.a&15] = r[x.b&15] >> (x.c & 63)
		case opLd:
			r[x.a&15] = mem[r[x.b&15]&1023]
		case opSt:
			mem[r[x.b&15]&1023] = r[x.a&15]
		case opJnz:
			if r[x.a&15] != 0 {
				pc = x.c
			}
		case opJlt:
			if r[x.a&15] < r[x.b&15] {
				pc = x.c
			}
		case opCall:
			stack[sp&15] = pc
			sp++
			pc = x.a
		case opRet:
			sp--
			pc = stack[sp&15]
		case opInc:
			r[x.a&15]++
		case opDec:
			r[x.a&15]--
		case opNop:
		default:
			return r[1] ^ r[5] ^ steps
		}
	}
}
