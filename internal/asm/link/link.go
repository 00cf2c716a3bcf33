// Package link makes programs of the PVM from ELF files for RISC-V, as C compilers write them: it translates the
// instructions of RV64EM (and Zbb) to those of GP §A.5, and lays out data as GP §A.7 has it.
//
// The machine has the registers of RV64E without x0, gp and tp, so that a register is a register, and mostly an instruction
// is an instruction. Addresses of code are another matter: a program can only jump to where basic blocks begin,
// and indirectly only to entries of the jump table. So nothing may stand for an address of code but a relocation: it
// becomes the address of an entry. That is why a file must be relocatable, or linked with its relocations kept.
package link

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// ErrLink is what errors wrap about files that are well-formed and still no program can be made of.
var ErrLink = errors.New("link")

// File is an ELF file.
type File struct {
	Name string // for messages
	Data []byte
}

// Options say what to make.
type Options struct {
	Entry     string // the function that a program begins with; "" for a service, or _start or main
	Metadata  string // of a service
	Stack     uint32 // octets; 0 for 64 KiB
	HeapPages uint16 // of zeros behind the data, besides those that are part of it
}

// Result is a program, and where its functions are.
type Result struct {
	Object  *asm.Object
	Symbols []Symbol // in the order of the code
	Entries []string // the functions that the program is entered by, in the order of GP §B: refine, accumulate
}

// Symbol is a function in the code.
type Symbol struct {
	PC   uint32 `json:"pc"`
	Size uint32 `json:"size"`
	Name string `json:"name"`
}

const defaultStack = 64 << 10

// serviceEntries are the functions that a service has at the places 0 and 5 of its code. GP §B.
var serviceEntries = [][]string{{"refine", "accumulate"}, {"is_authorized"}}

// programEntries are the functions that a program may begin with, if no option names one.
var programEntries = []string{"_start", "main"}

// entrySize is how far apart the entry points of a service are.
const entrySize = 5

// linker is the making of one program.
type linker struct {
	options  Options
	files    []*file
	globals  map[string]place
	places   map[string]bool // targets of jumps, by label
	jumps    map[string]int  // entries of the jump table, by label
	order    []string        // of the jump table
	got      *section        // addresses that code loads
	gotAt    map[place]uint64
	high     *section   // registers that the machine has not
	pads     bool       // whether what has its address taken is entered by way of a pad, see pad
	padded   []string   // labels of code with one
	sections []*section // those of the program, code first
	t        translator
	entries  []string
	starts   []place // of the entries; a place without a section is missing
}

// place is where a symbol is: in a section, or without one at an address.
type place struct {
	section *section
	offset  uint64
}

// Link makes a program of files.
func Link(files []File, options Options) (*Result, error) {
	l := &linker{
		options: options, globals: map[string]place{}, places: map[string]bool{}, jumps: map[string]int{},
		gotAt: map[place]uint64{}, got: &section{name: ".got", flags: flagAlloc, align: 8, live: true},
		high: &section{name: ".registers", kind: sectionNoBits, flags: flagAlloc | flagWrite, align: 8, live: true},
	}
	for _, f := range files {
		read, err := read(f.Name, f.Data)
		if err != nil {
			return nil, err
		}
		l.files = append(l.files, read)
	}
	for _, step := range []func() error{
		l.define, l.findEntries, l.markLive, l.decodeAll, l.findTargets, l.layOut, l.translate,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.result()
}

func fail(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrLink, fmt.Errorf(format, args...))
}

// at names a place in a file, for messages.
func (s *section) at(offset uint64) string {
	name := s.name
	if s.file != nil {
		name = s.file.name + ": " + s.name
		if f := s.file.function(s, offset); f != "" {
			return fmt.Sprintf("%s+%#x, in %s", name, offset, f)
		}
	}
	return fmt.Sprintf("%s+%#x", name, offset)
}

// function is the function that a place in a section belongs to, if it can be told.
func (f *file) function(s *section, offset uint64) string {
	for i := range f.symbols {
		sym := &f.symbols[i]
		if sym.kind == symFunction && int(sym.index) < len(f.sections) && f.sections[sym.index] == s &&
			offset-(sym.value-s.addr) < max(sym.size, 1) {
			return sym.name
		}
	}
	return ""
}

// define collects the symbols that files define for each other.
func (l *linker) define() error {
	weak := map[string]bool{}
	for _, f := range l.files {
		for i := range f.symbols {
			sym := &f.symbols[i]
			if sym.binding == bindLocal || sym.index == indexUndefined || sym.name == "" {
				continue
			}
			at, err := f.place(sym)
			if err != nil {
				return err
			}
			if _, taken := l.globals[sym.name]; taken && !weak[sym.name] {
				if sym.binding == bindWeak {
					continue
				}
				return fail("%s: %s is defined a second time", f.name, sym.name)
			}
			l.globals[sym.name] = at
			weak[sym.name] = sym.binding == bindWeak
		}
	}
	return nil
}

// place is where a symbol that its file defines is.
func (f *file) place(sym *symbol) (place, error) {
	switch {
	case sym.index == indexAbsolute:
		return place{nil, sym.value}, nil
	case sym.index == indexCommon:
		s := &section{file: f, name: sym.name, kind: sectionNoBits, flags: flagAlloc | flagWrite, size: sym.size, align: max(sym.value, 1)}
		f.sections = append(f.sections, s)
		sym.index, sym.value = uint16(len(f.sections)-1), 0
		return place{s, 0}, nil
	case sym.index >= indexReserved || int(sym.index) >= len(f.sections):
		return place{}, f.fail(0, "symbol "+sym.name, "section %d, of %d", sym.index, len(f.sections))
	}
	s := f.sections[sym.index]
	return place{s, sym.value - s.addr}, nil
}

// find is the place that a relocation speaks of.
func (l *linker) find(s *section, r *reloc) (place, error) {
	f := s.file
	if int(r.symbol) >= len(f.symbols) {
		return place{nil, uint64(r.addend)}, nil
	}
	sym := &f.symbols[r.symbol]
	at, err := place{}, error(nil)
	if sym.index != indexUndefined {
		at, err = f.place(sym)
	}
	if sym.binding != bindLocal && sym.name != "" {
		global, ok := l.globals[sym.name]
		switch {
		case ok:
			at, err = global, nil
		case sym.index == indexUndefined && sym.binding != bindWeak:
			return at, fail("%s: %s is not defined by any file", s.at(r.offset), sym.name)
		}
	}
	at.offset += uint64(r.addend)
	return at, err
}

// findEntries finds the functions that the program is entered by.
func (l *linker) findEntries() error {
	candidates := serviceEntries
	if l.options.Entry != "" {
		candidates = [][]string{{l.options.Entry}}
	} else {
		for _, name := range programEntries {
			candidates = append(candidates, []string{name})
		}
	}
	for _, names := range candidates {
		found := false
		for _, name := range names {
			at, ok := l.globals[name]
			found = found || ok
			if ok && (at.section == nil || !at.section.executes()) {
				return fail("the entry %s is no function", name)
			}
			l.starts = append(l.starts, at)
			l.entries = append(l.entries, name)
		}
		if found {
			return nil
		}
		l.starts, l.entries = nil, nil
	}
	var names []string
	for _, c := range candidates {
		names = append(names, strings.Join(c, " and "))
	}
	return fail("no entry: want a function %s", strings.Join(names, ", or "))
}

// service reports whether the program is a service or an authorizer: then metadata precedes it.
func (l *linker) service() bool {
	return l.options.Entry == "" && !slices.Contains(programEntries, l.entries[0])
}

// markLive finds the sections that the entries need.
func (l *linker) markLive() error {
	var queue []*section
	mark := func(s *section) {
		if s != nil && !s.live && s.flags&flagAlloc != 0 {
			s.live = true
			queue = append(queue, s)
		}
	}
	for _, at := range l.starts {
		mark(at.section)
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s.flags&flagTLS != 0 {
			return fail("%s: there is no thread-local data", s.at(0))
		}
		for i := range s.relocs {
			r := &s.relocs[i]
			if r.kind == relNone || r.kind == relRelax || r.kind == relAlign {
				continue
			}
			at, err := l.find(s, r)
			if err != nil {
				return err
			}
			mark(at.section)
		}
	}
	for _, f := range l.files {
		for _, s := range f.sections {
			if s.live {
				l.sections = append(l.sections, s)
			}
			if s.kind >= sectionInit && s.kind <= sectionInit+2 && s.size > 0 {
				return fail("%s: nobody would run constructors and destructors", s.at(0))
			}
		}
	}
	l.sections = append(l.sections, l.got, l.high)
	for i, s := range l.sections {
		s.index = i
	}
	return nil
}

// label names a place in code.
func (l *linker) label(at place) string {
	return strconv.Itoa(at.section.index) + "+" + strconv.FormatUint(at.offset, 16)
}

// address is what stands for a place in the program: an address of memory, or of an entry of the jump table.
func (l *linker) address(at place) uint64 {
	if at.section == nil {
		return at.offset
	}
	if !at.section.executes() {
		return at.section.place + at.offset
	}
	label := l.label(at)
	if !l.pads {
		return l.jumpAddress(label)
	}
	if _, ok := l.jumps[pad+label]; !ok {
		l.padded = append(l.padded, label)
	}
	return l.jumpAddress(pad + label)
}

// jumpAddress is the address by which an indirect jump gets to a label.
func (l *linker) jumpAddress(label string) uint64 {
	i, ok := l.jumps[label]
	if !ok {
		i = len(l.order)
		l.jumps[label] = i
		l.order = append(l.order, label)
	}
	return 2 * uint64(i+1)
}

// result puts the parts together.
func (l *linker) result() (*Result, error) {
	l.t.builder.Jumps(l.order...)
	blob, err := l.t.builder.Blob()
	if err != nil {
		return nil, fail("%w", err)
	}
	ro, rw, bss := l.groups()
	o := &asm.Object{Blob: blob}
	if l.service() {
		o.Kind, o.Metadata = asm.ServiceCode, []byte(l.options.Metadata)
	}
	o.RO, o.RW = contents(ro), contents(rw)
	pages := uint64(l.options.HeapPages)
	if len(bss) > 0 {
		last := bss[len(bss)-1]
		end := last.place + last.size
		filled := (rwStart(ro) + uint64(len(o.RW)) + pvm.PageSize - 1) &^ (pvm.PageSize - 1)
		if end > filled {
			pages += (end - filled + pvm.PageSize - 1) / pvm.PageSize
		}
	}
	o.Stack = l.options.Stack
	if o.Stack == 0 {
		o.Stack = defaultStack
	}
	const max24 = 1<<24 - 1
	if len(o.RO) > max24 || len(o.RW) > max24 || pages > 1<<16-1 || o.Stack > max24 {
		return nil, fail("read-only data of %d octets, data of %d, %d pages of zeros or %d octets of stack are too much for a program",
			len(o.RO), len(o.RW), pages, o.Stack)
	}
	o.HeapPages = uint16(pages)
	if _, err := pvm.DecodeImage(o.Image()); err != nil {
		return nil, fail("%w", err)
	}
	return &Result{Object: o, Symbols: l.functions(), Entries: l.entries}, nil
}

// functions lists where the functions went.
func (l *linker) functions() (symbols []Symbol) {
	for _, f := range l.files {
		for i := range f.symbols {
			sym := &f.symbols[i]
			if sym.kind != symFunction && (sym.binding == bindLocal || sym.kind == symSection) || int(sym.index) >= len(f.sections) {
				continue
			}
			s := f.sections[sym.index]
			first, ok := s.find(sym.value - s.addr)
			if !s.live || !ok {
				continue
			}
			last, ok := s.find(sym.value - s.addr + sym.size)
			if !ok {
				last = len(s.pcs) - 1
			}
			symbols = append(symbols, Symbol{s.pcs[first], s.pcs[last] - s.pcs[first], sym.name})
		}
	}
	slices.SortStableFunc(symbols, func(a, b Symbol) int { return int(a.PC) - int(b.PC) })
	return symbols
}

// find is the number of the instruction at an offset, or of the one after the last.
func (s *section) find(offset uint64) (int, bool) {
	if len(s.pcs) == 0 {
		return 0, false
	}
	if n := len(s.code); offset == s.size {
		return n, true
	}
	return slices.BinarySearchFunc(s.code, offset, func(in inst, offset uint64) int {
		switch {
		case in.at < offset:
			return -1
		case in.at > offset:
			return 1
		}
		return 0
	})
}
