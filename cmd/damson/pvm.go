package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"damson/bench/pvm/cputime"
	"damson/internal/asm"
	"damson/internal/pvm"
	"damson/internal/workbench"

	"github.com/spf13/cobra"
)

func pvmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pvm",
		Short: "Make, run and examine programs of the PVM",
		Long: `Everything for programs of the PVM, the machine that services of JAM run on (Gray Paper, appendix A).

A file is of one of three kinds, which the commands find out by themselves:

  service    the code of a service or an authorizer: metadata, then a standard program (Gray Paper 9.1)
  standard   code with its read-only and writable data, heap and stack (Gray Paper A.7)
  program    code, jump table and mask alone (Gray Paper A.1); it runs with no data and no stack

To make a program, write it in assembler ("damson pvm asm") or in C ("damson pvm link"). To see what it does, run it
("run", "run --trace"), step through it ("debug"), or count where its gas goes ("profile"). "diff" tells whether both
engines agree on it.

Functions have names where a file of symbols lies beside the program: PROGRAM.sym, as asm and link write it.`,
		Example: `  damson pvm asm hello.pvmasm -o hello.pvm
  damson pvm run hello.pvm --arg 0x00ff --trace
  damson pvm disasm hello.pvm
  damson pvm link counter.o -o counter.pvm
  damson pvm profile counter.pvm --pprof counter.pb.gz && go tool pprof -http=: counter.pb.gz`,
	}
	cmd.AddCommand(pvmAsmCommand(), pvmDisasmCommand(), pvmLinkCommand(), pvmBlobCommand(), pvmRunCommand(),
		pvmDebugCommand(), pvmProfileCommand(), pvmDiffCommand(), pvmBenchCommand())
	return cmd
}

// programFlags say how a program is run.
type programFlags struct {
	arg, hostCall, kind, symbols string
	gas                          int64
	entry                        uint32
}

func (f *programFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.arg, "arg", "", "the program's argument: octets in `HEX`")
	flags.Int64Var(&f.gas, "gas", 1_000_000_000_000, "gas limit; an instruction costs 1")
	flags.StringVar(&f.hostCall, "host-call", "", `how host calls are answered: "ping" answers call 0 with r7 + 1; without it every call ends the run`)
	flags.Uint32Var(&f.entry, "entry", 0, "where in the code to begin: of a service, 0 is refine and 5 is accumulate")
	registerKind(cmd, &f.kind)
}

// registerSymbols registers the flag of commands that name functions.
func (f *programFlags) registerSymbols(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.symbols, "symbols", "", "the `FILE` with the names of functions; without it PROGRAM.sym, if there is one")
}

func registerKind(cmd *cobra.Command, kind *string) {
	cmd.Flags().StringVar(kind, "kind", "", "what the file is: service, standard or program; without it, what it can be")
}

// openObject reads a program of any kind.
func openObject(path, kind string) (*asm.Object, error) {
	blob, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if kind == "" {
		o, err := asm.Open(blob)
		if err != nil {
			return nil, fmt.Errorf("%s is no program of any kind:\n%w", path, err)
		}
		return o, nil
	}
	k, err := asm.ParseKind(kind)
	if err != nil {
		return nil, fmt.Errorf("--kind: %w", err)
	}
	o, err := asm.OpenAs(blob, k)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return o, nil
}

// check refuses values of flags that make no sense, and gives the argument.
func (f *programFlags) check() ([]byte, error) {
	if f.hostCall != "" && f.hostCall != "ping" {
		return nil, fmt.Errorf("--host-call %s: want ping", f.hostCall)
	}
	if f.gas < 0 || f.gas > pvm.GasCap {
		return nil, fmt.Errorf("--gas %d: want 0 to %d", f.gas, int64(pvm.GasCap))
	}
	args, err := hex.DecodeString(strings.TrimPrefix(f.arg, "0x"))
	if err != nil {
		return nil, fmt.Errorf("--arg: %w", err)
	}
	return args, nil
}

// session reads a program for the workbench.
func (f *programFlags) session(path string) (*workbench.Session, error) {
	args, err := f.check()
	if err != nil {
		return nil, err
	}
	o, err := openObject(path, f.kind)
	if err != nil {
		return nil, err
	}
	s, err := workbench.Open(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.Symbols, err = readSymbols(path, f.symbols); err != nil {
		return nil, err
	}
	s.Args, s.Gas, s.Entry = args, f.gas, uint64(f.entry)
	if f.hostCall == "ping" {
		s.Host = ping
	}
	return s, nil
}

// ping answers call 0.
func ping(m *pvm.Machine, number uint64) bool {
	if number != 0 {
		return false
	}
	m.Regs[7]++
	return true
}

// symbolSuffix is what the name of a file of symbols has after that of its program.
const symbolSuffix = ".sym"

// readSymbols reads a file of symbols: that of the flag, or the one beside the program, if there is one.
func readSymbols(program, flag string) (workbench.Symbols, error) {
	path := flag
	if path == "" {
		path = program + symbolSuffix
	}
	text, err := os.ReadFile(path)
	if flag == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	symbols, err := workbench.ParseSymbols(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return symbols, nil
}

// program is a program made ready, and how it is to be run.
type program struct {
	image     *pvm.Image
	code      pvm.Code
	memory    *pvm.Memory
	args      []byte
	gas       int64
	entry     uint64
	ping      bool
	nsDecode  int64 // from the blob to the decoded program
	nsCompile int64 // from there to code that can run
	octets    int   // of the guest's code
}

// load reads a program and compiles it on an engine. Release its memory after use. What is timed is CPU time of this
// thread: other jobs of the machine do not count.
func (f *programFlags) load(path string, e pvm.Engine) (*program, error) {
	args, err := f.check()
	if err != nil {
		return nil, err
	}
	o, err := openObject(path, f.kind)
	if err != nil {
		return nil, err
	}
	p := &program{args: args, gas: f.gas, entry: uint64(f.entry), ping: f.hostCall == "ping"}
	blob := o.Image()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cputime.Thread()
	if p.image, err = pvm.DecodeImage(blob); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.nsDecode, p.octets = (cputime.Thread() - start).Nanoseconds(), len(p.image.Program.Code())
	if err := p.compile(e); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.memory = e.NewMemory()
	return p, nil
}

// compile makes code of the decoded program, and times that.
func (p *program) compile(e pvm.Engine) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cputime.Thread()
	p.code, err = e.Compile(p.image.Program)
	p.nsCompile = (cputime.Thread() - start).Nanoseconds()
	return err
}

// run runs the program from its beginning, and times the guest alone.
func (p *program) run() (*pvm.Machine, pvm.Exit, time.Duration, error) {
	m := &pvm.Machine{Mem: p.memory, Gas: p.gas, PC: p.entry}
	if err := p.image.Start(m, p.args); err != nil {
		return nil, pvm.Exit{}, 0, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cputime.Thread()
	exit := p.code.Run(m)
	for p.ping && exit.Reason == pvm.HostCall && ping(m, exit.Arg) {
		exit = p.code.Run(m)
	}
	return m, exit, cputime.Thread() - start, nil
}

// gasUsed is what a run from a limit has burnt.
func gasUsed(limit int64, m *pvm.Machine) int64 { return limit - max(m.Gas, 0) }
