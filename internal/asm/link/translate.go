package link

import (
	"fmt"
	"slices"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// Registers of the machine: those of RV64E but the zero register, the global pointer and the thread pointer. GP §A leaves
// their names open; arguments of services come in r7 and r8, which are a0 and a1.
const (
	ra = 0
	sp = 1
)

// zero is the register x0, which the machine has not.
const zero = 0

const none = 0xff

// guestRegisters maps registers of RV64E.
var guestRegisters = func() (low [32]uint8) {
	copy(low[:], []uint8{none, ra, sp, none, none, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	for i := firstHigh; i < len(low); i++ {
		low[i] = none
	}
	return low
}()

// translator turns the instructions of a section into those of the machine.
type translator struct {
	builder asm.Builder
	last    pvm.Opcode
	low     [32]uint8 // guestRegisters, and what stands for registers in memory for the time of an instruction
	high    uint64    // where registers in memory are
	detours int
}

func (t *translator) op(op pvm.Opcode, o asm.Operands) {
	t.builder.Op(op, o)
	t.last = op
}

// begin begins a basic block with a label.
func (t *translator) begin(label string) {
	if !pvm.Ops[t.last].Flags.Has(pvm.Ends) {
		t.op(pvm.Fallthrough, asm.Operands{})
	}
	t.builder.Label(label)
}

// checkRegisters refuses registers that the machine has not and that memory cannot stand for.
func (in *inst) checkRegisters() error {
	regs := in.sources()
	if in.writes() {
		regs = append(regs, in.rd)
	}
	for _, r := range regs {
		if r == 3 || r == 4 {
			return fmt.Errorf("register x%d (gp or tp) is not in the machine: link with -Wl,--no-relax, without thread-local data", r)
		}
	}
	const fixed = "compile with -ffixed-x16 to -ffixed-x31"
	switch {
	case in.form == jal && in.rd >= firstHigh, in.form == jalr && in.rd >= firstHigh:
		return fmt.Errorf("a call that returns to register x%d, which is not in RV64E: %s", in.rd, fixed)
	}
	return nil
}

// computed translates what has no part in control flow.
func (t *translator) computed(in *inst) {
	if in.high() {
		t.computedHigh(in)
		return
	}
	t.computedLow(in)
}

func (t *translator) computedLow(in *inst) {
	d, a, b := t.low[in.rd], t.low[in.rs1], t.low[in.rs2]
	x := uint64(in.imm)
	if in.rd == zero && in.form != trap && in.form != hostCall && in.form != store {
		return // nobody sees it; whoever wants the fault of a load must use its value
	}
	switch in.form {
	case trap:
		t.op(pvm.Trap, asm.Operands{})
	case hostCall:
		t.op(pvm.Ecalli, asm.Operands{X: x})
	case load:
		t.load(in, d, a, x)
	case store:
		t.store(in, a, b, x)
	case three:
		t.three(in, d, a, b)
	case two, sbrk:
		if in.rs1 == zero {
			t.withZero(d, none, func(s uint8) { t.op(in.op, asm.Operands{D: d, A: s}) })
			return
		}
		t.op(in.op, asm.Operands{D: d, A: a})
	case immediate:
		t.immediate(in, d, a, x)
	case lui, auipc:
		t.op(pvm.LoadImm, asm.Operands{A: d, X: x})
	case nothing, branch, jal, jalr:
	}
}

func (t *translator) load(in *inst, d, a uint8, x uint64) {
	if in.rs1 == zero {
		t.op(in.op-pvm.LoadIndU8+pvm.LoadU8, asm.Operands{A: d, X: x})
		return
	}
	t.op(in.op, asm.Operands{A: d, B: a, X: x})
}

func (t *translator) store(in *inst, a, b uint8, x uint64) {
	switch {
	case in.rs1 == zero && in.rs2 == zero:
		t.op(in.op-pvm.StoreIndU8+pvm.StoreImmU8, asm.Operands{X: x})
	case in.rs1 == zero:
		t.op(in.op-pvm.StoreIndU8+pvm.StoreU8, asm.Operands{A: b, X: x})
	case in.rs2 == zero:
		t.op(in.op-pvm.StoreIndU8+pvm.StoreImmIndU8, asm.Operands{A: a, X: x})
	default:
		t.op(in.op, asm.Operands{A: b, B: a, X: x})
	}
}

func (t *translator) immediate(in *inst, d, a uint8, x uint64) {
	if in.rs1 != zero {
		if in.op == pvm.AddImm64 && x == 0 {
			t.move(d, a)
			return
		}
		t.op(in.op, asm.Operands{A: d, B: a, X: x})
		return
	}
	t.op(pvm.LoadImm, asm.Operands{A: d, X: ofZero(in.op, x)})
}

// ofZero is the value of an operation on 0 and an immediate.
func ofZero(op pvm.Opcode, x uint64) uint64 {
	if op == pvm.SetLtSImm {
		return truth(int64(x) > 0)
	}
	if op == pvm.SetLtUImm {
		return truth(x > 0)
	}
	if slices.Contains([]pvm.Opcode{pvm.AddImm64, pvm.AddImm32, pvm.XorImm, pvm.OrImm}, op) {
		return x
	}
	return 0 // of and, shifts and rotations
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (t *translator) move(d, a uint8) {
	if d != a {
		t.op(pvm.MoveReg, asm.Operands{D: d, A: a})
	}
}

// short is an instruction that does what one of three registers does when one of them is x0.
type short struct {
	op pvm.Opcode // MoveReg, LoadImm, or an operation on the other register and x
	x  int64
}

// secondZero is by the instruction: what it does if its second operand is x0.
var secondZero = map[pvm.Opcode]short{
	pvm.Add64: {pvm.MoveReg, 0}, pvm.Sub64: {pvm.MoveReg, 0}, pvm.Or: {pvm.MoveReg, 0}, pvm.Xor: {pvm.MoveReg, 0},
	pvm.AndInv: {pvm.MoveReg, 0}, pvm.ShloL64: {pvm.MoveReg, 0}, pvm.ShloR64: {pvm.MoveReg, 0}, pvm.SharR64: {pvm.MoveReg, 0},
	pvm.RotL64: {pvm.MoveReg, 0}, pvm.RotR64: {pvm.MoveReg, 0}, pvm.RemU64: {pvm.MoveReg, 0}, pvm.RemS64: {pvm.MoveReg, 0},
	pvm.And: {pvm.LoadImm, 0}, pvm.SetLtU: {pvm.LoadImm, 0}, pvm.Mul64: {pvm.LoadImm, 0}, pvm.Mul32: {pvm.LoadImm, 0},
	pvm.MulUpperSS: {pvm.LoadImm, 0}, pvm.MulUpperSU: {pvm.LoadImm, 0}, pvm.MulUpperUU: {pvm.LoadImm, 0},
	pvm.OrInv: {pvm.LoadImm, -1}, pvm.DivU64: {pvm.LoadImm, -1}, pvm.DivS64: {pvm.LoadImm, -1},
	pvm.DivU32: {pvm.LoadImm, -1}, pvm.DivS32: {pvm.LoadImm, -1},
	pvm.Add32: {pvm.AddImm32, 0}, pvm.Sub32: {pvm.AddImm32, 0}, pvm.ShloL32: {pvm.AddImm32, 0}, pvm.ShloR32: {pvm.AddImm32, 0},
	pvm.SharR32: {pvm.AddImm32, 0}, pvm.RotL32: {pvm.AddImm32, 0}, pvm.RotR32: {pvm.AddImm32, 0},
	pvm.RemU32: {pvm.AddImm32, 0}, pvm.RemS32: {pvm.AddImm32, 0},
	pvm.Xnor: {pvm.XorImm, -1}, pvm.SetLtS: {pvm.SetLtSImm, 0},
}

// firstZero is the same for the first operand.
var firstZero = map[pvm.Opcode]short{
	pvm.Add64: {pvm.MoveReg, 0}, pvm.Or: {pvm.MoveReg, 0}, pvm.Xor: {pvm.MoveReg, 0},
	pvm.And: {pvm.LoadImm, 0}, pvm.AndInv: {pvm.LoadImm, 0}, pvm.Mul64: {pvm.LoadImm, 0}, pvm.Mul32: {pvm.LoadImm, 0},
	pvm.MulUpperSS: {pvm.LoadImm, 0}, pvm.MulUpperSU: {pvm.LoadImm, 0}, pvm.MulUpperUU: {pvm.LoadImm, 0},
	pvm.ShloL64: {pvm.LoadImm, 0}, pvm.ShloR64: {pvm.LoadImm, 0}, pvm.SharR64: {pvm.LoadImm, 0},
	pvm.ShloL32: {pvm.LoadImm, 0}, pvm.ShloR32: {pvm.LoadImm, 0}, pvm.SharR32: {pvm.LoadImm, 0},
	pvm.RotL64: {pvm.LoadImm, 0}, pvm.RotR64: {pvm.LoadImm, 0}, pvm.RotL32: {pvm.LoadImm, 0}, pvm.RotR32: {pvm.LoadImm, 0},
	pvm.RemU64: {pvm.LoadImm, 0}, pvm.RemS64: {pvm.LoadImm, 0}, pvm.RemU32: {pvm.LoadImm, 0}, pvm.RemS32: {pvm.LoadImm, 0},
	pvm.Sub64: {pvm.NegAddImm64, 0}, pvm.Sub32: {pvm.NegAddImm32, 0}, pvm.Add32: {pvm.AddImm32, 0},
	pvm.Xnor: {pvm.XorImm, -1}, pvm.OrInv: {pvm.XorImm, -1},
	pvm.SetLtU: {pvm.SetGtUImm, 0}, pvm.SetLtS: {pvm.SetGtSImm, 0},
}

func (t *translator) three(in *inst, d, a, b uint8) {
	switch {
	case in.rs1 != zero && in.rs2 != zero:
		t.op(in.op, asm.Operands{D: d, A: a, B: b})
	case in.rs1 == zero && in.rs2 == zero:
		t.withZero(d, none, func(s uint8) { t.op(in.op, asm.Operands{D: d, A: s, B: s}) })
	case in.rs1 == zero:
		if s, ok := firstZero[in.op]; ok {
			t.short(s, d, b)
			return
		}
		t.withZero(d, b, func(s uint8) { t.op(in.op, asm.Operands{D: d, A: s, B: b}) })
	default:
		if s, ok := secondZero[in.op]; ok {
			t.short(s, d, a)
			return
		}
		t.withZero(d, a, func(s uint8) { t.op(in.op, asm.Operands{D: d, A: a, B: s}) })
	}
}

func (t *translator) short(s short, d, other uint8) {
	if s.op == pvm.MoveReg {
		t.move(d, other)
		return
	}
	t.op(s.op, asm.Operands{A: d, B: other, X: uint64(s.x)}) // load_imm has no B
}

// withZero lets an instruction use a register that holds 0: the one that it writes, unless it also reads that, or one
// that is kept below the stack meanwhile, where nobody else writes.
func (t *translator) withZero(d, other uint8, use func(s uint8)) {
	if d != other {
		t.op(pvm.LoadImm, asm.Operands{A: d})
		use(d)
		return
	}
	s := uint8(2)
	if other == s {
		s = 3
	}
	below := ^uint64(7) // -8
	t.op(pvm.StoreIndU64, asm.Operands{A: s, B: sp, X: below})
	t.op(pvm.LoadImm, asm.Operands{A: s})
	use(s)
	t.op(pvm.LoadIndU64, asm.Operands{A: s, B: sp, X: below})
}

// branchZero are the branches on a comparison with x0: as the second operand, and as the first.
var branchZero = map[pvm.Opcode][2]pvm.Opcode{
	pvm.BranchEq: {pvm.BranchEqImm, pvm.BranchEqImm}, pvm.BranchNe: {pvm.BranchNeImm, pvm.BranchNeImm},
	pvm.BranchLtS: {pvm.BranchLtSImm, pvm.BranchGtSImm}, pvm.BranchGeS: {pvm.BranchGeSImm, pvm.BranchLeSImm},
	pvm.BranchLtU: {pvm.BranchLtUImm, pvm.BranchGtUImm}, pvm.BranchGeU: {pvm.BranchGeUImm, pvm.BranchLeUImm},
}

func (t *translator) branch(in *inst, target string) {
	if in.high() {
		t.branchHigh(in, target)
		return
	}
	t.branchLow(in, target)
}

func (t *translator) branchLow(in *inst, target string) {
	a, b := t.low[in.rs1], t.low[in.rs2]
	switch {
	case in.rs1 != zero && in.rs2 != zero:
		t.op(in.op, asm.Operands{A: a, B: b, Target: target})
	case in.rs1 != zero:
		t.op(branchZero[in.op][0], asm.Operands{A: a, Target: target})
	case in.rs2 != zero:
		t.op(branchZero[in.op][1], asm.Operands{A: b, Target: target})
	case in.op == pvm.BranchEq || in.op == pvm.BranchGeS || in.op == pvm.BranchGeU:
		t.op(pvm.Jump, asm.Operands{Target: target})
	}
}
