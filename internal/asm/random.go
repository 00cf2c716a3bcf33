package asm

import (
	"math/rand/v2"
	"strconv"

	"damson/internal/pvm"
)

// blockLength is how often Random begins a block that jumps may lead to.
const blockLength = 6

// Random makes a program of n instructions for tests that compare engines. All opcodes come up,
// jumps mostly lead where they may and sometimes where they may not, and immediates are chosen
// among those that matter; where is an address to aim memory accesses at. If there are sequences,
// about half of the program is made of them.
func Random(r *rand.Rand, n int, where uint32, sequences ...[]pvm.Opcode) []byte {
	var b Builder
	var valid []pvm.Opcode
	for op := range pvm.Ops {
		if pvm.Opcode(op).Valid() {
			valid = append(valid, pvm.Opcode(op))
		}
	}
	var queue []pvm.Opcode
	blocks := n/blockLength + 1
	for i := range n {
		if i%blockLength == 0 {
			if len(queue) == 0 {
				b.Op(pvm.Fallthrough, Operands{}) // so that the next one begins a block
			}
			b.Label("block" + strconv.Itoa(i/blockLength))
		}
		b.Label(strconv.Itoa(i))
		op := valid[r.IntN(len(valid))]
		if pvm.Ops[op].Flags.Has(pvm.Ends) && r.IntN(2) > 0 { // more often the rest
			op = valid[r.IntN(len(valid))]
		}
		if op == pvm.Trap && r.IntN(8) > 0 {
			op = pvm.Fallthrough
		}
		if len(queue) == 0 && len(sequences) > 0 && r.IntN(4) == 0 {
			queue = sequences[r.IntN(len(sequences))]
		}
		if len(queue) > 0 {
			op, queue = queue[0], queue[1:]
		}
		b.Op(op, randomOperands(r, n, where))
		if r.IntN(200) == 0 {
			b.Raw(make([]byte, 1+r.IntN(30))...) // a trap, sometimes with a hole behind it
		}
	}
	if n%blockLength == 0 {
		b.Label("block" + strconv.Itoa(n/blockLength)) // where the code ends: a bad target
	}
	for range 8 {
		b.Jumps("block" + strconv.Itoa(r.IntN(blocks)))
	}
	blob, err := b.Blob()
	if err != nil {
		return nil
	}
	return blob
}

func randomOperands(r *rand.Rand, n int, where uint32) Operands {
	return Operands{
		A: uint8(r.IntN(pvm.Registers)), B: uint8(r.IntN(pvm.Registers)), D: uint8(r.IntN(pvm.Registers)),
		X: randomImmediate(r, where), Y: randomImmediate(r, where),
		Target: randomTarget(r, n),
	}
}

func randomTarget(r *rand.Rand, n int) string {
	if r.IntN(16) == 0 {
		return strconv.Itoa(r.IntN(n)) // mostly not where a block begins
	}
	return "block" + strconv.Itoa(r.IntN(n/blockLength+1))
}

func randomImmediate(r *rand.Rand, where uint32) uint64 {
	switch r.IntN(8) {
	case 0:
		return uint64(r.IntN(20)) // small, and addresses of the jump table
	case 1:
		return uint64(-int64(r.IntN(20)))
	case 2:
		return uint64(int64(int32(r.Uint32())))
	case 3:
		return uint64(int64(int32(1) << r.IntN(32)))
	case 4:
		return uint64(int64(int32(where) + int32(pvm.PageSize*r.IntN(4)-r.IntN(8)))) // about where pages meet
	default:
		return uint64(int64(int32(where) + int32(r.IntN(2*pvm.PageSize))))
	}
}
