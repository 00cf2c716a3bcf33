package jit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"damson/internal/asm"
	"damson/internal/golden"
	"damson/internal/pvm"
)

// TestLower shows the machine code of small programs, without the ways out at its start and end. Every block begins with
// paying for itself.
func TestLower(t *testing.T) { testLower(t, "lower", listing) }

// testLower compares the listings of the programs in a directory of golden files.
func testLower(t *testing.T, dir string, listing func(*testing.T, *pvm.Program) string) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			golden.Cases(t, filepath.Join(dir, filepath.Base(file)), func(t *testing.T, c *golden.Case) string {
				object, err := asm.Assemble(c.Input)
				if err != nil {
					t.Fatal(err)
				}
				p, err := pvm.Decode(object.Blob)
				if err != nil {
					t.Fatal(err)
				}
				return listing(t, p)
			})
		})
	}
}

// listing disassembles what belongs to the program's blocks.
func listing(t *testing.T, p *pvm.Program) string {
	t.Helper()
	l := newLowerer(&lowerings, false)
	if err := lower(l, p); err != nil {
		t.Fatal(err)
	}
	end := l.a.Len()
	l.gasStubs()
	code := l.a.Bytes()
	var b strings.Builder
	last := uint32(end) // where the trap behind every program begins
	for _, s := range l.sites {
		if int(s.inst) == len(p.Insts)-1 {
			last = s.at - 5
		}
	}
	if n, ok := p.Block(uint32(len(p.Insts) - 1)); ok { // it is a block of its own
		last = l.labels[n]
	}
	for at := l.labels[0]; at < last; {
		inst, err := disassemble(code[at:end])
		if err != nil {
			t.Fatalf("% x: %v", code[at:], err)
		}
		text := x86asm.IntelSyntax(inst, uint64(at), nil)
		if inst.Op == 0 {
			text = vexText(code[at:])
		}
		fmt.Fprintf(&b, "%-32s %s\n", fmt.Sprintf("% x", code[at:at+uint32(inst.Len)]), text)
		at += uint32(inst.Len)
	}
	return b.String()
}

// disassemble decodes an instruction, of which it tells no more than the length if the encoding is VEX.
func disassemble(code []byte) (x86asm.Inst, error) {
	if code[0] != 0xc4 {
		return x86asm.Decode(code, 64)
	}
	if code[1]&31 == 3 {
		return x86asm.Inst{Len: 6}, nil
	}
	return x86asm.Inst{Len: 5}, nil
}

// vexText names an instruction that the disassembler does not know, and its operands by number.
func vexText(code []byte) string {
	name := map[[2]byte]string{
		{0xf7, 1}: "shlx", {0xf7, 2}: "sarx", {0xf7, 3}: "shrx", {0xf0, 3}: "rorx", {0xf2, 0}: "andn", {0xf6, 3}: "mulx",
	}[[2]byte{code[3], code[2] & 3}]
	width := 32 + 32*int(code[2]>>7)
	reg := code[4]>>3&7 | ^code[1]>>7<<3&8
	rm := code[4]&7 | ^code[1]>>5<<3&8
	return fmt.Sprintf("%s.%d reg=%d vvvv=%d rm=%d", name, width, reg, ^code[2]>>3&15, rm)
}

// BenchmarkLower is the time to lower a program, apart from making it executable.
func BenchmarkLower(b *testing.B) {
	blob, err := os.ReadFile("../bench/programs/bigcode.pvm")
	if err != nil {
		b.Skip(err)
	}
	img, err := pvm.DecodeImage(blob)
	if err != nil {
		b.Fatal(err)
	}
	l := newLowerer(&lowerings, false)
	b.SetBytes(int64(len(img.Program.Code())))
	b.ReportAllocs()
	for b.Loop() {
		if err := lower(l, img.Program); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(l.a.Len())/float64(len(img.Program.Code())), "expansion")
}
