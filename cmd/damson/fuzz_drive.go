package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"damson/node/conformance"

	"github.com/spf13/cobra"
)

// fuzzDriveFlags are what the fuzz-drive command can be told.
type fuzzDriveFlags struct {
	socket, spec              string
	ancestry, noForks, asJSON bool
	timeout                   time.Duration
}

func fuzzDriveCommand() *cobra.Command {
	var f fuzzDriveFlags
	cmd := &cobra.Command{
		Use:   "fuzz-drive --socket PATH TRACES...",
		Short: "Drive a target of the JAM fuzz protocol through traces, and time it",
		Long: `Fuzz-drive is the other side of fuzz-target, for testing any implementation: it sends the blocks of TRACES over the
socket, compares the state roots that are answered, and asks for the state where one is wrong, to name what differs.

TRACES are folders or archives (.tar.zst) of trace steps or of recorded sessions. Each folder of files is a session of
its own. A chain begins with its genesis.bin, or else with the state after the first step, whose block is then not sent.

Times are of the whole way, from sending a block to having the root. The exit status is 0 only if all answers were
those expected.`,
		Example: `  damson fuzz-drive --socket /tmp/jam_target.sock traces/storage.tar.zst
  damson fuzz-drive --socket /tmp/jam_target.sock --ancestry --json traces/*.tar.zst`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error { return runFuzzDrive(cmd, &f, paths) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.socket, "socket", "", "`PATH` of the target's socket")
	flags.StringVar(&f.spec, "spec", "tiny", "chain parameters: tiny, full, or a file with the encoded parameters or a chain spec")
	flags.BoolVar(&f.ancestry, "ancestry", false, "offer the feature ancestry, and send the ancestors of the first block")
	flags.BoolVar(&f.noForks, "no-forks", false, "do not offer the feature forks")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for an answer")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object, with the fields of the published reports, in place of the table")
	if err := cmd.MarkFlagRequired("socket"); err != nil {
		panic(err) // the flag is declared above
	}
	return cmd
}

func runFuzzDrive(cmd *cobra.Command, f *fuzzDriveFlags, paths []string) error {
	tuneCollector()
	params, err := loadParams(f.spec)
	if err != nil {
		return err
	}
	var features conformance.Features
	if f.ancestry {
		features |= conformance.FeatureAncestry
	}
	if !f.noForks {
		features |= conformance.FeatureForks
	}
	bar := newProgress(cmd.ErrOrStderr(), !f.asJSON)
	drive := conformance.NewDrive(conformance.DriveOptions{
		Params: params, Socket: f.socket, Features: features, Version: appVersion(), Timeout: f.timeout, Progress: bar.step,
	})
	defer drive.Close()
	for _, path := range paths {
		if err := drive.Path(path); err != nil {
			bar.finish()
			return err
		}
	}
	report := drive.Report()
	bar.finish()
	if f.asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	} else {
		err = printDriveReport(cmd.OutOrStdout(), report)
	}
	if err == nil && (report.Stats.Mismatched > 0 || report.Stats.Steps == 0) {
		return errReported
	}
	return err
}

// maxFailuresShown bounds how many failures of a family are printed: one is often the cause of all after it.
const maxFailuresShown = 5

func printDriveReport(w io.Writer, r *conformance.Report) error {
	for _, family := range r.Families {
		for i, failure := range family.Failures {
			if i == maxFailuresShown {
				if _, err := fmt.Fprintf(w, "FAILED %s: and %d more\n", family.Name, len(family.Failures)-i); err != nil {
					return err
				}
				break
			}
			if _, err := fmt.Fprintf(w, "FAILED %s: %s\n", failure.Path, failure.Reason); err != nil {
				return err
			}
		}
	}
	v := r.Info.App
	if _, err := fmt.Fprintf(w, "target: %s %d.%d.%d, features %d\n\n", r.Info.Name, v.Major, v.Minor, v.Patch, r.Info.Features); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "family\tsteps\timported\trefused\tfailed\tms: min\tp50\tp90\tp99\tmax\tmean\t")
	row := func(name string, s *conformance.Stats) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", name, s.Steps, s.Imported, s.Refused, s.Mismatched,
			s.ImportMin, s.ImportP50, s.ImportP90, s.ImportP99, s.ImportMax, s.ImportMean)
	}
	begun, unsent := 0, 0
	for _, family := range r.Families {
		row(family.Name, &family.Stats)
		begun += family.Begun
		unsent += family.Unsent
	}
	if len(r.Families) > 1 {
		row("all", &r.Stats)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if begun+unsent == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nnot sent: %d steps that chains began after, %d others\n", begun, unsent)
	return err
}
