package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/node/telemetry"
	"damson/node/telemetry/collect"

	"github.com/spf13/cobra"
)

// reportTo says where a node tells what it does (JIP-3); nil if no server is named.
func reportTo(server, engineAsked string, e pvm.Engine) (*telemetry.Options, error) {
	if server == "" {
		return nil, nil
	}
	if _, port, err := net.SplitHostPort(server); err != nil || port == "" {
		return nil, withCode(exitUsage, fmt.Errorf("--telemetry %s: want HOST:PORT", server))
	}
	return &telemetry.Options{Server: server, Node: telemetry.Node{
		Implementation: "Damson", Version: buildVersion(), Recompiler: engineName(engineAsked, e) != string(engine.Interp),
	}}, nil
}

func telemetryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "telemetry",
		Short: "Look at what nodes tell by JIP-3",
		Example: `  damson telemetry collect --listen 127.0.0.1:9999 &
  damson testnet --telemetry 127.0.0.1:9999`,
		Long: `Telemetry is what nodes tell of themselves with "damson run --telemetry HOST:PORT". docs/TELEMETRY.md says what that is.
Any server that speaks JIP-3 can take it; "damson telemetry collect" is a small one.`,
	}
	cmd.AddCommand(collectCommand())
	return cmd
}

// collectFlags are what the collect command can be told.
type collectFlags struct {
	listen, out string
	json        bool
	quiet       bool
}

func collectCommand() *cobra.Command {
	var f collectFlags
	cmd := &cobra.Command{
		Use:   "collect [flags]",
		Short: "Receive telemetry, check it, and print or keep it",
		Long: `Collect takes connections of nodes, decodes what they tell, and writes a line for each event, until it gets SIGINT or SIGTERM. Then
it says how many events of each kind there were. A stream that cannot be decoded is named, and the exit status is 1.`,
		Example: `  damson telemetry collect
  damson telemetry collect --listen 127.0.0.1:9955 --json --out events.jsonl
  damson testnet --telemetry 127.0.0.1:9955`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCollect(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9955", "`ADDR` at which nodes connect (TCP)")
	flags.BoolVar(&f.json, "json", false, "write each event as a JSON object of its own line")
	flags.StringVar(&f.out, "out", "", "append to a `FILE` in place of standard output")
	flags.BoolVar(&f.quiet, "quiet", false, "write no events: only count them")
	return cmd
}

func runCollect(cmd *cobra.Command, f *collectFlags) (err error) {
	out := cmd.OutOrStdout()
	if f.out != "" {
		file, err := os.OpenFile(f.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return withCode(exitNetwork, fmt.Errorf("--listen: %w", err))
	}
	w := &collected{f: f, out: bufio.NewWriter(out), say: cmd.ErrOrStderr(), counts: make(map[telemetry.Code]uint64)}
	w.talk("listening at %v\n", listener.Addr())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	server := collect.Serve(listener, collect.Options{Begun: w.begun, Event: w.event, Ended: w.ended})
	flush := time.NewTicker(time.Second)
	defer flush.Stop()
	for waiting := true; waiting; {
		select {
		case <-cmd.Context().Done():
			waiting = false
		case <-signals:
			waiting = false
		case <-flush.C:
			server.Do(w.flush)
		}
	}
	server.Do(func() { w.closing = true })
	err = errors.Join(server.Close(), w.err, w.out.Flush())
	w.summary()
	if err == nil && w.bad > 0 {
		err = fmt.Errorf("%d streams could not be decoded", w.bad)
	}
	return err
}

// collected writes what has come.
type collected struct {
	f       *collectFlags
	out     *bufio.Writer
	say     io.Writer
	counts  map[telemetry.Code]uint64
	nodes   int
	lost    uint64
	bad     int
	err     error
	closing bool
}

// talk says something to who runs the command.
func (w *collected) talk(format string, values ...any) {
	_, err := fmt.Fprintf(w.say, format, values...)
	w.err = errors.Join(w.err, err)
}

func (w *collected) flush() { w.err = errors.Join(w.err, w.out.Flush()) }

// line is an object of --json.
type line struct {
	Node  telemetry.Peer   `json:"node"`
	Info  *telemetry.Node  `json:"info,omitempty"`
	Event *telemetry.Event `json:"event,omitempty"`
}

func (w *collected) write(l *line) {
	if w.f.quiet {
		return
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = w.out.Write(append(text, '\n'))
	}
	w.err = errors.Join(w.err, err)
}

func (w *collected) begun(s *collect.Source) {
	w.nodes++
	w.talk("node %x at %v: %s %s, Gray Paper %s, from %s\n", s.Peer[:4], s.Address, s.Implementation, s.Version, s.GrayPaper, s.Remote)
	if w.f.json {
		w.write(&line{Node: s.Peer, Info: &s.Node})
	}
}

func (w *collected) event(s *collect.Source, e *telemetry.Event) {
	w.counts[e.Code]++
	if w.f.json {
		w.write(&line{Node: s.Peer, Event: e})
		return
	}
	if w.f.quiet {
		return
	}
	at, err := e.Time.MarshalText()
	if err == nil {
		_, err = fmt.Fprintf(w.out, "%x %6d %s %v%s\n", s.Peer[:4], e.ID, at, e.Code, e.Text())
	}
	w.err = errors.Join(w.err, err)
}

func (w *collected) ended(s *collect.Source, err error) {
	w.lost += s.Lost
	if err != nil && !w.closing {
		w.bad++
		w.talk("node %x: the stream is WRONG after %d events: %v\n", s.Peer[:4], s.Events, err)
		return
	}
	w.talk("node %x has left after %d events, of which it dropped %d\n", s.Peer[:4], s.NextID, s.Lost)
}

func (w *collected) summary() {
	total := uint64(0)
	for code := range telemetry.Codes() {
		if n := w.counts[code]; n > 0 {
			total += n
			w.talk("%8d %v\n", n, code)
		}
	}
	w.talk("%8d events of %d connections; %d were dropped, %d streams were wrong\n", total, w.nodes, w.lost, w.bad)
}
