package interp

import (
	"math"
	"testing"

	"damson/internal/asm"
	"damson/internal/pvm"
)

type operands = asm.Operands

// build makes a program of what f puts into it.
func build(t *testing.T, f func(b *asm.Builder)) *code {
	t.Helper()
	var b asm.Builder
	f(&b)
	blob, err := b.Blob()
	if err != nil {
		t.Fatal(err)
	}
	return mustCompile(t, blob)
}

// both runs a machine both ways and checks that they agree.
func both(t *testing.T, c *code, m *pvm.Machine) pvm.Exit {
	t.Helper()
	slow := *m
	slow.Mem = pvm.NewMemory()
	slow.Mem.CopyFrom(m.Mem)
	want := stepAll(c, &slow)
	got := c.Run(m)
	if got != want || m.PC != slow.PC || m.Gas != slow.Gas || m.Regs != slow.Regs {
		t.Fatalf("%v %v, step by step %v %v", got, *m, want, slow)
	}
	return got
}

func wantExit(t *testing.T, m *pvm.Machine, got, want pvm.Exit, pc uint64, gas int64) {
	t.Helper()
	if got != want || m.PC != pc || m.Gas != gas {
		t.Fatalf("%v %#x at %d with gas %d, want %v %#x at %d with gas %d", got.Reason, got.Arg, m.PC, m.Gas, want.Reason, want.Arg, pc, gas)
	}
}

// TestHostCall runs on over a host call, and into one without the gas for it.
func TestHostCall(t *testing.T) {
	c := build(t, func(b *asm.Builder) {
		b.Op(pvm.AddImm64, operands{A: 7, B: 7, X: 1})               // at 0
		b.Op(pvm.Ecalli, operands{X: 300})                           // at 3
		b.Op(pvm.AddImm64, operands{A: 7, B: 7, X: 1})               // at 6
		b.Op(pvm.Ecalli, operands{X: math.MaxUint64})                // at 9
		b.Op(pvm.JumpInd, operands{A: 0})                            // at 11
		b.Op(pvm.Trap, operands{})                                   // never
		b.Op(pvm.CmovNzImm, operands{A: 1, B: 1, X: math.MaxUint64}) // never
	})
	m := &pvm.Machine{Gas: 5, Mem: pvm.NewMemory()}
	m.Regs[0] = pvm.HaltAddress
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.HostCall, Arg: 300}, 6, 3)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.HostCall, Arg: math.MaxUint64}, 11, 1)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.Halt}, 11, 0)
	if m.Regs[7] != 2 {
		t.Errorf("register is %d", m.Regs[7])
	}
	if (pvm.Exit{Reason: pvm.Halt}).Counter(m) != 0 || (pvm.Exit{Reason: pvm.OutOfGas}).Counter(m) != 11 {
		t.Error("counter after a halt is not 0, or after running out of gas it is")
	}
	m = &pvm.Machine{Gas: 1, Mem: pvm.NewMemory()}
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.OutOfGas}, 3, -1)
}

func TestSbrk(t *testing.T) {
	c := build(t, func(b *asm.Builder) {
		b.Op(pvm.Sbrk, operands{D: 1, A: 2})
		b.Op(pvm.StoreIndU8, operands{A: 2, B: 1})
		b.Op(pvm.Sbrk, operands{D: 3, A: 4})
		b.Op(pvm.JumpInd, operands{A: 0})
	})
	m := &pvm.Machine{Gas: 100, Mem: pvm.NewMemory()}
	m.Regs[0], m.Regs[2] = pvm.HaltAddress, 20*pvm.PageSize
	m.Mem.Sbrk(17 * pvm.PageSize)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.Halt}, 6, 96)
	if m.Regs[1] != 17*pvm.PageSize || m.Regs[3] != 37*pvm.PageSize {
		t.Errorf("sbrk gave %#x, then %#x", m.Regs[1], m.Regs[3])
	}
}

func TestCmov(t *testing.T) {
	c := build(t, func(b *asm.Builder) {
		b.Op(pvm.CmovNzImm, operands{A: 1, B: 5, X: 10})
		b.Op(pvm.CmovNzImm, operands{A: 2, B: 6, X: math.MaxUint64})
		b.Op(pvm.CmovIzImm, operands{A: 3, B: 5, X: 10})
		b.Op(pvm.CmovIzImm, operands{A: 4, B: 6, X: 10})
	})
	m := &pvm.Machine{Gas: 100, Mem: pvm.NewMemory(), Regs: [pvm.Registers]uint64{1: 1, 2: 2, 3: 3, 4: 4, 6: 1 << 40}}
	both(t, c, m)
	if want := [pvm.Registers]uint64{1: 1, 2: math.MaxUint64, 3: 10, 4: 4, 6: 1 << 40}; m.Regs != want {
		t.Errorf("registers %x, want %x", m.Regs, want)
	}
}

// TestBadJumps panics, at the jump, and the jumps that write a register have written it.
func TestBadJumps(t *testing.T) {
	for _, tc := range []struct {
		name string
		op   pvm.Opcode
		o    operands
		want pvm.Reason
		reg  uint64
	}{
		{"into a block", pvm.LoadImmJump, operands{A: 3, X: 77, Target: "inside"}, pvm.Panic, 77},
		{"before the code", pvm.LoadImmJump, operands{A: 3, X: 77, Y: math.MaxUint64}, pvm.Panic, 77},
		{"to the end", pvm.LoadImmJump, operands{A: 3, X: 77, Target: "end"}, pvm.Panic, 77},
		{"by a bad address", pvm.LoadImmJumpInd, operands{A: 3, B: 3, X: 77, Y: 3}, pvm.Panic, 77},
		{"by a bad entry", pvm.LoadImmJumpInd, operands{A: 3, B: 4, X: 77, Y: 2}, pvm.Panic, 77},
		{"to the halt address", pvm.LoadImmJumpInd, operands{A: 3, B: 5, X: 77}, pvm.Halt, 77},
		{"untaken", pvm.BranchNe, operands{A: 4, B: 4, Target: "inside"}, pvm.Panic, 5},
		{"taken", pvm.BranchEq, operands{A: 4, B: 4, Target: "inside"}, pvm.Panic, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := build(t, func(b *asm.Builder) {
				b.Op(tc.op, tc.o)
				b.Op(pvm.AddImm64, operands{A: 6, B: 6, X: 1})
				b.Label("inside")
				b.Op(pvm.AddImm64, operands{A: 6, B: 6, X: 1})
				b.Label("end")
				b.Jumps("inside")
			})
			m := &pvm.Machine{Gas: 100, Mem: pvm.NewMemory(), Regs: [pvm.Registers]uint64{3: 5, 5: 1<<40 | pvm.HaltAddress}}
			exit := both(t, c, m)
			if exit.Reason != tc.want || m.Regs[3] != tc.reg {
				t.Errorf("%v with %d in the register", exit.Reason, m.Regs[3])
			}
			if passed := tc.name == "untaken"; passed != (m.PC != 0) || passed != (m.Regs[6] == 2) {
				t.Errorf("stopped at %d", m.PC)
			}
		})
	}
}

// TestNowhere begins where no instruction does, which is a trap for the gas of one.
func TestNowhere(t *testing.T) {
	c := build(t, func(b *asm.Builder) { b.Op(pvm.LoadImm, operands{A: 1, X: 1000}) })
	for _, pc := range []uint64{1, 2, 4, 5, 1 << 32, 1 << 63, math.MaxUint64} {
		m := &pvm.Machine{Gas: 1, PC: pc, Mem: pvm.NewMemory()}
		wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.Panic}, pc, 0)
		m.Gas = 0
		wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.OutOfGas}, pc, -1)
		if exit, stopped := c.RunToBlock(m); !stopped || exit.Reason != pvm.OutOfGas {
			t.Errorf("to a block: %v", exit.Reason)
		}
	}
}

// TestFaultAndGoOn maps the page that a run wants and runs on. The faulting instruction is charged
// each time; the rest of its block only once.
func TestFaultAndGoOn(t *testing.T) {
	c := build(t, func(b *asm.Builder) {
		b.Op(pvm.LoadImm, operands{A: 1, X: 0x20ffc})       // at 0
		b.Op(pvm.StoreIndU64, operands{A: 1, B: 1})         // at 5
		b.Op(pvm.LoadIndU32, operands{A: 2, B: 1, X: 4})    // at 7
		b.Op(pvm.StoreImmU8, operands{X: 1<<16 - 1, Y: 16}) // at 10
	})
	m := &pvm.Machine{Gas: 100, Mem: pvm.NewMemory()}
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.PageFault, Arg: 0x20000}, 5, 98)
	m.Mem.Map(0x20, 1, pvm.Write)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.PageFault, Arg: 0x21000}, 5, 97)
	m.Mem.Map(0x21, 1, pvm.Read)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.PageFault, Arg: 0x21000}, 5, 96)
	if b, _ := m.Mem.View(0x20ff8, 8); string(b) != "\x00\x00\x00\x00\x00\x00\x00\x00" {
		t.Error("a store that faulted has written")
	}
	m.Mem.Protect(0x21, 1, pvm.Write)
	m.Mem.Protect(0x20, 1, pvm.Read)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.PageFault, Arg: 0x20000}, 5, 95)
	m.Mem.Protect(0x20, 1, pvm.Write)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.Panic}, 10, 92)
	if m.Regs[2] != 0 {
		t.Errorf("loaded %#x", m.Regs[2])
	}
}

// TestWrap accesses memory over its end: the lowest octet decides, and addresses below 2^16 panic.
func TestWrap(t *testing.T) {
	c := build(t, func(b *asm.Builder) { b.Op(pvm.LoadIndU64, operands{A: 1, B: 2, X: math.MaxUint64}) })
	m := &pvm.Machine{Gas: 100, Mem: pvm.NewMemory(), Regs: [pvm.Registers]uint64{2: 7<<32 - 3}}
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.PageFault, Arg: 0xfffff000}, 0, 99)
	m.Mem.Map(0xfffff, 1, pvm.Read)
	wantExit(t, m, both(t, c, m), pvm.Exit{Reason: pvm.Panic}, 0, 98)
}
