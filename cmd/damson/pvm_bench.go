package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"damson/internal/pvm"
	"damson/jit"

	"github.com/spf13/cobra"
)

func pvmBenchCommand() *cobra.Command {
	var f programFlags
	var engines string
	var runs int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench [flags] FILE...",
		Short: "Time programs on each engine",
		Long: `Bench runs every program several times on every engine and shows the medians: what decoding the blob takes, what
compiling the decoded program takes (for the interpreter: readying it), what the guest's run takes, and the gas that it
burns a second. All times are CPU time of one thread; a first time of everything warms up and does not count. The
programs get the same argument.`,
		Example: `  damson pvm bench bench/programs/fib.pvm --arg 0x1e00000000000000`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			var rows []timing
			for _, path := range paths {
				for _, name := range strings.Split(engines, ",") {
					row, err := f.time(path, name, runs, cmd.ErrOrStderr())
					if err != nil {
						return err
					}
					rows = append(rows, *row)
				}
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			return printTimings(cmd.OutOrStdout(), rows)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&engines, "engine", "jit,interp", "the engines, with commas between them: "+engineNames)
	cmd.Flags().IntVar(&runs, "runs", 9, "runs of each program on each engine")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array, an object for each row")
	return cmd
}

// timing is the medians of the runs of a program on an engine.
type timing struct {
	File      string  `json:"file"`
	Engine    string  `json:"engine"`
	Exit      string  `json:"exit"`
	GasUsed   int64   `json:"gas_used"`
	NsDecode  int64   `json:"ns_decode"`
	NsCompile int64   `json:"ns_compile"`   // of what was decoded
	CompileMB float64 `json:"compile_mb_s"` // guest code
	NsExec    int64   `json:"ns_exec"`
	MgasS     float64 `json:"mgas_s"`
}

// time decodes, compiles and runs a program so often, and once before that to warm up, and gives the medians.
func (f *programFlags) time(path, name string, runs int, log io.Writer) (*timing, error) {
	if runs < 1 {
		return nil, fmt.Errorf("--runs %d: want at least 1", runs)
	}
	e, err := newEngineBy(name, log, jit.Options{CacheBytes: 1})
	if err != nil {
		return nil, err
	}
	row := &timing{File: path, Engine: engineName(name, e)}
	var decodes, compiles, execs []int64
	octets := 0
	for n := range runs + 1 {
		p, err := f.load(path, e)
		if err != nil {
			return nil, err
		}
		m, exit, took, err := p.run()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			decodes, compiles = append(decodes, p.nsDecode), append(compiles, p.nsCompile)
			execs = append(execs, took.Nanoseconds())
		}
		row.Exit, row.GasUsed, octets = exitNames[exit.Reason], gasUsed(f.gas, m), p.octets
		p.memory.Release()
		if err := forget(e); err != nil {
			return nil, err
		}
	}
	row.NsDecode, row.NsCompile, row.NsExec = middle(decodes), middle(compiles), middle(execs)
	row.CompileMB = 1000 * float64(octets) / float64(max(row.NsCompile, 1))
	row.MgasS = 1000 * float64(row.GasUsed) / float64(max(row.NsExec, 1))
	return row, nil
}

// forget makes an engine that keeps but the last program that it compiled forget it, by compiling a trap.
func forget(e pvm.Engine) error {
	p, err := pvm.Decode([]byte{0, 1, 1, 0, 1})
	if err != nil {
		return err
	}
	_, err = e.Compile(p)
	return err
}

// middle is the median.
func middle(times []int64) int64 {
	slices.Sort(times)
	return times[len(times)/2]
}

func printTimings(w io.Writer, rows []timing) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "file\tengine\texit\tgas used\tdecode ms\tcompile ms\tcompile MB/s\trun ms\tMgas/s\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.3f\t%.3f\t%.0f\t%.3f\t%.0f\t\n", r.File, r.Engine, r.Exit, r.GasUsed,
			float64(r.NsDecode)/1e6, float64(r.NsCompile)/1e6, r.CompileMB, float64(r.NsExec)/1e6, r.MgasS)
	}
	return t.Flush()
}
