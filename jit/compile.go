package jit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"damson/internal/pvm"
	"damson/jit/exec"
)

// pass is what is kept of a program while it is lowered, for whatever processor. Positions are octets from the start of
// the code.
type pass struct {
	insts  []pvm.Inst
	blocks []pvm.Block
	i      int // the instruction being lowered
	end    int // where its block ends
	most   int // octets that the code may have

	labels   []uint32 // by instruction: where its block begins, or alignHead, or 0
	fixups   []fixup
	gasJumps []uint32 // by block: the jump to its out-of-gas stub
	slow     []slowPath
	sites    []site
	tables   []uint32 // what the address of the jump table goes into
	gaps     bool     // the jump table has entries that lead nowhere
	jumps    uint32   // entries in the jump table
}

// assembler is what writes code for one kind of processor.
type assembler interface {
	common() *pass
	begin()                          // forgets the last program and writes the ways out
	block(b pvm.Block)               // lowers the instructions from pass.i to pass.end
	finish()                         // completes the jumps
	paysAhead() []uint16             // by block, what it pays for others; or nil
	gasStubs() []stubs               // ends the code with the ways out of blocks that cannot be paid
	code() []byte                    // what was written
	link(code []byte, at, to uint32) // makes what pass.tables says lead to the table, which is at to; at is the address of the code
}

// alignHead marks in labels, before the code exists, what backward branches lead to.
const alignHead = 1

// fixup is a forward jump, to be completed when the place of its target is known; skip is how far behind that it leads.
type fixup struct{ at, target, skip uint32 }

// slowPath is a jump out of line to where the interpreter takes over.
type slowPath struct {
	at      uint32 // of the jump
	inst    uint32
	pending uint16
	ahead   uint16
}

// site says which instruction a place in the code belongs to: the start of each access to guest memory, and what
// follows each call of a stub.
type site struct {
	at      uint32
	inst    uint32
	pending uint16 // registers whose sign extension is still to be made, if the code is left here
	ahead   uint16 // gas that was paid for more than the rest of the block
}

// stubs are calls of the out-of-gas stub, one behind the other, for one block after the other.
type stubs struct{ at, block uint32 }

// maxOutput bounds the machine code for so much guest code. Compilers' output takes less than three octets for one; what
// takes more than eight was made to keep a recompiler busy, and is interpreted.
func maxOutput(guest int) int { return 64<<10 + 8*guest }

// leastBlock is what a block takes at least: to pay, and to leave when that is not possible.
const leastBlock = 15

// errTooLarge says that a program is not worth its machine code.
var errTooLarge = errors.New("jit: too much machine code")

// How guest code was left: exec.Context.Kind.
const (
	kindHost = 0 // by ecalli; Context.Site is the instruction
	kindStep = 1 // through stubStep or stubGas; Context.Site is the return address
	kindGas  = 2
)

// goesBack says of each opcode whether a target before it means a loop.
var goesBack = func() (t [256]bool) {
	for op := range pvm.Ops {
		t[op] = pvm.Ops[op].Flags&(pvm.Branches|pvm.Jumps) != 0 && pvm.Opcode(op) != pvm.LoadImmJump
	}
	return t
}()

// reset readies the pass for another program.
func (s *pass) reset(p *pvm.Program, most int) {
	s.insts, s.blocks, s.most = p.Insts, p.Blocks, most
	s.labels = slices.Grow(s.labels[:0], len(p.Insts))[:len(p.Insts)]
	clear(s.labels)
	s.fixups, s.slow, s.sites = s.fixups[:0], s.slow[:0], s.sites[:0]
	s.gasJumps, s.tables = s.gasJumps[:0], s.tables[:0]
	s.jumps = uint32(len(p.JumpTable))
	s.gaps = slices.Contains(p.JumpTable, pvm.NoTarget)
	for i := range p.Blocks { // only the last instruction of a block goes anywhere
		last := s.blockEnd(i) - 1
		if in := &p.Insts[last]; goesBack[in.Op] && in.Y <= uint32(last) {
			s.labels[in.Y] = alignHead
		}
	}
}

// blockEnd is the instruction after block i.
func (s *pass) blockEnd(i int) int {
	if i+1 < len(s.blocks) {
		return int(s.blocks[i+1].First)
	}
	return len(s.insts)
}

// lower writes the code of a whole program.
func lower(a assembler, p *pvm.Program) error {
	most := maxOutput(len(p.Code()))
	if leastBlock*len(p.Blocks) > most {
		return fmt.Errorf("%w: %d blocks in %d octets", errTooLarge, len(p.Blocks), len(p.Code()))
	}
	s := a.common()
	s.reset(p, most)
	a.begin()
	for i, b := range p.Blocks {
		s.i, s.end = int(b.First), s.blockEnd(i)
		a.block(b)
		if n := len(a.code()); n > most {
			return fmt.Errorf("%w: %d octets for %d of guest code and more to come", errTooLarge, n, p.PC(uint32(s.i-1)))
		}
	}
	a.finish()
	return nil
}

// next is the n-th of the following instructions, if it is in the same block.
func (s *pass) next(n int) (*pvm.Inst, bool) {
	if s.i+n >= s.end {
		return nil, false
	}
	return &s.insts[s.i+n], true
}

// publish makes the code executable, with the jump table behind it.
func publish(a assembler, p *pvm.Program) (*code, error) {
	s := a.common()
	c := &code{program: p, labels: slices.Clone(s.labels), gasStubs: a.gasStubs()}
	c.sites, c.extra = slices.Clone(s.sites), slices.Clone(a.paysAhead())
	text := a.code()
	table := (len(text) + 63) &^ 63
	native, err := exec.Publish(table+8*len(p.JumpTable), func(dst []byte, base uint32) {
		copy(dst, text)
		exec.FillTraps(dst[len(text):table])
		a.link(dst, base, base+uint32(table))
		for i, target := range p.JumpTable {
			var address uint64 // 0 where it leads nowhere, which the code looks for
			if target != pvm.NoTarget {
				address = uint64(base) + uint64(s.labels[target])
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
