package amd64

import (
	"bytes"
	"testing"

	asm "github.com/twitchyliquid64/golang-asm"
	"github.com/twitchyliquid64/golang-asm/obj"
	"github.com/twitchyliquid64/golang-asm/obj/x86"
)

// hardware maps our numbers to golang-asm's.
var hardware = [16]int16{
	x86.REG_AX, x86.REG_CX, x86.REG_DX, x86.REG_BX, x86.REG_SP, x86.REG_BP, x86.REG_SI, x86.REG_DI,
	x86.REG_R8, x86.REG_R9, x86.REG_R10, x86.REG_R11, x86.REG_R12, x86.REG_R13, x86.REG_R14, x86.REG_R15,
}

// oracle collects instructions in golang-asm and in ours; the disassembler of x/arch does not know VEX.
type oracle struct {
	b    *asm.Builder
	ours Asm
}

func (o *oracle) add(as obj.As, emit func(*Asm), to Reg, from obj.Addr, rest ...obj.Addr) {
	p := o.b.NewProg()
	p.As = as
	p.From = from
	p.To = obj.Addr{Type: obj.TYPE_REG, Reg: hardware[to]}
	p.RestArgs = append(p.RestArgs, rest...)
	o.b.AddInstruction(p)
	o.ours.Reserve(MaxInst)
	emit(&o.ours)
}

func reg(r Reg) obj.Addr   { return obj.Addr{Type: obj.TYPE_REG, Reg: hardware[r]} }
func imm(v uint8) obj.Addr { return obj.Addr{Type: obj.TYPE_CONST, Offset: int64(v)} }

func TestVEX(t *testing.T) {
	b, err := asm.NewBuilder("amd64", 64)
	if err != nil {
		t.Fatal(err)
	}
	o := &oracle{b: b}
	shifts := map[ShiftX]obj.As{
		Shlx32: x86.ASHLXL, Sarx32: x86.ASARXL, Shrx32: x86.ASHRXL,
		Shlx64: x86.ASHLXQ, Sarx64: x86.ASARXQ, Shrx64: x86.ASHRXQ,
	}
	for d := range Reg(16) {
		for s := range Reg(16) {
			for count := range uint8(64) {
				o.add(x86.ARORXQ, func(a *Asm) { a.Rorx64(d, s, count) }, d, imm(count), reg(s))
				if count < 32 {
					o.add(x86.ARORXL, func(a *Asm) { a.Rorx32(d, s, count) }, d, imm(count), reg(s))
				}
			}
			for c := range Reg(16) {
				for op, as := range shifts {
					o.add(as, func(a *Asm) { a.ShiftX(op, d, s, c) }, d, reg(c), reg(s))
				}
				o.add(x86.AANDNQ, func(a *Asm) { a.Andn(d, s, c) }, d, reg(s), reg(c))
				o.add(x86.AMULXQ, func(a *Asm) { a.Mulx(d, c, s) }, d, reg(s), reg(c))
			}
		}
	}
	want := b.Assemble()
	if got := o.ours.Bytes(); !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		from, to := max(0, at-8), at+8
		t.Fatalf("octet %d of %d: got % x, want % x", at, len(want), got[from:to], want[from:to])
	}
}
