package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"damson/bench/programs"
	"damson/bench/pvm/cputime"
	"damson/bench/pvm/measure"
	"damson/bench/pvm/native"
	"damson/bench/pvm/twins"
	"damson/internal/pvm"
	"damson/interp"
)

// field is all that runs in a round.
type field struct {
	runners []*runner
	small   *probes
	rounds  int // so far
	wazero  *wazero
	dir     string
}

// runner is a program and how long it took in every round, in milliseconds of CPU time.
type runner struct {
	program *programs.Program
	guest   *measure.Guest
	slow    *measure.Guest // on the interpreter
	native  *native.Program

	jit, interp, c, twin, wazero []float64
	ratios                       []float64 // of jit to c, by round
}

func newField(e pvm.Engine) (*field, error) {
	dir, err := os.MkdirTemp("", "table")
	if err != nil {
		return nil, err
	}
	f := &field{dir: dir}
	if err := native.Sources(dir); err != nil {
		return nil, err
	}
	f.wazero = newWazero(dir)
	all, err := programs.All()
	if err != nil {
		return nil, err
	}
	if f.small, err = newProbes(e, all); err != nil {
		return nil, err
	}
	reference := interp.New()
	for i := range all {
		if all[i].Name == onlyCalls {
			continue
		}
		c := &runner{program: &all[i]}
		if c.guest, err = measure.NewGuest(e, c.program, "timing"); err != nil {
			return nil, err
		}
		if c.slow, err = measure.NewGuest(reference, c.program, "timing"); err != nil {
			return nil, err
		}
		c.native, err = native.Build(dir, c.program.Name)
		switch {
		case errors.Is(err, native.ErrNone):
			fmt.Fprintf(os.Stderr, "%s: %v\n", c.program.Name, err)
		case err != nil:
			return nil, err
		}
		f.runners = append(f.runners, c)
	}
	return f, nil
}

func (f *field) close() {
	f.wazero.close()
	os.RemoveAll(f.dir)
}

// round runs everything once, the interpreter only if asked, and after each program takes a sample of all that is small.
// All of it is on one processor, because another one may have another neighbour; the next round is on the next one.
func (f *field) round(interpreted bool) error {
	defer cputime.Pin(f.rounds)()
	f.rounds++
	for _, c := range f.runners {
		if err := c.besideC(); err != nil {
			return err
		}
		n := binary.LittleEndian.Uint64(c.guest.Run.Arguments)
		if err := c.timeTwin(n); err != nil {
			return err
		}
		if took, ok := f.wazero.time(c.program.Name, n, c.guest.Run.Output); ok {
			c.wazero = append(c.wazero, took)
		}
		if interpreted {
			took, err := c.slow.Time()
			if err != nil {
				return err
			}
			c.interp = append(c.interp, milliseconds(took))
		}
		if err := f.small.sample(); err != nil {
			return err
		}
	}
	return nil
}

// pairs is how often C and the recompiler take turns in a round.
const pairs = 2

// besideC runs C and the recompiler in turn. The ratio of a round is that of their sums.
func (c *runner) besideC() error {
	var ours, theirs float64
	for range pairs {
		if c.native != nil {
			took, output, err := c.native.Time(binary.LittleEndian.Uint64(c.guest.Run.Arguments))
			if err != nil {
				return err
			}
			if !bytes.Equal(output, c.guest.Run.Output) {
				return fmt.Errorf("%s in C: output %x, want %x", c.program.Name, output, c.guest.Run.Output)
			}
			theirs += milliseconds(took)
		}
		took, err := c.guest.Time()
		if err != nil {
			return err
		}
		ours += milliseconds(took)
	}
	c.jit = append(c.jit, ours/pairs)
	if c.native != nil {
		c.c = append(c.c, theirs/pairs)
		c.ratios = append(c.ratios, ours/theirs)
	}
	return nil
}

func (c *runner) timeTwin(n uint64) error {
	twin := twins.All[c.program.Name]
	if twin == nil {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cputime.Thread()
	got := twin(n)
	c.twin = append(c.twin, milliseconds(cputime.Thread()-start))
	if want := binary.LittleEndian.Uint64(c.guest.Run.Output); got != want {
		return fmt.Errorf("%s in Go: %#x, want %#x", c.program.Name, got, want)
	}
	return nil
}

// wazero is bench/compare as a process, or nil.
type wazero struct {
	command *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Scanner
}

// newWazero starts bench/compare where the folder of the checkout and a compiler to WebAssembly are at hand.
func newWazero(src string) *wazero {
	if _, err := exec.LookPath("clang"); err != nil {
		fmt.Fprintln(os.Stderr, "no wazero:", err)
		return nil
	}
	binary := filepath.Join(src, "compare")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("bench", "compare")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "no wazero: %v: %s\n", err, out)
		return nil
	}
	w := &wazero{command: exec.Command(binary, "-src", src)}
	w.command.Stderr = os.Stderr
	in, err := w.command.StdinPipe()
	if err != nil {
		return nil
	}
	out, err := w.command.StdoutPipe()
	if err != nil || w.command.Start() != nil {
		return nil
	}
	w.ask, w.answers = in, bufio.NewScanner(out)
	return w
}

// time asks for a run.
func (w *wazero) time(name string, n uint64, output []byte) (float64, bool) {
	if w == nil {
		return 0, false
	}
	if _, err := fmt.Fprintln(w.ask, name, n); err != nil || !w.answers.Scan() {
		return 0, false
	}
	var said struct {
		Milliseconds float64 `json:"exec_ms"`
		Output       string  `json:"output"`
		Error        string  `json:"error"`
	}
	err := json.Unmarshal(w.answers.Bytes(), &said)
	if err != nil || said.Output != hex.EncodeToString(output) {
		fmt.Fprintf(os.Stderr, "%s on wazero: %s\n", name, w.answers.Bytes())
		return 0, false
	}
	return said.Milliseconds, true
}

func (w *wazero) close() {
	if w != nil {
		w.ask.Close()        //nolint:errcheck // a pipe
		_ = w.command.Wait() // it ends with its input
	}
}
