package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"damson/node/conformance/suites"

	"github.com/spf13/cobra"
)

// vectorsFlags are what the vectors command can be told.
type vectorsFlags struct {
	spec, engine string
	json         bool
	profiles     profileFlags
}

func vectorsCommand() *cobra.Command {
	var f vectorsFlags
	cmd := &cobra.Command{
		Use:   "vectors DIR...",
		Short: "Run the official conformance vectors",
		Long: `Vectors runs every official suite that it finds below DIR with this very program: codec, erasure, shuffle, trie, stf,
traces, fuzz traces, recorded fuzz sessions, pvm, ed25519 and bandersnatch.

DIR is a checkout of davxy/jam-test-vectors, davxy/jam-conformance, davxy/bandersnatch-vrfs-spec or w3f/jamtestvectors, a
folder of several of them, or a part of one. Archives (.tar.zst) are read as the folders that they pack.

The exit status is 0 only if there were vectors and all passed.`,
		Example: `  damson vectors jam-test-vectors
  damson vectors --spec tiny --json jam-test-vectors/stf`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error { return runVectors(cmd, &f, paths) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.spec, "spec", "both", "vectors of which chain: tiny, full or both")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	f.profiles.register(flags)
	flags.BoolVar(&f.json, "json", false, "print one JSON object in place of the table")
	return cmd
}

func runVectors(cmd *cobra.Command, f *vectorsFlags, paths []string) (err error) {
	options := suites.Options{}
	switch f.spec {
	case "both":
	case "tiny", "full":
		options.Chain = f.spec
	default:
		return fmt.Errorf("--spec %s: want tiny, full or both", f.spec)
	}
	engine, err := newEngine(f.engine, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	stopProfile, err := f.profiles.start(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := stopProfile(); err == nil {
			err = stopErr
		}
	}()
	bar := newProgress(cmd.ErrOrStderr(), !f.json)
	options.Engine = engine
	options.Progress = func(suite, path string) {
		bar.describe(suite)
		bar.step(path)
	}
	runner, err := suites.New(options)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := runner.Path(path); err != nil {
			bar.finish()
			return err
		}
	}
	bar.finish()
	results := runner.Results()
	passed, failed := 0, 0
	for _, r := range results {
		passed += r.Passed
		failed += r.Failed
	}
	if f.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
			Passed int              `json:"passed"`
			Failed int              `json:"failed"`
			Suites []*suites.Result `json:"suites"`
		}{passed, failed, results})
	} else {
		err = printSuites(cmd.OutOrStdout(), results)
	}
	switch {
	case err != nil:
		return err
	case passed+failed == 0:
		return fmt.Errorf("%v: no vectors found", paths)
	case failed > 0:
		return errReported
	}
	return nil
}

func printSuites(w io.Writer, results []*suites.Result) error {
	for _, r := range results {
		for i, failure := range r.Failures {
			if i == maxFailuresShown {
				if _, err := fmt.Fprintf(w, "FAILED %s: and %d more\n", r.Suite, len(r.Failures)-i); err != nil {
					return err
				}
				break
			}
			if _, err := fmt.Fprintf(w, "FAILED %s: %s\n", failure.Path, failure.Reason); err != nil {
				return err
			}
		}
		if r.Note != "" {
			if _, err := fmt.Fprintln(w, "left out:", r.Note); err != nil {
				return err
			}
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "suite\tchain\tpassed\tfailed\tseconds")
	passed, failed, seconds := 0, 0, 0.0
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.2f\n", r.Suite, r.Chain, r.Passed, r.Failed, r.Seconds)
		passed, failed, seconds = passed+r.Passed, failed+r.Failed, seconds+r.Seconds
	}
	fmt.Fprintf(t, "all\t\t%d\t%d\t%.2f\n", passed, failed, seconds)
	return t.Flush()
}
