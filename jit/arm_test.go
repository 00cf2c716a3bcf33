package jit

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"

	"damson/internal/nodiff"
	"damson/internal/pvm"
	"damson/jit/arm64"
)

// TestLowerARM is TestLower for arm64, on any processor.
func TestLowerARM(t *testing.T) { testLower(t, "lower/arm64", armListing) }

// armListing disassembles what belongs to the program's blocks.
func armListing(t *testing.T, p *pvm.Program) string {
	t.Helper()
	l := &armLowerer{how: &armLowerings}
	if err := lower(l, p); err != nil {
		t.Fatal(err)
	}
	end := uint32(l.a.Len()) // where the trap behind every program begins
	for _, s := range l.sites {
		if int(s.inst) == len(p.Insts)-1 {
			end = s.at - arm64.Inst
		}
	}
	if n, ok := p.Block(uint32(len(p.Insts) - 1)); ok { // it is a block of its own
		end = l.labels[n]
	}
	l.gasStubs()
	var b strings.Builder
	for at := l.labels[0]; at < end; at += arm64.Inst {
		text := "popcnt"
		if inst, err := arm64asm.Decode(l.code()[at:]); err == nil {
			text = absolute(arm64asm.GNUSyntax(inst), at)
		} else if !countsBits(l.code()[at:]) {
			t.Fatalf("% x: %v", l.code()[at:at+arm64.Inst], err)
		}
		fmt.Fprintf(&b, "%x: %s\n", at, text)
	}
	return b.String()
}

// absolute writes the target of a branch as a position, which the disassembler counts from the branch.
func absolute(text string, at uint32) string {
	head, tail, ok := strings.Cut(text, ".+0x")
	if rel, err := strconv.ParseUint(tail, 16, 64); ok && err == nil {
		return fmt.Sprintf("%s%#x", head, uint64(at)+rel)
	}
	return text
}

// countsBits knows the instructions of arm64.CountBits, which the disassembler does not, by vector register 16.
func countsBits(code []byte) bool {
	word := uint32(code[0]) | uint32(code[1])<<8 | uint32(code[2])<<16 | uint32(code[3])<<24
	switch word {
	case 0x0e205a10, 0x0e31ba10:
		return true
	}
	return word&^0x8040_03e0 == 0x1e270010 || word&^0x1f == 0x1e260200
}

// TestMemoryOperandsARM decodes the code of many programs and wants every access to memory to be one of three kinds: guest
// memory by a 32-bit index, the context, the jump table. What the Go runtime needs is never named, and what this code
// relies on never written.
func TestMemoryOperandsARM(t *testing.T) {
	n := uint64(5_000)
	if testing.Short() {
		n = 300
	}
	l := &armLowerer{how: &armLowerings}
	for seed := range n {
		p, err := pvm.Decode(nodiff.Generate(seed).Case().Blob)
		if err != nil {
			t.Fatal(err)
		}
		if err := lower(l, p); err != nil {
			t.Fatal(err)
		}
		l.gasStubs()
		code := l.code()
		for at := 0; at < len(code); at += arm64.Inst {
			inst, err := arm64asm.Decode(code[at:])
			if err != nil && countsBits(code[at:]) {
				continue
			}
			if why := inspectARM(&inst); err != nil || why != "" {
				t.Fatalf("seed %d, octet %#x, %v: %s %v", seed, at, inst, why, err)
			}
		}
	}
}

// inspectARM says what is wrong with an instruction.
func inspectARM(inst *arm64asm.Inst) string {
	text := arm64asm.GNUSyntax(*inst)
	name, operands, _ := strings.Cut(text, " ")
	first, memory, _ := strings.Cut(operands, ", ")
	stores := strings.HasPrefix(name, "st")
	switch {
	case strings.HasPrefix(name, "ld") || stores:
		if !allowedARM(name, first, memory) {
			return "memory operand"
		}
	case name == "br" && operands == "x16", name == "ret" && operands == "x25":
	case name == "svc", name == "br", name == "blr", name == "ret", name == "msr", name == "brk":
		return "forbidden instruction"
	case name == "b", name == "bl", name == "nop", name == "cmp", name == "cmn", strings.HasPrefix(name, "b."):
	default:
		if text == "subs x19, x19, x16" || strings.HasPrefix(text, "subs x19, x19, #") {
			return ""
		}
		if number := registerNumber(first); number > 12 && number != 16 && number != 17 {
			return "register"
		}
	}
	return ""
}

// allowedARM reports whether a load into or store of a register may have such an operand.
func allowedARM(name, first, memory string) bool {
	if memory == "[x26,#16]" || memory == "[x26,#24]" {
		return name == "str"
	}
	if memory == "[x17,w16,uxtw #3]" {
		return name == "ldr" && first == "x16"
	}
	index, ok := strings.CutPrefix(memory, "[x20,w")
	index, tail, _ := strings.Cut(index, ",")
	if !ok || tail != "uxtw]" || index == "17" {
		return false
	}
	if strings.HasPrefix(name, "ld") {
		return registerNumber(first) <= 12
	}
	return registerNumber(first) <= 12 || registerNumber(first) == 17 || first == "xzr" || first == "wzr"
}

func registerNumber(name string) int {
	number := 99
	if _, err := fmt.Sscanf(name[1:], "%d", &number); err != nil {
		return 99
	}
	return number
}

// TestOpcodesAreLoweredARM compares the table of lowerings with the opcodes there are.
func TestOpcodesAreLoweredARM(t *testing.T) {
	for op := range pvm.Ops {
		if valid, has := pvm.Opcode(op).Valid(), armLowerings[op].lower != nil; valid != has {
			t.Errorf("opcode %d: valid %v, lowered %v", op, valid, has)
		}
	}
}

func TestHostileProgramsARM(t *testing.T) {
	const size = 400_000
	for name, unit := range hostileUnits {
		l := &armLowerer{how: &armLowerings}
		err := lower(l, hostile(t, unit, size))
		t.Logf("%s: %d octets, %d sites, %v", name, l.a.Len(), len(l.sites), err)
		if l.a.Len() > maxOutput(size)+islandEvery {
			t.Errorf("%s: %d octets of code for %d", name, l.a.Len(), size)
		}
	}
}
