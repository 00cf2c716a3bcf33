// Package workbench looks at programs of the PVM while they run: one instruction at a time, on two engines side by side,
// with counts for each block, or under a debugger. It makes nothing of its own that runs them: engines do.
package workbench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// ErrSymbols is what errors about a file of symbols wrap.
var ErrSymbols = errors.New("workbench: malformed symbols")

// Session is a program that is made ready to run, with what is known about it.
type Session struct {
	Image   *pvm.Image
	Listing *asm.Listing
	Symbols Symbols
	Args    []byte
	Entry   uint64 // where it begins
	Gas     int64
	Host    Host
}

// Host answers a call of the host, or reports false for one that ends the run. It may be nil.
type Host func(m *pvm.Machine, number uint64) bool

// Open makes a session of an object.
func Open(o *asm.Object) (*Session, error) {
	listing, err := asm.NewListing(o.Blob)
	if err != nil {
		return nil, err
	}
	image, err := pvm.DecodeImage(o.Image())
	if err != nil {
		return nil, err
	}
	return &Session{Image: image, Listing: listing, Gas: 1 << 40}, nil
}

// start makes a machine that is to begin.
func (s *Session) start(engine pvm.Engine) (*pvm.Machine, pvm.Code, error) {
	code, err := engine.Compile(s.Image.Program)
	if err != nil {
		return nil, nil, err
	}
	m := &pvm.Machine{Mem: engine.NewMemory(), PC: s.Entry, Gas: s.Gas}
	if err := s.Image.Start(m, s.Args); err != nil {
		return nil, nil, err
	}
	return m, code, nil
}

// answers reports whether the host answers the call that a run ended with, so that it goes on.
func (s *Session) answers(m *pvm.Machine, exit pvm.Exit) bool {
	return exit.Reason == pvm.HostCall && s.Host != nil && s.Host(m, exit.Arg)
}

// instruction is the instruction at a place in the code, and whether there is one.
func (s *Session) instruction(pc uint64) (text string, in pvm.Inst, ok bool) {
	i, ok := s.Image.Program.Index(pc)
	if !ok {
		return "trap", pvm.Inst{Op: pvm.Trap}, false
	}
	return s.Listing.Instruction(i), s.Image.Program.Insts[i], true
}

// step runs one instruction, each of which costs the same. Only then does it report a stop if the run ends with it.
func step(code pvm.Code, m *pvm.Machine) (exit pvm.Exit, stopped bool) {
	left := m.Gas - pvm.Cost
	if left < 0 {
		m.Gas = -1
		return pvm.Exit{Reason: pvm.OutOfGas}, true
	}
	m.Gas = pvm.Cost
	exit = code.Run(m)
	m.Gas = left
	return exit, exit.Reason != pvm.OutOfGas
}

// Symbol is a function of a program.
type Symbol struct {
	PC   uint32 `json:"pc"`
	Size uint32 `json:"size"`
	Name string `json:"name"`
}

// Symbols are functions in the order of the code.
type Symbols []Symbol

type symbolFile struct {
	Symbols Symbols `json:"symbols"`
}

// ParseSymbols reads a file of symbols.
func ParseSymbols(text []byte) (Symbols, error) {
	var f symbolFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSymbols, err)
	}
	slices.SortStableFunc(f.Symbols, func(a, b Symbol) int { return cmp.Compare(a.PC, b.PC) })
	return f.Symbols, nil
}

// File is the content of a file of symbols.
func (s Symbols) File() ([]byte, error) {
	text, err := json.MarshalIndent(symbolFile{s}, "", " ")
	return append(text, '\n'), err
}

// At is the name of what begins at a place, or empty.
func (s Symbols) At(pc uint32) string {
	var names []string
	for at, _ := slices.BinarySearchFunc(s, pc, comparePC); at < len(s) && s[at].PC == pc; at++ {
		names = append(names, s[at].Name)
	}
	return strings.Join(names, ", ")
}

// Find is the function that a place belongs to: the last one that begins there or before.
func (s Symbols) Find(pc uint32) (Symbol, bool) {
	at, exact := slices.BinarySearchFunc(s, pc, comparePC)
	if !exact {
		at--
	}
	if at < 0 || s[at].Size > 0 && pc >= s[at].PC+s[at].Size {
		return Symbol{}, false
	}
	return s[at], true
}

// Lookup finds a function by its name.
func (s Symbols) Lookup(name string) (Symbol, bool) {
	at := slices.IndexFunc(s, func(sym Symbol) bool { return sym.Name == name })
	if at < 0 {
		return Symbol{}, false
	}
	return s[at], true
}

// Where names a place: by its function and how far in, or by number.
func (s Symbols) Where(pc uint32) string {
	sym, ok := s.Find(pc)
	switch {
	case !ok:
		return fmt.Sprintf("%#x", pc)
	case sym.PC == pc:
		return sym.Name
	}
	return fmt.Sprintf("%s+%#x", sym.Name, pc-sym.PC)
}

func comparePC(sym Symbol, pc uint32) int { return cmp.Compare(sym.PC, pc) }
