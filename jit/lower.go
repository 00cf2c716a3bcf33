package jit

import (
	"damson/internal/pvm"
	"damson/jit/amd64"
)

// lowerer turns a program into amd64 code in one pass. Positions are octets from the start of the code.
type lowerer struct {
	a     amd64.Asm
	how   *[256]lowering
	insts []pvm.Inst
	i     int // the instruction being lowered
	end   int // where its block ends
	most  int // octets that the code may have

	labels   []uint32 // by instruction: where its block begins, or alignHead, or 0
	fixups   []fixup
	gasJumps []uint32 // by block: the displacement of the jump to its out-of-gas stub
	slow     []slowPath
	sites    []site
	tables   []uint32 // displacements that the address of the jump table goes into
	gaps     bool     // the jump table has entries that lead nowhere
	jumps    uint32   // entries in the jump table

	// Registers, by hardware number, whose upper half is known or not yet made. The lower half is right in both.
	pending   uint16 // the upper half should be the sign of the lower, and holds anything
	canonical uint16 // the upper half is the sign of the lower

	start int // where the code of this instruction begins

	// What the flags say, as long as the code ends where it did: flagsCond holds if flagsReg is 0.
	flagsAt   int
	flagsReg  amd64.Reg
	flagsCond amd64.Cond
}

// alignHead marks in labels, before the code exists, what backward branches lead to.
const alignHead = 1

// fixup is a forward jump, to be completed when the place of its target is known.
type fixup struct{ at, target uint32 }

// slowPath is a jump out of line to where the interpreter takes over.
type slowPath struct {
	at      uint32 // displacement of the jump
	inst    uint32
	pending uint16
}

// site says which instruction a place in the code belongs to: the start of each access to guest memory, and what
// follows each call of a stub.
type site struct {
	at      uint32
	inst    uint32
	pending uint16 // registers whose sign extension is still to be made, if the code is left here
}

// lowering says how to lower an opcode: a function, and what it should know.
type lowering struct {
	lower func(l *lowerer, in *pvm.Inst, arg uint32)
	arg   uint32
}

// maxLowered bounds the octets that one instruction is lowered to, with its share of stubs not counted.
const maxLowered = 192

func bit(r amd64.Reg) uint16 { return 1 << r }

// read64 prepares r for being read whole.
func (l *lowerer) read64(r amd64.Reg) {
	if l.pending&bit(r) != 0 {
		l.extend(r)
	}
}

// extend makes the upper half of r what it should be. The flags stay.
func (l *lowerer) extend(r amd64.Reg) {
	keep := l.flagsAt == l.a.Len()
	l.a.RegReg(amd64.Movsxd, r, r)
	l.pending &^= bit(r)
	l.canonical |= bit(r)
	if keep {
		l.flagsAt = l.a.Len()
	}
}

// settle makes all upper halves what they should be, before code that others continue.
func (l *lowerer) settle() {
	for r := amd64.Reg(0); l.pending != 0; r++ {
		l.read64(r)
	}
}

// wrote64 notes that r was written whole.
func (l *lowerer) wrote64(r amd64.Reg) {
	l.pending &^= bit(r)
	l.canonical &^= bit(r)
}

// wrote32 notes that r was written by a 32-bit instruction and is to be sign-extended.
func (l *lowerer) wrote32(r amd64.Reg) {
	l.pending |= bit(r)
	l.canonical &^= bit(r)
}

// wroteSigned notes that r was written and is sign-extended from 32 bits.
func (l *lowerer) wroteSigned(r amd64.Reg) {
	l.pending &^= bit(r)
	l.canonical |= bit(r)
}

// signed reports whether r stands for a value that fits 32 bits with sign.
func (l *lowerer) signed(r amd64.Reg) bool { return (l.pending|l.canonical)&bit(r) != 0 }

// setFlags notes that the flags just set say whether r is 0.
func (l *lowerer) setFlags(r amd64.Reg) {
	l.flagsAt, l.flagsReg, l.flagsCond = l.a.Len(), r, amd64.Equal
}

// flagsSay reports which condition holds if r is 0, if the flags tell.
func (l *lowerer) flagsSay(r amd64.Reg) (amd64.Cond, bool) {
	return l.flagsCond, l.flagsAt == l.a.Len() && l.flagsReg == r
}

// keptFlags notes that the code of this instruction has left the flags alone and written d.
func (l *lowerer) keptFlags(d amd64.Reg) {
	if l.flagsAt == l.start && l.flagsReg != d {
		l.flagsAt = l.a.Len()
	}
}

// move copies all of a register, if there is anything to copy.
func (l *lowerer) move(dst, src amd64.Reg) {
	if dst != src {
		l.a.RegReg(amd64.Mov64, dst, src)
	}
}

// move32 copies the lower half of a register; the upper then holds anything.
func (l *lowerer) move32(dst, src amd64.Reg) {
	if dst != src {
		l.a.RegReg(amd64.Mov32, dst, src)
	}
}

// next is the n-th of the following instructions, if it is in the same block.
func (l *lowerer) next(n int) (*pvm.Inst, bool) {
	if l.i+n >= l.end {
		return nil, false
	}
	return &l.insts[l.i+n], true
}

// interpret leaves the code here: the interpreter does this instruction.
func (l *lowerer) interpret() {
	l.callStub(stubStep)
	l.sites = append(l.sites, site{uint32(l.a.Len()), uint32(l.i), l.pending})
}

// interpretIf leaves the code if c holds.
func (l *lowerer) interpretIf(c amd64.Cond) {
	l.a.Jcc32(c, 0)
	l.slow = append(l.slow, slowPath{uint32(l.a.Len() - 4), uint32(l.i), l.pending})
}

func (l *lowerer) callStub(at int) { l.a.Call32(int32(at - l.a.Len() - 5)) }

// access notes that the next instruction touches guest memory.
func (l *lowerer) access() {
	l.sites = append(l.sites, site{uint32(l.a.Len()), uint32(l.i), l.pending})
}

// shortJump emits a jump forward over less than 128 octets, which land completes.
func (l *lowerer) shortJump(c amd64.Cond) int {
	l.a.Jcc8(c, 0)
	return l.a.Len()
}

func (l *lowerer) shortJumpAlways() int {
	l.a.Jmp8(0)
	return l.a.Len()
}

func (l *lowerer) land(from int) { l.a.PatchInt8(from-1, int8(l.a.Len()-from)) }
