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
	"encoding/binary"
	"errors"
	"fmt"

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
}

// Builder collects instructions. Its zero value is an empty program.
type Builder struct {
	code   []byte
	starts []uint32 // of the instructions
	labels map[string]uint32
	fixups []fixup
	jumps  []string
	err    error
}

// fixup is an offset that waits for its label.
type fixup struct {
	at    int    // of the four octets
	from  uint32 // the instruction that the offset counts from
	label string
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
func (b *Builder) Jumps(labels ...string) { b.jumps = append(b.jumps, labels...) }

// Op appends an instruction.
func (b *Builder) Op(op pvm.Opcode, o Operands) {
	start := uint32(len(b.code))
	b.starts = append(b.starts, start)
	b.code = append(b.code, byte(op))
	pair := o.A&15 | o.B<<4
	switch pvm.Ops[op].Format {
	case pvm.NoArgs:
	case pvm.OneImm:
		b.immediate(o.X)
	case pvm.OneRegExtImm:
		b.code = append(b.code, o.A&15)
		b.code = binary.LittleEndian.AppendUint64(b.code, o.X)
	case pvm.TwoImms:
		b.sized(0, 0, o.X)
		b.immediate(o.Y)
	case pvm.OneOffset:
		b.offset(start, o)
	case pvm.OneRegOneImm:
		b.code = append(b.code, o.A&15)
		b.immediate(o.X)
	case pvm.OneRegTwoImms:
		b.sized(o.A&15, 4, o.X)
		b.immediate(o.Y)
	case pvm.OneRegOneImmOneOffset:
		b.sized(o.A&15, 4, o.X)
		b.offset(start, o)
	case pvm.TwoRegs:
		b.code = append(b.code, o.D&15|o.A<<4)
	case pvm.TwoRegsOneImm:
		b.code = append(b.code, pair)
		b.immediate(o.X)
	case pvm.TwoRegsOneOffset:
		b.code = append(b.code, pair)
		b.offset(start, o)
	case pvm.TwoRegsTwoImms:
		b.code = append(b.code, pair)
		b.sized(0, 0, o.X)
		b.immediate(o.Y)
	case pvm.ThreeRegs:
		b.code = append(b.code, pair, o.D)
	}
}

// Raw appends octets as one instruction, whatever they are.
func (b *Builder) Raw(octets ...byte) {
	b.starts = append(b.starts, uint32(len(b.code)))
	b.code = append(b.code, octets...)
}

// immediate appends x in as few octets as hold it.
func (b *Builder) immediate(x uint64) {
	n := octetsOf(x)
	if n > 4 {
		b.fail("immediate %d has more than 32 bits", int64(x))
		return
	}
	var le [8]byte
	binary.LittleEndian.PutUint64(le[:], x)
	b.code = append(b.code, le[:n]...)
}

// sized appends an octet with the length of x at a bit and something else beside it, then x.
func (b *Builder) sized(beside byte, shift int, x uint64) {
	b.code = append(b.code, beside|byte(octetsOf(x))<<shift)
	b.immediate(x)
}

// offset appends four octets for the distance of the target from the instruction.
func (b *Builder) offset(start uint32, o Operands) {
	if o.Target != "" {
		b.fixups = append(b.fixups, fixup{len(b.code), start, o.Target})
	}
	b.code = binary.LittleEndian.AppendUint32(b.code, uint32(o.Y))
}

// octetsOf is how many octets hold x as a signed number.
func octetsOf(x uint64) int {
	n := 0
	for n < 8 && (n == 0 && x != 0 || n > 0 && uint64(int64(x<<(64-8*n))>>(64-8*n)) != x) {
		n++
	}
	return n
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
		binary.LittleEndian.PutUint32(b.code[f.at:], b.resolve(f.label)-f.from)
	}
	const z = 4
	p := codec.AppendNatural(nil, uint64(len(b.jumps)))
	p = append(p, z)
	p = codec.AppendNatural(p, uint64(len(b.code)))
	for _, label := range b.jumps {
		p = binary.LittleEndian.AppendUint32(p, b.resolve(label))
	}
	p = append(p, b.code...)
	mask := make([]byte, (len(b.code)+7)/8)
	for _, at := range b.starts {
		mask[at/8] |= 1 << (at % 8)
	}
	return append(p, mask...), b.err
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
