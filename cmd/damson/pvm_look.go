package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/internal/workbench"
	"damson/interp"

	"github.com/spf13/cobra"
)

func pvmDiffCommand() *cobra.Command {
	var f programFlags
	var subject, reference string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff [flags] FILE",
		Short: "Run a program on both engines and name the first difference",
		Long: `Diff runs a program on two engines in lock step. After every basic block it compares registers, gas, counter, how
the run goes on, and what was stored; in the end the whole memory. Of the first difference it names the instruction, by
running the block again, cut short after each of its instructions, and shows what both engines made of it.

The exit status is 0 if there is none. A block costs about as much as tracing it, so use small arguments.`,
		Example: `  damson pvm diff bench/programs/sha256.pvm --arg 0x0100000000000000`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newEngine(subject, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			b, err := newEngine(reference, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			s, err := f.session(args[0])
			if err != nil {
				return err
			}
			d, same, err := s.Diff(a, b)
			if err != nil {
				return err
			}
			if err := printDiff(cmd.OutOrStdout(), d, same, asJSON); err != nil {
				return err
			}
			if d != nil {
				return errReported
			}
			return nil
		},
	}
	f.register(cmd)
	f.registerSymbols(cmd)
	cmd.Flags().StringVar(&subject, "engine", string(engine.JIT), "the engine to be judged: "+engineNames)
	cmd.Flags().StringVar(&reference, "reference", string(engine.Interp), "the engine that judges")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, with the field difference")
	return cmd
}

func printDiff(w io.Writer, d *workbench.Divergence, same *workbench.Agreement, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]any{"difference": d, "agreement": same})
	}
	if d != nil {
		_, err := io.WriteString(w, d.String())
		return err
	}
	_, err := fmt.Fprintf(w, "no difference in %d instructions; both end with %s at %#x\n", same.Steps, exitNames[same.Exit.Reason], same.PC)
	return err
}

func pvmProfileCommand() *cobra.Command {
	var f programFlags
	var pprofFile string
	var top int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "profile [flags] FILE",
		Short: "Count gas and instructions for each basic block",
		Long: `Profile runs a program on the interpreter, counts what every basic block spends, and shows those that spend most.

With --pprof it also writes a profile for go tool pprof, which knows calls: "go tool pprof -http=: FILE" shows a flame
graph by the program's functions. Functions have names where there are symbols (PROGRAM.sym, see link and asm), and
otherwise that of the place where they begin; the line of a function is a place in the code.`,
		Example: `  damson pvm profile bench/programs/qsort.pvm --arg 0x0100000000000000 --top 5
  damson pvm profile calc.pvm --arg 0x312b31 --pprof calc.pb.gz && go tool pprof -top calc.pb.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := f.session(args[0])
			if err != nil {
				return err
			}
			p, m, exit, err := s.Profile(interp.New())
			if err != nil {
				return err
			}
			defer m.Mem.Release()
			if pprofFile != "" {
				if err := writePprof(p, pprofFile, args[0]); err != nil {
					return err
				}
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(p)
			} else {
				err = printProfile(cmd.OutOrStdout(), s, p, top)
			}
			if err == nil && exit.Reason != pvm.Halt {
				_, err = fmt.Fprintf(cmd.ErrOrStderr(), "damson: the program ended with %s at %#x\n", exitNames[exit.Reason], m.PC)
				err = errors.Join(err, errReported)
			}
			return err
		},
	}
	f.register(cmd)
	f.registerSymbols(cmd)
	cmd.Flags().StringVar(&pprofFile, "pprof", "", "write a profile for go tool pprof to this `FILE`")
	cmd.Flags().IntVar(&top, "top", 20, "show so many blocks")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, with all blocks")
	return cmd
}

func writePprof(p *workbench.Profile, path, program string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return p.WritePprof(file, program)
}

func printProfile(w io.Writer, s *workbench.Session, p *workbench.Profile, top int) error {
	blocks := slices.Clone(p.Blocks)
	slices.SortStableFunc(blocks, func(a, b workbench.BlockCount) int { return int(min(1, max(-1, b.Gas-a.Gas))) })
	fmt.Fprintf(w, "%d instructions, %d gas, in %d blocks\n", p.Steps, p.Gas, len(blocks))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "gas\tshare\truns\tblock\tfunction\tbegins with")
	for _, b := range blocks[:min(len(blocks), max(top, 0))] {
		text := ""
		if i, ok := s.Image.Program.Index(b.PC); ok {
			text = s.Listing.Instruction(i)
		}
		fmt.Fprintf(t, "%d\t%.1f%%\t%d\t%#x\t%s\t%s\n", b.Gas, 100*float64(b.Gas)/float64(max(p.Gas, 1)), b.Runs, b.PC, b.Function, text)
	}
	return t.Flush()
}

func pvmDebugCommand() *cobra.Command {
	var f programFlags
	var name string
	cmd := &cobra.Command{
		Use:   "debug [flags] FILE",
		Short: "Step through a program",
		Long: `Debug runs a program under control: it reads commands from standard input and shows where the program is.

` + workbench.DebugHelp + `
Commands may come from a file or a pipe, so that a session can be repeated.`,
		Example: `  damson pvm debug calc.pvm --arg 0x312b31
  printf 'break parse\ncontinue\nregisters\n' | damson pvm debug calc.pvm --arg 0x312b31`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := newEngine(name, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			s, err := f.session(args[0])
			if err != nil {
				return err
			}
			return s.Debug(e, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f.register(cmd)
	f.registerSymbols(cmd)
	cmd.Flags().StringVar(&name, "engine", string(engine.Interp), "what runs the program: "+engineNames)
	return cmd
}

// blobReport is what `pvm blob` shows.
type blobReport struct {
	File      string       `json:"file"`
	Kind      string       `json:"kind"`
	Octets    int          `json:"octets"`
	Hash      string       `json:"hash"`               // Blake2b of all of the file: the code hash of a service
	Metadata  string       `json:"metadata,omitempty"` // in Go's quotes
	ReadOnly  int          `json:"read_only"`
	Writable  int          `json:"writable"`
	HeapPages int          `json:"heap_pages"`
	Stack     uint32       `json:"stack"`
	Code      int          `json:"code"`
	Insts     int          `json:"instructions"`
	Blocks    int          `json:"blocks"`
	Jumps     uint64       `json:"jump_table"`
	Invalid   int          `json:"invalid_instructions"` // opcodes that the Gray Paper does not define
	HostCalls []uint64     `json:"host_calls"`           // the numbers that the code has
	Entries   []entryPoint `json:"entries"`
}

type entryPoint struct {
	PC          uint64 `json:"pc"`
	Name        string `json:"name"`
	Instruction string `json:"instruction"`
}

func pvmBlobCommand() *cobra.Command {
	var kind, symbols string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "blob [flags] FILE",
		Short: "Show what a program is made of",
		Long: `Blob takes a program apart and shows its kind, hash, metadata, the sizes of its parts, its entry points and the host
calls that its code has. The hash is that of the whole file, which is the code hash of a service.`,
		Example: `  damson pvm blob service.pvm
  damson pvm blob service.pvm --json | jq .host_calls`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := openObject(args[0], kind)
			if err != nil {
				return err
			}
			names, err := readSymbols(args[0], symbols)
			if err != nil {
				return err
			}
			r, err := inspect(args[0], o, names)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			return r.print(cmd.OutOrStdout())
		},
	}
	registerKind(cmd, &kind)
	cmd.Flags().StringVar(&symbols, "symbols", "", "the `FILE` with the names of functions; without it PROGRAM.sym, if there is one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func inspect(path string, o *asm.Object, names workbench.Symbols) (*blobReport, error) {
	l, err := asm.NewListing(o.Blob)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	parts, err := pvm.Deblob(o.Blob)
	if err != nil {
		return nil, err
	}
	octets := o.Octets()
	hash := blake2b.Sum256(octets)
	r := &blobReport{
		File: path, Kind: o.Kind.String(), Octets: len(octets), Hash: "0x" + hex.EncodeToString(hash[:]),
		ReadOnly: len(o.RO), Writable: len(o.RW), HeapPages: int(o.HeapPages), Stack: o.Stack,
		Code: len(parts.Code), Insts: len(l.Program.Insts) - 1, Blocks: len(l.Program.Blocks), Jumps: parts.Jumps(),
		HostCalls: []uint64{},
	}
	for i, in := range l.Program.Insts[:r.Insts] {
		if in.Op == pvm.Ecalli && !slices.Contains(r.HostCalls, in.X) {
			r.HostCalls = append(r.HostCalls, in.X)
		}
		if !pvm.Opcode(parts.Code[l.Program.PC(uint32(i))]).Valid() {
			r.Invalid++
		}
	}
	slices.Sort(r.HostCalls)
	entries := []entryPoint{{PC: 0, Name: "start"}}
	if o.Kind == asm.ServiceCode {
		r.Metadata = fmt.Sprintf("%q", o.Metadata)
		entries = []entryPoint{{PC: 0, Name: "refine or is_authorized"}, {PC: 5, Name: "accumulate"}}
	}
	for _, e := range entries {
		if i, ok := l.Program.Index(e.PC); ok && int(i) < r.Insts {
			e.Instruction = l.Instruction(i)
			if in := &l.Program.Insts[i]; in.Op == pvm.Jump && in.Y != pvm.NoTarget {
				if name := names.At(uint32(l.Program.PC(in.Y))); name != "" {
					e.Instruction += " (" + name + ")"
				}
			}
			r.Entries = append(r.Entries, e)
		}
	}
	return r, nil
}

func (r *blobReport) print(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "file          %s\nkind          %s\nsize          %d octets\nhash          %s\n", r.File, r.Kind, r.Octets, r.Hash)
	if r.Metadata != "" {
		fmt.Fprintf(w, "metadata      %s\n", r.Metadata)
	}
	if r.Kind != asm.ProgramBlob.String() {
		fmt.Fprintf(w, "read-only     %d octets\nwritable      %d octets\nheap          %d pages\nstack         %d octets\n",
			r.ReadOnly, r.Writable, r.HeapPages, r.Stack)
	}
	fmt.Fprintf(w, "code          %d octets, %d instructions, %d blocks\njump table    %d entries\n", r.Code, r.Insts, r.Blocks, r.Jumps)
	if r.Invalid > 0 {
		fmt.Fprintf(w, "invalid       %d instructions\n", r.Invalid)
	}
	fmt.Fprintf(w, "host calls    %s\n", strings.Trim(fmt.Sprint(r.HostCalls), "[]"))
	for _, e := range r.Entries {
		fmt.Fprintf(w, "entry %-7d %s: %s\n", e.PC, e.Name, e.Instruction)
	}
	return w.Flush()
}
