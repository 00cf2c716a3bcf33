// Package engine chooses how programs are run: recompiled, interpreted, or both in lock step.
package engine

import (
	"fmt"

	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
)

// Kind names an engine.
type Kind string

// The engines.
const (
	Auto   Kind = ""       // JIT where it runs, else Interp
	JIT    Kind = "jit"    // machine code
	Interp Kind = "interp" // the reference
	Verify Kind = "verify" // JIT, with Interp checking every exit
)

// New returns an engine. With Auto and Verify a process that cannot run machine code gets the interpreter alone; why
// then says so, in words for a log line.
func New(kind Kind, o jit.Options) (e pvm.Engine, why, err error) {
	reference := interp.New()
	switch kind {
	case Interp:
		return reference, nil, nil
	case Auto, JIT, Verify:
	default:
		return nil, nil, fmt.Errorf("no engine %q: want %s, %s or %s", kind, JIT, Interp, Verify)
	}
	recompiler, err := jit.New(reference, o)
	switch {
	case err != nil && kind == JIT:
		return nil, nil, err
	case err != nil:
		return reference, err, nil
	case kind == Verify:
		return NewVerify(recompiler, reference, Diverged), nil, nil
	}
	return recompiler, nil, nil
}
