package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

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
		Long: `Bench runs every program several times on every engine and shows the medians: what compiling takes, what the
guest's run takes, and the gas that it burns a second. The programs get the same argument.`,
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
	NsCompile int64   `json:"ns_compile"`
	CompileMB float64 `json:"compile_mb_s"` // guest code
	NsExec    int64   `json:"ns_exec"`
	MgasS     float64 `json:"mgas_s"`
}

// time compiles and runs a program so often and gives the medians. Each time has an engine of its own, so that nothing
// is found in a cache.
func (f *programFlags) time(path, name string, runs int, log io.Writer) (*timing, error) {
	if runs < 1 {
		return nil, fmt.Errorf("--runs %d: want at least 1", runs)
	}
	row := &timing{File: path}
	var compiles, execs []int64
	octets := 0
	for n := range runs {
		if n > 0 {
			log = io.Discard // what an engine says it has said
		}
		e, err := newEngine(name, log)
		if err != nil {
			return nil, err
		}
		p, err := f.load(path, e)
		if err != nil {
			return nil, err
		}
		m, exit, took, err := p.run()
		if err != nil {
			return nil, err
		}
		compiles, execs = append(compiles, p.nsCompile), append(execs, took.Nanoseconds())
		row.Engine, row.Exit, row.GasUsed = engineName(name, e), exitNames[exit.Reason], gasUsed(f.gas, m)
		octets = p.octets
		p.memory.Release()
	}
	row.NsCompile, row.NsExec = middle(compiles), middle(execs)
	row.CompileMB = 1000 * float64(octets) / float64(max(row.NsCompile, 1))
	row.MgasS = 1000 * float64(row.GasUsed) / float64(max(row.NsExec, 1))
	return row, nil
}

// middle is the median.
func middle(times []int64) int64 {
	slices.Sort(times)
	return times[len(times)/2]
}

func printTimings(w io.Writer, rows []timing) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "file\tengine\texit\tgas used\tcompile ms\tcompile MB/s\trun ms\tMgas/s\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.3f\t%.0f\t%.3f\t%.0f\t\n", r.File, r.Engine, r.Exit, r.GasUsed,
			float64(r.NsCompile)/1e6, r.CompileMB, float64(r.NsExec)/1e6, r.MgasS)
	}
	return t.Flush()
}
