// Package programs holds ten guest programs for timing and checking engines, each a standard program
// with what it must compute. README.md describes them.
package programs

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed *.pvm *.json
var files embed.FS

// Source is the folder src: the C that the programs were made of, and what runs it natively.
//
//go:embed src
var Source embed.FS

// A Program is a guest program and what its runs must give.
type Program struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Blob []byte `json:"-"` // a standard program
	Runs []Run  `json:"runs"`
}

// A Run is one argument, and all that must come of it.
type Run struct {
	Role      string     `json:"role"` // "small" or "timing"
	Arguments Hex        `json:"arguments_hex"`
	Status    string     `json:"status"`
	Gas       int64      `json:"gas_used"`
	HostCalls int        `json:"host_calls"`
	Output    Hex        `json:"output_hex"`
	Registers [13]uint64 `json:"-"`
	Texts     []string   `json:"final_registers"`
}

// Hex is octets that JSON writes as hexadecimal text.
type Hex []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// All reads every program.
func All() ([]Program, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []Program
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			p, err := read(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// Run is the run with this role.
func (p *Program) Run(role string) (*Run, error) {
	for i := range p.Runs {
		if p.Runs[i].Role == role {
			return &p.Runs[i], nil
		}
	}
	return nil, fmt.Errorf("%s has no %s run", p.Name, role)
}

func read(name string) (p Program, err error) {
	text, err := files.ReadFile(name + ".json")
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, err
	}
	for i := range p.Runs {
		r := &p.Runs[i]
		if len(r.Texts) != len(r.Registers) {
			return p, fmt.Errorf("%d final registers", len(r.Texts))
		}
		for k, x := range r.Texts {
			if _, err := fmt.Sscan(x, &r.Registers[k]); err != nil {
				return p, err
			}
		}
	}
	p.Blob, err = files.ReadFile(name + ".pvm")
	return p, err
}
