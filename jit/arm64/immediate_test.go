package arm64

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"
	"testing"

	asm "github.com/twitchyliquid64/golang-asm"
	"github.com/twitchyliquid64/golang-asm/obj"
	"github.com/twitchyliquid64/golang-asm/obj/arm64"
	"golang.org/x/arch/arm64/arm64asm"
)

// interesting are numbers for immediates: each 16 bits of them one of a few, and some runs of ones.
func interesting() (all []uint64) {
	parts := []uint64{0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x1234}
	for i := range len(parts) * len(parts) * len(parts) * len(parts) {
		x := uint64(0)
		for range 4 {
			x = x<<16 | parts[i%len(parts)]
			i /= len(parts)
		}
		all = append(all, x)
	}
	return all
}

// run is what a register holds after instructions that set it, as the disassembler understands them.
func run(t *testing.T, code []byte, d Reg) uint64 {
	t.Helper()
	var value uint64
	for _, line := range strings.Split(decode(t, code), "; ") {
		var imm uint64
		shift := 0
		width, mask := "x", ^uint64(0)
		if strings.Contains(line, name("w", d)+",") {
			width, mask = "w", 1<<32-1
		}
		at := fmt.Sprintf(" %s, #0x%%x", name(width, d))
		switch {
		case scan(line, "movk"+at+", lsl #%d", &imm, &shift) || scan(line, "movk"+at, &imm):
			value = value&^(0xffff<<shift) | imm<<shift
		case scan(line, "movz"+at+", lsl #%d", &imm, &shift):
			value = imm << shift
		case scan(line, "movn"+at+", lsl #%d", &imm, &shift) || scan(line, "movn"+at, &imm):
			value = ^(imm << shift) & mask
		case scan(line, "mov"+at, &imm):
			value = imm & mask
		case scan(line, fmt.Sprintf("mov %s, #-0x%%x", name(width, d)), &imm):
			value = -imm & mask
		default:
			t.Fatalf("unexpected %q", line)
		}
	}
	return value
}

func scan(line, format string, into ...any) bool {
	n, err := fmt.Sscanf(line+"\n", format+"\n", into...)
	return err == nil && n == len(into)
}

func TestMovImm(t *testing.T) {
	for i, imm := range interesting() {
		var a Asm
		a.Reserve(4 * Inst)
		d := Reg(i % 31)
		a.MovImm(d, imm)
		if got := run(t, a.Bytes(), d); got != imm {
			t.Fatalf("% x gives %#x, want %#x", a.Bytes(), got, imm)
		}
		a.Reset()
		a.MovImm32(d, uint32(imm))
		if got := run(t, a.Bytes(), d); got != imm&0xffff_ffff {
			t.Fatalf("% x gives %#x, want %#x", a.Bytes(), got, uint32(imm))
		}
	}
	for imm, want := range map[uint64]int{0: 1, ^uint64(0): 1, 1 << 40: 1, 0x12345: 2, ^uint64(0x12345): 2, 0xffff_1234_ffff_ffff: 1} {
		var a Asm
		a.Reserve(4 * Inst)
		a.MovImm(3, imm)
		if a.Len() != want*Inst {
			t.Errorf("%#x takes %d octets", imm, a.Len())
		}
	}
}

// TestBitwiseImm tries every immediate that can be encoded, and numbers that cannot.
func TestBitwiseImm(t *testing.T) {
	can := map[uint64]bool{}
	for size := 2; size <= 64; size *= 2 {
		for ones := 1; ones < size; ones++ {
			for rotate := range size {
				element := uint64(1)<<ones - 1
				element = (element<<rotate | element>>(size-rotate)) & (^uint64(0) >> (64 - size))
				x := uint64(0)
				for at := 0; at < 64; at += size {
					x |= element << at
				}
				can[x] = true
			}
		}
	}
	if len(can) != 5334 {
		t.Fatalf("%d immediates", len(can))
	}
	names := map[Op]string{And64: "and", Orr64: "orr", Eor64: "eor"}
	for x64 := range can {
		imm, ok := BitwiseImm(x64)
		if !ok {
			t.Fatalf("%#x is refused", x64)
		}
		d, n := Reg(x64%31), Reg(bits.OnesCount64(x64)%31)
		for op, text := range names {
			expect(t, fmt.Sprintf("%s %s, %s, #%#x", text, x(d), x(n), x64), func(a *Asm) { a.RegBitwise(op, d, n, imm) })
		}
	}
	for _, x64 := range interesting() {
		if _, ok := BitwiseImm(x64); ok != can[x64] {
			t.Errorf("%#x: %v", x64, ok)
		}
		for _, y := range []uint64{x64 ^ 1<<33, bits.RotateLeft64(x64, 7), x64 * 0x1_0000_0001} {
			if _, ok := BitwiseImm(y); ok != can[y] {
				t.Errorf("%#x: %v", y, ok)
			}
		}
	}
}

func TestAddress(t *testing.T) {
	for _, tc := range [][2]int{{0, 8}, {4096, 8192 + 40}, {4092, 4096}, {100, 5 << 20}, {8188, 100 << 20}} {
		var a Asm
		a.Reserve(tc[0] + 2*Inst)
		for a.Len() < tc[0] {
			a.Trap()
		}
		a.Address(9)
		PatchAddress(a.Bytes(), tc[0], tc[1])
		pages := uint64(tc[1]>>12-tc[0]>>12) << 12
		want := fmt.Sprintf("adrp x9, .+%#x; add x9, x9, #%#x", pages, tc[1]&0xfff)
		if got := decode(t, a.Bytes()[tc[0]:]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestCountBits has another assembler as its witness: the disassembler does not know these instructions.
func TestCountBits(t *testing.T) {
	b, err := asm.NewBuilder("arm64", 64)
	if err != nil {
		t.Fatal(err)
	}
	add := func(as obj.As, from, to int16) {
		p := b.NewProg()
		p.As = as
		p.From = obj.Addr{Type: obj.TYPE_REG, Reg: from}
		p.To = obj.Addr{Type: obj.TYPE_REG, Reg: to}
		b.AddInstruction(p)
	}
	octets := func(r Reg) int16 { return arm64.REG_ARNG + int16(r) + arm64.ARNG_8B<<5 }
	add(arm64.AFMOVD, arm64.REG_R0, arm64.REG_F0) // the assembler takes the first for a header
	var ours Asm
	for d := range Reg(27) { // golang-asm takes R27 and up for itself
		for s := range Reg(27) {
			for _, v := range []Reg{0, 16, 31} {
				for _, narrow := range []bool{false, true} {
					in := arm64.AFMOVD
					if narrow {
						in = arm64.AFMOVS
					}
					f := arm64.REG_F0 + int16(v)
					add(in, arm64.REG_R0+int16(s), f)
					add(arm64.AVCNT, octets(v), octets(v))
					add(arm64.AVADDV, octets(v), arm64.REG_V0+int16(v))
					add(arm64.AFMOVS, f, arm64.REG_R0+int16(d))
					ours.Reserve(4 * Inst)
					ours.CountBits(d, s, v, narrow)
				}
			}
		}
	}
	want := b.Assemble()
	for at := 0; at < len(want); at += Inst {
		if !bytes.Equal(ours.Bytes()[at:at+Inst], want[at:at+Inst]) {
			t.Fatalf("octet %d: got % x, want % x", at, ours.Bytes()[at:at+Inst], want[at:at+Inst])
		}
	}
}

func TestNopAndTrap(t *testing.T) {
	var a Asm
	a.Reserve(32)
	a.Trap()
	a.AlignTo(16)
	if got := decode(t, a.Bytes()); got != "brk #0x0; nop ; nop ; nop " {
		t.Errorf("%q", got)
	}
	if _, err := arm64asm.Decode([]byte{0, 0, 0, 0}); err == nil {
		t.Error("zeros are an instruction")
	}
}
