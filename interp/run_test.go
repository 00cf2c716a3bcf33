package interp

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// The memory of random machines: two pages to write, one to read, one to write, and one that nothing
// is written to at first, all in a row.
const (
	where      = 0x20000
	wherePages = 5
)

// randomMachine makes a machine whose registers often point into its memory. The same seed makes
// the same machine.
func randomMachine(seed uint64) *pvm.Machine {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &pvm.Machine{Mem: pvm.NewMemory()}
	m.Mem.Map(where/pvm.PageSize, wherePages, pvm.Write)
	content := make([]byte, 4*pvm.PageSize)
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	m.Mem.Write(where, content)
	m.Mem.Protect(where/pvm.PageSize+2, 1, pvm.Read)
	for i := range m.Regs {
		switch r.IntN(5) {
		case 0:
			m.Regs[i] = uint64(r.IntN(20))
		case 1:
			m.Regs[i] = r.Uint64()
		case 2:
			m.Regs[i] = -uint64(r.IntN(20))
		default:
			m.Regs[i] = uint64(where+r.IntN(wherePages*pvm.PageSize)) | r.Uint64()<<32*uint64(r.IntN(2))
		}
	}
	return m
}

// sameRun runs a machine both ways, over host calls, and fails unless everything is the same at
// every stop. It returns the gas left.
func sameRun(tb testing.TB, c *code, seed uint64, pc uint64, gas int64) int64 {
	tb.Helper()
	fast, slow := randomMachine(seed), randomMachine(seed)
	fast.PC, slow.PC, fast.Gas, slow.Gas = pc, pc, gas, gas
	for {
		got, want := c.Run(fast), stepAll(c, slow)
		if got != want || fast.PC != slow.PC || fast.Gas != slow.Gas || fast.Regs != slow.Regs {
			tb.Fatalf("seed %d, from %d with gas %d: %v at %d with gas %d, registers %x\nstep by step: %v at %d with gas %d, registers %x",
				seed, pc, gas, got, fast.PC, fast.Gas, fast.Regs, want, slow.PC, slow.Gas, slow.Regs)
		}
		if got.Reason == pvm.HostCall {
			continue
		}
		a, _ := fast.Mem.View(where, wherePages*pvm.PageSize)
		b, _ := slow.Mem.View(where, wherePages*pvm.PageSize)
		if !bytes.Equal(a, b) {
			tb.Fatalf("seed %d, from %d with gas %d: memory differs", seed, pc, gas)
		}
		return fast.Gas
	}
}

func mustCompile(tb testing.TB, blob []byte) *code {
	tb.Helper()
	p, err := pvm.Decode(blob)
	if err != nil {
		tb.Fatal(err)
	}
	return compile(p)
}

// TestFastAgainstSteps compares the two interpreters on random programs: from the beginning, from
// every other place, and with every limit of gas.
func TestFastAgainstSteps(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	var executed int64
	for seed := range uint64(rounds) {
		c := mustCompile(t, asm.Random(rand.New(rand.NewPCG(seed, 0)), 60, where))
		const gas = 2000
		executed += gas - sameRun(t, c, seed, 0, gas)
		for pc := range uint64(len(c.program.Code())) + 3 {
			sameRun(t, c, seed+pc, pc, 200)
		}
		for limit := range int64(60) {
			sameRun(t, c, seed, 0, limit)
		}
	}
	if executed < int64(rounds)*20 {
		t.Errorf("only %d instructions in %d programs: the test tests little", executed, rounds)
	}
	t.Logf("%d instructions in %d programs", executed, rounds)
}

// TestSequences does the same on programs that are full of the sequences that are executed as one.
func TestSequences(t *testing.T) {
	var lists [][]pvm.Opcode
	for _, s := range sequences {
		var ops []pvm.Opcode
		for _, op := range s.ops {
			if !pvm.Opcode(op).Valid() {
				t.Fatalf("%d is no opcode", op)
			}
			ops = append(ops, pvm.Opcode(op))
		}
		lists = append(lists, ops)
	}
	made := map[uint8]int{}
	rounds := 400
	if testing.Short() {
		rounds = 80
	}
	for seed := range uint64(rounds) {
		c := mustCompile(t, asm.Random(rand.New(rand.NewPCG(seed, 5)), 60, where, lists...))
		for i := range c.insts {
			made[c.insts[i].op]++
		}
		for pc := range uint64(len(c.program.Code())) {
			if _, ok := c.program.Index(pc); ok {
				sameRun(t, c, seed*1000+pc, pc, 100)
				sameRun(t, c, seed*1000+pc, pc, int64(pc%5))
			}
		}
	}
	for _, s := range sequences {
		if pvm.Opcode(s.number).Valid() || s.number == opStep {
			t.Errorf("sequence %v has the number of an instruction", s.ops)
		}
		if made[s.number] == 0 {
			t.Errorf("no program had the sequence %v", s.ops)
		}
	}
}

// TestStepInPieces resumes a machine after every instruction by giving it gas for one.
func TestStepInPieces(t *testing.T) {
	for seed := range uint64(100) {
		c := mustCompile(t, asm.Random(rand.New(rand.NewPCG(seed, 2)), 60, where))
		whole, pieces := randomMachine(seed), randomMachine(seed)
		whole.Gas = 300
		want := c.Run(whole)
		var got pvm.Exit
		for range 300 {
			pieces.Gas = 1
			got = c.Run(pieces)
			if got.Reason != pvm.OutOfGas {
				break
			}
		}
		if want.Reason == pvm.OutOfGas {
			continue
		}
		if got != want || pieces.PC != whole.PC || pieces.Regs != whole.Regs {
			t.Fatalf("seed %d: %v at %d, want %v at %d", seed, got, pieces.PC, want, whole.PC)
		}
	}
}

func TestRunToBlock(t *testing.T) {
	for seed := range uint64(100) {
		c := mustCompile(t, asm.Random(rand.New(rand.NewPCG(seed, 3)), 60, where))
		heads := map[uint64]bool{}
		for _, b := range c.program.Blocks {
			heads[c.program.PC(b.First)] = true
		}
		whole, parts := randomMachine(seed), randomMachine(seed)
		whole.Gas, parts.Gas = 300, 300
		want := c.Run(whole)
		for {
			before := parts.Gas
			got, stopped := c.RunToBlock(parts)
			if !stopped {
				if !heads[parts.PC] || parts.Gas == before {
					t.Fatalf("seed %d: stands at %d, where no block begins", seed, parts.PC)
				}
				continue
			}
			if got != want || parts.PC != whole.PC || parts.Regs != whole.Regs || parts.Gas != whole.Gas {
				t.Fatalf("seed %d: %v at %d, want %v at %d", seed, got, parts.PC, want, whole.PC)
			}
			break
		}
	}
}

// TestEveryOpcode fails if an opcode lacks its meaning, or was left out of the fast interpreter.
func TestEveryOpcode(t *testing.T) {
	for i := range pvm.Ops {
		op := pvm.Opcode(i)
		if op.Valid() != (semantics[op] != nil) {
			t.Errorf("opcode %d, %s: has a meaning %v", op, op, semantics[op] != nil)
		}
	}
}

func FuzzRun(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(asm.Random(rand.New(rand.NewPCG(seed, 4)), 40, where), seed, uint64(0), uint16(500))
	}
	f.Fuzz(func(t *testing.T, blob []byte, seed, pc uint64, gas uint16) {
		p, err := pvm.Decode(blob)
		if err != nil {
			return
		}
		sameRun(t, compile(p), seed, pc, int64(gas))
	})
}
