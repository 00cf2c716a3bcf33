package asm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"damson/internal/codec"
	"damson/internal/pvm"
)

// Options say what a listing has beside what it must have.
type Options struct {
	Comments bool                // the place of every instruction, and what data reads like
	Names    func(uint32) string // what begins at a place in the code, for comments; may be nil
}

// Disassemble makes a text of an object, which Assemble makes the same object of.
func Disassemble(o *Object, options Options) (string, error) {
	l, err := NewListing(o.Blob)
	if err != nil {
		return "", err
	}
	w := &writer{options: options, listing: l}
	switch o.Kind {
	case ServiceCode:
		w.line(".service " + strconv.QuoteToASCII(string(o.Metadata)))
	case ProgramBlob:
		w.line(".program")
	case StandardProgram:
	}
	if o.HeapPages > 0 {
		w.line(fmt.Sprintf(".heap %d", o.HeapPages))
	}
	if o.Stack > 0 {
		w.line(fmt.Sprintf(".stack %d", o.Stack))
	}
	w.data(roSection, o.RO)
	w.data(rwSection, o.RW)
	w.jumps()
	w.line(codeSection)
	w.code()
	return w.text.String(), nil
}

// Listing gives the instructions of a program as text.
type Listing struct {
	Program *pvm.Program

	blob      pvm.Blob
	entrySize int    // z
	labels    []bool // by place: where a label stands
}

// NewListing reads a program blob.
func NewListing(blob []byte) (*Listing, error) {
	parts, err := pvm.Deblob(blob)
	if err != nil {
		return nil, err
	}
	program, err := parts.Decode()
	if err != nil {
		return nil, err
	}
	d := codec.NewDecoder(blob)
	d.Natural() // |j|
	l := &Listing{Program: program, blob: parts, entrySize: int(d.U8()), labels: make([]bool, len(parts.Code)+1)}
	for i := range program.Insts {
		in := &program.Insts[i]
		if in.Y != pvm.NoTarget && pvm.Ops[in.Op].Flags&(pvm.Jumps|pvm.Branches) != 0 {
			l.labels[program.PC(in.Y)] = true
		}
	}
	for _, at := range program.JumpTable {
		if at != pvm.NoTarget {
			l.labels[program.PC(at)] = true
		}
	}
	return l, nil
}

func (l *Listing) starts(pc int) bool { return l.blob.Mask[pc/8]>>(pc%8)&1 != 0 }

// next is where the instruction after the one at pc begins, or the end of the code.
func (l *Listing) next(pc int) int {
	for {
		if pc++; pc >= len(l.blob.Code) || l.starts(pc) {
			return pc
		}
	}
}

// label is the name of a place in the code.
func label(pc uint64) string { return "at_" + strconv.FormatUint(pc, 16) }

// Instruction is instruction i of the program as text, with names for the places it leads to. What the mask has no bit
// for, or the paper no name, is a trap.
func (l *Listing) Instruction(i uint32) string {
	pc := int(l.Program.PC(i))
	if pc >= len(l.blob.Code) || !l.starts(pc) || !pvm.Opcode(l.blob.Code[pc]).Valid() {
		return "trap"
	}
	return l.text(i, pc, pvm.Opcode(l.blob.Code[pc]), false)
}

// text is an instruction; exactly says how many octets its immediates have where they are not as usual.
func (l *Listing) text(i uint32, pc int, op pvm.Opcode, exactly bool) string {
	o, target := l.operands(i, pc, op)
	var b strings.Builder
	b.WriteString(op.String())
	if exactly {
		if o.unusual(pvm.Ops[op].Format) {
			for _, width := range o.widthsOf(pvm.Ops[op].Format) {
				b.WriteByte('/')
				b.WriteString(strconv.Itoa(int(*width) - 1))
			}
		}
	}
	separator := " "
	for _, kind := range operandKinds[pvm.Ops[op].Format] {
		b.WriteString(separator)
		separator = ", "
		switch kind {
		case 'A':
			b.WriteString(registerName(o.A))
		case 'B':
			b.WriteString(registerName(o.B))
		case 'D':
			b.WriteString(registerName(o.D))
		case 'X':
			b.WriteString(immediateText(o.X))
		case 'Y':
			b.WriteString(immediateText(o.Y))
		case 'T':
			b.WriteString(target)
		}
	}
	return b.String()
}

// unusual reports whether an immediate has not just the octets that it needs, or an offset not four.
func (o *Operands) unusual(f pvm.Format) bool {
	kinds := operandKinds[f]
	return strings.Contains(kinds, "X") && o.WidthX > 0 && int(o.WidthX)-1 != octetsOf(o.X) ||
		strings.Contains(kinds, "Y") && o.WidthY > 0 && int(o.WidthY)-1 != octetsOf(o.Y) ||
		strings.Contains(kinds, "T") && o.WidthY > 0 && o.WidthY != 5
}

// operands gives the operands of an instruction, with the octets that they have in the code, and the text of its target.
func (l *Listing) operands(i uint32, pc int, op pvm.Opcode) (o Operands, target string) {
	in := &l.Program.Insts[i]
	o = Operands{A: in.A, B: in.B, D: in.D, X: in.X, Y: in.ImmY()}
	code := l.blob.Code[pc:l.next(pc)]
	head, x := 1, 0 // octets before the immediates, octets of X
	octet := func(at int) int {
		if at < len(code) {
			return int(code[at])
		}
		return 0
	}
	switch f := pvm.Ops[op].Format; f {
	case pvm.OneImm, pvm.OneOffset:
	case pvm.OneRegOneImm, pvm.TwoRegsOneImm, pvm.TwoRegsOneOffset:
		head = 2
	case pvm.TwoImms:
		head, x = 2, min(4, octet(1)%8)
	case pvm.OneRegTwoImms, pvm.OneRegOneImmOneOffset:
		head, x = 2, min(4, octet(1)>>4%8)
	case pvm.TwoRegsTwoImms:
		head, x = 3, min(4, octet(2)%8)
	case pvm.NoArgs, pvm.OneRegExtImm, pvm.TwoRegs, pvm.ThreeRegs:
		return o, ""
	}
	left := max(0, min(4, len(code)-head-x))
	kinds := operandKinds[pvm.Ops[op].Format]
	if strings.ContainsAny(kinds, "YT") {
		o.WidthX, o.WidthY = uint8(x)+1, uint8(left)+1
	} else {
		o.WidthX = uint8(left) + 1
	}
	if !strings.Contains(kinds, "T") {
		return o, ""
	}
	if !strings.Contains(kinds, "X") {
		o.WidthX = 0
	}
	if in.Y != pvm.NoTarget {
		o.Target = label(l.Program.PC(in.Y))
		return o, o.Target
	}
	var le [8]byte
	if begin := head + x; begin < len(code) {
		copy(le[:4], code[begin:begin+left])
	}
	unused := 64 - 8*left
	o.Y = uint64(int64(binary.LittleEndian.Uint64(le[:])<<unused) >> unused)
	return o, fmt.Sprintf("%+d", int64(o.Y))
}

func registerName(n uint8) string { return "r" + strconv.Itoa(int(n)) }

// immediateText writes small numbers in decimal and others so that their bits can be seen.
func immediateText(x uint64) string {
	if n := int64(x); n > -4096 && n < 4096 {
		return strconv.FormatInt(n, 10)
	}
	if int64(x) < 0 && int64(x) >= -1<<31 {
		return "-0x" + strconv.FormatUint(-x, 16)
	}
	return "0x" + strconv.FormatUint(x, 16)
}

// exact is the instruction at pc as text that assembles to just its octets, and how many of them it covers. What follows
// it, up to the next instruction, is padding.
func (l *Listing) exact(pc, end int) (text string, covers int) {
	code := l.blob.Code[pc:end]
	op := pvm.Opcode(code[0])
	i, ok := l.Program.Index(uint64(pc))
	if !ok || !op.Valid() {
		return octetsText(".raw", code[:min(len(code), 16)]), min(len(code), 16)
	}
	o, _ := l.operands(i, pc, op)
	var b Builder
	if o.Target != "" {
		o.Y, o.Target = l.Program.PC(l.Program.Insts[i].Y)-uint64(pc), ""
	}
	b.Op(op, o)
	same := b.err == nil && len(b.code) <= len(code) && bytes.Equal(b.code, code[:len(b.code)])
	if same && (len(b.code) == len(code) || fixed(op)) {
		return l.text(i, pc, op, true), len(b.code)
	}
	n := min(len(code), 16)
	return octetsText(".raw", code[:n]) + " ; " + l.text(i, pc, op, false), n
}

// fixed reports whether an instruction means the same whatever follows it.
func fixed(op pvm.Opcode) bool {
	switch pvm.Ops[op].Format {
	case pvm.NoArgs, pvm.OneRegExtImm, pvm.TwoRegs, pvm.ThreeRegs:
		return true
	case pvm.OneImm, pvm.TwoImms, pvm.OneOffset, pvm.OneRegOneImm, pvm.OneRegTwoImms, pvm.OneRegOneImmOneOffset,
		pvm.TwoRegsOneImm, pvm.TwoRegsOneOffset, pvm.TwoRegsTwoImms:
	}
	return false
}

func octetsText(directive string, octets []byte) string {
	b := []byte(directive)
	for i, octet := range octets {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, ' ')
		b = append(b, "0x"...)
		b = append(b, "0123456789abcdef"[octet>>4], "0123456789abcdef"[octet&15])
	}
	return string(b)
}

// writer writes a text.
type writer struct {
	options Options
	listing *Listing
	text    strings.Builder
}

func (w *writer) line(text string) {
	w.text.WriteString(text)
	w.text.WriteByte('\n')
}

const (
	rowOctets = 16 // of data in a line
	rowLabels = 8  // of the jump table
)

// data lists data, runs of zeros by their length.
func (w *writer) data(section string, octets []byte) {
	if len(octets) == 0 {
		return
	}
	w.line(section)
	for at := 0; at < len(octets); {
		zeros := 0
		for at+zeros < len(octets) && octets[at+zeros] == 0 {
			zeros++
		}
		if zeros >= rowOctets {
			w.line(fmt.Sprintf("\t.zero %d", zeros))
			at += zeros
			continue
		}
		row := octets[at:min(len(octets), at+rowOctets)]
		w.text.WriteString(octetsText("\t.octets", row))
		if w.options.Comments {
			fmt.Fprintf(&w.text, " ; %#06x %s", at, printable(row))
		}
		w.text.WriteByte('\n')
		at += len(row)
	}
}

func printable(octets []byte) string {
	b := bytes.Clone(octets)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '.'
		}
	}
	return string(b)
}

func (w *writer) jumps() {
	blob := &w.listing.blob
	z := w.listing.entrySize
	if z == 0 {
		w.line(fmt.Sprintf(".jumpsize 0, %d", blob.Jumps()))
		return
	}
	if z != 4 {
		w.line(fmt.Sprintf(".jumpsize %d", z))
	}
	for i := uint64(0); i < blob.Jumps(); i++ {
		if i%rowLabels == 0 {
			w.text.WriteString(".jumps ")
		} else {
			w.text.WriteString(", ")
		}
		if at := w.listing.Program.JumpTable[i]; at != pvm.NoTarget {
			w.text.WriteString(label(w.listing.Program.PC(at)))
		} else {
			w.text.WriteString("0x" + strconv.FormatUint(blob.Jump(i), 16))
		}
		if i%rowLabels == rowLabels-1 || i == blob.Jumps()-1 {
			w.text.WriteByte('\n')
		}
	}
}

func (w *writer) code() {
	code := w.listing.blob.Code
	for pc := 0; pc < len(code); {
		end := w.listing.next(pc)
		if w.listing.labels[pc] {
			w.line(label(uint64(pc)) + ":")
		}
		if name := w.name(pc); name != "" {
			w.line("; " + name)
		}
		from := pc
		if w.listing.starts(pc) {
			text, covers := w.listing.exact(pc, end)
			w.text.WriteByte('\t')
			w.text.WriteString(text)
			if w.options.Comments {
				fmt.Fprintf(&w.text, " ; %#x", pc)
			}
			w.text.WriteByte('\n')
			from += covers
		}
		w.padding(from, end)
		pc = end
	}
}

func (w *writer) name(pc int) string {
	if w.options.Names == nil {
		return ""
	}
	return printable([]byte(w.options.Names(uint32(pc))))
}

func (w *writer) padding(from, end int) {
	for from < end {
		row := w.listing.blob.Code[from:min(end, from+rowOctets)]
		w.line(octetsText("\t.pad", row))
		from += len(row)
	}
}
