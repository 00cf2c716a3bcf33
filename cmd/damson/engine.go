package main

import (
	"fmt"
	"io"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
)

// engineNames are the values of --engine.
const engineNames = "jit, interp, or verify (both, compared at every exit); auto is jit where it runs"

// newEngine makes the engine that --engine names, and says on w if it had to take another.
func newEngine(name string, w io.Writer) (pvm.Engine, error) {
	return newEngineBy(name, w, jit.Options{})
}

func newEngineBy(name string, w io.Writer, o jit.Options) (pvm.Engine, error) {
	kind := engine.Kind(name)
	if name == "auto" {
		kind = engine.Auto
	}
	made, why, err := engine.New(kind, o)
	if err != nil {
		return nil, fmt.Errorf("--engine %s: %w", name, err)
	}
	if why != nil {
		if _, err := fmt.Fprintf(w, "damson: the interpreter runs in place of the recompiler: %v\n", why); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// engineName says which engine was made for a value of --engine.
func engineName(asked string, e pvm.Engine) string {
	if _, ok := e.(*interp.Engine); ok {
		return string(engine.Interp)
	}
	if asked == "auto" {
		return string(engine.JIT)
	}
	return asked
}
