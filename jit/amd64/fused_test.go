package amd64

import (
	"bytes"
	"fmt"
	"testing"
)

// same wants two ways to write code to write the same octets.
func same(t *testing.T, what string, got, want func(a *Asm)) {
	t.Helper()
	var a, b Asm
	a.Reserve(64)
	b.Reserve(64)
	got(&a)
	want(&b)
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatalf("%s: % x, want % x", what, a.Bytes(), b.Bytes())
	}
}

// TestFused compares what is put together in few steps with what the general functions write.
func TestFused(t *testing.T) {
	moved := func(a *Asm, d, s Reg) {
		if d != s {
			a.RegReg(Mov64, d, s)
		}
	}
	eachPair(func(d, s Reg) {
		what := fmt.Sprintf("%s, %s", names64[d], names64[s])
		same(t, what, func(a *Asm) { a.Move(Mov64, d, s) }, func(a *Asm) { moved(a, d, s) })
		for count := range uint8(63) {
			same(t, what, func(a *Asm) { a.ThreeShift(Shl64, d, s, count+1) }, func(a *Asm) {
				moved(a, d, s)
				a.put(uint64(rexNone|rexW|uint8(d>>3))|0xc1<<8|uint64(0xe0|d&7)<<16|uint64(count+1)<<24, 4)
			})
		}
		for _, imm := range imms {
			for _, op := range []Op{And64, Or64, Xor64} {
				same(t, what, func(a *Asm) { a.ThreeImm(op, d, s, imm) }, func(a *Asm) {
					moved(a, d, s)
					a.RegImm(op, d, imm)
				})
			}
			if s == RSP { // which holds no value of the guest's
				continue
			}
			same(t, what, func(a *Asm) { a.Sum(d, s, imm) }, func(a *Asm) {
				switch {
				case d == s:
					a.AddImm(Add64, d, imm)
				case imm != 0 || s == R12:
					a.RegMem(Lea64, d, Based(s, imm))
				default: // nobody asks for this one, which has a displacement all the same
					a.put(pair(d, s)^(0xc0^modDisp8)<<16|wide(0x8d), 4)
				}
			})
			for _, op := range []Op{Load8U, Load8S, Load16U, Load16S, Load32U, Load32S, Load64, Store8, Store16, Store32, Store64} {
				same(t, what, func(a *Asm) { a.GuestDisp(op, d, s, imm) }, func(a *Asm) { a.RegMem(op, d, Guest(s, imm)) })
			}
		}
	})
}

func TestFusedThree(t *testing.T) {
	for d := range Reg(16) {
		eachPair(func(l, r Reg) {
			what := fmt.Sprintf("%s, %s, %s", names64[d], names64[l], names64[r])
			if d != r || d == l {
				same(t, what, func(a *Asm) { a.Three(Sub64, d, l, r) }, func(a *Asm) {
					if d != l {
						a.RegReg(Mov64, d, l)
					}
					a.RegReg(Sub64, d, r)
				})
			}
			for scale := range uint8(4) {
				if r == RSP || l == RSP && scale == 0 {
					continue
				}
				same(t, what, func(a *Asm) { a.LeaScaled(d, l, r, scale) }, func(a *Asm) {
					if scale == 0 && l&7 == RBP {
						l, r = r, l
					}
					a.RegMem(Lea64, d, Indexed(l, r, scale, 0))
				})
			}
		})
		for _, offset := range []int32{-4096, -4088, -8} {
			same(t, names64[d], func(a *Asm) { a.ToContext(d, offset) }, func(a *Asm) { a.RegMem(Store64, d, Context(offset)) })
			same(t, names64[d], func(a *Asm) { a.FromContext(d, offset) }, func(a *Asm) { a.RegMem(Load64, d, Context(offset)) })
		}
	}
	for d := R8; d <= R15; d++ {
		for imm := range uint8(128) {
			same(t, names64[d], func(a *Asm) { a.PayLittle(d, imm) }, func(a *Asm) { a.Pay(d, int32(imm)) })
		}
	}
	for x := range R8 {
		if x != RSP {
			expect(t, "jmp qword ptr "+address("", names64[x], 3, 0x1234567), func(a *Asm) {
				a.JmpTable(x)
				a.PatchInt32(a.Len()-4, 0x1234567)
			})
		}
	}
}
