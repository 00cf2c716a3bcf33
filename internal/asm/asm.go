// Package asm makes program blobs, from text or from Go, and lists them again.
//
// The text has a line for every instruction, by its name in GP §A.5 and with its operands separated
// by commas: first the register that is written, if the instruction has three registers or two and
// nothing else, then the registers and immediates in the order of the code, last the target.
//
//	loop:
//		add_imm_64 r7, r7, -1      ; r7 = r7 - 1
//		branch_ne_imm r7, 0, loop
//		jump_ind r0, 0
//
// See [Assemble] for labels and directives, and [Builder] for the same in Go.
package asm

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"damson/internal/codec"
	"damson/internal/pvm"
)

// ErrSyntax is what every error about a text wraps.
var ErrSyntax = errors.New("asm: syntax")

// Operands are the operands of one instruction. Which count is a matter of its format.
type Operands struct {
	A, B, D uint8
	X, Y    uint64
	Target  string // a label, in place of Y where that is an offset

	// The octets that X has in the code, and Y or the offset, plus one; at most 5. At 0 a number has as few octets as
	// hold it, and an offset has four.
	WidthX, WidthY uint8
}

// Builder collects instructions. Its zero value is an empty program.
type Builder struct {
	code   []byte
	starts []uint32 // of the instructions
	labels map[string]uint32
	fixups []fixup
	jumps  []entry
	table  jumpForm
	err    error
}

// fixup is an offset that waits for its label.
type fixup struct {
	at    int    // of its octets
	size  int    // how many
	from  uint32 // the instruction that the offset counts from
	label string
}

// entry is an entry of the jump table: a place in the code, by its label or by number.
type entry struct {
	label string
	place uint64
}

// jumpForm is how the jump table is encoded.
type jumpForm struct {
	stated bool   // else entries have four octets
	size   int    // z
	count  uint64 // |j|, where z is 0 and the entries have no octets
}

// Label names the place of the next instruction.
func (b *Builder) Label(name string) {
	if _, taken := b.labels[name]; taken {
		b.fail("label %q is there twice", name)
	}
	if b.labels == nil {
		b.labels = map[string]uint32{}
	}
	b.labels[name] = uint32(len(b.code))
}

// Jumps appends labels to the jump table. The address of the first one there, for jump_ind, is 2,
// of the second one 4, and so on.
func (b *Builder) Jumps(labels ...string) {
	for _, label := range labels {
		b.jumps = append(b.jumps, entry{label: label})
	}
}

// PC is where the next instruction will be.
func (b *Builder) PC() uint32 { return uint32(len(b.code)) }

// Op appends an instruction.
func (b *Builder) Op(op pvm.Opcode, o Operands) {
	start := uint32(len(b.code))
	b.starts = append(b.starts, start)
	b.code = append(b.code, byte(op))
	pair := o.A&15 | o.B<<4
	switch pvm.Ops[op].Format {
	case pvm.NoArgs:
	case pvm.OneImm:
		b.immediate(o.X, o.WidthX)
	case pvm.OneRegExtImm:
		b.code = append(b.code, o.A&15)
		b.code = binary.LittleEndian.AppendUint64(b.code, o.X)
	case pvm.TwoImms:
		b.sized(0, 0, o)
		b.immediate(o.Y, o.WidthY)
	case pvm.OneOffset:
		b.offset(start, o)
	case pvm.OneRegOneImm:
		b.code = append(b.code, o.A&15)
		b.immediate(o.X, o.WidthX)
	case pvm.OneRegTwoImms:
		b.sized(o.A&15, 4, o)
		b.immediate(o.Y, o.WidthY)
	case pvm.OneRegOneImmOneOffset:
		b.sized(o.A&15, 4, o)
		b.offset(start, o)
	case pvm.TwoRegs:
		b.code = append(b.code, o.D&15|o.A<<4)
	case pvm.TwoRegsOneImm:
		b.code = append(b.code, pair)
		b.immediate(o.X, o.WidthX)
	case pvm.TwoRegsOneOffset:
		b.code = append(b.code, pair)
		b.offset(start, o)
	case pvm.TwoRegsTwoImms:
		b.code = append(b.code, pair)
		b.sized(0, 0, o)
		b.immediate(o.Y, o.WidthY)
	case pvm.ThreeRegs:
		b.code = append(b.code, pair, o.D)
	}
}

// Raw appends octets as one instruction, whatever they are.
func (b *Builder) Raw(octets ...byte) {
	b.starts = append(b.starts, uint32(len(b.code)))
	b.code = append(b.code, octets...)
}

// Pad appends octets at which no instruction begins.
func (b *Builder) Pad(octets ...byte) { b.code = append(b.code, octets...) }

// immediate appends x in as few octets as hold it, or in width-1.
func (b *Builder) immediate(x uint64, width uint8) {
	n := octetsOf(x)
	if n > 4 {
		b.fail("immediate %d has more than 32 bits", int64(x))
		return
	}
	if width > 0 {
		if int(width)-1 < n || width > 5 {
			b.fail("immediate %d in %d octets", int64(x), width-1)
			return
		}
		n = int(width) - 1
	}
	var le [8]byte
	binary.LittleEndian.PutUint64(le[:], x)
	b.code = append(b.code, le[:n]...)
}

// sized appends an octet with the length of X at a bit and something else beside it, then X.
func (b *Builder) sized(beside byte, shift int, o Operands) {
	n := octetsOf(o.X)
	if o.WidthX > 0 {
		n = int(o.WidthX) - 1
	}
	b.code = append(b.code, beside|byte(n)<<shift)
	b.immediate(o.X, o.WidthX)
}

// offset appends the distance of the target from the instruction.
func (b *Builder) offset(start uint32, o Operands) {
	n := 4
	if o.WidthY > 0 {
		n = int(o.WidthY) - 1
	}
	if o.Target == "" {
		b.immediate(o.Y, uint8(n)+1)
		return
	}
	b.fixups = append(b.fixups, fixup{len(b.code), n, start, o.Target})
	b.code = append(b.code, make([]byte, n)...)
}

// octetsOf is how many octets hold x as a signed number.
func octetsOf(x uint64) int {
	n := 0
	for n < 8 && (n == 0 && x != 0 || n > 0 && uint64(int64(x<<(64-8*n))>>(64-8*n)) != x) {
		n++
	}
	return n
}

func (b *Builder) sortedLabels() (labels []Label) {
	for name, pc := range b.labels {
		labels = append(labels, Label{pc, name})
	}
	slices.SortFunc(labels, func(a, b Label) int {
		return cmp.Or(cmp.Compare(a.PC, b.PC), cmp.Compare(a.Name, b.Name))
	})
	return labels
}

func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...))
	}
}

func (b *Builder) resolve(label string) uint32 {
	at, ok := b.labels[label]
	if !ok {
		b.fail("no label %q", label)
	}
	return at
}

// Blob is the program blob. GP §A.1.
func (b *Builder) Blob() ([]byte, error) {
	for _, f := range b.fixups {
		b.fix(f)
	}
	z, count := 4, uint64(len(b.jumps))
	if b.table.stated {
		z = b.table.size
		if z == 0 {
			count = b.table.count
		}
	}
	p := codec.AppendNatural(nil, count)
	p = append(p, byte(z))
	p = codec.AppendNatural(p, uint64(len(b.code)))
	for _, e := range b.jumps {
		p = b.appendEntry(p, e, z)
	}
	p = append(p, b.code...)
	mask := make([]byte, (len(b.code)+7)/8)
	for _, at := range b.starts {
		if at < uint32(len(b.code)) { // not so for no octets at the end
			mask[at/8] |= 1 << (at % 8)
		}
	}
	return append(p, mask...), b.err
}

// fix writes an offset, now that all labels are known.
func (b *Builder) fix(f fixup) {
	offset := int64(b.resolve(f.label)) - int64(f.from)
	if octetsOf(uint64(offset)) > f.size {
		b.fail("label %q is %d away, too far for %d octets", f.label, offset, f.size)
		return
	}
	for i := range f.size {
		b.code[f.at+i] = byte(offset >> (8 * i))
	}
}

// appendEntry appends an entry of the jump table in z octets.
func (b *Builder) appendEntry(p []byte, e entry, z int) []byte {
	place := e.place
	if e.label != "" {
		place = uint64(b.resolve(e.label))
	}
	if z < 8 && place>>(8*z) != 0 {
		b.fail("jump table entry %d does not fit in %d octets", place, z)
	}
	for i := range z {
		p = append(p, byte(place>>(8*min(i, 8)))) // no bits beyond the 64th
	}
	return p
}

// Layout is what a standard program holds beside its code. GP §A.7.
type Layout struct {
	RO        []byte // o
	RW        []byte // w
	HeapPages uint16 // z
	Stack     uint32 // s, below 2^24
}

// Standard makes a standard program of a program blob.
func (l *Layout) Standard(blob []byte) []byte {
	p := append24(nil, len(l.RO))
	p = append24(p, len(l.RW))
	p = binary.LittleEndian.AppendUint16(p, l.HeapPages)
	p = append24(p, int(l.Stack))
	p = append(p, l.RO...)
	p = append(p, l.RW...)
	p = binary.LittleEndian.AppendUint32(p, uint32(len(blob)))
	return append(p, blob...)
}

func append24(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8), byte(n>>16)) }
