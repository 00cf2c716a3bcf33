package workbench

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"damson/bench/programs"
	"damson/internal/asm"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/interp"
	"damson/jit"

	"github.com/google/pprof/profile"
)

type machine = pvm.Machine

func session(t *testing.T, text string) *Session {
	t.Helper()
	o, err := asm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range o.Labels {
		s.Symbols = append(s.Symbols, Symbol{PC: l.PC, Name: l.Name})
	}
	return s
}

const calls = `
.rw
word: .zero 8
.stack 4096
.jumps back, again
.code
main:	load_imm r2, 5
	load_imm_jump r0, 2, work
back:	load_imm_jump r0, 4, work
again:	load_imm r7, word
	load_imm r8, 8
	load_imm r0, -0x10000
	jump_ind r0, 0
work:	add_imm_64 r2, r2, -1
	xor_imm r3, r2, 0x55
	store_u64 r3, word
	branch_ne_imm r2, 0, work
	load_imm r2, 3
	jump_ind r0, 0
`

func TestTrace(t *testing.T) {
	s := session(t, calls)
	s.Gas = 1000
	var b strings.Builder
	m, exit, err := s.Trace(interp.New(), &b)
	if err != nil || exit.Reason != pvm.Halt {
		t.Fatal(exit, err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if int64(len(lines)) != 1000-m.Gas {
		t.Errorf("%d lines for %d instructions", len(lines), 1000-m.Gas)
	}
	for i, want := range []string{
		"0  load_imm r2, 5                             gas 999  r2=0x5",
		"3  load_imm_jump r0, 2, at_20                 gas 998  r0=0x2",
		"20  add_imm_64 r2, r2, -1                      gas 997  r2=0x4",
		"23  xor_imm r3, r2, 85                         gas 996  r3=0x51",
		"26  store_u64 r3, 0x20000                      gas 995  [0x20000]=0x51/8",
	} {
		if strings.TrimSpace(lines[i]) != want {
			t.Errorf("line %d: %q, want %q", i, lines[i], want)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, "  halt") {
		t.Errorf("the last line is %q", last)
	}
}

// TestDiffPrograms: the engines agree on the programs of bench/programs.
func TestDiffPrograms(t *testing.T) {
	subject, why, err := engine.New(engine.JIT, jit.Options{})
	if err != nil || why != nil {
		t.Skip("no recompiler here:", err, why)
	}
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			r, err := p.Run("small")
			if err != nil {
				t.Fatal(err)
			}
			o, err := asm.Open(p.Blob)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			s.Args, s.Gas = r.Arguments, r.Gas
			if !vectors.Thorough() {
				s.Gas = min(s.Gas, 500_000)
			}
			s.Host = func(m *pvm.Machine, number uint64) bool { m.Regs[7]++; return number == 0 }
			d, same, err := s.Diff(subject, interp.New())
			if err != nil || d != nil {
				t.Fatal(err, d)
			}
			if same.Steps != s.Gas {
				t.Errorf("%d instructions, want %d", same.Steps, s.Gas)
			}
		})
	}
}

// saboteur is an interpreter that takes one instruction for another.
type saboteur struct {
	pvm.Engine
	from, to pvm.Opcode
}

func (e saboteur) Compile(p *pvm.Program) (pvm.Code, error) {
	broken := *p
	broken.Insts = slices.Clone(p.Insts)
	for i := range broken.Insts {
		if in := &broken.Insts[i]; in.Op == e.from {
			in.Op = e.to
		}
	}
	return e.Engine.Compile(&broken)
}

// TestDiffFinds: a planted difference is found where it is.
func TestDiffFinds(t *testing.T) {
	for _, tc := range []struct {
		from, to    pvm.Opcode
		steps       int64
		instruction string
		want        string
	}{
		{pvm.XorImm, pvm.OrImm, 3, "xor_imm r3, r2, 85", "r3         subject 0x55, reference 0x51"},
		{pvm.StoreU64, pvm.StoreU8, 0, "store_u64 r3, 0x20000", "[0x20000]"},
		{pvm.BranchNeImm, pvm.BranchEqImm, 5, "branch_ne_imm r2, 0, at_20", "subject    ends with out of gas at 0x31"},
		{pvm.AddImm64, pvm.AddImm32, -1, "", ""}, // the same for small numbers
	} {
		s := session(t, calls)
		if tc.from == pvm.StoreU64 {
			s = session(t, strings.Replace(calls, "xor_imm r3, r2, 0x55", "xor_imm r3, r2, 0x5555", 1))
			tc.steps = 4
		}
		s.Gas = 1000
		d, same, err := s.Diff(saboteur{interp.New(), tc.from, tc.to}, interp.New())
		if err != nil {
			t.Fatal(err)
		}
		if tc.steps < 0 {
			if d != nil || same == nil {
				t.Errorf("%v for %v: %v", tc.to, tc.from, d)
			}
			continue
		}
		if d == nil {
			t.Errorf("%v for %v was not found", tc.to, tc.from)
			continue
		}
		if d.Steps != tc.steps || d.Instruction != tc.instruction || !strings.Contains(d.String(), tc.want) {
			t.Errorf("%v for %v: after %d, want %d\n%v", tc.to, tc.from, d.Steps, tc.steps, d)
		}
	}
}

// TestDiffSabotaged: mistakes planted in the recompiler are found in the machine code that it makes.
func TestDiffSabotaged(t *testing.T) {
	const text = `
.rw
word: .zero 8
.code
	load_imm r2, -5
	load_imm r3, 3
	load_imm r10, word
	max r4, r2, r3
	cmov_iz r5, r2, r3
	shlo_r_32 r6, r2, r3
	store_ind_u64 r2, r10, 0
	load_imm r7, 0
	jump_ind r0, 0
`
	for mistake, want := range map[int]string{
		0: "", 5: "max r4, r2, r3", 6: "cmov_iz r5, r2, r3", 7: "shlo_r_32 r6, r2, r3", 11: "store_ind_u64 r2, r10, 0",
	} {
		subject, why, err := engine.New(engine.JIT, jit.Options{Sabotage: mistake})
		if err != nil || why != nil {
			t.Skip("no recompiler here:", err, why)
		}
		d, _, err := session(t, text).Diff(subject, interp.New())
		switch {
		case err != nil:
			t.Fatal(err)
		case d == nil && want != "":
			t.Errorf("mistake %d was not found", mistake)
		case d != nil && d.Instruction != want:
			t.Errorf("mistake %d: %v", mistake, d)
		}
	}
}

func TestProfile(t *testing.T) {
	s := session(t, calls)
	s.Gas = 1000
	p, m, exit, err := s.Profile(interp.New())
	if err != nil || exit.Reason != pvm.Halt {
		t.Fatal(exit, err)
	}
	if p.Gas != 1000-m.Gas || p.Steps != p.Gas {
		t.Errorf("%d gas, %d instructions, want %d", p.Gas, p.Steps, 1000-m.Gas)
	}
	sum := int64(0)
	for _, b := range p.Blocks {
		sum += b.Gas
		if b.PC == 0x20 && (b.Runs != 8 || b.Gas != 32) {
			t.Errorf("the loop: %+v", b)
		}
	}
	if sum != p.Gas {
		t.Errorf("blocks have %d gas of %d", sum, p.Gas)
	}
	var out bytes.Buffer
	if err := p.WritePprof(&out, "calls"); err != nil {
		t.Fatal(err)
	}
	read, err := profile.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	flat, stacks := map[string]int64{}, map[string]bool{}
	for _, sample := range read.Sample {
		var names []string
		for _, l := range sample.Location {
			names = append(names, l.Line[0].Function.Name)
		}
		flat[names[0]] += sample.Value[1]
		stacks[strings.Join(names, "<")] = true
	}
	if flat["work"] != 36 || flat["main"] != p.Gas-36 || !stacks["work<main"] || len(stacks) != 2 {
		t.Errorf("%v %v", flat, stacks)
	}
}

func TestSymbols(t *testing.T) {
	s, err := ParseSymbols([]byte(`{"symbols":[{"pc":9,"size":2,"name":"b"},{"pc":4,"size":0,"name":"a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for pc, want := range map[uint32]string{0: "0x0", 4: "a", 8: "a+0x4", 9: "b", 10: "b+0x1", 11: "0xb"} {
		if got := s.Where(pc); got != want {
			t.Errorf("%d: %s, want %s", pc, got, want)
		}
	}
	if _, err := ParseSymbols([]byte("no")); err == nil || !strings.Contains(err.Error(), "malformed symbols") {
		t.Error(err)
	}
}

func FuzzDebug(f *testing.F) {
	f.Add("s 3\nr\nb work\nc\nm r1 16\nl 0 5\nn\nset r3 7\nset pc 0\nd 0x1f\nrestart\nq\n")
	f.Fuzz(func(t *testing.T, script string) {
		s := session(t, calls)
		s.Gas = 1000
		var out strings.Builder
		if err := s.Debug(interp.New(), strings.NewReader(script), &out); err != nil && len(script) < 60000 {
			t.Fatal(err)
		}
	})
}
