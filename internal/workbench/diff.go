package workbench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"damson/internal/pvm"
)

// Divergence is the first difference between two engines.
type Divergence struct {
	Steps       int64    `json:"steps"` // instructions that were executed before, alike
	Block       uint64   `json:"block"` // where the basic block begins
	PC          uint64   `json:"pc"`
	Instruction string   `json:"instruction"`
	Exits       [2]Side  `json:"exits"` // of the subject and of the reference
	Registers   []Differ `json:"registers"`
	Memory      []Differ `json:"memory"`
}

// Side is how a run of a block ended.
type Side struct {
	Exit string `json:"exit"`
	PC   uint64 `json:"pc"`
	Gas  int64  `json:"gas"`
}

// Differ is a register or a word of memory that differs.
type Differ struct {
	Where     string `json:"where"`
	Subject   string `json:"subject"`
	Reference string `json:"reference"`
}

// String tells it in a few lines.
func (d *Divergence) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the engines differ after %d instructions, at %#x: %s (block %#x)\n", d.Steps, d.PC, d.Instruction, d.Block)
	if d.Exits[0] != d.Exits[1] {
		for i, who := range []string{"subject", "reference"} {
			fmt.Fprintf(&b, "  %-10s ends with %s at %#x, gas %d\n", who, d.Exits[i].Exit, d.Exits[i].PC, d.Exits[i].Gas)
		}
	}
	for _, r := range append(slices.Clone(d.Registers), d.Memory...) {
		fmt.Fprintf(&b, "  %-10s subject %s, reference %s\n", r.Where, r.Subject, r.Reference)
	}
	return b.String()
}

// Agreement is what two engines had in common.
type Agreement struct {
	Steps int64    `json:"steps"`
	Exit  pvm.Exit `json:"-"`
	End   string   `json:"exit"` // Exit in words
	PC    uint64   `json:"pc"`
}

// lockStep is two machines side by side.
type lockStep struct {
	*Session
	engine             pvm.Engine // the subject
	subject, reference *pvm.Machine
	subjectCode        pvm.Code
	referenceCode      pvm.Code
	steps              int64

	// Of the block that is being run.
	block   uint64
	history []pvm.Machine // of the reference, before each instruction and after the last
	stores  []undo
}

// undo is what a word of memory was before a store, and after.
type undo struct {
	step     int // of the block
	addr     uint32
	old, now [8]byte
}

// Diff runs a program on two engines, block by block, and compares registers, gas, counter, exit and what was stored
// after each, and the whole memory in the end. Of a block after which they differ it finds the instruction, by running the subject
// on programs that are cut short within it.
func (s *Session) Diff(subject, reference pvm.Engine) (*Divergence, *Agreement, error) {
	l := &lockStep{Session: s, engine: subject}
	var err error
	if l.subject, l.subjectCode, err = s.start(subject); err != nil {
		return nil, nil, err
	}
	defer l.subject.Mem.Release()
	if l.reference, l.referenceCode, err = s.start(reference); err != nil {
		return nil, nil, err
	}
	defer l.reference.Mem.Release()
	for gas := s.Gas; ; {
		l.block = l.reference.PC
		budget := min(l.toEnd(l.block), gas)
		l.subject.Gas = budget
		got := l.subjectCode.Run(l.subject)
		want := l.runReference(budget)
		if d := l.compare(got, want); d != nil {
			return d, nil, l.locate(d)
		}
		used := budget - max(l.reference.Gas, 0)
		l.steps += used
		gas -= used
		if want.Reason == pvm.OutOfGas && gas > 0 || l.answered(want) {
			continue
		}
		return l.compareMemory(), &Agreement{l.steps, want, ending(want), l.reference.PC}, nil
	}
}

// answered lets the host answer both machines alike.
func (l *lockStep) answered(exit pvm.Exit) bool {
	return l.answers(l.subject, exit) && l.answers(l.reference, exit)
}

// toEnd is how many instructions there are from a place to the end of its block.
func (l *lockStep) toEnd(pc uint64) int64 {
	p := l.Image.Program
	i, ok := p.Index(pc)
	if !ok {
		return 1
	}
	next, _ := slices.BinarySearchFunc(p.Blocks, i, func(b pvm.Block, i uint32) int {
		if b.First <= i {
			return -1
		}
		return 1
	})
	if next == len(p.Blocks) {
		return int64(len(p.Insts)) - int64(i)
	}
	return int64(p.Blocks[next].First - i)
}

// runReference runs the reference for so many instructions, and notes what they do.
func (l *lockStep) runReference(budget int64) pvm.Exit {
	l.history, l.stores = l.history[:0], l.stores[:0]
	m := l.reference
	m.Gas = budget
	for {
		l.history = append(l.history, *m)
		if m.Gas == 0 {
			m.Gas = -1
			return pvm.Exit{Reason: pvm.OutOfGas}
		}
		if _, in, ok := l.plain(m.PC); ok {
			if addr, value, width, stores := stored(&in, m); stores {
				u := undo{step: len(l.history) - 1, addr: addr}
				for i := range u.old {
					x, _ := m.Mem.Load(addr+uint32(i), 1)
					u.old[i] = byte(x)
				}
				u.now = u.old
				for i := range width {
					u.now[i] = byte(value >> (8 * i))
				}
				l.stores = append(l.stores, u)
			}
		}
		if exit, stopped := step(l.referenceCode, m); stopped {
			l.history = append(l.history, *m)
			return exit
		}
	}
}

// plain is the instruction at a place, without its text.
func (l *lockStep) plain(pc uint64) (i uint32, in pvm.Inst, ok bool) {
	if i, ok = l.Image.Program.Index(pc); ok {
		in = l.Image.Program.Insts[i]
	}
	return i, in, ok
}

// compare compares the machines after a block.
func (l *lockStep) compare(got, want pvm.Exit) *Divergence {
	a, b := l.subject, l.reference
	d := &Divergence{Steps: l.steps, Block: l.block, PC: l.block}
	d.Exits = [2]Side{{ending(got), a.PC, a.Gas}, {ending(want), b.PC, b.Gas}}
	d.Registers = differing(a, b)
	d.Memory = l.differingStores()
	if d.Exits[0] == d.Exits[1] && len(d.Registers) == 0 && len(d.Memory) == 0 && a.Mem.HeapEnd() == b.Mem.HeapEnd() {
		return nil
	}
	return d
}

func differing(a, b *pvm.Machine) (all []Differ) {
	for i, r := range a.Regs {
		if r != b.Regs[i] {
			all = append(all, Differ{fmt.Sprintf("r%d", i), fmt.Sprintf("%#x", r), fmt.Sprintf("%#x", b.Regs[i])})
		}
	}
	return all
}

func (l *lockStep) differingStores() (all []Differ) {
	for _, u := range l.stores {
		a, aOK := l.subject.Mem.Load(u.addr, 8)
		b, bOK := l.reference.Mem.Load(u.addr, 8)
		if a != b || aOK != bOK {
			all = append(all, Differ{fmt.Sprintf("[%#x]", u.addr), fmt.Sprintf("0x%016x", a), fmt.Sprintf("0x%016x", b)})
		}
	}
	return all
}

// compareMemory compares all of the memories, after the last block.
func (l *lockStep) compareMemory() *Divergence {
	page, differs := l.subject.Mem.Differs(l.reference.Mem)
	if !differs {
		return nil
	}
	text, _, _ := l.instruction(l.block)
	return &Divergence{
		Steps: l.steps, Block: l.block, PC: l.block, Instruction: text,
		Memory: []Differ{{fmt.Sprintf("page %#x", uint64(page)*pvm.PageSize), "differs", "at the end of the run"}},
	}
}

var errNotFound = errors.New("workbench: the engines differ, and no instruction alone does")

// locate finds the instruction of the block that the engines differ by.
func (l *lockStep) locate(d *Divergence) error {
	n := len(l.history) - 1 // instructions that the reference has run
	culprit := max(n-1, 0)
	for k := 1; k < n; k++ {
		registers, memory, err := l.cutShort(k)
		if err != nil {
			return err
		}
		if registers != nil || memory != nil {
			d.Registers, d.Memory, culprit = registers, memory, k-1
			break
		}
	}
	d.PC = l.history[culprit].PC
	d.Steps += int64(culprit)
	d.Instruction, _, _ = l.instruction(d.PC)
	return nil
}

// cutShort runs the subject on the first k instructions of the block, with a trap behind them, and gives what then
// differs.
func (l *lockStep) cutShort(k int) (registers, memory []Differ, err error) {
	blob := l.Image.Program.Blob()
	size := len(l.Image.Program.Code())
	at := len(blob) - (size+7)/8 - size + int(l.history[k].PC)
	if at < 0 || at >= len(blob) {
		return nil, nil, errNotFound
	}
	blob[at] = byte(pvm.Trap)
	program, err := pvm.Decode(blob)
	if err != nil {
		return nil, nil, err
	}
	code, err := l.engine.Compile(program)
	if err != nil {
		return nil, nil, err
	}
	for i := len(l.stores) - 1; i >= 0; i-- {
		for n, octet := range l.stores[i].old {
			l.subject.Mem.Store(l.stores[i].addr+uint32(n), 1, uint64(octet))
		}
	}
	m := l.history[0]
	m.Mem, m.Gas = l.subject.Mem, int64(k)+1
	exit := code.Run(&m)
	want := l.history[k]
	registers = differing(&m, &want)
	if exit.Reason != pvm.Panic || m.PC != want.PC {
		registers = append(registers, Differ{"pc", fmt.Sprintf("%#x (%s)", m.PC, ending(exit)), fmt.Sprintf("%#x", want.PC)})
	}
	for _, u := range l.stores {
		if u.step == k-1 {
			memory = append(memory, l.unlike(&u)...)
		}
	}
	return registers, memory, nil
}

// unlike compares what the subject has where the reference has just stored something.
func (l *lockStep) unlike(u *undo) []Differ {
	var got [8]byte
	for i := range got {
		x, _ := l.subject.Mem.Load(u.addr+uint32(i), 1)
		got[i] = byte(x)
	}
	if got == u.now {
		return nil
	}
	return []Differ{{
		fmt.Sprintf("[%#x]", u.addr), fmt.Sprintf("0x%016x", binary.LittleEndian.Uint64(got[:])),
		fmt.Sprintf("0x%016x", binary.LittleEndian.Uint64(u.now[:])),
	}}
}
