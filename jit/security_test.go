package jit

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"damson/bench/pvm/cputime"
	"damson/internal/nodiff"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/jit/amd64"
	"damson/jit/exec"
)

// lowered returns the machine code of a program, before it is published.
func lowered(tb testing.TB, p *pvm.Program) *lowerer {
	tb.Helper()
	l := newLowerer(&lowerings, false)
	if err := lower(l, p); err != nil {
		tb.Fatal(err)
	}
	l.gasStubs()
	return l
}

// TestMemoryOperands decodes the code of many programs and wants every access to memory to be one of four kinds: guest
// memory with 32-bit addresses, the context page at a fixed place, the jump table by the scratch register, nothing.
func TestMemoryOperands(t *testing.T) {
	n := uint64(20_000)
	if testing.Short() {
		n = 1000
	}
	if vectors.Thorough() {
		n = 100_000
	}
	for seed := range n {
		p, err := pvm.Decode(nodiff.Generate(seed).Case().Blob)
		if err != nil {
			t.Fatal(err)
		}
		code := lowered(t, p).a.Bytes()
		for at := 0; at < len(code); {
			size, why := inspect(code[at:])
			if why != "" {
				t.Fatalf("seed %d, octet %#x, % x: %s", seed, at, code[at:min(at+16, len(code))], why)
			}
			at += size
		}
	}
}

// inspect returns the length of the first instruction, and what is wrong with it.
func inspect(code []byte) (size int, why string) {
	if code[0] == 0xc4 { // VEX, which the disassembler does not know: registers only, three octets of prefix
		if code[4] < 0xc0 {
			return 0, "VEX with memory"
		}
		if code[1]&31 == 3 {
			return 6, ""
		}
		return 5, ""
	}
	inst, err := x86asm.Decode(code, 64)
	if err != nil {
		return 0, err.Error()
	}
	switch inst.Op { // none of these is ever needed
	case x86asm.SYSCALL, x86asm.SYSENTER, x86asm.INT, x86asm.HLT, x86asm.WRMSR, x86asm.PUSH:
		return 0, "forbidden instruction"
	default:
	}
	address32, gs := false, false
	for _, p := range inst.Prefix {
		address32 = address32 || p&0xff == x86asm.PrefixAddrSize
		gs = gs || p&0xff == x86asm.PrefixGS
	}
	for _, arg := range inst.Args {
		if arg == x86asm.RSP || arg == x86asm.ESP {
			return 0, "stack pointer"
		}
		m, ok := arg.(x86asm.Mem)
		if ok && inst.Op != x86asm.LEA && inst.Op != x86asm.NOP && !allowed(m, inst.Op, address32, gs) {
			return 0, "memory operand " + m.String()
		}
	}
	return inst.Len, ""
}

func allowed(m x86asm.Mem, op x86asm.Op, address32, gs bool) bool {
	switch {
	case gs && address32:
		return true
	case gs:
		const page = 1<<32 - exec.PageSize // of a 32-bit displacement, which the hardware extends with sign
		return m.Base == 0 && m.Index == 0 && m.Disp >= page && m.Disp < page+exec.PageSize
	case m.Segment == 0:
		return (op == x86asm.JMP || op == x86asm.MOV) && m.Base == 0 && m.Index == x86asm.RCX && m.Scale == 8
	}
	return false
}

// TestNeverWritableAndExecutable compiles programs and looks at all mappings of the process.
func TestNeverWritableAndExecutable(t *testing.T) {
	if err := exec.Available(); err != nil {
		t.Skip(err)
	}
	for seed := range uint64(50) {
		p, err := pvm.Decode(nodiff.Generate(seed).Case().Blob)
		if err != nil {
			t.Fatal(err)
		}
		l := newLowerer(&lowerings, seed%5 != 0)
		if err := lower(l, p); err != nil {
			t.Fatal(err)
		}
		checkMappings(t)
		c, err := publish(l, p)
		if err != nil {
			t.Fatal(err)
		}
		l.close()
		checkMappings(t)
		c.native.Free()
		checkMappings(t)
	}
}

func checkMappings(t *testing.T) {
	t.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 1 && strings.Contains(fields[1], "wx") {
			t.Fatalf("writable and executable: %s", s.Text())
		}
	}
}

// TestOpcodesAreLowered compares the table of lowerings with the opcodes there are.
func TestOpcodesAreLowered(t *testing.T) {
	for op := range pvm.Ops {
		if valid, has := pvm.Opcode(op).Valid(), lowerings[op].lower != nil; valid != has {
			t.Errorf("opcode %d: valid %v, lowered %v", op, valid, has)
		}
	}
}

// TestRoom wants no instruction to take more room than is made for it.
func TestRoom(t *testing.T) {
	longest, which := 0, pvm.Opcode(0)
	for seed := range uint64(3000) {
		p, err := pvm.Decode(nodiff.Generate(seed).Case().Blob)
		if err != nil {
			t.Fatal(err)
		}
		l := lowered(t, p)
		l.insts, l.blocks, l.labels = withNext(p.Insts), p.Blocks, l.labels[:len(p.Blocks)]
		for n := range p.Blocks {
			l.a.Reset()
			l.a.Reserve(2 * maxLowered * (int(p.Blocks[n].Cost) + 2))
			l.pay(n, uint32(len(l.labels))) // a short one or a long one
			for l.enter(n); l.i < l.end; l.i++ {
				from, in := l.a.Len(), &l.insts[l.i]
				l.lowers[in.Op](l, in, l.args[in.Op])
				if size := l.a.Len() - from; size > longest {
					longest, which = size, in.Op
				}
			}
		}
	}
	t.Logf("%v takes %d octets", which, longest)
	if longest > maxLowered-amd64.MaxInst {
		t.Errorf("room is made for %d", maxLowered)
	}
}

// hostile makes a program of n octets of the same few instructions.
func hostile(tb testing.TB, unit [][]byte, n int) *pvm.Program {
	tb.Helper()
	blob := []byte{0, 1, 0xc0 | byte(n>>16), byte(n), byte(n >> 8)}
	if n >= 1<<21 {
		blob = []byte{0, 1, 0xe0 | byte(n>>24), byte(n), byte(n >> 8), byte(n >> 16)}
	}
	mask := make([]byte, (n+7)/8)
	head := len(blob)
	for at, i := 0, 0; at < n; i++ {
		in := unit[i%len(unit)]
		mask[at/8] |= 1 << (at % 8)
		blob = append(blob, in...)
		at += len(in)
	}
	blob = blob[:head+n]
	p, err := pvm.Decode(append(blob, mask...))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// hostileUnits are instructions that take the most machine code, or time to compile, for their size.
var hostileUnits = map[string][][]byte{
	"fallthrough":  {{1}},
	"trap":         {{0}},
	"ecalli":       {{10}},
	"jump_ind":     {{50}},
	"jump self":    {{40}},
	"branch":       {{170, 0x21}},
	"div_s_64":     {{204, 0x21, 3}},
	"rem_s_32":     {{196, 0x21, 3}},
	"mul_upper_su": {{215, 0x21, 3}},
	"store_imm":    {{73, 1}},
	"short loops":  {{100, 0x21}, {170, 0x21, 0xfe}},
}

func TestHostilePrograms(t *testing.T) {
	const size = 400_000
	for name, unit := range hostileUnits {
		l := newLowerer(&lowerings, false)
		err := lower(l, hostile(t, unit, size))
		t.Logf("%s: %d octets, %d sites, %v", name, l.a.Len(), len(l.sites), err)
		if l.a.Len() > maxOutput(size)+maxLowered {
			t.Errorf("%s: %d octets of code for %d", name, l.a.Len(), size)
		}
	}
}

// TestDraft compares code that is written where it is to be, which takes more room than expected, with code in the heap.
func TestDraft(t *testing.T) {
	if err := exec.Available(); err != nil {
		t.Skip(err)
	}
	for name, unit := range hostileUnits {
		p := hostile(t, unit, 300_000)
		heap, draft := newLowerer(&lowerings, false), newLowerer(&lowerings, true)
		err, errDraft := lower(heap, p), lower(draft, p)
		if (err == nil) != (errDraft == nil) || !bytes.Equal(heap.code(), draft.code()) {
			t.Errorf("%s: %v in the heap, %v in a draft, or the code differs", name, err, errDraft)
		}
		if err == nil {
			size := draft.a.Len()
			if d := draft.written(size); d == nil {
				t.Errorf("%s: the code was to be copied", name)
			} else {
				d.Drop(size + exec.Slack)
			}
		}
		draft.close()
		checkMappings(t)
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, unit := range hostileUnits {
		b.Run(name, func(b *testing.B) {
			p := hostile(b, unit, 4_000_000)
			l := newLowerer(&lowerings, exec.Available() == nil)
			b.SetBytes(4_000_000)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := cputime.Thread()
			for b.Loop() {
				_ = lower(l, p)
				l.close()
			}
			b.ReportMetric(float64(cputime.Thread()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
