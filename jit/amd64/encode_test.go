package amd64

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

var (
	names64 = strings.Fields("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15")
	names32 = strings.Fields("eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d")
	names16 = strings.Fields("ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w")
	names8  = strings.Fields("al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b")
	imms    = []int32{0, 1, 2, -1, 127, 128, -128, -129, 255, 256, 0x1234, math.MaxInt32, math.MinInt32}
)

// decode disassembles exactly one instruction in Intel syntax.
func decode(t *testing.T, code []byte) string {
	t.Helper()
	inst, err := x86asm.Decode(code, 64)
	if err != nil {
		t.Fatalf("% x: %v", code, err)
	}
	if inst.Len != len(code) {
		t.Fatalf("% x: the disassembler takes %d octets as %v", code, inst.Len, inst)
	}
	return strings.TrimPrefix(x86asm.IntelSyntax(inst, 0, nil), "addr32 ")
}

// expect compares what emit writes with the disassembler's words.
func expect(t *testing.T, want string, emit func(*Asm)) {
	t.Helper()
	var a Asm
	a.Reserve(MaxInst)
	emit(&a)
	if got := decode(t, a.Bytes()); got != want {
		t.Fatalf("% x is %q, want %q", a.Bytes(), got, want)
	}
}

func eachPair(f func(d, s Reg)) {
	for d := range Reg(16) {
		for s := range Reg(16) {
			f(d, s)
		}
	}
}

func hex(v int64) string {
	if v < 0 {
		return fmt.Sprintf("-%#x", -v)
	}
	return fmt.Sprintf("%#x", v)
}

func TestRegReg(t *testing.T) {
	for _, tc := range []struct {
		name     string
		op       Op
		dst, src []string
	}{
		{"add", Add32, names32, names32},
		{"add", Add64, names64, names64},
		{"or", Or32, names32, names32},
		{"or", Or64, names64, names64},
		{"and", And32, names32, names32},
		{"and", And64, names64, names64},
		{"sub", Sub32, names32, names32},
		{"sub", Sub64, names64, names64},
		{"xor", Xor32, names32, names32},
		{"xor", Xor64, names64, names64},
		{"cmp", Cmp32, names32, names32},
		{"cmp", Cmp64, names64, names64},
		{"test", Test32, names32, names32},
		{"test", Test64, names64, names64},
		{"mov", Mov32, names32, names32},
		{"mov", Mov64, names64, names64},
		{"xchg", Xchg32, names32, names32},
		{"xchg", Xchg64, names64, names64},
		{"imul", Imul32, names32, names32},
		{"imul", Imul64, names64, names64},
		{"popcnt", Popcnt32, names32, names32},
		{"popcnt", Popcnt64, names64, names64},
		{"tzcnt", Tzcnt32, names32, names32},
		{"tzcnt", Tzcnt64, names64, names64},
		{"lzcnt", Lzcnt32, names32, names32},
		{"lzcnt", Lzcnt64, names64, names64},
		{"movsxd", Movsxd, names64, names32},
		{"movzx", Movzx16, names32, names16},
		{"movsx", Movsx16, names64, names16},
	} {
		eachPair(func(d, s Reg) {
			want := fmt.Sprintf("%s %s, %s", tc.name, tc.dst[d], tc.src[s])
			expect(t, want, func(a *Asm) { a.RegReg(tc.op, d, s) })
			if tc.op&opReverse != 0 && tc.op.Wide() {
				expect(t, want, func(a *Asm) { a.Two(tc.op, d, s) })
			}
		})
	}
	eachPair(func(d, s Reg) {
		expect(t, fmt.Sprintf("movzx %s, %s", names32[d], names8[s]), func(a *Asm) { a.Movzx8(d, s) })
		expect(t, fmt.Sprintf("movsx %s, %s", names64[d], names8[s]), func(a *Asm) { a.Movsx8(d, s) })
	})
}

func TestRegImm(t *testing.T) {
	for _, tc := range []struct {
		name string
		op   Op
		dst  []string
	}{
		{"add", Add32, names32},
		{"add", Add64, names64},
		{"or", Or32, names32},
		{"or", Or64, names64},
		{"and", And32, names32},
		{"and", And64, names64},
		{"sub", Sub32, names32},
		{"sub", Sub64, names64},
		{"xor", Xor32, names32},
		{"xor", Xor64, names64},
		{"cmp", Cmp32, names32},
		{"cmp", Cmp64, names64},
	} {
		for d := range Reg(16) {
			for _, imm := range imms {
				expect(t, fmt.Sprintf("%s %s, %s", tc.name, tc.dst[d], hex(int64(imm))),
					func(a *Asm) { a.RegImm(tc.op, d, imm) })
			}
		}
	}
	for d := range Reg(16) {
		for _, imm := range imms {
			expect(t, fmt.Sprintf("test %s, %s", names64[d], hex(int64(imm))), func(a *Asm) { a.TestImm(d, imm) })
			expect(t, fmt.Sprintf("mov %s, %s", names32[d], hex(int64(imm))),
				func(a *Asm) { a.MovImm32(d, uint32(imm)) })
			for s := range Reg(16) {
				expect(t, fmt.Sprintf("imul %s, %s, %s", names32[d], names32[s], hex(int64(imm))),
					func(a *Asm) { a.ImulImm32(d, s, imm) })
				expect(t, fmt.Sprintf("imul %s, %s, %s", names64[d], names64[s], hex(int64(imm))),
					func(a *Asm) { a.ImulImm64(d, s, imm) })
			}
		}
	}
}

func TestMovImm(t *testing.T) {
	for d := range Reg(16) {
		for _, tc := range []struct {
			imm  uint64
			want string
		}{
			{0, names32[d] + ", 0x0"},
			{math.MaxUint32, names32[d] + ", -0x1"},
			{1 << 63, names64[d] + ", 0x8000000000000000"},
			{math.MaxUint64, names64[d] + ", -0x1"},
			{0xffff_ffff_8000_0000, names64[d] + ", -0x80000000"},
			{0x1234_5678_9abc_def0, names64[d] + ", 0x123456789abcdef0"},
			{1 << 32, names64[d] + ", 0x100000000"},
		} {
			expect(t, "mov "+tc.want, func(a *Asm) { a.MovImm(d, tc.imm) })
		}
	}
}

func TestShiftsAndUnary(t *testing.T) {
	shifts := map[Shift]string{Rol32: "rol", Ror32: "ror", Shl32: "shl", Shr32: "shr", Sar32: "sar"}
	for s, name := range shifts {
		for d := range Reg(16) {
			for count := range uint8(64) {
				if count < 32 {
					expect(t, fmt.Sprintf("%s %s, %#x", name, names32[d], count), func(a *Asm) { a.ShiftImm(s, d, count) })
				}
				expect(t, fmt.Sprintf("%s %s, %#x", name, names64[d], count), func(a *Asm) { a.ShiftImm(s|8, d, count) })
			}
			expect(t, fmt.Sprintf("%s %s, cl", name, names32[d]), func(a *Asm) { a.ShiftCL(s, d) })
			expect(t, fmt.Sprintf("%s %s, cl", name, names64[d]), func(a *Asm) { a.ShiftCL(s|8, d) })
		}
	}
	unary := map[Unary]string{Not32: "not", Neg32: "neg", Mul32: "mul", 5: "imul", Div32: "div", Idiv32: "idiv"}
	for op, name := range unary {
		for d := range Reg(16) {
			expect(t, name+" "+names32[d], func(a *Asm) { a.Unary(op, d) })
			expect(t, name+" "+names64[d], func(a *Asm) { a.Unary(op|8, d) })
		}
	}
	for d := range Reg(16) {
		expect(t, "pop "+names64[d], func(a *Asm) { a.PopReg(d) })
		expect(t, "add "+names64[d]+", 0x7f", func(a *Asm) { a.AddImm(Add64, d, 127) })
		expect(t, "sub "+names64[d]+", -0x80", func(a *Asm) { a.AddImm(Add64, d, 128) })
		expect(t, "sub "+names32[d]+", -0x80", func(a *Asm) { a.AddImm(Add32, d, 128) })
		expect(t, "bswap "+names64[d], func(a *Asm) { a.Bswap(d) })
		expect(t, "jmp "+names64[d], func(a *Asm) { a.JmpReg(d) })
	}
	expect(t, "cdq", (*Asm).Cdq)
	expect(t, "cqo", (*Asm).Cqo)
	expect(t, "int3", (*Asm).Int3)
	expect(t, "ret", (*Asm).Ret)
}

func TestConditions(t *testing.T) {
	for c, name := range map[Cond]string{
		Overflow: "o", Below: "b", AboveOrEqual: "nb", Equal: "z", NotEqual: "nz", BelowOrEqual: "be", Above: "nbe",
		Negative: "s", NotNegative: "ns", Less: "l", GreaterOrEqual: "nl", LessOrEqual: "le", Greater: "nle",
	} {
		for d := range Reg(16) {
			expect(t, "set"+name+" "+names8[d], func(a *Asm) { a.Set(c, d) })
			for s := range Reg(16) {
				expect(t, fmt.Sprintf("cmov%s %s, %s", name, names64[d], names64[s]), func(a *Asm) { a.Cmov(c, d, s) })
			}
		}
		expect(t, "j"+name+" .+0x10", func(a *Asm) { a.Jcc8(c, 0x10) })
		expect(t, "j"+name+" .-0x12345", func(a *Asm) { a.Jcc32(c, -0x12345) })
	}
	expect(t, "jmp .-0x80", func(a *Asm) { a.Jmp8(-128) })
	expect(t, "jmp .+0x12345678", func(a *Asm) { a.Jmp32(0x12345678) })
	expect(t, "call .+0x12345678", func(a *Asm) { a.Call32(0x12345678) })
}

// address is how the disassembler prints a memory operand. It shows displacements of 32 bits without sign, and these are
// the only ones where there is no base.
func address(base, index string, scale uint8, disp int32) string {
	text := base
	if index != "" {
		if text != "" {
			text += "+"
		}
		if scale > 0 {
			text += fmt.Sprintf("%d*", 1<<scale)
		}
		text += index
	}
	switch {
	case disp == 0:
	case text == "":
		text = fmt.Sprintf("%#x", uint32(disp))
	case disp < 0 && disp >= -128 && base != "":
		text += fmt.Sprintf("-%#x", -disp)
	default:
		text += fmt.Sprintf("+%#x", uint32(disp))
	}
	return "[" + text + "]"
}

func TestMemory(t *testing.T) {
	type form struct {
		op   Op
		name string
		reg  []string
		size string
	}
	forms := []form{
		{Load8U, "movzx", names32, "byte"},
		{Load8S, "movsx", names64, "byte"},
		{Load16U, "movzx", names32, "word"},
		{Load16S, "movsx", names64, "word"},
		{Load32U, "mov", names32, "dword"},
		{Load32S, "movsxd", names64, "dword"},
		{Load64, "mov", names64, "qword"},
		{SubMem64, "sub", names64, "qword"},
		{Store8, "mov", names8, "byte"},
		{Store16, "mov", names16, "word"},
		{Store32, "mov", names32, "dword"},
		{Store64, "mov", names64, "qword"},
	}
	for _, f := range forms {
		store := f.op&0xff == 0x88 || f.op&0xff == 0x89
		check := func(r Reg, m Operand, text string) {
			operand := f.size + " ptr " + text
			want := f.name + " " + f.reg[r] + ", " + operand
			if store {
				want = f.name + " " + operand + ", " + f.reg[r]
			}
			expect(t, want, func(a *Asm) { a.RegMem(f.op, r, m) })
		}
		for r := range Reg(16) {
			for b := range Reg(16) {
				for _, disp := range imms {
					check(r, Guest(b, disp), "gs:"+address(names32[b], "", 0, disp))
				}
			}
			for _, addr := range []uint32{0, 1, 0x10000, 0x7fffffff, 0x80000000, 0xfefe0000, 0xffffffff} {
				check(r, GuestAbsolute(addr), "gs:"+address("", "", 0, int32(addr)))
			}
			for _, off := range []int32{-4096, -4088, -8} {
				check(r, Context(off), "gs:"+address("", "", 0, off))
			}
		}
	}
	for op, size := range map[Op]string{Store8: "byte", Store16: "word", Store32: "dword", Store64: "qword"} {
		for b := range Reg(16) {
			for _, disp := range imms {
				for _, imm := range imms {
					shown := int64(imm)
					switch size {
					case "byte":
						shown = int64(uint8(imm))
					case "word":
						shown = int64(int16(imm))
					}
					want := fmt.Sprintf("mov %s ptr gs:%s, %s", size, address(names32[b], "", 0, disp), hex(shown))
					expect(t, want, func(a *Asm) { a.StoreImm(op, Guest(b, disp), imm) })
				}
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	for d := range Reg(16) {
		expect(t, fmt.Sprintf("lea %s, ptr [rip+0x1234]", names64[d]), func(a *Asm) { a.RegMem(Lea64, d, Relative(0x1234)) })
		for b := range Reg(16) {
			for _, disp := range imms {
				want := fmt.Sprintf("ptr %s", address(names64[b], "", 0, disp))
				expect(t, fmt.Sprintf("lea %s, %s", names32[d], want), func(a *Asm) { a.RegMem(Lea32, d, Based(b, disp)) })
				expect(t, fmt.Sprintf("lea %s, %s", names64[d], want), func(a *Asm) { a.RegMem(Lea64, d, Based(b, disp)) })
			}
		}
	}
	eachPair(func(b, x Reg) {
		if x == RSP {
			return
		}
		for scale := range uint8(4) {
			for _, disp := range imms {
				expect(t, "lea r9, ptr "+address(names64[b], names64[x], scale, disp),
					func(a *Asm) { a.RegMem(Lea64, R9, Indexed(b, x, scale, disp)) })
				expect(t, "lea r9, ptr "+address("", names64[x], scale, disp),
					func(a *Asm) { a.RegMem(Lea64, R9, Scaled(x, scale, disp)) })
			}
		}
	})
	eachPair(func(b, x Reg) {
		if x == RSP {
			return
		}
		for scale := range uint8(4) {
			for _, disp := range imms {
				expect(t, "mov r9, qword ptr gs:"+address(names32[b], names32[x], scale, disp),
					func(a *Asm) { a.RegMem(Load64, R9, GuestIndexed(b, x, scale, disp)) })
			}
		}
	})
}

func TestNops(t *testing.T) {
	var a Asm
	for n := range 64 {
		a.Reset()
		a.Reserve(n)
		a.Nop(n)
		if a.Len() != n {
			t.Fatalf("%d octets of NOP, want %d", a.Len(), n)
		}
		for code := a.Bytes(); len(code) > 0; {
			inst, err := x86asm.Decode(code, 64)
			if err != nil || inst.Op != x86asm.NOP {
				t.Fatalf("% x: %v %v", code, inst, err)
			}
			code = code[inst.Len:]
		}
	}
	a.Reset()
	a.Reserve(64)
	a.Int3()
	a.AlignTo(32, 30)
	if a.Len() != 1 {
		t.Fatalf("aligned although 31 octets were missing")
	}
	a.AlignTo(32, 31)
	if a.Len() != 32 {
		t.Fatalf("length %d after alignment", a.Len())
	}
}

func BenchmarkEncode(b *testing.B) {
	var a Asm
	a.Reserve(1 << 16)
	n := 0
	for b.Loop() {
		a.Reset()
		for i := range Reg(200) {
			r := i & 7
			a.Reserve(64)
			a.RegReg(Add64, r, R9)
			a.RegMem(Load32U, r, Guest(R10, 24))
			a.RegImm(Sub64, R15, 5)
			a.Jcc32(Less, 100)
		}
		n += 800
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/inst")
}
