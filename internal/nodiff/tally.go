package nodiff

import (
	"fmt"
	"strings"

	"damson/internal/pvm"
)

// Tally counts what the cases of a test came to.
type Tally struct {
	Cases, Insts int64
	Exits        [pvm.HostCall + 1]int64
	Opcodes      [256]int64 // executed in the cases that were counted, one of countEach
}

// countEach says of how many cases one is run block by block on the reference, which takes longer, to count opcodes.
const countEach = 4

// Add adds another tally.
func (t *Tally) Add(o *Tally) {
	t.Cases += o.Cases
	t.Insts += o.Insts
	for i, n := range o.Exits {
		t.Exits[i] += n
	}
	for i, n := range o.Opcodes {
		t.Opcodes[i] += n
	}
}

// Rarest is the opcode that was counted least, and how often.
func (t *Tally) Rarest() (rarest pvm.Opcode, least int64) {
	least = -1
	for op, n := range t.Opcodes {
		if pvm.Opcode(op).Valid() && (least < 0 || n < least) {
			rarest, least = pvm.Opcode(op), n
		}
	}
	return rarest, least
}

// Share is the part of all exits that are of a kind.
func (t *Tally) Share(r pvm.Reason) float64 {
	total := int64(0)
	for _, n := range t.Exits {
		total += n
	}
	return float64(t.Exits[r]) / float64(max(total, 1))
}

func (t *Tally) String() string {
	var b strings.Builder
	rarest, least := t.Rarest()
	fmt.Fprintf(&b, "%d cases, %d instructions, rarest opcode %v in at least %d", t.Cases, t.Insts, rarest, least)
	for r := range t.Exits {
		fmt.Fprintf(&b, ", %v %.1f %%", pvm.Reason(r), 100*t.Share(pvm.Reason(r)))
	}
	return b.String()
}

// counted is Run, block by block, and counts the instructions: a block is straight.
func (t *Tally) counted(program *pvm.Program, code pvm.Stepper, m *pvm.Machine) pvm.Exit {
	for {
		first, ok := program.Index(m.PC)
		before := m.Gas
		exit, stopped := code.RunToBlock(m)
		if n := uint32((before - max(m.Gas, 0)) / pvm.Cost); ok {
			for _, in := range program.Insts[first:min(first+n, uint32(len(program.Insts)))] {
				t.Opcodes[in.Op]++
			}
		}
		if stopped {
			return exit
		}
	}
}
