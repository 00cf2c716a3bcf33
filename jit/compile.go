package jit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"damson/internal/pvm"
	"damson/jit/amd64"
	"damson/jit/exec"
)

// maxOutput bounds the machine code for so much guest code. Compilers' output takes less than three octets for one; what
// takes more than eight was made to keep a recompiler busy, and is interpreted.
func maxOutput(guest int) int { return 64<<10 + 8*guest }

// leastBlock is what a block takes at least: to pay, and to leave when that is not possible.
const leastBlock = 15

// errTooLarge says that a program is not worth its machine code.
var errTooLarge = errors.New("jit: too much machine code")

// Stubs at the start of all code, by which it is left. What calls one says by the return address where it stands; they return to who called the code.
const (
	stubStep = 0  // the interpreter is to do this instruction
	stubGas  = 32 // the gas does not reach through this block
	codeFrom = 64
)

// How guest code was left: exec.Context.Kind.
const (
	kindHost = 0 // by ecalli; Context.Site is the instruction
	kindStep = 1 // through stubStep or stubGas; Context.Site is the return address
	kindGas  = 2
)

// loopAlignment is where the targets of backward branches begin: a multiple of it, which was measured to make short
// loops up to twice as fast. Filling up costs nothing but space, and a few NOPs on the way in.
const loopAlignment = 32

// goesBack says of each opcode whether a target before it means a loop.
var goesBack = func() (t [256]bool) {
	for op := range pvm.Ops {
		t[op] = pvm.Ops[op].Flags&(pvm.Branches|pvm.Jumps) != 0 && pvm.Opcode(op) != pvm.LoadImmJump
	}
	return t
}()

// reset readies the lowerer for another program.
func (l *lowerer) reset(p *pvm.Program) {
	l.a.Reset()
	l.insts = p.Insts
	l.labels = make([]uint32, len(p.Insts)) // goes to the result
	l.fixups, l.slow, l.sites = l.fixups[:0], l.slow[:0], l.sites[:0]
	l.gasJumps, l.tables = l.gasJumps[:0], l.tables[:0]
	l.jumps = uint32(len(p.JumpTable))
	l.gaps = slices.Contains(p.JumpTable, pvm.NoTarget)
	for i := range p.Insts {
		if in := &p.Insts[i]; goesBack[in.Op] && in.Y <= uint32(i) {
			l.labels[in.Y] = alignHead
		}
	}
}

// lower writes the code of a whole program.
func (l *lowerer) lower(p *pvm.Program) error {
	most := maxOutput(len(p.Code()))
	if leastBlock*len(p.Blocks) > most {
		return fmt.Errorf("%w: %d blocks in %d octets", errTooLarge, len(p.Blocks), len(p.Code()))
	}
	l.reset(p)
	l.most = most
	l.stub(kindStep)
	l.a.AlignTo(stubGas, stubGas)
	l.stub(kindGas)
	l.a.AlignTo(codeFrom, codeFrom)
	for i, b := range p.Blocks {
		l.i, l.end = int(b.First), len(p.Insts)
		if i+1 < len(p.Blocks) {
			l.end = int(p.Blocks[i+1].First)
		}
		l.lowerBlock(b)
		if l.a.Len() > most {
			return fmt.Errorf("%w: %d octets for %d of guest code and more to come", errTooLarge, l.a.Len(), p.PC(uint32(l.i-1)))
		}
	}
	l.finish()
	return nil
}

// stub writes one of the ways out: the return address says where the guest left, then nothing but the exit is new.
func (l *lowerer) stub(kind int32) {
	l.a.Reserve(2 * stubGas)
	l.a.PopReg(scratch)
	l.a.RegMem(amd64.Store64, scratch, amd64.Context(exec.OffsetSite))
	l.a.StoreImm(amd64.Store8, amd64.Context(exec.OffsetKind), kind)
	l.a.Ret()
}

// lowerBlock writes the code of a block, which begins with paying for all of it.
func (l *lowerer) lowerBlock(b pvm.Block) {
	l.a.Reserve(maxLowered)
	if l.labels[b.First] == alignHead {
		l.a.AlignTo(loopAlignment, loopAlignment)
	}
	l.labels[b.First] = uint32(l.a.Len())
	l.a.RegImm(amd64.Sub64, gasReg, int32(b.Cost))
	l.a.Jcc32(amd64.Less, 0)
	l.gasJumps = append(l.gasJumps, uint32(l.a.Len()-4))
	l.pending, l.canonical, l.flagsAt = 0, 0, -1
	for ; l.i < l.end && l.a.Len() <= l.most; l.i++ {
		in := &l.insts[l.i]
		l.a.Reserve(maxLowered)
		l.start = l.a.Len()
		how := &l.how[in.Op]
		how.lower(l, in, how.arg)
	}
	l.a.Reserve(maxLowered)
	l.settle()
}

// finish writes what lies out of line and completes the jumps forward.
func (l *lowerer) finish() {
	for _, s := range l.slow {
		l.a.Reserve(amd64.MaxInst)
		l.patch(s.at, l.a.Len())
		l.callStub(stubStep)
		l.sites = append(l.sites, site{uint32(l.a.Len()), s.inst, s.pending})
	}
	for _, f := range l.fixups {
		l.patch(f.at, int(l.labels[f.target]))
	}
}

// gasStubs writes the ways out of blocks that cannot be paid, one behind the other, and returns where they begin.
func (l *lowerer) gasStubs() int {
	from := l.a.Len()
	l.a.Reserve(gasStubSize * len(l.gasJumps))
	for _, at := range l.gasJumps {
		l.patch(at, l.a.Len())
		l.callStub(stubGas)
	}
	return from
}

// gasStubSize is what a call takes, so that the return address says which block it was.
const gasStubSize = 5

func (l *lowerer) patch(at uint32, to int) { l.a.PatchInt32(int(at), int32(to-int(at)-4)) }

// publish makes the code executable, with the jump table behind it.
func (l *lowerer) publish(p *pvm.Program) (*code, error) {
	c := &code{program: p, labels: l.labels, sites: slices.Clone(l.sites), gasStubs: uint32(l.gasStubs())}
	text := l.a.Bytes()
	table := (len(text) + 63) &^ 63
	native, err := exec.Publish(table+8*len(p.JumpTable), func(dst []byte, base uint32) {
		copy(dst, text)
		for i := len(text); i < table; i++ {
			dst[i] = 0xcc
		}
		for _, at := range l.tables {
			binary.LittleEndian.PutUint32(dst[at:], base+uint32(table))
		}
		for i, target := range p.JumpTable {
			var address uint64 // 0 where it leads nowhere, which the code looks for
			if target != pvm.NoTarget {
				address = uint64(base) + uint64(l.labels[target])
			}
			binary.LittleEndian.PutUint64(dst[table+8*i:], address)
		}
	})
	if err != nil {
		return nil, err
	}
	c.native, c.size = native, table+8*len(p.JumpTable)
	return c, nil
}
