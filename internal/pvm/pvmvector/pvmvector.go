// Package pvmvector reads the vectors of single programs that w3f/jamtestvectors has in its pull request 3, sets machines up
// as they say, and judges what became of them. They are of the machine of GP App. A, without host calls.
package pvmvector

import (
	"encoding/json"
	"fmt"
	"slices"

	"damson/internal/pvm"
)

// Vector is a program, what it begins with, and what it ends with.
type Vector struct {
	Regs       []uint64 `json:"initial-regs"`
	PC         uint64   `json:"initial-pc"`
	Pages      []Pages  `json:"initial-page-map"`
	Memory     []Chunk  `json:"initial-memory"`
	Gas        int64    `json:"initial-gas"`
	Program    octets   `json:"program"`
	Status     string   `json:"expected-status"`
	WantRegs   []uint64 `json:"expected-regs"`
	WantPC     uint64   `json:"expected-pc"`
	WantMemory []Chunk  `json:"expected-memory"`
	WantGas    int64    `json:"expected-gas"`
	WantPage   uint64   `json:"expected-page-fault-address"`
}

// Pages are pages with the same access.
type Pages struct {
	Address  uint32 `json:"address"`
	Length   uint32 `json:"length"`
	Writable bool   `json:"is-writable"`
}

// Chunk is what lies in memory at an address.
type Chunk struct {
	Address  uint64 `json:"address"`
	Contents octets `json:"contents"`
}

// octets are a list of numbers in JSON.
type octets []byte

func (o *octets) UnmarshalJSON(text []byte) error {
	var list []int
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*o = make(octets, len(list))
	for i, n := range list {
		if n < 0 || n > 255 {
			return fmt.Errorf("%d is no octet", n)
		}
		(*o)[i] = byte(n)
	}
	return nil
}

// faultGas is what page faults leave. The vectors charge a basic block in advance, GP does not: it charges up to and with the
// instruction that faults.
const faultGas = 9999

// Decode reads a vector.
func Decode(data []byte) (*Vector, error) {
	v := new(Vector)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	if len(v.Regs) != pvm.Registers {
		return nil, fmt.Errorf("%d registers", len(v.Regs))
	}
	return v, nil
}

// Machine sets a machine up, whose memory may hold anything.
func (v *Vector) Machine(memory *pvm.Memory) (*pvm.Machine, error) {
	m := &pvm.Machine{Regs: [pvm.Registers]uint64(v.Regs), Gas: v.Gas, PC: v.PC, Mem: memory}
	m.Mem.Reset()
	for _, p := range v.Pages {
		m.Mem.Map(p.Address/pvm.PageSize, p.Length/pvm.PageSize, pvm.Write)
	}
	for _, c := range v.Memory {
		if !m.Mem.Write(c.Address, c.Contents) {
			return nil, fmt.Errorf("initial memory at %#x is not mapped", c.Address)
		}
	}
	for _, p := range v.Pages {
		if !p.Writable {
			m.Mem.Protect(p.Address/pvm.PageSize, p.Length/pvm.PageSize, pvm.Read)
		}
	}
	return m, nil
}

// Judge says what is wrong with the end of a run, if anything is.
func (v *Vector) Judge(m *pvm.Machine, exit pvm.Exit) error {
	status := map[pvm.Reason]string{pvm.Halt: "halt", pvm.Panic: "panic", pvm.PageFault: "page-fault"}[exit.Reason]
	wantGas := v.WantGas
	if v.Status == "page-fault" {
		wantGas = faultGas
	}
	switch {
	case status != v.Status:
		return fmt.Errorf("status %q (%v), want %q", status, exit, v.Status)
	case exit.Reason == pvm.PageFault && exit.Arg != v.WantPage:
		return fmt.Errorf("page fault at %#x, want %#x", exit.Arg, v.WantPage)
	case !slices.Equal(m.Regs[:], v.WantRegs):
		return fmt.Errorf("registers %v, want %v", m.Regs, v.WantRegs)
	case m.PC != v.WantPC:
		return fmt.Errorf("counter %d, want %d", m.PC, v.WantPC)
	case m.Gas != wantGas:
		return fmt.Errorf("gas %d, want %d", m.Gas, wantGas)
	}
	return v.judgeMemory(m.Mem)
}

// judgeMemory compares all pages: what the vector does not name is zero.
func (v *Vector) judgeMemory(memory *pvm.Memory) error {
	want := make(map[uint64]byte)
	for _, c := range v.WantMemory {
		for i, x := range c.Contents {
			want[c.Address+uint64(i)] = x
		}
	}
	for _, p := range v.Pages {
		got := make([]byte, p.Length)
		if !memory.Read(got, uint64(p.Address)) {
			return fmt.Errorf("memory at %#x cannot be read any more", p.Address)
		}
		for i, x := range got {
			if at := uint64(p.Address) + uint64(i); x != want[at] {
				return fmt.Errorf("memory at %#x is %#x, want %#x", at, x, want[at])
			}
		}
	}
	return nil
}
