package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
	"damson/node/demo"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// demoFlags are what the demo command can be told.
type demoFlags struct {
	engine, fault string
	fast, json    bool
}

// everyDemo is the name of all demos together.
const everyDemo = "all"

func demoCommand() *cobra.Command {
	var f demoFlags
	var list strings.Builder
	names := []string{everyDemo}
	for _, d := range demo.All() {
		fmt.Fprintf(&list, "  %-13s %s\n", d.Name, d.About)
		names = append(names, d.Name)
	}
	cmd := &cobra.Command{
		Use:   "demo NAME",
		Short: "See what a validator does, one duty after another, on a live network",
		Long: `Demo shows a duty of a validator on a small network of real nodes, which talk over QUIC on this machine. It tells step by step what
happens, what to look at, and where the Gray Paper has it; all that it tells is read from the nodes. In the end there is a verdict: claims
that are checked on what the nodes have. Each takes less than a minute and leaves nothing behind.

` + list.String() + `  all           all of them, one after another

A slot lasts about a second here, and six in the protocol; an epoch has 12 slots in place of 600.

The exit status is 0 only if every claim of the verdict holds. With NO_COLOR set there are no colours.`,
		Example: `  damson demo authoring
  damson demo all --json`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: names,
		RunE:      func(cmd *cobra.Command, args []string) error { return runDemos(cmd, &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	flags.BoolVar(&f.fast, "fast", false, "slots as short as the machine bears, for tests: there is no time to read")
	flags.BoolVar(&f.json, "json", false, "print nothing but one JSON object for each demo, on a line: its steps and its verdict")
	flags.StringVar(&f.fault, "fault", "", "break the duty on purpose, to see that the demo notices")
	if err := flags.MarkHidden("fault"); err != nil { // the flag is there
		return cmd
	}
	return cmd
}

// options makes of the flags what a demo is told.
func (f *demoFlags) options(cmd *cobra.Command) (o demo.Options, err error) {
	o = demo.Options{
		Reference: interp.New(), Fast: f.fast, Fault: demo.Fault(f.fault),
		Recompiler: func(w io.Writer) (pvm.Engine, error) {
			made, why, err := engine.New(engine.JIT, jit.Options{PerfMap: w})
			return made, errors.Join(why, err)
		},
	}
	if o.Engine, err = newEngine(f.engine, cmd.ErrOrStderr()); err != nil || f.json {
		return o, err
	}
	out := cmd.OutOrStdout()
	o.Out = out
	if o.Live = isTerminal(out); o.Live {
		o.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if file, ok := out.(*os.File); ok {
			if width, _, err := term.GetSize(int(file.Fd())); err == nil {
				o.Width = min(width, 120)
			}
		}
	}
	return o, nil
}

func runDemos(cmd *cobra.Command, f *demoFlags, name string) error {
	o, err := f.options(cmd)
	if err != nil {
		return withCode(exitUsage, err)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	var wrong error
	for _, d := range demo.All() {
		if name != everyDemo && name != d.Name || ctx.Err() != nil {
			continue
		}
		story, err := demo.Run(ctx, &d, o)
		if f.json && story != nil {
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(story); err != nil {
				return err
			}
		}
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("demo %s: %w", d.Name, err))
		} else {
			wrong = errors.Join(wrong, story.Err())
		}
	}
	return wrong
}
