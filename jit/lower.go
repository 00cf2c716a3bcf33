package jit

import (
	"encoding/binary"
	"math"
	"slices"

	"damson/internal/pvm"
	"damson/jit/amd64"
	"damson/jit/exec"
)

// Stubs at the start of all code, by which it is left. What calls one says by the return address where it stands; they
// return to who called the code.
const (
	stubStep = 0  // the interpreter is to do this instruction
	stubGas  = 32 // the gas does not reach through this block
	codeFrom = 64
)

// loopAlignment is where the targets of backward branches begin: a multiple of it, which was measured to make short
// loops up to twice as fast. The NOPs that fill up are run on the way in. Loops with calls in them are not aligned: if
// they recurse the way in is as frequent as the way around, and then NOPs took up to an eighth of the time.
const loopAlignment = 32

// lowerer turns a program into amd64 code in one pass.
type lowerer struct {
	pass
	halves[amd64.Reg]

	a     amd64.Asm
	draft *exec.Draft // that the code is written into, or nil
	drawn bool        // there is to be one

	full int // when so much is written, more room has to be made

	loops   []loop   // that are not finished yet
	singles []stubs  // where rounds of loops are that are paid alone
	extra   []uint16 // by block: what it pays for others, see plan
	latches []latch  // for plan
	around  []uint32 // for plan
	ahead   uint16   // see site
	doubles bool     // short loops are lowered twice
	half    bool     // the first of two rounds is being lowered: its branch leaves the loop

	told   zero // what the flags say behind the code of this instruction, if it says so
	before zero // what they said in front of it

	lowers [256]func(l *lowerer, in *pvm.Inst, arg uint32) // by opcode
	args   [256]uint32
}

// newLowerer returns a lowerer by this table, which writes its code where it is to be run, or not.
func newLowerer(how *[256]lowering[*lowerer], drawn bool) *lowerer {
	l := &lowerer{drawn: drawn}
	for op := range how {
		l.lowers[op], l.args[op] = how[op].lower, how[op].arg
	}
	return l
}

// zero is what the flags say of a register: its number, and above that the condition that holds if it is 0. With the value 0
// they say nothing.
type zero uint16

func zeroIf(c amd64.Cond, r amd64.Reg) zero { return zero(c)<<8 | zero(r) }

// lowering says how to lower an opcode: a function, and what it should know.
type lowering[L assembler] struct {
	lower func(l L, in *pvm.Inst, arg uint32)
	arg   uint32
}

// maxLowered bounds the octets that one instruction is lowered to, with its share of stubs not counted.
const maxLowered = 192

// mostAtOnce bounds the instructions that are lowered without looking whether there is room, which is then to be for
// them, for the alignment and the payment in front of them and the extensions behind.
const (
	mostAtOnce = 16
	roomAtOnce = (mostAtOnce + 2) * maxLowered
)

func (l *lowerer) common() *pass { return &l.pass }

func (l *lowerer) code() []byte { return l.a.Bytes() }

func (l *lowerer) begin() {
	l.a.Reset()
	if l.drawn {
		l.open()
	}
	l.loops, l.singles, l.gasJumps, l.ahead, l.full = l.loops[:0], l.singles[:0], l.gasJumps[:len(l.blocks)], 0, -1
	l.doubles = len(l.circles) <= someLoops+len(l.insts)/instsByLoop
	l.plan()
	l.stub(kindStep)
	l.a.AlignTo(stubGas, stubGas)
	l.stub(kindGas)
	l.a.AlignTo(codeFrom, codeFrom)
}

// stub writes one of the ways out: the return address says where the guest left, then nothing but the exit is new.
func (l *lowerer) stub(kind int32) {
	l.a.Reserve(2 * stubGas)
	l.a.PopReg(scratch)
	l.a.RegMem(amd64.Store64, scratch, amd64.Context(exec.OffsetSite))
	l.a.StoreImm(amd64.Store8, amd64.Context(exec.OffsetKind), kind)
	l.a.Ret()
}

// lowerBlocks writes the code of the blocks, each of which begins with paying for all of it.
func (l *lowerer) lowerBlocks() bool {
	for n, label := range l.labels {
		if l.a.Len() > l.full && !l.makeRoom() {
			return false
		}
		b := l.enter(n)
		if label&circular != 0 && l.short(b) {
			l.twice(b)
			continue
		}
		if label&loopHead != 0 {
			l.a.AlignTo(loopAlignment, loopAlignment)
		}
		l.labels[n] = uint32(l.a.Len())
		l.ahead = l.extra[n]
		l.pay(n, b.Cost+uint32(l.ahead))
		l.body()
	}
	return l.i >= l.end
}

// pay begins a block, which takes so much.
func (l *lowerer) pay(n int, cost uint32) {
	if cost <= mostInPayment {
		l.a.PayLittle(gasReg, uint8(cost))
	} else {
		l.a.Pay(gasReg, int32(cost))
	}
	l.gasJumps[n] = uint32(l.a.Len() - 4)
	l.forget()
}

// forget is what a block begins with: nothing is known of halves, nor of the flags.
func (l *lowerer) forget() {
	l.halves.forget()
	l.told = 0
}

func (l *lowerer) notes() notes {
	return notes{extra: slices.Clone(l.extra), singles: slices.Clone(l.singles), doubles: l.doubles}
}

// body lowers the instructions of a block that is paid for. How the next one is lowered is found before this one is, so
// that the processor knows early where to go.
func (l *lowerer) body() {
	for l.i < l.end {
		if l.a.Len() > l.full && !l.makeRoom() {
			return
		}
		insts, i := l.insts, l.i
		next := l.lowers[insts[i].Op]
		for stop := min(i+mostAtOnce, l.end); i < stop; {
			in, lower := &insts[i], next
			next = l.lowers[insts[i+1].Op]
			l.before, l.told = l.told, 0
			lower(l, in, l.args[in.Op])
			if l.i != i { // more than one was lowered
				i = l.i
				next = l.lowers[insts[i+1].Op]
			}
			i++
			l.i = i
		}
	}
	l.settle()
}

// makeRoom makes room for the next instructions, if the code is not too large yet.
func (l *lowerer) makeRoom() bool {
	if l.a.Len() > l.most-roomAtOnce {
		return false
	}
	l.a.Reserve(roomAtOnce)
	l.full = min(l.a.Room(), l.most) - roomAtOnce
	return true
}

// finish writes what lies out of line and completes the jumps forward.
func (l *lowerer) finish() {
	l.most, l.ahead = math.MaxInt, 0 // what follows is at most as much again for each loop
	for _, lp := range l.loops {
		l.single(lp)
	}
	for _, s := range l.slow {
		l.a.Reserve(amd64.MaxInst)
		l.patch(s.at, l.a.Len())
		l.callStub(stubStep)
		l.sites = append(l.sites, site{uint32(l.a.Len()), s.inst, s.pending, s.ahead})
	}
	for _, f := range l.fixups {
		l.patch(f.at, int(l.labels[f.target]+f.skip))
	}
}

// gasStubs writes the ways out of blocks that cannot be paid, one behind the other, and returns where they begin.
func (l *lowerer) gasStubs() []stubs {
	from := l.a.Len()
	l.a.CallEach(stubGas, l.gasJumps)
	return []stubs{{uint32(from), 0}}
}

func (l *lowerer) patch(at uint32, to int) { l.a.PatchInt32(int(at), int32(to-int(at)-4)) }

// link puts the address of the jump table where it goes.
func (l *lowerer) link(code []byte, _, table uint32) {
	for _, at := range l.tables {
		binary.LittleEndian.PutUint32(code[at:], table)
	}
}

// read64 prepares r for being read whole.
func (l *lowerer) read64(r amd64.Reg) {
	if l.known>>(r&15)&1 != 0 {
		l.extend(r)
	}
}

// read64Both prepares two registers for being read whole.
func (l *lowerer) read64Both(a, b amd64.Reg) {
	if l.known&(1<<(a&15)|1<<(b&15)) != 0 {
		l.extendBoth(a, b)
	}
}

func (l *lowerer) extendBoth(a, b amd64.Reg) {
	l.read64(a)
	l.read64(b)
}

// extend makes the upper half of r what it should be. The flags stay. It is rarely called; read64 must stay small.
//
//go:noinline
func (l *lowerer) extend(r amd64.Reg) {
	l.a.RegReg(amd64.Movsxd, r, r)
	l.wroteSigned(r)
}

// settle makes all upper halves what they should be, before code that others continue.
func (l *lowerer) settle() {
	if l.pending() != 0 {
		l.extendAll()
	}
}

func (l *lowerer) extendAll() {
	for r := amd64.Reg(0); l.pending() != 0; r++ {
		l.read64(r)
	}
}

// setFlags notes that the flags just set say whether r is 0.
func (l *lowerer) setFlags(r amd64.Reg) { l.told = zeroIf(amd64.Equal, r) }

// flagsSay reports which condition holds if r is 0, if the flags tell.
func (l *lowerer) flagsSay(r amd64.Reg) (amd64.Cond, bool) {
	return amd64.Cond(l.before >> 8), l.before != 0 && amd64.Reg(l.before&0xff) == r
}

// keptFlags notes that the code of this instruction has left the flags alone and written d.
func (l *lowerer) keptFlags(d amd64.Reg) {
	kept := l.before
	if amd64.Reg(kept&0xff) == d {
		kept = 0
	}
	l.told = kept
}

// move copies all of a register, if there is anything to copy.
func (l *lowerer) move(dst, src amd64.Reg) { l.a.Move(amd64.Mov64, dst, src) }

// move32 copies the lower half of a register; the upper then holds anything.
func (l *lowerer) move32(dst, src amd64.Reg) { l.a.Move(amd64.Mov32, dst, src) }

// interpret leaves the code here: the interpreter does this instruction.
func (l *lowerer) interpret() {
	l.callStub(stubStep)
	l.sites = append(l.sites, site{uint32(l.a.Len()), uint32(l.i), l.pending(), l.ahead})
}

// interpretIf leaves the code if c holds.
func (l *lowerer) interpretIf(c amd64.Cond) {
	l.a.Jcc32(c, 0)
	l.slow = append(l.slow, slowPath{uint32(l.a.Len() - 4), uint32(l.i), l.pending(), l.ahead})
}

func (l *lowerer) callStub(at int) { l.a.Call32(int32(at - l.a.Len() - 5)) }

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
