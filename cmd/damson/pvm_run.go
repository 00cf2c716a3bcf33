package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"damson/internal/pvm"

	"github.com/spf13/cobra"
)

func pvmRunCommand() *cobra.Command {
	var f programFlags
	var engine string
	var asJSON, traced bool
	cmd := &cobra.Command{
		Use:   "run [flags] FILE",
		Short: "Run a program and show how it ends",
		Long: `Run starts the program at counter 0 with the registers and memory of a standard program and shows how it ends.
The exit status is 0 only if it halts. Times are CPU time of the thread: of compiling what was decoded, in a process where
nothing was compiled before, and of the program's run alone.

With --trace there is a line for every instruction before that: where it is in the code, what it is, the gas that is
left, the registers that it changed and what it stored where. The interpreter runs it, unless --engine says otherwise.`,
		Example: `  damson pvm run bench/programs/fib.pvm --arg 0x1400000000000000
  damson pvm run prog.pvm --engine verify --gas 1000000 --json
  damson pvm run service.pvm --entry 5 --trace`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if traced {
				return f.trace(cmd, args[0], engine, asJSON)
			}
			e, err := newEngine(engine, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			p, err := f.load(args[0], e)
			if err != nil {
				return err
			}
			defer p.memory.Release()
			m, exit, took, err := p.run()
			if err != nil {
				return err
			}
			o := newOutcome(engineName(engine, e), &f, p, m, exit)
			o.NsExec = took.Nanoseconds()
			if err := o.print(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if exit.Reason != pvm.Halt {
				return errReported
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&engine, "engine", "auto", "what runs the program: "+engineNames)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&traced, "trace", false, "print a line for every instruction, on standard error with --json")
	return cmd
}

// trace runs a program one instruction at a time.
func (f *programFlags) trace(cmd *cobra.Command, path, engine string, asJSON bool) error {
	if engine == "auto" {
		engine = "interp"
	}
	e, err := newEngine(engine, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	s, err := f.session(path)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if asJSON {
		out = cmd.ErrOrStderr()
	}
	w := bufio.NewWriter(out)
	start := time.Now()
	m, exit, err := s.Trace(e, w)
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	defer m.Mem.Release()
	o := newOutcome(engineName(engine, e), f, &program{}, m, exit)
	o.NsExec = time.Since(start).Nanoseconds()
	if err := o.print(cmd.OutOrStdout(), asJSON); err != nil {
		return err
	}
	if exit.Reason != pvm.Halt {
		return errReported
	}
	return nil
}

// outcome is how a program ended. Registers are text, for readers of JSON that know no 64-bit numbers.
type outcome struct {
	Engine    string                `json:"engine"`
	Exit      string                `json:"exit"`     // halt, panic, oog, fault or host
	ExitArg   uint64                `json:"exit_arg"` // the page of a fault, the number of a host call
	GasUsed   int64                 `json:"gas_used"`
	PC        uint64                `json:"pc"` // the instruction that ended the run, or after a host call the next
	Registers [pvm.Registers]string `json:"registers"`
	Output    string                `json:"output"`     // what r7 and r8 point to after a halt, in hexadecimal
	NsCompile int64                 `json:"ns_compile"` // without decoding the blob
	NsExec    int64                 `json:"ns_exec"`    // the guest's run alone
}

var exitNames = map[pvm.Reason]string{
	pvm.Halt: "halt", pvm.Panic: "panic", pvm.OutOfGas: "oog", pvm.PageFault: "fault", pvm.HostCall: "host",
}

func newOutcome(engine string, f *programFlags, p *program, m *pvm.Machine, exit pvm.Exit) *outcome {
	o := &outcome{
		Engine: engine, Exit: exitNames[exit.Reason], ExitArg: exit.Arg, GasUsed: gasUsed(f.gas, m), PC: m.PC,
		NsCompile: p.nsCompile, Output: "0x",
	}
	for i, r := range m.Regs {
		o.Registers[i] = strconv.FormatUint(r, 10)
	}
	if exit.Reason == pvm.Halt && m.Mem.Readable(m.Regs[7], m.Regs[8]) {
		if octets, ok := m.Mem.View(m.Regs[7], m.Regs[8]); ok {
			o.Output += hex.EncodeToString(octets)
		}
	}
	return o
}

func (o *outcome) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(o)
	}
	_, err := fmt.Fprintf(w, "exit       %s", o.Exit)
	if err == nil && o.Exit == "fault" {
		_, err = fmt.Fprintf(w, " at page %#x", o.ExitArg)
	}
	if err == nil && o.Exit == "host" {
		_, err = fmt.Fprintf(w, " call %d", o.ExitArg)
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\ngas used   %d\npc         %d\noutput     %s\ncompile    %.3f ms\nrun        %.3f ms\n",
		o.GasUsed, o.PC, o.Output, float64(o.NsCompile)/1e6, float64(o.NsExec)/1e6); err != nil {
		return err
	}
	for i, r := range o.Registers {
		if _, err := fmt.Fprintf(w, "r%-2d        %s\n", i, r); err != nil {
			return err
		}
	}
	return nil
}
