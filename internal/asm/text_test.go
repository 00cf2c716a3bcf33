package asm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"damson/internal/pvm"
	"damson/interp"
)

// program uses all of the language: it sums words of its data in a subroutine and returns the sum.
const program = `
.equ COUNT, 3
.equ NEXT, COUNT + 'a' - 'a' + 5       ; 8
.ro
words:	.u64 1, 0x20, -1
.rw
sum:	.zero 8
text:	.ascii "a;\"b"                 ; not cut in the string
.octets 1, COUNT
.heap 1
.stack 4096
.jumps back
.code
start:
	load_imm r2, words
	load_imm r3, words + 24
	jump go
go:	load_imm_jump r0, 2, add
back:	store_u64 r4, heap
	load_imm r7, heap
	load_imm r8, NEXT
	load_imm_64 r0, 0xffff0000
	jump_ind r0, 0
add:
	load_ind_u64 r5, r2, 0
	add_64 r4, r4, r5
	add_imm_64 r2, r2, 8
	branch_lt_u r2, r3, add
	jump_ind r0, 0
`

func TestRun(t *testing.T) {
	o, err := Assemble(program)
	if err != nil {
		t.Fatal(err)
	}
	if want := append(make([]byte, 8), "a;\"b\x01\x03"...); !bytes.Equal(o.RW, want) {
		t.Errorf("data %q, want %q", o.RW, want)
	}
	img, err := pvm.DecodeImage(o.Image())
	if err != nil {
		t.Fatal(err)
	}
	engine := interp.New()
	code, err := engine.Compile(img.Program)
	if err != nil {
		t.Fatal(err)
	}
	m := &pvm.Machine{Mem: engine.NewMemory(), Gas: 1000}
	if err := img.Start(m, nil); err != nil {
		t.Fatal(err)
	}
	if exit := code.Run(m); exit.Reason != pvm.Halt {
		t.Fatalf("ended with %v at %d", exit.Reason, m.PC)
	}
	var out [8]byte
	if !m.Mem.Read(out[:], m.Regs[7]) || m.Regs[8] != 8 || out != [8]byte{0x20} {
		t.Errorf("%d octets at %#x: %x", m.Regs[8], m.Regs[7], out)
	}
}

func TestService(t *testing.T) {
	if got := Service("md", []byte{7}); !bytes.Equal(got, []byte{2, 'm', 'd', 7}) {
		t.Errorf("%x", got)
	}
}

// TestText compares what lines become with octets encoded by hand.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"trap":                             "00",
		"ecalli 4":                         "0a04",
		"load_imm r7, -1":                  "3307ff",
		"move_reg r1, r2":                  "6421",
		"add_64 r3, r1, r2":                "c82103",
		"add_imm_64 r7, r8, 0x80":          "95878000",
		"a: branch_eq_imm r2, 5, a":        "51120500000000",
		"store_imm_ind_u8 r3, 0x1000, 'a'": "462300 1061",
		"trap\nb: branch_ne r1, r2, c\nc:": "00ab2106000000",
	} {
		o, err := Assemble(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		blob, err := pvm.Deblob(o.Blob)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(blob.Code); got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"jmp a":                     "line 1: no instruction",
		"\njump a":                  `no label "a"`,
		"a:\na:":                    "line 2",
		"trap 1":                    "takes 0 operands",
		"load_imm r13, 1":           "no register",
		"load_imm r1, x":            "neither a number",
		"load_imm r1, 1 * 2":        "neither a number",
		"load_imm r1, 0x100000000":  "more than 32 bits",
		"jump 4":                    "is no label",
		".equ 1, 2":                 "want .equ",
		".ro\n.what 3":              "line 2: no directive",
		".what 3":                   "no directive",
		".ro\n.ascii x":             "line 2",
		".ro\n.octets 1,,2":         "a value is missing",
		"load_imm r1, ''":           "no character",
		".heap":                     "takes one operand",
		"load_imm r1, 1\na: jump a": "does not begin a basic block",
	} {
		if _, err := Assemble(text); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

func FuzzAssemble(f *testing.F) {
	f.Add(program)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = Assemble(text)
	})
}
