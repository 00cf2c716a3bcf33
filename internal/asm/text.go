package asm

import (
	"fmt"
	"strconv"
	"strings"

	"damson/internal/codec"
	"damson/internal/pvm"
)

// Assemble makes an object of a text. A line holds a label with a colon, an instruction or a directive, or a label
// before one of these, and a comment from a semicolon on. Registers are r0 to r12. Immediates are sums and
// differences of numbers, characters in single quotes, constants and labels of data.
//
//	.equ NAME, 5       a constant, known from here on
//	.ro  .rw  .code    what follows is read-only data, data that can be written, or code
//	.octets 1, 0xff    data: octets
//	.u64 1, NAME       data: words of eight octets
//	.ascii "text"      data: characters, with Go's escapes
//	.zero 8            data: zeros
//	.heap 2            so many pages of zeros after the data that can be written; their address is the constant heap
//	.stack 4096        so many octets of stack
//	.jumps one, 0x20   labels for the jump table, or places in the code
//
// These say what else the octets of a program hold, so that a listing assembles to just the octets it was made of:
//
//	add_imm_64/2 r7, r7, 1   an instruction whose last immediate or offset has so many octets
//	store_imm_u8/2/1 5, 6    one with two of them
//	jump -5                  a target by its distance, which nothing checks
//	.raw 0xff, 1             octets of code that one instruction begins with
//	.pad 0, 0                octets of code at which none begins
//	.jumpsize 2              so many octets for each entry of the jump table, not 4
//	.jumpsize 0, 7           seven entries of no octets
//	.service "metadata"      the object is the code of a service, with this before the program
//	.program                 the object is a program blob, without data
//
// Where jumps lead must begin a basic block: the text says fallthrough where the instruction before would not end one.
func Assemble(text string) (*Object, error) {
	a := &assembler{symbols: make(map[string]uint64), within: make(map[string]bool)} // last is a trap, which ends a block
	lines := split(text)
	for _, pass := range []func(*line) error{a.data, a.code} {
		a.section = codeSection
		for i := range lines {
			if err := pass(&lines[i]); err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, lines[i].number, err)
			}
			if a.builder.err != nil {
				return nil, fmt.Errorf("line %d: %w", lines[i].number, a.builder.err)
			}
		}
		a.place()
	}
	if err := a.checkTargets(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	blob, err := a.builder.Blob()
	if err != nil {
		return nil, err
	}
	o := &Object{Kind: a.kind, Metadata: a.metadata, Blob: blob, Layout: a.layout, Labels: a.builder.sortedLabels()}
	if o.Kind == ProgramBlob && (len(o.RO)+len(o.RW) > 0 || o.HeapPages > 0 || o.Stack > 0) {
		return nil, fmt.Errorf("%w: .program takes no data, heap or stack", ErrSyntax)
	}
	return o, nil
}

// line is a line of the text, taken apart.
type line struct {
	number   int
	label    string
	word     string // the instruction or directive
	operands []string
}

// split takes the lines of a text apart and leaves empty ones out.
func split(text string) (lines []line) {
	number := 0
	for row := range strings.Lines(text) {
		number++
		row = strings.TrimSpace(uncommented(row))
		l := line{number: number}
		if at := strings.IndexByte(row, ':'); at > 0 && isName(row[:at]) {
			l.label, row = row[:at], strings.TrimSpace(row[at+1:])
		}
		if row == "" && l.label == "" {
			continue
		}
		word, rest, _ := strings.Cut(row, " ")
		if at := strings.IndexByte(word, '\t'); at >= 0 {
			word, rest = row[:at], row[at+1:]
		}
		l.word = word
		if rest = strings.TrimSpace(rest); word == ".ascii" || word == ".service" {
			l.operands = []string{rest}
		} else if rest != "" {
			l.operands = strings.Split(rest, ",")
			for i := range l.operands {
				l.operands[i] = strings.TrimSpace(l.operands[i])
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// uncommented cuts a comment off, unless its semicolon is quoted.
func uncommented(row string) string {
	var quote byte
	for i := 0; i < len(row); i++ {
		switch c := row[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == ';':
			return row[:i]
		}
	}
	return row
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '_' && (i == 0 || s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != ""
}

const (
	codeSection = ".code"
	roSection   = ".ro"
	rwSection   = ".rw"
)

// assembler goes over the text twice: once for data and constants, so that all addresses are known, then for code.
type assembler struct {
	builder Builder
	layout  Layout
	symbols map[string]uint64
	section string
	labels  []dataLabel
	within  map[string]bool // labels of code that do not begin a basic block
	targets []string        // what jumps lead to
	last    pvm.Opcode

	kind     Kind
	metadata []byte
}

// dataLabel is a label of data whose address is not known yet.
type dataLabel struct {
	name, section string
	offset        int
}

// place gives labels of data their addresses. GP §A.7.
func (a *assembler) place() {
	const zone, page = pvm.ZoneSize, pvm.PageSize
	ro := uint64(zone)
	rw := ro + zone + uint64(len(a.layout.RO)+zone-1)&^(zone-1)
	for _, l := range a.labels {
		at := ro
		if l.section == rwSection {
			at = rw
		}
		a.symbols[l.name] = at + uint64(l.offset)
	}
	a.symbols["heap"] = rw + uint64(len(a.layout.RW)+page-1)&^(page-1)
}

// data is the first pass.
func (a *assembler) data(l *line) error {
	section := &a.layout.RO
	if a.section == rwSection {
		section = &a.layout.RW
	}
	if l.label != "" && a.section != codeSection {
		a.labels = append(a.labels, dataLabel{l.label, a.section, len(*section)})
	}
	switch l.word {
	case codeSection, roSection, rwSection:
		a.section = l.word
		return nil
	case ".jumps", ".jumpsize", ".service", ".program":
		return a.exact(l)
	case ".equ":
		if len(l.operands) != 2 || !isName(l.operands[0]) {
			return fmt.Errorf("want .equ NAME, value")
		}
		value, err := a.value(l.operands[1])
		a.symbols[l.operands[0]] = value
		return err
	case ".heap":
		value, err := a.only(l, 1<<16-1)
		a.layout.HeapPages = uint16(value)
		return err
	case ".stack":
		value, err := a.only(l, max24)
		a.layout.Stack = uint32(value)
		return err
	}
	if a.section == codeSection || l.word == "" {
		return nil // the second pass reads it
	}
	octets, err := a.octets(l)
	if err == nil && len(octets) > max24-len(*section) {
		err = fmt.Errorf("more than %d octets of data in a section", max24)
	}
	if err != nil {
		return err
	}
	*section = append(*section, octets...)
	return nil
}

// octets gives what a directive puts into the data.
func (a *assembler) octets(l *line) (octets []byte, err error) {
	switch l.word {
	case ".ascii":
		return quoted(l)
	case ".zero":
		n, err := a.only(l, max24)
		return make([]byte, n), err
	case ".octets", ".u64":
		for _, operand := range l.operands {
			value, err := a.value(operand)
			if err != nil {
				return nil, err
			}
			if l.word == ".u64" {
				octets = codec.AppendU64(octets, value)
				continue
			}
			if value != uint64(byte(value)) && value != uint64(int8(value)) {
				return nil, fmt.Errorf("%d is no octet", int64(value))
			}
			octets = append(octets, byte(value))
		}
		return octets, nil
	}
	return nil, fmt.Errorf("no directive %q for data", l.word)
}

// max24 is the greatest length that a standard program can state for its data and its stack. GP §A.7.
const max24 = 1<<24 - 1

// only gives the value of the one operand of a line, or 0 with an error.
func (a *assembler) only(l *line, limit uint64) (uint64, error) {
	if len(l.operands) != 1 {
		return 0, fmt.Errorf("%s takes one operand", l.word)
	}
	value, err := a.value(l.operands[0])
	if err == nil && value > limit {
		err = fmt.Errorf("%s takes at most %d", l.word, limit)
	}
	if err != nil {
		return 0, err
	}
	return value, nil
}

// operandKinds lists the operands of each format in the order of the text: registers, immediates and a target.
var operandKinds = map[pvm.Format]string{
	pvm.NoArgs:                "",
	pvm.OneImm:                "X",
	pvm.OneRegExtImm:          "AX",
	pvm.TwoImms:               "XY",
	pvm.OneOffset:             "T",
	pvm.OneRegOneImm:          "AX",
	pvm.OneRegTwoImms:         "AXY",
	pvm.OneRegOneImmOneOffset: "AXT",
	pvm.TwoRegs:               "DA",
	pvm.TwoRegsOneImm:         "ABX",
	pvm.TwoRegsOneOffset:      "ABT",
	pvm.TwoRegsTwoImms:        "ABXY",
	pvm.ThreeRegs:             "DAB",
}

// opcodes finds instructions by name.
var opcodes = func() map[string]pvm.Opcode {
	m := make(map[string]pvm.Opcode)
	for op := range pvm.Ops {
		if o := pvm.Opcode(op); o.Valid() {
			m[o.String()] = o
		}
	}
	return m
}()

// code is the second pass.
func (a *assembler) code(l *line) error {
	switch l.word {
	case codeSection, roSection, rwSection:
		a.section = l.word
		return nil
	}
	if a.section != codeSection {
		return nil
	}
	if l.label != "" {
		a.builder.Label(l.label)
		a.within[l.label] = !pvm.Ops[a.last].Flags.Has(pvm.Ends)
	}
	if l.word == "" || l.word[0] == '.' {
		return a.known(l)
	}
	name, widths, _ := strings.Cut(l.word, "/")
	op, ok := opcodes[name]
	if !ok {
		return fmt.Errorf("no instruction %q", name)
	}
	kinds := operandKinds[pvm.Ops[op].Format]
	if len(l.operands) != len(kinds) {
		return fmt.Errorf("%s takes %d operands, not %d", name, len(kinds), len(l.operands))
	}
	var o Operands
	if err := o.widths(pvm.Ops[op].Format, widths); err != nil {
		return fmt.Errorf("%s: %w", l.word, err)
	}
	for i, operand := range l.operands {
		if err := a.operand(&o, kinds[i], operand); err != nil {
			return err
		}
	}
	a.builder.Op(op, o)
	a.last = op
	return nil
}

// checkTargets demands that jumps lead to where basic blocks begin: elsewhere they would panic. GP §A.4.
func (a *assembler) checkTargets() error {
	labels := a.targets
	for _, e := range a.builder.jumps {
		labels = append(labels, e.label)
	}
	for _, label := range labels {
		if a.within[label] {
			return fmt.Errorf("label %q does not begin a basic block: it needs a fallthrough before it", label)
		}
	}
	return nil
}

// known reads octets of code, and refuses a directive that the first pass passed over.
func (a *assembler) known(l *line) error {
	switch l.word {
	case "", ".equ", ".heap", ".stack", ".jumps", ".jumpsize", ".service", ".program":
		return nil
	case ".raw", ".pad":
		return a.codeOctets(l)
	}
	return fmt.Errorf("no directive %q for code", l.word)
}

func (a *assembler) operand(o *Operands, kind byte, text string) (err error) {
	switch kind {
	case 'A':
		o.A, err = register(text)
	case 'B':
		o.B, err = register(text)
	case 'D':
		o.D, err = register(text)
	case 'X':
		o.X, err = a.value(text)
	case 'Y':
		o.Y, err = a.value(text)
	case 'T':
		if text != "" && (text[0] == '+' || text[0] == '-') {
			o.Y, err = a.value(text)
			return err
		}
		if o.Target = text; !isName(text) {
			err = fmt.Errorf("%q is no label", text)
		}
		a.targets = append(a.targets, text)
	}
	return err
}

func register(text string) (uint8, error) {
	number, ok := strings.CutPrefix(text, "r")
	n, err := strconv.ParseUint(number, 10, 8)
	if !ok || err != nil || n >= pvm.Registers {
		return 0, fmt.Errorf("%q is no register", text)
	}
	return uint8(n), nil
}

// value computes an immediate.
func (a *assembler) value(text string) (sum uint64, err error) {
	for rest := strings.TrimSpace(text); rest != ""; {
		negative := rest[0] == '-'
		if negative || rest[0] == '+' {
			rest = strings.TrimSpace(rest[1:])
		}
		end := strings.IndexAny(rest, "+-")
		if strings.HasPrefix(rest, "'") && len(rest) > 2 {
			end = strings.IndexByte(rest[2:], '\'') + 3
		}
		if end < 0 || end > len(rest) {
			end = len(rest)
		}
		value, err := a.term(strings.TrimSpace(rest[:end]))
		if err != nil {
			return 0, err
		}
		if negative {
			value = -value
		}
		sum, rest = sum+value, strings.TrimSpace(rest[end:])
	}
	if strings.TrimSpace(text) == "" {
		return 0, fmt.Errorf("a value is missing")
	}
	return sum, nil
}

func (a *assembler) term(text string) (uint64, error) {
	if value, ok := a.symbols[text]; ok {
		return value, nil
	}
	if strings.HasPrefix(text, "'") {
		if c, err := strconv.Unquote(text); err == nil && len(c) == 1 {
			return uint64(c[0]), nil
		}
		return 0, fmt.Errorf("%s is no character", text)
	}
	value, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a constant that is known here", text)
	}
	return value, nil
}
