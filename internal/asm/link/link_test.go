package link

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"damson/bench/programs"
	"damson/internal/asm"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/interp"
)

const sources = "../../../bench/programs/src"

// wrapper makes a program of a workload of bench/programs.
const wrapper = `
#include "pvm.h"
u64 bench(u64 n);
static u64 result;
u64 host_call(u64 x) { return HOST_CALL(0, x, 0, 0, 0, 0, 0); }
struct output _start(const u64 *n, u64 size) {
	(void)size;
	result = bench(*n);
	return (struct output){&result, sizeof result};
}
`

// run runs a program from an entry point, with host calls answered by host.
func run(t *testing.T, o *asm.Object, entry uint64, args []byte, host func(m *pvm.Machine, number uint64) bool) []byte {
	t.Helper()
	img, err := pvm.DecodeImage(o.Image())
	if err != nil {
		t.Fatal(err)
	}
	engine := interp.New()
	code, err := engine.Compile(img.Program)
	if err != nil {
		t.Fatal(err)
	}
	m := &pvm.Machine{Mem: engine.NewMemory(), Gas: 1 << 40, PC: entry}
	if err := img.Start(m, args); err != nil {
		t.Fatal(err)
	}
	for {
		exit := code.Run(m)
		if exit.Reason == pvm.HostCall && host != nil && host(m, exit.Arg) {
			continue
		}
		if exit.Reason != pvm.Halt {
			t.Fatalf("ended with %v %#x at %#x", exit.Reason, exit.Arg, m.PC)
		}
		break
	}
	output := make([]byte, m.Regs[8])
	if !m.Mem.Read(output, m.Regs[7]) {
		t.Fatalf("no output of %d octets at %#x", m.Regs[8], m.Regs[7])
	}
	return output
}

// long are the workloads that only one way to compile is tried with.
var long = map[string]bool{"matmul": true, "memops": true, "ptrchase": true, "qsort": true, "sieve": true}

// TestPrograms compiles the workloads of bench/programs anew and compares what they compute with what is known.
func TestPrograms(t *testing.T) {
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range compilers(t) {
		t.Run(c.name, func(t *testing.T) {
			start := c.compile(t, write(t, "start.c", wrapper))
			for _, p := range all {
				if p.Name == "bigcode" { // a generator writes its source
					continue
				}
				if long[p.Name] && !strings.HasSuffix(c.name, " plain") && !vectors.Thorough() {
					continue
				}
				t.Run(p.Name, func(t *testing.T) {
					r, err := p.Run("small")
					if err != nil {
						t.Fatal(err)
					}
					result, err := Link([]File{start, c.compile(t, filepath.Join(sources, p.Name+".c"))}, Options{})
					if err != nil {
						t.Fatal(err)
					}
					got := run(t, result.Object, 0, r.Arguments, func(m *pvm.Machine, number uint64) bool {
						m.Regs[7]++
						return number == 0
					})
					if !bytes.Equal(got, r.Output) {
						t.Errorf("%x, want %x", got, r.Output)
					}
				})
			}
		})
	}
}
