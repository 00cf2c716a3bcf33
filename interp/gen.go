//go:build ignore

// Gen writes run_gen.go: the loop of the fast interpreter, in which every opcode is a case and so
// is every sequence of opcodes that is executed as one.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
	"os"
	"regexp"
	"strings"

	"damson/internal/pvm"
)

// In bodies, A B D are registers, X is ν_X and Y is ν_Y.
var names = map[string]string{
	"A": "regs[in.a]", "B": "regs[in.b&15]", "D": "regs[in.d&15]",
	"X": "uint64(int64(in.x))", "Y": "uint64(int64(int32(in.y)))",
}

var name = regexp.MustCompile(`\b[ABDXY]\b`)

func resolve(body string) string {
	return name.ReplaceAllStringFunc(body, func(n string) string { return names[n] })
}

// What a branch tests.
var conditions = map[string]string{
	"Eq": "A == %s", "Ne": "A != %s", "LtU": "A < %s", "LeU": "A <= %s", "GeU": "A >= %s", "GtU": "A > %s",
	"LtS": "int64(A) < int64(%s)", "LeS": "int64(A) <= int64(%s)", "GeS": "int64(A) >= int64(%s)", "GtS": "int64(A) > int64(%s)",
}

// popcount counts the ones of x. bits.OnesCount64 would ask whether the CPU can do it, and the
// compiler then asks in the middle of the loop for every instruction.
const popcount = `x -= x >> 1 & 0x5555555555555555
	x = x&0x3333333333333333 + x>>2&0x3333333333333333
	x = (x + x>>4) & 0x0f0f0f0f0f0f0f0f
	D = x * 0x0101010101010101 >> 56`

// bodies are the instructions that compute. There is no call in them: the compiler inlines little in
// so large a function, and around a call it would keep nothing in registers.
var bodies = map[pvm.Opcode]string{
	pvm.LoadImm64: "A = uint64(uint32(in.x)) | uint64(in.y)<<32",
	pvm.LoadImm:   "A = X",

	pvm.MoveReg:            "D = A",
	pvm.CountSetBits64:     "x := A; " + popcount,
	pvm.CountSetBits32:     "x := uint64(uint32(A)); " + popcount,
	pvm.LeadingZeroBits64:  "D = uint64(bits.LeadingZeros64(A))",
	pvm.LeadingZeroBits32:  "D = uint64(bits.LeadingZeros32(uint32(A)))",
	pvm.TrailingZeroBits64: "D = uint64(bits.TrailingZeros64(A))",
	pvm.TrailingZeroBits32: "D = uint64(bits.TrailingZeros32(uint32(A)))",
	pvm.SignExtend8:        "D = uint64(int64(int8(A)))",
	pvm.SignExtend16:       "D = uint64(int64(int16(A)))",
	pvm.ZeroExtend16:       "D = uint64(uint16(A))",
	pvm.ReverseBytes:       "D = bits.ReverseBytes64(A)",

	pvm.AddImm32:      "A = extend32(B + X)",
	pvm.AndImm:        "A = B & X",
	pvm.XorImm:        "A = B ^ X",
	pvm.OrImm:         "A = B | X",
	pvm.MulImm32:      "A = extend32(B * X)",
	pvm.SetLtUImm:     "A = truth(B < X)",
	pvm.SetLtSImm:     "A = truth(int64(B) < int64(in.x))",
	pvm.ShloLImm32:    "A = uint64(int64(int32(B) << (uint32(in.x) % 32)))",
	pvm.ShloRImm32:    "A = uint64(int64(int32(uint32(B) >> (uint32(in.x) % 32))))",
	pvm.SharRImm32:    "A = uint64(int64(int32(B) >> (uint32(in.x) % 32)))",
	pvm.NegAddImm32:   "A = extend32(X - B)",
	pvm.SetGtUImm:     "A = truth(B > X)",
	pvm.SetGtSImm:     "A = truth(int64(B) > int64(in.x))",
	pvm.ShloLImmAlt32: "A = uint64(int64(in.x << (B % 32)))",
	pvm.ShloRImmAlt32: "A = uint64(int64(int32(uint32(in.x) >> (B % 32))))",
	pvm.SharRImmAlt32: "A = uint64(int64(in.x >> (B % 32)))",
	pvm.CmovIzImm:     "if B == 0 { A = X }",
	pvm.CmovNzImm:     "if B != 0 { A = X }",
	pvm.AddImm64:      "A = B + X",
	pvm.MulImm64:      "A = B * X",
	pvm.ShloLImm64:    "A = B << (uint32(in.x) % 64)",
	pvm.ShloRImm64:    "A = B >> (uint32(in.x) % 64)",
	pvm.SharRImm64:    "A = uint64(int64(B) >> (uint32(in.x) % 64))",
	pvm.NegAddImm64:   "A = X - B",
	pvm.ShloLImmAlt64: "A = X << (B % 64)",
	pvm.ShloRImmAlt64: "A = X >> (B % 64)",
	pvm.SharRImmAlt64: "A = uint64(int64(in.x) >> (B % 64))",
	pvm.RotR64Imm:     "A = bits.RotateLeft64(B, int(in.x))", // compile has turned x round
	pvm.RotR64ImmAlt:  "A = bits.RotateLeft64(X, -int(B%64))",
	pvm.RotR32Imm:     "A = uint64(int64(int32(bits.RotateLeft32(uint32(B), int(in.x)))))", // likewise
	pvm.RotR32ImmAlt:  "A = uint64(int64(int32(bits.RotateLeft32(uint32(in.x), -int(B%32)))))",

	pvm.Add32:      "D = extend32(A + B)",
	pvm.Sub32:      "D = extend32(A - B)",
	pvm.Mul32:      "D = extend32(A * B)",
	pvm.DivU32:     "if b := uint32(B); b == 0 { D = math.MaxUint64 } else { D = uint64(int64(int32(uint32(A) / b))) }",
	pvm.DivS32:     "if b := int32(B); b == 0 { D = math.MaxUint64 } else { D = uint64(int64(int32(A) / b)) }",
	pvm.RemU32:     "if b := uint32(B); b == 0 { D = extend32(A) } else { D = uint64(int64(int32(uint32(A) % b))) }",
	pvm.RemS32:     "if b := int32(B); b == 0 { D = extend32(A) } else { D = uint64(int64(int32(A) % b)) }",
	pvm.ShloL32:    "D = uint64(int64(int32(A) << (B % 32)))",
	pvm.ShloR32:    "D = uint64(int64(int32(uint32(A) >> (B % 32))))",
	pvm.SharR32:    "D = uint64(int64(int32(A) >> (B % 32)))",
	pvm.Add64:      "D = A + B",
	pvm.Sub64:      "D = A - B",
	pvm.Mul64:      "D = A * B",
	pvm.DivU64:     "if b := B; b == 0 { D = math.MaxUint64 } else { D = A / b }",
	pvm.DivS64:     "if b := int64(B); b == 0 { D = math.MaxUint64 } else { D = uint64(int64(A) / b) }",
	pvm.RemU64:     "if b := B; b == 0 { D = A } else { D = A % b }",
	pvm.RemS64:     "if b := int64(B); b == 0 { D = A } else { D = uint64(int64(A) % b) }",
	pvm.ShloL64:    "D = A << (B % 64)",
	pvm.ShloR64:    "D = A >> (B % 64)",
	pvm.SharR64:    "D = uint64(int64(A) >> (B % 64))",
	pvm.And:        "D = A & B",
	pvm.Xor:        "D = A ^ B",
	pvm.Or:         "D = A | B",
	pvm.MulUpperSS: "high, _ := bits.Mul64(A, B); D = high - A&uint64(int64(B)>>63) - B&uint64(int64(A)>>63)",
	pvm.MulUpperUU: "high, _ := bits.Mul64(A, B); D = high",
	pvm.MulUpperSU: "high, _ := bits.Mul64(A, B); D = high - B&uint64(int64(A)>>63)",
	pvm.SetLtU:     "D = truth(A < B)",
	pvm.SetLtS:     "D = truth(int64(A) < int64(B))",
	pvm.CmovIz:     "if B == 0 { D = A }",
	pvm.CmovNz:     "if B != 0 { D = A }",
	pvm.RotL64:     "D = bits.RotateLeft64(A, int(B%64))",
	pvm.RotL32:     "D = uint64(int64(int32(bits.RotateLeft32(uint32(A), int(B%32)))))",
	pvm.RotR64:     "D = bits.RotateLeft64(A, -int(B%64))",
	pvm.RotR32:     "D = uint64(int64(int32(bits.RotateLeft32(uint32(A), -int(B%32)))))",
	pvm.AndInv:     "D = A &^ B",
	pvm.OrInv:      "D = A | ^B",
	pvm.Xnor:       "D = ^(A ^ B)",
	pvm.Max:        "D = uint64(max(int64(A), int64(B)))",
	pvm.MaxU:       "D = max(A, B)",
	pvm.Min:        "D = uint64(min(int64(A), int64(B)))",
	pvm.MinU:       "D = min(A, B)",
}

// alone are the instructions that step does: too rare to be worth a case.
var alone = map[pvm.Opcode]bool{pvm.Trap: true, pvm.Sbrk: true}

// fused are the sequences that are executed as one: those that the programs in bench/programs
// execute most often. Of sequences that begin alike, the longest comes first.
var fused = [][]pvm.Opcode{
	{pvm.ShloLImm64, pvm.Add64, pvm.LoadIndU64},
	{pvm.ShloLImm64, pvm.Add64, pvm.LoadIndI32},
	{pvm.ShloLImm64, pvm.Add64},
	{pvm.ShloLImm64, pvm.ShloRImm64},
	{pvm.ShloLImm64, pvm.Xor},
	{pvm.ShloRImm64, pvm.Xor},
	{pvm.ShloRImm64, pvm.Add64},
	{pvm.Xor, pvm.ShloLImm64},
	{pvm.Xor, pvm.ShloRImm64},
	{pvm.Xor, pvm.Add64},
	{pvm.AddImm64, pvm.AddImm64, pvm.BranchNe},
	{pvm.AddImm64, pvm.AddImm64},
	{pvm.AddImm64, pvm.BranchNe},
	{pvm.AddImm64, pvm.BranchLtU},
	{pvm.AddImm64, pvm.StoreIndU64},
	{pvm.AddImm64, pvm.JumpInd},
	{pvm.Add64, pvm.LoadIndU64},
	{pvm.Add64, pvm.LoadIndI32},
	{pvm.Add64, pvm.LoadIndU8},
	{pvm.Add64, pvm.BranchLtU},
	{pvm.Add64, pvm.BranchNe},
	{pvm.Add64, pvm.Add64},
	{pvm.Add64, pvm.AddImm64},
	{pvm.LoadIndU64, pvm.LoadIndU64, pvm.Mul64},
	{pvm.LoadIndU64, pvm.LoadIndU64},
	{pvm.LoadIndU64, pvm.Add64},
	{pvm.LoadIndU64, pvm.AddImm64},
	{pvm.LoadIndI32, pvm.AddImm64},
	{pvm.StoreIndU64, pvm.StoreIndU64},
	{pvm.StoreIndU64, pvm.AddImm64},
	{pvm.StoreIndU8, pvm.AddImm64},
	{pvm.StoreIndU8, pvm.Add64},
	{pvm.StoreImmIndU8, pvm.AddImm64},
	{pvm.StoreIndU32, pvm.AddImm64},
	{pvm.Mul64, pvm.Add64},
	{pvm.RotR32Imm, pvm.Xor},
	{pvm.RotR32Imm, pvm.RotR32Imm},
	{pvm.MoveReg, pvm.MoveReg},
	{pvm.MoveReg, pvm.StoreIndU64},
	{pvm.AndImm, pvm.ShloLImm64},
	{pvm.And, pvm.Xor},
	{pvm.LoadImm, pvm.Add64},
	{pvm.LoadImm, pvm.MoveReg},
	{pvm.LoadImm, pvm.BranchLtU},
}

func main() {
	log.SetFlags(0)
	var b bytes.Buffer
	b.WriteString(head)
	for i := range pvm.Ops {
		if op := pvm.Opcode(i); op.Valid() && !alone[op] {
			fmt.Fprintf(&b, "case %d: // %s\n%s\n", op, op, last(op))
		}
	}
	numbers := freeNumbers()
	for i, ops := range fused {
		if i >= len(numbers) {
			log.Fatalf("%d sequences, but %d free numbers", len(fused), len(numbers))
		}
		fmt.Fprintf(&b, "case %d: // %v\n", numbers[i], ops)
		for _, op := range ops[:len(ops)-1] {
			fmt.Fprintf(&b, "%s\npc++\nin = &insts[pc]\n", then(op))
		}
		fmt.Fprintf(&b, "%s\n", last(ops[len(ops)-1]))
	}
	b.WriteString(tail)
	b.WriteString("// sequences are what fuse looks for.\nvar sequences = []sequence{\n")
	for i, ops := range fused {
		var list []string
		for _, op := range ops {
			list = append(list, fmt.Sprint(uint8(op)))
		}
		fmt.Fprintf(&b, "{%d, []uint8{%s}}, // %v\n", numbers[i], strings.Join(list, ", "), ops)
	}
	b.WriteString("}\n")
	src, err := format.Source(b.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("run_gen.go", src, 0o644); err != nil {
		log.Fatal(err)
	}
}

// freeNumbers are those that are no opcode, but the last, which is opStep.
func freeNumbers() (free []int) {
	for i := len(pvm.Ops) - 2; i >= 0; i-- {
		if !pvm.Opcode(i).Valid() {
			free = append(free, i)
		}
	}
	return free
}

// last is the body of an instruction after which the loop goes on.
func last(op pvm.Opcode) string {
	flags := pvm.Ops[op].Flags
	switch {
	case op == pvm.Fallthrough:
		return "pc++\ncontinue blocks"
	case op == pvm.Ecalli:
		return resolve(`m.Regs, m.Gas, m.PC = [pvm.Registers]uint64(regs[:]), gas, c.program.PC(uint32(pc)+1)
			return pvm.Exit{Reason: pvm.HostCall, Arg: X}`)
	case flags.Has(pvm.JumpsIndirect):
		return jumpIndirect(op)
	case flags.Has(pvm.Jumps):
		if op == pvm.LoadImmJump {
			return resolve("A = X\npc = uint(in.y)\ncontinue blocks")
		}
		return "pc = uint(in.y)\ncontinue blocks"
	case flags.Has(pvm.Branches):
		return "if " + condition(op) + " {\npc = uint(in.y)\n} else {\npc++\n}\ncontinue blocks"
	default:
		return then(op)
	}
}

// then is the body of an instruction after which another one comes.
func then(op pvm.Opcode) string {
	if pvm.Ops[op].Flags.Width() != 0 {
		return access(op)
	}
	body, ok := bodies[op]
	if !ok {
		log.Fatalf("%s has no body", op)
	}
	return resolve(body)
}

func condition(op pvm.Opcode) string {
	for key, test := range conditions {
		if strings.HasPrefix(strings.ReplaceAll(op.String(), "_", "")+"imm", "branch"+strings.ToLower(key)+"imm") {
			with := "B"
			if pvm.Ops[op].Format == pvm.OneRegOneImmOneOffset {
				with = "X"
			}
			return resolve(fmt.Sprintf(test, with))
		}
	}
	log.Fatalf("%s tests nothing", op)
	return ""
}

func jumpIndirect(op pvm.Opcode) string {
	addr, write := "A + X", ""
	if op == pvm.LoadImmJumpInd {
		addr, write = "B + Y", "A = X\n"
	}
	return resolve("to, jumps := uint32(" + addr + "), c.program.JumpTable\n" +
		"if i := to/2 - 1; to%2 == 0 && i < uint32(len(jumps)) && jumps[i] != pvm.NoTarget {\n" +
		write + "pc = uint(jumps[i])\ncontinue blocks\n}\nbreak fast")
}

// access is the body of an instruction that goes to memory. What is not plainly allowed, within
// one page that has content, is for step.
func access(op pvm.Opcode) string {
	flags, form := pvm.Ops[op].Flags, pvm.Ops[op].Format
	width := flags.Width()
	addr := "uint32(in.x)"
	switch form {
	case pvm.TwoRegsOneImm:
		addr = "uint32(B) + uint32(in.x)"
	case pvm.OneRegTwoImms:
		addr = "uint32(A) + uint32(in.x)"
	}
	value := "A"
	if form == pvm.TwoImms || form == pvm.OneRegTwoImms {
		value = "Y"
	}
	which, do := "ReadPage", fmt.Sprintf("A = uint64(%s)", octets(width))
	switch {
	case flags.Has(pvm.Stores):
		which, do = "WritePage", "x := "+value
		for i := range width {
			do += fmt.Sprintf("\nb[%d] = byte(x >> %d)", i, 8*i)
		}
	case flags.Has(pvm.Signed):
		do = fmt.Sprintf("A = uint64(int64(int%d(%s)))", width*8, octets(width))
	}
	test := "page == nil"
	if width > 1 {
		test += fmt.Sprintf(" || offset > pvm.PageSize-%d", width)
	}
	return "{\n" + resolve("addr := "+addr) + "\npage, offset := mem." + which + "(addr), addr%pvm.PageSize\nif " +
		test + " {\nbreak fast\n}\n" + fmt.Sprintf("b := page[offset:][:%d]\n", width) + resolve(do) + "\n}"
}

// octets puts the number in b together. The compiler makes one load of it.
func octets(width uint32) string {
	var parts []string
	for i := range width {
		parts = append(parts, fmt.Sprintf("uint%d(b[%d])<<%d", width*8, i, 8*i))
	}
	return strings.Join(parts, " | ")
}

const head = `// Code generated by gen.go; DO NOT EDIT.

package interp

import (
	"math"
	"math/bits"

	"damson/internal/pvm"
)

// run is the fast interpreter. Every case either does all that its instruction does and goes on, at
// the next instruction or, with "continue blocks", where it jumps; or changes nothing and leaves the
// instruction at pc to step, with "break fast".
func (c *code) run(m *pvm.Machine, start uint32) pvm.Exit {
	var regs [256]uint64 // so that an octet needs no check to be an index; to clear it costs 18 ns
	copy(regs[:], m.Regs[:])
	insts, mem := c.insts, m.Mem
	gas := m.Gas
	pc := uint(start)
blocks:
	for {
		if cost := int64(insts[pc].rest); cost <= gas {
			gas -= cost
		fast:
			for ; ; pc++ {
				in := &insts[pc]
				switch in.op {
				default: // opStep
					break fast
				case 0: // trap, so that numbers begin at 0
					break fast
`

const tail = `				}
			}
			gas += int64(insts[pc].rest)
		}
		m.Regs, m.Gas = [pvm.Registers]uint64(regs[:]), gas
		next, exit, stopped := c.step(m, uint32(pc))
		if stopped {
			return exit
		}
		copy(regs[:], m.Regs[:])
		gas, pc = m.Gas, uint(next)
	}
}

`
