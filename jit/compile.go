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
	insts   []pvm.Inst // and one more behind the last
	blocks  []pvm.Block
	circles []uint32 // blocks that branch back to themselves
	n       int      // the block being lowered
	i       int      // the instruction being lowered
	end     int      // where its block ends
	most    int      // octets that the code may have
	guest   int      // octets of guest code

	labels   []uint32 // by block: where it begins, or before that what is known of it
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
	lowerBlocks() bool               // lowers all blocks, or finds that they become too large
	finish()                         // completes the jumps
	notes() notes                    // what is kept of the lowering
	locate(c *code, at uint32) site  // finds the instruction that accesses guest memory at a place in the code
	gasStubs() []stubs               // ends the code with the ways out of blocks that cannot be paid
	code() []byte                    // what was written
	written(size int) *exec.Draft    // what was written, if it is a draft with so much room
	close()                          // after lower, whether it succeeded or not
	link(code []byte, at, to uint32) // makes what pass.tables says lead to the table, which is at to; at is the address of the code
}

// What labels say of a block before its code exists.
const (
	notYet    = 1 << 31
	loopHead  = 1 << 30 // something behind it leads back, and there is no call in between
	countedOn = 1 << 29 // what it pays is final, because another one pays for it
	circular  = 1 << 28 // it branches back to itself
	paysMask  = 1<<20 - 1
)

// fixup is a forward jump, to be completed when the place of the block that it leads to is known; skip is how far behind
// that it leads.
type fixup struct{ at, target, skip uint32 }

// slowPath is a jump out of line to where the interpreter takes over.
type slowPath struct {
	at      uint32 // of the jump
	inst    uint32
	pending uint16
	ahead   uint16
}

// site says which instruction a place in the code belongs to: what follows each call of a stub and, if the lowering does not
// find it again when it is asked for, the start of each access to guest memory.
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

// leastBlock is what a block takes at least: to pay, and to leave when that is not possible. leastBranch is what it takes more
// if it ends with a branch: to compare, and to go.
const (
	leastBlock  = 15
	leastBranch = 4
)

// errTooLarge says that a program is not worth its machine code.
var errTooLarge = errors.New("jit: too much machine code")

// How guest code was left: exec.Context.Kind.
const (
	kindHost = 0 // by ecalli; Context.Site is the block
	kindStep = 1 // through stubStep or stubGas; Context.Site is the return address
	kindGas  = 2
)

// How a block ends, as far as it says itself where execution goes on.
const (
	endsElse   = 0 // or where is not known
	endsJump   = 1 // by a jump
	endsCall   = 2 // by one that leaves a return address
	endsBranch = 3 // by a branch; what is odd may be part of a loop
	endsAway   = 6 // by a jump through the table: a return, or a call of what a pointer points to
)

// endKinds says how blocks end, by their last opcode: in the first row if it names a block to go on with, else in the
// second.
var endKinds = func() (t [2][256]uint8) {
	for op := range pvm.Ops {
		switch flags := pvm.Ops[op].Flags; {
		case pvm.Opcode(op) == pvm.LoadImmJump:
			t[0][op] = endsCall
		case pvm.Opcode(op) == pvm.JumpInd || pvm.Opcode(op) == pvm.LoadImmJumpInd:
			t[1][op] = endsAway
		case flags.Has(pvm.Jumps):
			t[0][op] = endsJump
		case flags.Has(pvm.Branches):
			t[0][op] = endsBranch
		}
	}
	return t
}()

// endKind is how a block ends.
func endKind(b *pvm.Block) uint8 { return endKinds[b.Target>>31][b.Last] }

// reset readies the pass for another program, and counts its branches.
func (s *pass) reset(p *pvm.Program, most int) (branches int) {
	s.insts, s.blocks, s.most, s.guest = withNext(p.Insts), p.Blocks, most, len(p.Code())
	s.labels = make([]uint32, len(p.Blocks)) // the code keeps them
	s.fixups = slices.Grow(s.fixups[:0], len(p.Blocks))
	s.sites = s.sites[:0]
	s.gasJumps = slices.Grow(s.gasJumps[:0], len(p.Blocks))
	s.slow, s.tables = s.slow[:0], s.tables[:0]
	s.jumps = uint32(len(p.JumpTable))
	s.gaps = slices.Contains(p.JumpTable, pvm.NoTarget)
	s.circles = s.circles[:0]
	away, labels := uint32(0), s.labels[:len(p.Blocks)] // the block behind the last one that ends with a call
	for i := range p.Blocks {
		b := &p.Blocks[i]
		kind, target := endKind(b), b.Target
		labels[i] = notYet | min(b.Cost, paysMask)
		branches += int(kind & (kind >> 1) & 1) // endsBranch alone has both bits
		if kind&endsBranch == endsCall {
			away = uint32(i) + 1
		}
		if target > uint32(i) || kind&1 == 0 {
			continue
		}
		if away <= target {
			labels[target] |= loopHead
		}
		if target == uint32(i) && kind == endsBranch {
			labels[target] |= circular
			s.circles = append(s.circles, target)
		}
	}
	return branches
}

// lower writes the code of a whole program.
func lower(a assembler, p *pvm.Program) error {
	most := maxOutput(len(p.Code()))
	if leastBlock*len(p.Blocks) > most {
		return fmt.Errorf("%w: %d blocks in %d octets", errTooLarge, len(p.Blocks), len(p.Code()))
	}
	s := a.common()
	if branches := s.reset(p, most); leastBlock*len(p.Blocks)+leastBranch*branches > most {
		return fmt.Errorf("%w: %d blocks, %d branches in %d octets", errTooLarge, len(p.Blocks), branches, len(p.Code()))
	}
	a.begin()
	if !a.lowerBlocks() {
		return fmt.Errorf("%w: %d octets for %d of guest code and more to come", errTooLarge, len(a.code()), p.PC(uint32(s.i)))
	}
	a.finish()
	return nil
}

// withNext adds one behind the last instruction, so that there always is a next one to look at.
func withNext(insts []pvm.Inst) []pvm.Inst { return slices.Grow(insts, 1)[:len(insts)+1] }

// enter makes block n the one that is lowered.
func (s *pass) enter(n int) *pvm.Block {
	b := &s.blocks[n]
	s.n, s.i, s.end = n, int(b.First), int(b.End())
	return b
}

// next is the n-th of the following instructions. It is in the same block if neither this one nor those between end one.
func (s *pass) next(n int) *pvm.Inst { return &s.insts[s.i+n] }

// publish makes the code executable, with the jump table behind it.
func publish(a assembler, p *pvm.Program) (*code, error) {
	s := a.common()
	c := &code{program: p, labels: s.labels, gasStubs: a.gasStubs()}
	s.labels = nil
	c.sites, c.notes = slices.Clone(s.sites), a.notes()
	text := a.code()
	table := (len(text) + 63) &^ 63
	c.size = table + 8*len(p.JumpTable)
	complete := func(dst []byte, base uint32) {
		exec.FillTraps(dst[len(text):table])
		a.link(dst, base, base+uint32(table))
		for i, target := range p.JumpTable {
			var address uint64 // 0 where it leads nowhere, which the code looks for
			if target != pvm.NoTarget {
				address = uint64(base) + uint64(c.labels[p.BlockOf(target)])
			}
			binary.LittleEndian.PutUint64(dst[table+8*i:], address)
		}
	}
	var err error
	if draft := a.written(c.size); draft != nil {
		c.native, err = draft.Publish(c.size, complete)
	} else {
		c.native, err = exec.Publish(c.size, func(dst []byte, base uint32) {
			copy(dst, text)
			complete(dst, base)
		})
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}
