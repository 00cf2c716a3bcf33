package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"damson/node/importer"
	"damson/node/replay"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// importFlags are what the import command can be told.
type importFlags struct {
	spec, engine, verify, genesis string
	json, serviceLogs             bool
	profiles                      profileFlags
	store                         storeFlags
}

func importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [flags] [PATH...]",
		Short: "Import chains from files and check every state",
		Long: `Import executes the blocks of every PATH and compares the states that result with those in the files.

A PATH is a folder of trace steps (.bin), one step, or an archive of either (.tar.zst), in the format of the
official JAM test vectors. With --genesis, a PATH holds encoded blocks one after another.
Without a PATH it imports a small chain that comes with the program.

With --data-path, blocks and states are kept on disk, and blocks that are there already are compared but not
executed again: an import that was stopped, in whatever way, goes on where it was. Of a chain that follows a
--genesis, blocks become final when the best is as many slots beyond them as a lookup anchor may be old (14,400,
or a day; 24 on tiny parameters), and states and blocks that the protocol needs no more after that are deleted,
unless there is --archive. A file's blocks that are gone already are passed over.

The exit status is 0 only if every good block was imported with the state expected and every bad one refused.`,
		Example: `  damson import
  damson import --verify root traces/storage.tar.zst
  damson import --genesis genesis.bin blocks.bin --json
  damson import --data-path chain --genesis genesis.bin blocks.bin`,
		RunE: func(cmd *cobra.Command, paths []string) error { return runImport(cmd, &f, paths) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.spec, "spec", "tiny", "chain parameters: tiny, full, or a file with the encoded parameters or a chain spec")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	flags.StringVar(&f.verify, "verify", "full", "compare every entry of the states (full) or their roots alone (root)")
	flags.StringVar(&f.genesis, "genesis", "", "genesis `FILE`: the PATHs hold blocks that follow it")
	f.profiles.register(flags)
	flags.BoolVar(&f.json, "json", false, "print one JSON object in place of the table")
	flags.BoolVar(&f.serviceLogs, "service-logs", false, "log what services say by the host call log (JIP-1) to stderr")
	f.store.register(flags)
	return cmd
}

func runImport(cmd *cobra.Command, f *importFlags, paths []string) (err error) {
	if f.verify != "full" && f.verify != "root" {
		return fmt.Errorf("--verify %s: want full or root", f.verify)
	}
	if len(paths) == 0 && (f.genesis != "" || f.spec != "tiny") {
		return errors.New("--genesis and --spec are for a PATH, and there is none")
	}
	params, err := loadParams(f.spec)
	if err != nil {
		return err
	}
	engine, err := newEngine(f.engine, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	options := importer.Options{Params: params, Engine: engine}
	if f.serviceLogs {
		options.ServiceLog = serviceLog(cmd.ErrOrStderr())
	}
	im, err := importer.New(options)
	if err != nil {
		return err
	}
	chain, err := f.store.open(params)
	if err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), !f.json)
	replaying := replay.Options{
		Params: params, Importer: im, Store: chain, RootOnly: f.verify == "root", Progress: bar.step,
	}
	if f.genesis != "" && !f.store.archive {
		replaying.FinalAfter = params.LookupAnchorAge
	}
	if len(paths) == 0 {
		replaying.Refusal = ownRefusal()
		if !f.json {
			fmt.Fprintln(cmd.OutOrStdout(), describeOwnChain())
		}
	}
	r := replay.New(replaying)
	stop, err := f.profiles.start(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	start := time.Now()
	err = importPaths(r, f, paths)
	if chain != nil {
		err = errors.Join(err, chain.Close()) // what is reported is on disk
	}
	took := time.Since(start)
	bar.finish()
	if stopErr := stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return err
	}
	return report(cmd.OutOrStdout(), f, r.Summary(), took)
}

func importPaths(r *replay.Replay, f *importFlags, paths []string) error {
	if len(paths) == 0 {
		return importOwnChain(r)
	}
	each := r.Path
	if f.genesis != "" {
		if err := r.Genesis(f.genesis); err != nil {
			return err
		}
		each = r.Blocks
	}
	for _, path := range paths {
		if err := each(path); err != nil {
			return err
		}
	}
	return nil
}

// report prints what was done. The error is errReported if something failed.
func report(w io.Writer, f *importFlags, s *replay.Summary, took time.Duration) error {
	if f.json {
		if err := json.NewEncoder(w).Encode(s); err != nil {
			return err
		}
	} else if err := printTable(w, s, took); err != nil {
		return err
	}
	if s.Failed > 0 {
		return errReported
	}
	return nil
}

func printTable(w io.Writer, s *replay.Summary, took time.Duration) error {
	for _, failure := range s.Failures {
		if _, err := fmt.Fprintf(w, "FAILED %s: %s\n", failure.Path, failure.Reason); err != nil {
			return err
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	blocks := float64(s.Steps) / took.Seconds()
	if s.Mean > 0 {
		blocks = 1000 / s.Mean
	}
	fmt.Fprintln(t, "steps\timported\trejected as expected\tfailed\t")
	fmt.Fprintf(t, "%d\t%d\t%d\t%d\t\n", s.Steps, s.Imported, s.Rejected, s.Failed)
	if err := t.Flush(); err != nil {
		return err
	}
	if s.Passed > 0 {
		fmt.Fprintf(w, "%d blocks passed over: they are older than what is kept\n", s.Passed)
	}
	fmt.Fprintln(t, "\nms per block:\tp50\tp90\tp99\tmax\tmean\tblocks/s\tpeak memory\t")
	fmt.Fprintf(t, "\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%d MiB\t\n",
		s.P50, s.P90, s.P99, s.Max, s.Mean, blocks, peakMemory()>>20)
	return t.Flush()
}

// progress shows on a terminal how far the work is; elsewhere it shows nothing.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(w io.Writer, wanted bool) *progress {
	file, ok := w.(*os.File)
	if !wanted || !ok || !term.IsTerminal(int(file.Fd())) {
		return new(progress)
	}
	return &progress{progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("importing"), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("blocks"), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond))}
}

func (p *progress) step(string) {
	if p.bar != nil {
		_ = p.bar.Add(1) // a bar that cannot be drawn is no reason to stop
	}
}

// describe says what the work is now.
func (p *progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
