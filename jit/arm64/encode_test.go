package arm64

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

// decode disassembles instructions in GNU syntax.
func decode(t *testing.T, code []byte) string {
	t.Helper()
	var lines []string
	for at := 0; at < len(code); at += Inst {
		inst, err := arm64asm.Decode(code[at:])
		if err != nil {
			t.Fatalf("% x: %v", code[at:], err)
		}
		lines = append(lines, arm64asm.GNUSyntax(inst))
	}
	return strings.Join(lines, "; ")
}

// expect compares what emit writes with the disassembler's words.
func expect(t *testing.T, want string, emit func(*Asm)) {
	t.Helper()
	var a Asm
	a.Reserve(4 * Inst)
	emit(&a)
	if got := decode(t, a.Bytes()); got != want {
		t.Fatalf("% x is %q, want %q", a.Bytes(), got, want)
	}
}

// x and w name a register, by width.
func x(r Reg) string { return name("x", r) }
func w(r Reg) string { return name("w", r) }

func name(width string, r Reg) string {
	if r == ZR {
		return width + "zr"
	}
	return fmt.Sprint(width, uint8(r))
}

// of names registers for a 64-bit instruction or one of 32.
func of(op Op) func(Reg) string {
	if op&wide != 0 {
		return x
	}
	return w
}

// pairs calls f with every two registers in every two of three places, ZR left out: it gives instructions other names.
func pairs(f func(d, n, m Reg)) {
	for a := range ZR {
		for b := range ZR {
			f(a, b, 7)
			f(a, 8, b)
			f(9, a, b)
			f(a, a, b)
		}
	}
}

func TestThreeRegisters(t *testing.T) {
	for _, tc := range []struct {
		name string
		op   Op
	}{
		{"add", Add32},
		{"sub", Sub32},
		{"and", And32},
		{"bic", Bic32},
		{"orr", Orr32},
		{"orn", Orn32},
		{"eor", Eor32},
		{"eon", Eon32},
		{"lsl", Lsl32},
		{"lsr", Lsr32},
		{"asr", Asr32},
		{"ror", Ror32},
		{"udiv", Udiv32},
		{"sdiv", Sdiv32},
		{"mul", Mul32},
	} {
		for _, op := range []Op{tc.op, tc.op.Wide()} {
			r := of(op)
			pairs(func(d, n, m Reg) {
				want := fmt.Sprintf("%s %s, %s, %s", tc.name, r(d), r(n), r(m))
				expect(t, want, func(a *Asm) { a.Regs(op, d, n, m) })
			})
		}
	}
	pairs(func(d, n, m Reg) {
		expect(t, fmt.Sprintf("smulh %s, %s, %s", x(d), x(n), x(m)), func(a *Asm) { a.Regs(Smulh, d, n, m) })
		expect(t, fmt.Sprintf("umulh %s, %s, %s", x(d), x(n), x(m)), func(a *Asm) { a.Regs(Umulh, d, n, m) })
		expect(t, fmt.Sprintf("cmp %s, %s", x(n), x(m)), func(a *Asm) { a.Compare(Cmp64, n, m) })
		expect(t, fmt.Sprintf("cmp %s, %s", w(n), w(m)), func(a *Asm) { a.Compare(Cmp32, n, m) })
		expect(t, fmt.Sprintf("cmn %s, %s", x(n), x(m)), func(a *Asm) { a.Compare(Cmn64, n, m) })
		expect(t, fmt.Sprintf("msub %s, %s, %s, %s", x(d), x(n), x(m), x(n)), func(a *Asm) { a.MulSub(Mul64, d, n, m, n) })
		expect(t, fmt.Sprintf("msub %s, %s, %s, %s", w(d), w(n), w(m), w(d)), func(a *Asm) { a.MulSub(Mul32, d, n, m, d) })
		expect(t, fmt.Sprintf("neg %s, %s", x(d), x(m)), func(a *Asm) { a.Regs(Sub64, d, ZR, m) })
		expect(t, fmt.Sprintf("neg %s, %s", w(d), w(m)), func(a *Asm) { a.Regs(Sub32, d, ZR, m) })
		expect(t, fmt.Sprintf("mvn %s, %s", x(d), x(m)), func(a *Asm) { a.Regs(Orn64, d, ZR, m) })
	})
}

func TestShiftedRegister(t *testing.T) {
	shifts := map[Shift]string{LSL: "lsl", LSR: "lsr", ASR: "asr"}
	for shift, text := range shifts {
		for count := range uint8(64) {
			tail := fmt.Sprintf(", %s #%d", text, count)
			if count == 0 && shift == LSL {
				tail = ""
			}
			pairs(func(d, n, m Reg) {
				if (d+n+m)%5 != Reg(count%5) { // a fifth of them will do
					return
				}
				expect(t, fmt.Sprintf("add %s, %s, %s%s", x(d), x(n), x(m), tail),
					func(a *Asm) { a.RegsShifted(Add64, d, n, m, shift, count) })
				expect(t, fmt.Sprintf("and %s, %s, %s%s", x(d), x(n), x(m), tail),
					func(a *Asm) { a.RegsShifted(And64, d, n, m, shift, count) })
				if count < 32 {
					expect(t, fmt.Sprintf("cmn %s, %s%s", w(n), w(m), tail),
						func(a *Asm) { a.RegsShifted(Cmn32, ZR, n, m, shift, count) })
				}
			})
		}
	}
}

func TestTwoRegisters(t *testing.T) {
	for d := range ZR {
		for s := range ZR {
			for _, tc := range []struct {
				op   Op
				want string
			}{
				{Clz32, "clz " + w(d) + ", " + w(s)},
				{Clz64, "clz " + x(d) + ", " + x(s)},
				{Rbit32, "rbit " + w(d) + ", " + w(s)},
				{Rbit64, "rbit " + x(d) + ", " + x(s)},
				{Rev64, "rev " + x(d) + ", " + x(s)},
				{Sxtb, "sxtb " + x(d) + ", " + w(s)},
				{Sxth, "sxth " + x(d) + ", " + w(s)},
				{Sxtw, "sxtw " + x(d) + ", " + w(s)},
				{Uxth, "uxth " + w(d) + ", " + w(s)},
				{Mov32, "mov " + w(d) + ", " + w(s)},
				{Mov64, "mov " + x(d) + ", " + x(s)},
			} {
				expect(t, tc.want, func(a *Asm) { a.TwoRegs(tc.op, d, s) })
			}
		}
	}
}

func TestRegImm(t *testing.T) {
	names := map[Op]string{Add32: "add", Add64: "add", Sub32: "sub", Sub64: "sub"}
	for imm := uint64(0); imm < 1<<24; imm += 1 + imm>>3&^0xfff {
		if !Immediate(imm) {
			if imm < 1<<12 || imm&0xfff == 0 {
				t.Fatalf("%#x is refused", imm)
			}
			continue
		}
		d, n := Reg(imm%31), Reg(imm/3%31)
		text := fmt.Sprintf("#0x%x", imm)
		if imm >= 1<<12 {
			text = fmt.Sprintf("#0x%x, lsl #12", imm>>12)
		}
		for op, name := range names {
			r := of(op)
			expect(t, fmt.Sprintf("%s %s, %s, %s", name, r(d), r(n), text), func(a *Asm) { a.RegImm(op, d, n, imm) })
		}
		expect(t, fmt.Sprintf("cmp %s, %s", x(n), text), func(a *Asm) { a.RegImm(Cmp64, ZR, n, imm) })
		expect(t, fmt.Sprintf("cmn %s, %s", x(n), text), func(a *Asm) { a.RegImm(Cmn64, ZR, n, imm) })
		expect(t, fmt.Sprintf("subs %s, %s, %s", x(d), x(n), text), func(a *Asm) { a.RegImm(Cmp64, d, n, imm) })
	}
	for _, imm := range []uint64{1<<12 + 1, 1 << 24, 0xfff_0001, ^uint64(0), 1 << 32} {
		if Immediate(imm) {
			t.Errorf("%#x is taken", imm)
		}
	}
}

func TestFields(t *testing.T) {
	for d := range ZR {
		for n := range ZR {
			for count := range uint8(64) {
				if count > 0 {
					expect(t, fmt.Sprintf("lsl %s, %s, #%d", x(d), x(n), count), func(a *Asm) { a.ShiftLeft64(d, n, count) })
					expect(t, fmt.Sprintf("lsr %s, %s, #%d", x(d), x(n), count), func(a *Asm) { a.Field(Ubfm64, d, n, count, 63) })
					expect(t, fmt.Sprintf("asr %s, %s, #%d", x(d), x(n), count), func(a *Asm) { a.Field(Sbfm64, d, n, count, 63) })
				}
				expect(t, fmt.Sprintf("ror %s, %s, #%d", x(d), x(n), count), func(a *Asm) { a.RotateRight64(d, n, count) })
				if count > 0 && count < 32 {
					expect(t, fmt.Sprintf("lsl %s, %s, #%d", w(d), w(n), count), func(a *Asm) { a.ShiftLeft32(d, n, count) })
					expect(t, fmt.Sprintf("lsr %s, %s, #%d", w(d), w(n), count), func(a *Asm) { a.Field(Ubfm32, d, n, count, 31) })
					expect(t, fmt.Sprintf("asr %s, %s, #%d", w(d), w(n), count), func(a *Asm) { a.Field(Sbfm32, d, n, count, 31) })
					expect(t, fmt.Sprintf("ror %s, %s, #%d", w(d), w(n), count), func(a *Asm) { a.RotateRight32(d, n, count) })
				}
			}
		}
	}
}

func TestSelect(t *testing.T) {
	names := map[Cond]string{
		Equal: "eq", NotEqual: "ne", AboveOrEqual: "cs", Below: "cc", Above: "hi", BelowOrEqual: "ls",
		GreaterOrEqual: "ge", Less: "lt", Greater: "gt", LessOrEqual: "le",
	}
	for c, name := range names {
		pairs(func(d, n, m Reg) {
			if n != m { // else it has another name
				expect(t, fmt.Sprintf("csel %s, %s, %s, %s", x(d), x(n), x(m), name), func(a *Asm) { a.Select(c, d, n, m) })
				expect(t, fmt.Sprintf("csinv %s, %s, %s, %s", x(d), x(n), x(m), name), func(a *Asm) { a.SelectNot(c, d, n, m) })
			}
		})
		for d := range ZR {
			expect(t, fmt.Sprintf("cset %s, %s", x(d), name), func(a *Asm) { a.Set(c, d) })
		}
		for rel := -1 << 20; rel < 1<<20; rel += 4 * 997 {
			expect(t, "b."+name+" "+relative(rel), func(a *Asm) { a.BCond(c, rel) })
		}
	}
}

// relative is how the disassembler writes a target.
func relative(rel int) string { return fmt.Sprintf(".+%#x", uint64(rel)) }

func TestBranches(t *testing.T) {
	for rel := -1 << 27; rel < 1<<27; rel += 4 * 99991 {
		expect(t, "b "+relative(rel), func(a *Asm) { a.B(rel) })
		expect(t, "bl "+relative(rel), func(a *Asm) { a.Call(rel) })
	}
	for r := range ZR {
		expect(t, "br "+x(r), func(a *Asm) { a.Jump(r) })
		expect(t, strings.TrimSuffix("ret "+x(r), " x30"), func(a *Asm) { a.Ret(r) })
		for rel := -1 << 20; rel < 1<<20; rel += 4 * 9973 {
			expect(t, "cbz "+x(r)+", "+relative(rel), func(a *Asm) { a.BZero(r, false, rel) })
			expect(t, "cbnz "+x(r)+", "+relative(rel), func(a *Asm) { a.BZero(r, true, rel) })
		}
	}
}

func TestPatch(t *testing.T) {
	emit := []func(a *Asm, rel int){
		func(a *Asm, rel int) { a.B(rel) },
		func(a *Asm, rel int) { a.Call(rel) },
		func(a *Asm, rel int) { a.BCond(Less, rel) },
		func(a *Asm, rel int) { a.BZero(5, true, rel) },
		func(a *Asm, rel int) { a.BZero(5, false, rel) },
	}
	for i, f := range emit {
		for to := 0; to < 400; to += 4 {
			var patched, direct Asm
			for _, a := range []*Asm{&patched, &direct} {
				a.Reserve(400)
				for a.Len() < 200 {
					a.Trap()
				}
			}
			f(&patched, 40)
			patched.Patch(200, to)
			f(&direct, to-200)
			if got, want := decode(t, patched.Bytes()[200:]), decode(t, direct.Bytes()[200:]); got != want {
				t.Fatalf("form %d to %d: %q, want %q", i, to, got, want)
			}
			if patched.Conditional(200) != (i > 1) {
				t.Fatalf("form %d", i)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	for _, tc := range []struct {
		op   Op
		name string
		reg  func(Reg) string
	}{
		{Store8, "strb", w},
		{Store16, "strh", w},
		{Store32, "str", w},
		{Store64, "str", x},
		{Load8U, "ldrb", w},
		{Load16U, "ldrh", w},
		{Load32U, "ldr", w},
		{Load64, "ldr", x},
		{Load8S, "ldrsb", x},
		{Load16S, "ldrsh", x},
		{Load32S, "ldrsw", x},
	} {
		pairs(func(d, n, m Reg) {
			want := fmt.Sprintf("%s %s, [%s,%s,uxtw]", tc.name, tc.reg(d), x(n), w(m))
			expect(t, want, func(a *Asm) { a.Guest(tc.op, d, n, m) })
		})
	}
	pairs(func(d, n, m Reg) {
		expect(t, fmt.Sprintf("ldr %s, [%s,%s,uxtw #3]", x(d), x(n), w(m)), func(a *Asm) { a.LoadEntry(d, n, m) })
	})
	for offset := int32(0); offset < 1<<15; offset += 8 {
		d, n := Reg(offset/8%31), Reg(offset/24%31)
		want := fmt.Sprintf("str %s, [%s,#%d]", x(d), x(n), offset)
		if offset == 0 {
			want = fmt.Sprintf("str %s, [%s]", x(d), x(n))
		}
		expect(t, want, func(a *Asm) { a.StoreContext(d, n, offset) })
	}
}
