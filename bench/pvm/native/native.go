// Package native makes of the C of bench/programs what a C compiler makes of it for this machine, and times that: the
// yardstick for the engines.
package native

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"damson/bench/programs"
)

// ErrNone says that this machine lacks what building takes.
var ErrNone = errors.New("no yardstick")

// Compiler is the one that yardsticks are built with.
const Compiler = "gcc"

// Version is the compiler's first line about itself.
func Version() string {
	out, err := exec.Command(Compiler, "--version").Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}

// Sources writes the C of all programs to a folder. That of bigcode is made by a program in Python; without Python it
// is missing.
func Sources(dir string) error {
	src, err := fs.Sub(programs.Source, "src")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, src); err != nil {
		return err
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil //nolint:nilerr // Build says what is missing
	}
	c := exec.Command(python, "gen_bigcode.py")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("gen_bigcode.py: %w: %s", err, out)
	}
	return nil
}

// Program is a program for this machine.
type Program struct{ path string }

// Build compiles a program in the folder that Sources wrote.
func Build(dir, name string) (*Program, error) {
	if _, err := exec.LookPath(Compiler); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if _, err := os.Stat(filepath.Join(dir, name+".c")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	c := exec.Command(Compiler, "-O2", name+".c", "native.c", "-o", name)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c, err, out)
	}
	return &Program{filepath.Join(dir, name)}, nil
}

// Time runs the program in a process of its own, twice, and gives the CPU time of the second run, for which its memory
// is there as a guest's is, and the output.
func (p *Program) Time(n uint64) (time.Duration, []byte, error) {
	const repetitions = 2
	out, err := exec.Command(p.path, strconv.FormatUint(n, 10), strconv.Itoa(repetitions)).Output()
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", p.path, err)
	}
	var said struct {
		Times  []float64 `json:"exec_ms"`
		Output string    `json:"output"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return 0, nil, fmt.Errorf("%s printed %q: %w", p.path, out, err)
	}
	if len(said.Times) != repetitions {
		return 0, nil, fmt.Errorf("%s printed %d times", p.path, len(said.Times))
	}
	output, err := hex.DecodeString(said.Output)
	return time.Duration(said.Times[repetitions-1] * float64(time.Millisecond)), output, err
}
