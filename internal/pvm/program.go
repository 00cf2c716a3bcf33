// Package pvm is what both engines share: programs, the instruction table, guest memory and the
// state of a machine. GP §A.
//
// A blob becomes a [Program] once, by [Decode]; an [Engine] makes the program runnable; its [Code]
// runs a [Machine], which holds a [Memory], until it stops, and says how in an [Exit]. Service code
// comes as a standard program, whose [Image] also says how memory and registers begin. Nothing here
// executes an instruction: see interp and jit.
package pvm

import (
	"fmt"
	"math/bits"
)

// Program is a code blob, decoded and checked once. It never changes, so engines share it unlocked.
//
// Execution begins an instruction only where the mask has a bit, past the end, or 25 octets after
// an instruction that the next one is too far from. Insts has an entry for each of these places, in
// order, the latter two as [Trap]: so what follows Insts[i] is always Insts[i+1].
type Program struct {
	Insts     []Inst   // ends with a Trap, past the end of the code
	Blocks    []Block  // in order, all of Insts: what is charged and runs together
	JumpTable []uint32 // j: indices into Insts, or NoTarget. Nil when Djump must be asked

	blob   Blob
	pcs    []uint32 // of each instruction
	starts ranked   // a bit for each place where an instruction begins
	firsts ranked   // a bit for each instruction that begins a block
}

// Inst is an instruction, ready to run.
type Inst struct {
	Op      Opcode // Trap for what the Gray Paper does not define
	A, B, D uint8  // r_A, r_B, r_D: below Registers
	Y       uint32 // ν_Y as 32 bits, or for a static jump the index of its target, or NoTarget
	X       uint64 // ν_X, sign-extended
}

// ImmY is ν_Y, sign-extended, where Y is an immediate.
func (in *Inst) ImmY() uint64 { return uint64(int64(int32(in.Y))) }

// NoTarget stands for the target of a jump to where no basic block begins: to take it is a panic.
const NoTarget = ^uint32(0)

// Block is a run of instructions that is entered at its first one only, apart from runs that are
// begun by hand: a basic block, ϖ, or a part of one. Basic blocks are cut behind instructions that
// leave the machine, so that gas is exact when they do.
type Block struct {
	First  uint32 // index into Insts
	Cost   uint32 // gas of all its instructions; each costs 1
	Target uint32 // index into Blocks of what its last instruction jumps to, or NoTarget
	Last   Opcode // of its last instruction
}

// End is the index of the instruction behind the block.
func (b *Block) End() uint32 { return b.First + b.Cost/Cost }

// HaltAddress is where a dynamic jump ends the program. GP eq:jumptablealignment.
const HaltAddress = 1<<32 - 1<<16

const (
	jumpAlignment = 2  // Z_A
	maxSkip       = 24 // GP §A.2
	maxCode       = 1 << 30
)

// Decode reads a program blob. What it allocates is in proportion to the blob: up to 37 octets for
// each octet of code, and 4 for each entry of the jump table.
func Decode(p []byte) (*Program, error) {
	blob, err := Deblob(p)
	if err != nil {
		return nil, err
	}
	return blob.Decode()
}

// Decode decodes every instruction of the blob.
func (b Blob) Decode() (*Program, error) {
	if len(b.Code) > maxCode {
		return nil, fmt.Errorf("%w: %d octets of code", ErrBlob, len(b.Code))
	}
	p := &Program{blob: b}
	targets, blocks, plain := p.scan()
	insts := make([]Inst, len(p.pcs), len(p.pcs)+1) // for those who look one ahead
	p.Insts, p.Blocks = insts, make([]Block, 0, blocks)
	p.firsts = newRanked(uint64(len(insts)))
	first, pc := 0, p.pcs[0]
	for i, next := range p.pcs[1:] {
		in := &insts[i]
		if plain || p.blob.starts(uint64(pc)) {
			p.decodeInst(in, pc, next, targets)
		} else {
			*in = Inst{Op: Trap, Y: NoTarget}
		}
		if pc = next; briefs[in.Op].does&cuts != 0 {
			p.addBlock(first, i)
			first = i + 1
		}
	}
	insts[len(insts)-1] = Inst{Op: Trap, Y: NoTarget}
	p.addBlock(first, len(insts)-1)
	p.findTargets()
	p.resolveJumpTable(targets)
	return p, nil
}

// Code is c, for those who hash or list it.
func (p *Program) Code() []byte { return p.blob.Code }

// PC is the place in the code of instruction i.
func (p *Program) PC(i uint32) uint64 { return uint64(p.pcs[i]) }

// Index finds the instruction that begins at pc. Where it finds none, execution would meet a trap.
func (p *Program) Index(pc uint64) (uint32, bool) {
	if !p.starts.has(pc) {
		return 0, false
	}
	return p.starts.rank(uint32(pc)), true
}

// Djump finds where a dynamic jump to addr leads: an index into Insts, or NoTarget for a panic. The
// caller has looked for HaltAddress before. GP eq:jumptablealignment.
func (p *Program) Djump(addr uint32) uint32 {
	i := uint64(addr)/jumpAlignment - 1 // 0 becomes the largest of all
	if addr%jumpAlignment != 0 || i >= p.blob.Jumps() {
		return NoTarget
	}
	if i < uint64(len(p.JumpTable)) {
		return p.JumpTable[i]
	}
	return p.entryOfNothing()
}

// entryOfNothing is the target 0 of every entry of a jump table whose entries have no octets.
func (p *Program) entryOfNothing() uint32 {
	if p.blob.starts(0) && Opcode(p.blob.Code[0]).Valid() {
		return 0
	}
	return NoTarget
}

// Block finds the block that begins with instruction i.
func (p *Program) Block(i uint32) (uint32, bool) {
	if !p.firsts.has(uint64(i)) {
		return 0, false
	}
	return p.firsts.rank(i), true
}

// BlockOf is the block that begins with the target of a jump, which Insts and JumpTable name.
func (p *Program) BlockOf(target uint32) uint32 { return p.firsts.rank(target) }

// Size is about how many octets the program holds, for caches with a bound.
func (p *Program) Size() int {
	return len(p.blob.Code)*9/8 + len(p.Insts)*20 + len(p.Blocks)*16 + len(p.JumpTable)*4 + (len(p.starts.words)+len(p.firsts.words))*12
}

// scan finds every place where an instruction begins, and of these ϖ, the places that jumps may lead to. It counts the blocks,
// and tells whether all places but the last have a bit in the mask, as they do in what compilers make. GP §A.2, §A.3.
func (p *Program) scan() (targets ranked, blocks int, plain bool) {
	size := uint64(len(p.blob.Code))
	p.starts, targets = newRanked(size+1), newRanked(size+1)
	copyMask(p.starts.words, p.blob.Mask)
	plain = !p.fillGaps(size)
	p.starts.set(size)
	p.pcs = make([]uint32, p.starts.count())
	code, pcs := p.blob.Code, p.pcs
	i, begins := 0, p.starts.has(0) // a block begins here, if the opcode is valid
	for w, word := range p.starts.words {
		for ; word != 0; word &= word - 1 {
			pc := uint64(w)*64 + uint64(bits.TrailingZeros64(word))
			pcs[i] = uint32(pc)
			i++
			if pc == size || !plain && !p.blob.starts(pc) {
				begins = false
				blocks++
				continue
			}
			does := briefs[code[pc]].does
			if begins && does&valid != 0 {
				targets.set(pc)
			}
			begins = does&ends != 0
			blocks += int(does & cuts)
		}
	}
	return targets, blocks, plain
}

// fillGaps adds the places where execution may go on behind instructions that the next one is too far from: nothing but a trap.
func (p *Program) fillGaps(size uint64) (found bool) {
	next := uint64(0) // where execution may go on from the instructions before
	for w, word := range p.starts.words {
		from := uint64(w) * 64
		for ; word != 0; word &= word - 1 {
			pc := from + uint64(bits.TrailingZeros64(word))
			if next < pc && next != 0 {
				p.starts.set(next)
				found = true
			}
			next = pc + 1 + maxSkip
		}
	}
	if next != 0 && next < size {
		p.starts.set(next)
		found = true
	}
	return found
}

// target is the instruction at pc if jumps may lead there, else NoTarget.
func (p *Program) target(pc uint64, targets ranked) uint32 {
	if !targets.has(pc) {
		return NoTarget
	}
	return p.starts.rank(uint32(pc))
}

// addBlock adds the block of instructions first to last.
func (p *Program) addBlock(first, last int) {
	in := &p.Insts[last]
	p.firsts.set(uint64(first))
	p.Blocks = append(p.Blocks, Block{uint32(first), uint32(last+1-first) * Cost, in.Y, in.Op})
}

// findTargets finds the blocks that blocks jump to. Every target of a jump begins one, because it is the first instruction or
// follows one that ends a basic block.
func (p *Program) findTargets() {
	p.firsts.count()
	for i := range p.Blocks {
		b := &p.Blocks[i]
		if briefs[b.Last].does&goes == 0 {
			b.Target = NoTarget
		} else if b.Target != NoTarget {
			b.Target = p.BlockOf(b.Target)
		}
	}
}

// Cost is the gas of any instruction, ϱ_Δ. GP §A.5.
const Cost = 1

func (p *Program) resolveJumpTable(targets ranked) {
	if p.blob.jumpSize == 0 {
		return
	}
	p.JumpTable = make([]uint32, p.blob.Jumps())
	for i := range p.JumpTable {
		p.JumpTable[i] = p.target(p.blob.Jump(uint64(i)), targets)
	}
}
