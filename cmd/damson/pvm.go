package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"damson/internal/pvm"

	"github.com/spf13/cobra"
)

func pvmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pvm",
		Short: "Run and time programs of the PVM",
		Long: `Programs are standard program blobs (Gray Paper A.7): code with its read-only and writable data, without the
metadata that precedes them in a service's code.`,
	}
	cmd.AddCommand(pvmRunCommand(), pvmBenchCommand())
	return cmd
}

// programFlags say how a program is run.
type programFlags struct {
	arg, hostCall string
	gas           int64
}

func (f *programFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.arg, "arg", "", "the program's argument: octets in `HEX`")
	flags.Int64Var(&f.gas, "gas", 1_000_000_000_000, "gas limit; an instruction costs 1")
	flags.StringVar(&f.hostCall, "host-call", "", `how host calls are answered: "ping" answers call 0 with r7 + 1; without it every call ends the run`)
}

// program is a program made ready, and how it is to be run.
type program struct {
	image     *pvm.Image
	code      pvm.Code
	memory    *pvm.Memory
	args      []byte
	gas       int64
	ping      bool
	nsCompile int64 // from the blob to code that can run
	octets    int   // of the guest's code
}

// load reads a program and compiles it on an engine. Release its memory after use.
func (f *programFlags) load(path string, e pvm.Engine) (*program, error) {
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
	blob, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	image, err := pvm.DecodeImage(blob)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	code, err := e.Compile(image.Program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	took := time.Since(start)
	return &program{
		image: image, code: code, memory: e.NewMemory(), args: args, gas: f.gas, ping: f.hostCall == "ping",
		nsCompile: took.Nanoseconds(), octets: len(image.Program.Code()),
	}, nil
}

// run runs the program from its beginning, and times the guest alone.
func (p *program) run() (*pvm.Machine, pvm.Exit, time.Duration, error) {
	m := &pvm.Machine{Mem: p.memory, Gas: p.gas}
	if err := p.image.Start(m, p.args); err != nil {
		return nil, pvm.Exit{}, 0, err
	}
	start := time.Now()
	exit := p.code.Run(m)
	for p.ping && exit == (pvm.Exit{Reason: pvm.HostCall}) {
		m.Regs[7]++
		exit = p.code.Run(m)
	}
	return m, exit, time.Since(start), nil
}

// gasUsed is what a run from a limit has burnt.
func gasUsed(limit int64, m *pvm.Machine) int64 { return limit - max(m.Gas, 0) }
