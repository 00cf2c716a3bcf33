package suites

import (
	"damson/internal/pvm"
	"damson/internal/pvm/pvmvector"
)

// pvmVector runs a program.
func pvmVector(r *Runner, f *file) error {
	v, err := pvmvector.Decode(f.data)
	if err != nil {
		return err
	}
	p, err := pvm.Decode(v.Program)
	if err != nil {
		return err
	}
	code, err := r.opts.Engine.Compile(p)
	if err != nil {
		return err
	}
	memory := r.opts.Engine.NewMemory()
	defer memory.Release()
	m, err := v.Machine(memory)
	if err != nil {
		return err
	}
	return v.Judge(m, code.Run(m))
}
