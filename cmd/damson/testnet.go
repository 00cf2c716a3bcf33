package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"damson/internal/protocol"
	"damson/node/host"
	"damson/node/loop"
	"damson/node/testnet"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// testnetFlags are what the testnet command can be told.
type testnetFlags struct {
	spec, engine, dir, scenario string
	telemetry                   string
	validators, slots           int
	duration, slot              time.Duration
	json, separate, work        bool
	log                         logFlags
	serve                       serveFlags
	profiles                    profileFlags
}

func testnetCommand() *cobra.Command {
	var f testnetFlags
	cmd := &cobra.Command{
		Use:   "testnet [flags]",
		Short: "Run a network of validators on this machine",
		Long: `Testnet makes a chain of its own, starts a node for each of its validators, and shows how they author, exchange,
import and finalize blocks. The nodes talk over QUIC and share nothing but the machine. It needs nothing but this
program, and leaves nothing behind, unless there is --data-path.

A slot lasts six seconds, as in the protocol, unless --slot-duration says otherwise. It ends after --slots or --duration, or with
Ctrl-C, with a summary. The exit status is 0 only if all nodes agree in the end.

A --scenario shows how the network bears a fault:
  partition     for a third of the run, half of the nodes does not hear the other half: nothing can be final
  equivocation  one validator seals two blocks for each of its slots
  restart       one node is killed, and comes back after a third of the run (its nodes are processes of their own)
  bad-report    two guarantors sign wrong results; auditors find out, a verdict names them, and the fork is left (with packages, as --with-work)`,
		Args: cobra.NoArgs,
		Example: `  damson testnet
  damson testnet --slots 36 --slot-duration 1s --json
  damson testnet --scenario partition --slot-duration 2s`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runTestnet(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.spec, "spec", "tiny", "chain parameters: tiny, or a `FILE` with the encoded ones or a chain spec")
	flags.IntVar(&f.validators, "validators", 0, "how many; 0 means as the parameters say (tiny: 6). There are as many cores as every third makes")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	flags.StringVar(&f.dir, "data-path", "", "keep keys, specification, chains and logs in the folder `DIR`, in place of a temporary one")
	flags.IntVar(&f.slots, "slots", 36, "how many slots to run")
	flags.DurationVar(&f.duration, "duration", 0, "how long to run, in place of --slots")
	flags.DurationVar(&f.slot, "slot-duration", loop.ProtocolSlot, "how long a slot lasts; all delays of the protocol follow it")
	flags.BoolVar(&f.json, "json", false, "print the summary as one JSON object, and nothing else")
	flags.BoolVar(&f.separate, "separate-processes", false, "run each node in a process of its own")
	flags.BoolVar(&f.work, "with-work", false, "submit a package to every core in each slot, and check what becomes of them")
	flags.StringVar(&f.scenario, "scenario", "", "show a fault and its healing: partition, equivocation, restart or bad-report")
	flags.StringVar(&f.telemetry, "telemetry", "", "`HOST:PORT` of a server that is told what the nodes do (JIP-3, docs/TELEMETRY.md)")
	f.serve.registerPort(cmd)
	f.log.register(flags, "off")
	f.profiles.register(flags)
	return cmd
}

// params gives the chain's parameters with as many validators as are wanted.
func (f *testnetFlags) params() (*protocol.Params, error) {
	p, err := loadParams(f.spec)
	if err != nil || f.validators == 0 || f.validators == p.Validators {
		return p, err
	}
	for symbol, value := range map[string]int{"V": f.validators, "C": f.validators / 3} {
		if err := p.Set(symbol, uint64(max(value, 0))); err != nil {
			return nil, err
		}
	}
	return p, p.Validate()
}

// options makes of the flags what the network is told; it says how many slots to run.
func (f *testnetFlags) options(cmd *cobra.Command) (o testnet.Options, slots int, err error) {
	o = testnet.Options{Slot: f.slot}
	if o.Params, err = f.params(); err != nil {
		return o, 0, fmt.Errorf("--validators %d --spec %s: %w", f.validators, f.spec, err)
	}
	if o.Engine, err = newEngine(f.engine, cmd.ErrOrStderr()); err != nil {
		return o, 0, err
	}
	if o.Scenario, err = testnet.ParseScenario(f.scenario); err != nil {
		return o, 0, fmt.Errorf("--scenario: %w", err)
	}
	if o.Scenario.Local() && f.separate {
		return o, 0, fmt.Errorf("--scenario %s needs all nodes in one process", f.scenario)
	}
	if f.slot < 10*time.Millisecond {
		return o, 0, fmt.Errorf("--slot-duration %v: want 10ms or more", f.slot)
	}
	slots = f.slots
	if f.duration > 0 {
		if cmd.Flags().Changed("slots") {
			return o, 0, errors.New("--slots and --duration: want one of them")
		}
		slots = int(f.duration / f.slot)
	}
	if slots < 1 {
		return o, 0, errors.New("there is no slot to run")
	}
	return o, slots, nil
}

func runTestnet(cmd *cobra.Command, f *testnetFlags) (err error) {
	o, slots, err := f.options(cmd)
	if err != nil {
		return withCode(exitUsage, err)
	}
	log, err := f.log.logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if f.work {
		o.Work = new(testnet.Work)
	}
	o.Log = func(validator int) *slog.Logger { return log.With("node", validator) }
	if _, err := reportTo(f.telemetry, f.engine, o.Engine); err != nil {
		return err
	}
	engine := o.Engine
	o.Attend = func(validator int, o *host.Options) testnet.Attendant {
		o.Telemetry, _ = reportTo(f.telemetry, f.engine, engine) // it was looked at above
		return f.serve.attend(validator, o)
	}
	if o.Dir = f.dir; f.dir == "" {
		if o.Dir, err = os.MkdirTemp("", "damson-testnet-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	if f.separate || o.Scenario.Processes() {
		f.separate = true
		o.Command = (&spawner{f: f, dir: o.Dir, stderr: cmd.ErrOrStderr()}).start
	}
	f.serve.asked = cmd.Flags().Changed("rpc-port")
	if err := f.openPage(cmd, &o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.serve.network.close()) }()
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once; processes follow it
	return f.follow(ctx, cmd, &o, slots)
}

// follow makes the network, runs it, and tells what became of it.
func (f *testnetFlags) follow(ctx context.Context, cmd *cobra.Command, o *testnet.Options, slots int) error {
	stopProfiles, err := f.profiles.start(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	n, err := testnet.New(*o)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	show := newView(out, isTerminal(out), slots, f.separate)
	if f.json {
		show = nil
	} else {
		show.intro(n)
	}
	// Processes end by Stop, in order, and not with the context.
	if err := n.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if show != nil {
		f.serve.showAddresses(out, len(n.Keys), f.separate)
	}
	var each func(*testnet.View)
	if show != nil {
		each = show.slot
	}
	s, err := n.Run(ctx, slots, each)
	if err := errors.Join(err, n.Stop(), stopProfiles()); err != nil {
		return err
	}
	if f.json {
		err = json.NewEncoder(out).Encode(s)
	} else {
		show.summary(s)
		showLoad(out, s.Summary)
	}
	if err == nil && s.Summary != nil && !s.Balanced {
		err = errors.New(s.Wrong)
	}
	if err == nil && (!s.Agree || s.Healed != nil && !*s.Healed) {
		err = errors.New("the nodes do not agree, or did not recover")
	}
	return err
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// spawner starts nodes as processes of this program.
type spawner struct {
	f      *testnetFlags
	dir    string
	stderr io.Writer
}

// child is a node in a process.
type child struct {
	*exec.Cmd
	stdin io.Closer
	ended chan error
}

// start starts one. What it logs goes to a file in its folder, or to standard error if that is wanted.
func (s *spawner) start(_ context.Context, validator int, arguments ...string) (testnet.Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	level := s.f.log.level
	if level == "off" {
		level = "info"
	}
	arguments = append([]string{
		"run", "--with-parent", "--engine", s.f.engine, "--cache", "32", "--log-level", level, "--log-format", s.f.log.format,
		"--rpc-port", strconv.Itoa(int(s.f.serve.of(validator).port)), "--telemetry", s.f.telemetry,
		"--metrics", s.f.serve.of(validator).metrics, "--dashboard", s.f.serve.network.socket(s.dir, validator),
	}, arguments...)
	c := &child{Cmd: exec.Command(program, arguments...), ended: make(chan error, 1)} //nolint:gosec // this program
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = in
	var log io.WriteCloser
	if s.f.log.level == "off" {
		path := filepath.Join(s.dir, "node"+strconv.Itoa(validator), "log")
		if log, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, err
		}
		c.Stderr = log
	} else {
		c.Stderr = s.stderr
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	go func() {
		err := c.Wait()
		if log != nil {
			err = errors.Join(err, log.Close())
		}
		c.ended <- err
	}()
	return c, nil
}

// Drain asks the process to end: it does when its standard input does.
func (c *child) Drain() error { return c.stdin.Close() }

func (c *child) Kill() error { return c.Process.Kill() }

func (c *child) Ended() <-chan error { return c.ended }
