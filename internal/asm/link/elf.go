package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrELF is what errors about the form of a file wrap: it is no ELF file, or none of a kind that can be linked.
var ErrELF = errors.New("link: malformed ELF file")

// The numbers of the ELF format that matter here.
const (
	headerSize  = 64
	sectionSize = 64
	symbolSize  = 24
	relaSize    = 24

	typeRelocatable = 1
	typeExecutable  = 2
	typeShared      = 3 // also programs that can be anywhere
	machineRISCV    = 243

	sectionSymbols = 2
	sectionRela    = 4
	sectionNoBits  = 8
	sectionInit    = 14 // and the two after: arrays of functions to run

	flagWrite   = 1
	flagAlloc   = 2
	flagExecute = 4
	flagTLS     = 0x400

	indexUndefined = 0
	indexReserved  = 0xff00
	indexAbsolute  = 0xfff1
	indexCommon    = 0xfff2

	bindLocal   = 0
	bindWeak    = 2
	symFunction = 2
	symSection  = 3
)

// file is an ELF file, taken apart.
type file struct {
	name     string
	linked   bool // addresses are final, and offsets count from 0
	sections []*section
	symbols  []symbol
	header   []fields // of the sections
	data     []byte
	relocs   int // octets of relocations read
}

// fields are a section's header.
type fields struct {
	name, kind         uint32
	flags, addr        uint64
	offset, size       uint64
	link, info         uint32
	align, elementSize uint64
}

// section is a section that the program's memory or code is made of.
type section struct {
	file   *file
	name   string
	kind   uint32
	flags  uint64
	addr   uint64 // in the file
	size   uint64
	align  uint64
	data   []byte // its own copy; nil for zeros
	relocs []reloc

	live  bool
	index int    // among the sections of the program
	place uint64 // in the guest's memory
	code  []inst // of a section that can be executed
	pcs   []uint32
}

func (s *section) executes() bool { return s.flags&flagExecute != 0 }

// symbol is an entry of the symbol table.
type symbol struct {
	name    string
	binding byte
	kind    byte
	index   uint16
	value   uint64
	size    uint64
}

// reloc is a relocation of a section.
type reloc struct {
	offset uint64 // in the section
	kind   uint32
	symbol uint32
	addend int64
}

func (f *file) fail(offset uint64, field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: offset %#x, %s: %s", ErrELF, f.name, offset, field, fmt.Sprintf(format, args...))
}

// part is a part of the file, or false if it is not all there.
func (f *file) part(offset, size uint64) ([]byte, bool) {
	length := uint64(len(f.data))
	if offset > length || size > length-offset {
		return nil, false
	}
	return f.data[offset : offset+size], true
}

// read takes an ELF file apart.
func read(name string, data []byte) (*file, error) {
	f := &file{name: name, data: data}
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if err := f.readSections(); err != nil {
		return nil, err
	}
	for i, h := range f.header {
		if h.kind == sectionSymbols {
			if f.symbols != nil {
				return nil, f.fail(h.offset, "sections", "a second table of symbols")
			}
			if err := f.readSymbols(i); err != nil {
				return nil, err
			}
		}
	}
	for _, h := range f.header {
		if h.kind == sectionRela {
			if err := f.readRelocs(h); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *file) readHeader() error {
	h, ok := f.part(0, headerSize)
	if !ok || !bytes.HasPrefix(h, []byte("\x7fELF")) {
		return f.fail(0, "magic", "not an ELF file")
	}
	if h[4] != 2 || h[5] != 1 {
		return f.fail(4, "class and order", "want 64 bits, little-endian (clang --target=riscv64, or riscv64-unknown-elf-gcc)")
	}
	if machine := binary.LittleEndian.Uint16(h[18:]); machine != machineRISCV {
		return f.fail(18, "machine", "%d is not RISC-V (%d)", machine, machineRISCV)
	}
	switch kind := binary.LittleEndian.Uint16(h[16:]); kind {
	case typeRelocatable:
	case typeExecutable, typeShared:
		f.linked = true
	default:
		return f.fail(16, "type", "%d is neither relocatable nor executable", kind)
	}
	if flags := binary.LittleEndian.Uint32(h[48:]); flags&6 != 0 {
		return f.fail(48, "flags", "%#x: made for floating point registers; compile with -march=rv64im -mabi=lp64", flags)
	}
	return nil
}

func (f *file) readSections() error {
	h := f.data
	offset, count := binary.LittleEndian.Uint64(h[40:]), uint64(binary.LittleEndian.Uint16(h[60:]))
	if size := binary.LittleEndian.Uint16(h[58:]); count > 0 && size != sectionSize {
		return f.fail(58, "section header size", "%d, want %d", size, sectionSize)
	}
	table, ok := f.part(offset, count*sectionSize)
	if !ok {
		return f.fail(40, "section headers", "%d of them at %#x are beyond the end", count, offset)
	}
	for ; len(table) > 0; table = table[sectionSize:] {
		u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(table[at:]) }
		u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(table[at:]) }
		f.header = append(f.header, fields{
			name: u32(0), kind: u32(4), flags: u64(8), addr: u64(16), offset: u64(24), size: u64(32),
			link: u32(40), info: u32(44), align: u64(48), elementSize: u64(56),
		})
	}
	names := f.strings(uint32(binary.LittleEndian.Uint16(h[62:])))
	for i, h := range f.header {
		s := &section{
			file: f, name: text(names, h.name), kind: h.kind, flags: h.flags, addr: h.addr, size: h.size,
			align: max(h.align, 1),
		}
		f.sections = append(f.sections, s)
		if h.kind == sectionNoBits {
			continue
		}
		content, ok := f.part(h.offset, h.size)
		if !ok && h.kind != 0 {
			return f.fail(h.offset, fmt.Sprintf("section %d %s", i, s.name), "%d octets are beyond the end", h.size)
		}
		s.data = content
	}
	return nil
}

// strings is the content of a table of names; without one all names are empty.
func (f *file) strings(index uint32) []byte {
	if int64(index) >= int64(len(f.header)) || f.header[index].kind == sectionNoBits {
		return nil
	}
	h := f.header[index]
	names, _ := f.part(h.offset, h.size)
	return names
}

func text(names []byte, at uint32) string {
	if uint64(at) >= uint64(len(names)) {
		return ""
	}
	name, _, _ := bytes.Cut(names[at:], []byte{0})
	return string(name)
}

func (f *file) readSymbols(index int) error {
	h := f.header[index]
	table := f.sections[index].data
	if len(table)%symbolSize != 0 {
		return f.fail(h.offset, "symbols", "%d octets are no multiple of %d", len(table), symbolSize)
	}
	names := f.strings(h.link)
	f.symbols = make([]symbol, 0, len(table)/symbolSize)
	for ; len(table) > 0; table = table[symbolSize:] {
		f.symbols = append(f.symbols, symbol{
			name:    text(names, binary.LittleEndian.Uint32(table)),
			binding: table[4] >> 4,
			kind:    table[4] & 15,
			index:   binary.LittleEndian.Uint16(table[6:]),
			value:   binary.LittleEndian.Uint64(table[8:]),
			size:    binary.LittleEndian.Uint64(table[16:]),
		})
	}
	return nil
}

// readRelocs reads the relocations of one section, unless the program's memory does not hold it.
func (f *file) readRelocs(h fields) error {
	if int64(h.info) >= int64(len(f.sections)) {
		return f.fail(h.offset, "relocations", "of section %d, of %d", h.info, len(f.sections))
	}
	s := f.sections[h.info]
	if s.flags&flagAlloc == 0 {
		return nil
	}
	table, _ := f.part(h.offset, h.size)
	if f.relocs += len(table); f.relocs > len(f.data) { // else small files could make large ones
		return f.fail(h.offset, "relocations", "they overlap")
	}
	if len(table)%relaSize != 0 {
		return f.fail(h.offset, "relocations", "%d octets are no multiple of %d", len(table), relaSize)
	}
	for ; len(table) > 0; table = table[relaSize:] {
		info := binary.LittleEndian.Uint64(table[8:])
		r := reloc{
			offset: binary.LittleEndian.Uint64(table) - s.addr,
			kind:   uint32(info), symbol: uint32(info >> 32),
			addend: int64(binary.LittleEndian.Uint64(table[16:])),
		}
		if int64(r.symbol) >= max(1, int64(len(f.symbols))) {
			return f.fail(h.offset, "relocations", "symbol %d, of %d", r.symbol, len(f.symbols))
		}
		if r.offset >= max(s.size, 1) && r.kind != relAlign && r.kind != relNone && r.kind != relRelax {
			return f.fail(h.offset, "relocations", "octet %#x of %s, which has %#x", r.offset, s.name, s.size)
		}
		s.relocs = append(s.relocs, r)
	}
	return nil
}
