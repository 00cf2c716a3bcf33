package link

import (
	"strconv"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// The registers x16 to x31 of RV64I are not in RV64E, and code that uses them is still linked: they are in memory. An
// instruction with one of them borrows registers of the machine, whose content is put aside meanwhile. That costs up to
// four times the gas; -ffixed-x16 to -ffixed-x31 keep compilers from it.

// firstHigh is the first register that is in memory.
const firstHigh = 16

// borrowed is how many registers an instruction may borrow.
const borrowed = 3

// highSize is the memory that all this takes.
const highSize = 8 * (firstHigh + borrowed)

func (in *inst) sources() []uint8 {
	switch in.form {
	case three, store, branch:
		return []uint8{in.rs1, in.rs2}
	case two, immediate, load, jalr, sbrk:
		return []uint8{in.rs1}
	case nothing, trap, lui, auipc, jal, hostCall:
	}
	return nil
}

// writes reports whether the instruction writes rd.
func (in *inst) writes() bool {
	switch in.form {
	case three, two, immediate, load, lui, auipc, jal, jalr, sbrk:
		return in.rd != zero
	case nothing, trap, store, branch, hostCall:
	}
	return false
}

// high reports whether the instruction has a register that is in memory.
func (in *inst) high() bool {
	for _, r := range in.sources() {
		if r >= firstHigh {
			return true
		}
	}
	return in.writes() && in.rd >= firstHigh
}

// loan is what an instruction with registers in memory borrows.
type loan struct {
	low   [32]uint8 // registers of the machine
	aside []uint8   // those that are put aside
	loads []uint8   // registers in memory that are read
}

func (t *translator) slot(r uint8) uint64     { return t.high + 8*uint64(r-firstHigh) }
func (t *translator) asideSlot(i int) uint64  { return t.high + 8*uint64(firstHigh+i) }
func (t *translator) get(low uint8, x uint64) { t.op(pvm.LoadU64, asm.Operands{A: low, X: x}) }
func (t *translator) put(low uint8, x uint64) { t.op(pvm.StoreU64, asm.Operands{A: low, X: x}) }

// borrow finds registers for an instruction.
func (t *translator) borrow(in *inst) *loan {
	l := &loan{low: t.low}
	used := map[uint8]bool{ra: true, sp: true}
	for _, r := range in.sources() {
		used[t.low[r]] = true
	}
	var own []uint8 // registers that the instruction overwrites anyway
	if in.writes() && in.rd < firstHigh {
		if low := t.low[in.rd]; !used[low] {
			own = append(own, low)
		}
		used[t.low[in.rd]] = true
	}
	take := func() uint8 {
		if len(own) > 0 {
			low := own[0]
			own = nil
			return low
		}
		low := uint8(2)
		for used[low] {
			low++
		}
		used[low] = true
		l.aside = append(l.aside, low)
		return low
	}
	for _, r := range in.sources() {
		if r >= firstHigh && l.low[r] == none {
			l.low[r] = take()
			l.loads = append(l.loads, r)
		}
	}
	if in.writes() && in.rd >= firstHigh && l.low[in.rd] == none {
		if len(l.loads) > 0 {
			l.low[in.rd] = l.low[l.loads[0]]
		} else {
			l.low[in.rd] = take()
		}
	}
	return l
}

func (t *translator) begins(l *loan) {
	for i, low := range l.aside {
		t.put(low, t.asideSlot(i))
	}
	for _, r := range l.loads {
		t.get(l.low[r], t.slot(r))
	}
}

func (t *translator) ends(l *loan) {
	for i, low := range l.aside {
		t.get(low, t.asideSlot(i))
	}
}

// computedHigh translates what has no part in control flow, with registers in memory.
func (t *translator) computedHigh(in *inst) {
	if t.movedHigh(in) {
		return
	}
	l := t.borrow(in)
	t.begins(l)
	plain := t.low
	t.low = l.low
	t.computedLow(in)
	t.low = plain
	if in.writes() && in.rd >= firstHigh {
		t.put(l.low[in.rd], t.slot(in.rd))
	}
	t.ends(l)
}

// movedHigh translates what only moves a value to a register in memory or from there, and borrows nothing.
func (t *translator) movedHigh(in *inst) bool {
	from := in.rs1
	switch {
	case in.form == lui || in.form == auipc || in.form == immediate && in.rs1 == zero && in.op == pvm.AddImm64:
		t.op(pvm.StoreImmU64, asm.Operands{X: t.slot(in.rd), Y: uint64(in.imm)})
		return true
	case in.form == immediate && in.op == pvm.AddImm64 && in.imm == 0:
	case in.form == three && in.op == pvm.Add64 && in.rs1 == zero:
		from = in.rs2
	default:
		return false
	}
	switch {
	case from < firstHigh && from != zero && in.rd >= firstHigh:
		t.put(t.low[from], t.slot(in.rd))
	case from >= firstHigh && in.rd < firstHigh && in.rd != zero:
		t.get(t.low[in.rd], t.slot(from))
	default:
		return false
	}
	return true
}

// branchHigh translates a branch that compares registers in memory: what was borrowed is given back on both ways.
func (t *translator) branchHigh(in *inst, target string) {
	l := t.borrow(in)
	t.begins(l)
	plain := t.low
	t.low = l.low
	t.detours++
	taken, after := "taken"+strconv.Itoa(t.detours), "after"+strconv.Itoa(t.detours)
	t.branchLow(in, taken)
	t.low = plain
	t.begin(after + "not")
	t.ends(l)
	t.op(pvm.Jump, asm.Operands{Target: after})
	t.begin(taken)
	t.ends(l)
	t.op(pvm.Jump, asm.Operands{Target: target})
	t.begin(after)
}

// A jump to where a register in memory says, as compilers make them of a switch, needs a register of the machine all the same, and
// all may be in use. If a program has such jumps, all indirect jumps but returns put padRegister aside, and lead to pads,
// which restore it and jump on.
const (
	pad         = "pad "
	padRegister = 4
)

// padHigh reports whether the instruction makes pads necessary.
func (in *inst) padHigh() bool { return in.form == jalr && in.rd == zero && in.rs1 >= firstHigh }

// returns reports whether an indirect jump is a return, by the convention for ra. Returns by t0, which some compilers save
// space with, are jumps like others here: to put a register aside in vain does no harm.
func (in *inst) returns() bool { return in.rd == zero && in.rs1 == 1 }

// layPads makes the pads.
func (l *linker) layPads() {
	for _, label := range l.padded {
		l.t.begin(pad + label)
		l.t.get(padRegister, l.t.asideSlot(0))
		l.t.op(pvm.Jump, asm.Operands{Target: label})
	}
}
