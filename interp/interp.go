// Package interp is the reference engine: it interprets programs, exactly and anywhere.
//
// There are two interpreters in it. [code.step] executes one instruction by the table in
// semantics.go, which follows GP §A.5 downwards. [code.run] is the fast one: it charges whole gas
// blocks, keeps the registers in a local array and hands every instruction out of the ordinary (a
// fault, the first touch of a page, a bad jump, a block that the gas does not reach through) to
// step. Each is tested against the other.
package interp

import (
	"sync"

	"damson/internal/pvm"
)

// Engine interprets programs.
type Engine struct {
	memories sync.Pool
}

// New returns an interpreter.
func New() *Engine {
	e := new(Engine)
	release := func(m *pvm.Memory) {
		if m.Bought() > maxBought {
			m.Reset()
		}
		e.memories.Put(m)
	}
	e.memories.New = func() any { return pvm.NewBacked(nil, release) }
	return e
}

// maxBought is how many pages of their own released memories keep.
const maxBought = 256

// Compile readies a program for the fast interpreter. It takes little more time than a copy.
func (e *Engine) Compile(p *pvm.Program) (pvm.Code, error) { return compile(p), nil }

// NewMemory returns a memory of the plain form, perhaps one that was released before.
func (e *Engine) NewMemory() *pvm.Memory { return e.memories.Get().(*pvm.Memory) }

var (
	_ pvm.Engine  = (*Engine)(nil)
	_ pvm.Stepper = (*code)(nil)
)
