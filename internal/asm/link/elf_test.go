package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// object makes a relocatable ELF file of code, with a function that begins it, data behind a symbol named data, and
// relocations of the code: octet, type, symbol (1 is the function, 2 data, 3 is not defined).
func object(entry string, code []uint32, data []byte, relocs ...[3]uint64) []byte {
	names := "\x00" + entry + "\x00data\x00elsewhere\x00"
	sectionNames := "\x00.text\x00.data\x00.symtab\x00.strtab\x00.shstrtab\x00.rela.text\x00"
	var text, symbols, table []byte
	for _, w := range code {
		text = binary.LittleEndian.AppendUint32(text, w)
	}
	symbols = make([]byte, symbolSize)
	symbol := func(name string, info byte, index uint16, size int) {
		symbols = binary.LittleEndian.AppendUint32(symbols, uint32(strings.Index(names, "\x00"+name+"\x00")+1))
		symbols = append(symbols, info, 0)
		symbols = binary.LittleEndian.AppendUint16(symbols, index)
		symbols = binary.LittleEndian.AppendUint64(symbols, 0)
		symbols = binary.LittleEndian.AppendUint64(symbols, uint64(size))
	}
	symbol(entry, 0x12, 1, len(text))
	symbol("data", 0x11, 2, len(data))
	symbol("elsewhere", 0x10, 0, 0)
	for _, r := range relocs {
		table = binary.LittleEndian.AppendUint64(table, r[0])
		table = binary.LittleEndian.AppendUint64(table, r[2]<<32|r[1])
		table = binary.LittleEndian.AppendUint64(table, 0)
	}
	out := make([]byte, headerSize)
	copy(out, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(out[16:], typeRelocatable)
	binary.LittleEndian.PutUint16(out[18:], machineRISCV)
	binary.LittleEndian.PutUint16(out[58:], sectionSize)
	binary.LittleEndian.PutUint16(out[60:], 7)
	binary.LittleEndian.PutUint16(out[62:], 5)
	headers := make([]byte, sectionSize)
	section := func(name string, kind uint32, flags uint64, link, info uint32, content []byte) {
		h := make([]byte, sectionSize)
		binary.LittleEndian.PutUint32(h, uint32(strings.Index(sectionNames, "\x00"+name+"\x00")+1))
		binary.LittleEndian.PutUint32(h[4:], kind)
		binary.LittleEndian.PutUint64(h[8:], flags)
		binary.LittleEndian.PutUint64(h[24:], uint64(len(out)))
		binary.LittleEndian.PutUint64(h[32:], uint64(len(content)))
		binary.LittleEndian.PutUint32(h[40:], link)
		binary.LittleEndian.PutUint32(h[44:], info)
		binary.LittleEndian.PutUint64(h[48:], 8)
		headers = append(headers, h...)
		out = append(out, content...)
	}
	section(".text", 1, flagAlloc|flagExecute, 0, 0, text)
	section(".data", 1, flagAlloc|flagWrite, 0, 0, data)
	section(".symtab", sectionSymbols, 0, 4, 1, symbols)
	section(".strtab", 3, 0, 0, 0, []byte(names))
	section(".shstrtab", 3, 0, 0, 0, []byte(sectionNames))
	section(".rela.text", sectionRela, 0, 3, 1, table)
	binary.LittleEndian.PutUint64(out[40:], uint64(len(out)))
	return append(out, headers...)
}

const ret = 0x00008067

// nop is addi x0, x0, 0.
const nop = 0x13

func TestErrors(t *testing.T) {
	good := object("_start", []uint32{ret}, nil)
	if _, err := Link([]File{{"good.o", good}}, Options{}); err != nil {
		t.Fatal(err)
	}
	changed := func(at int, octets ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], octets)
		return b
	}
	for _, tc := range []struct {
		name string
		data []byte
		want string
		is   error
	}{
		{"nothing", nil, "not an ELF file", ErrELF},
		{"32 bits", changed(4, 1), "offset 0x4", ErrELF},
		{"another machine", changed(18, 62), "62 is not RISC-V", ErrELF},
		{"core", changed(16, 4), "neither relocatable nor executable", ErrELF},
		{"hard float", changed(48, 4), "floating point registers", ErrELF},
		{"headers beyond the end", changed(40, 0xff, 0xff, 0xff), "beyond the end", ErrELF},
		{"header size", changed(58, 63), "section header size", ErrELF},
		{"no entry", object("other", []uint32{ret}, nil), "want a function refine and accumulate, or is_authorized", ErrLink},
		{"ecall", object("_start", []uint32{0x73, ret}, nil), "ecall names no host call", ErrLink},
		{"csr", object("_start", []uint32{0xc0002573, ret}, nil), "status registers", ErrLink},
		{"atomic", object("_start", []uint32{0x100522af, ret}, nil), "atomic", ErrLink},
		{"float", object("_start", []uint32{0x00b50553, ret}, nil), "floating point", ErrLink},
		{"gp", object("_start", []uint32{0x00018513, ret}, nil), "register x3", ErrLink},
		{"auipc", object("_start", []uint32{0x00000517, ret}, nil), "auipc without a relocation", ErrLink},
		{"branch beyond", object("_start", []uint32{0x10000063, ret}, nil), "where no instruction begins", ErrLink},
		{"not defined", object("_start", []uint32{0x537, ret}, nil, [3]uint64{0, relHi, 3}), "elsewhere is not defined by any file", ErrLink},
		{"unknown relocation", object("_start", []uint32{0x537, ret}, nil, [3]uint64{0, 99, 2}), "relocation 99", ErrLink},
		{"relocation beyond", object("_start", []uint32{ret}, nil, [3]uint64{64, relHi, 2}), "octet 0x40", ErrELF},
		{"symbol beyond", object("_start", []uint32{ret}, nil, [3]uint64{0, relHi, 9}), "symbol 9", ErrELF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Link([]File{{"bad.o", tc.data}}, Options{})
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), "bad.o") && tc.name != "no entry" {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
	if _, err := Link([]File{{"a.o", good}, {"b.o", good}}, Options{}); err == nil || !strings.Contains(err.Error(), "_start is defined a second time") {
		t.Error(err)
	}
}

func FuzzLink(f *testing.F) {
	f.Add(object("_start", []uint32{nop, ret}, nil))
	f.Add(object("refine", []uint32{0x537, 0x50513, 0x97, 0x80e7, ret}, []byte("data"),
		[3]uint64{0, relHi, 2}, [3]uint64{4, relLoI, 2}, [3]uint64{8, relCall, 1}))
	f.Add(object("accumulate", []uint32{0x517, 0x50513, 0x01000b, 0x000b0067, ret}, nil, [3]uint64{0, relGOTHi, 1}, [3]uint64{4, relPCLoI, 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		r, err := Link([]File{{"fuzz.o", data}}, Options{})
		if (err == nil) != (r != nil) {
			t.Fatal(r, err)
		}
		if err != nil && !errors.Is(err, ErrELF) && !errors.Is(err, ErrLink) {
			t.Fatal(err)
		}
	})
}
