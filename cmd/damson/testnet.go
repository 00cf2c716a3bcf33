package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"damson/internal/protocol"
	"damson/node/loop"
	"damson/node/testnet"

	"github.com/spf13/cobra"
)

// testnetFlags are what the testnet command can be told.
type testnetFlags struct {
	spec, engine, dir, logLevel string
	slots                       int
	slot                        time.Duration
	json                        bool
}

func testnetCommand() *cobra.Command {
	var f testnetFlags
	cmd := &cobra.Command{
		Use:   "testnet [flags]",
		Short: "Run a network of validators on this machine",
		Long: `Testnet makes a chain, starts a node for each of its validators, and shows how they author, exchange, import and
finalize blocks. The nodes talk over QUIC and share nothing but the machine.

A slot lasts six seconds, as in the protocol, unless --slot-duration says otherwise.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runTestnet(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.spec, "spec", "tiny", "chain parameters: tiny, or a file")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	flags.StringVar(&f.dir, "data-path", "", "keep keys, specification and chains in the folder `DIR`, in place of a temporary one")
	flags.StringVar(&f.logLevel, "log-level", "", "log what the nodes do to stderr: debug, info, warn, error")
	flags.IntVar(&f.slots, "slots", 36, "how many slots to run")
	flags.DurationVar(&f.slot, "slot-duration", loop.ProtocolSlot, "how long a slot lasts")
	flags.BoolVar(&f.json, "json", false, "print the summary as one JSON object, and nothing else")
	return cmd
}

func runTestnet(cmd *cobra.Command, f *testnetFlags) (err error) {
	params, err := loadParams(f.spec)
	if err != nil {
		return err
	}
	engine, err := newEngine(f.engine, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	dir := f.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "damson-testnet-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	o := testnet.Options{Params: params, Slot: f.slot, Dir: dir, Engine: engine}
	if f.logLevel != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
			return fmt.Errorf("--log-level %s: %w", f.logLevel, err)
		}
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
		o.Log = func(validator int) *slog.Logger { return log.With("node", validator) }
	}
	n, err := testnet.New(o)
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	lags := watch(cmd, n, f)
	n.Quiet()
	n.Settle(6)
	s := n.Summarize(f.slots, lags)
	if err := n.Stop(); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%+v\n", *s)
	return err
}

// watch shows the network slot by slot, and gives how far finality was behind at the end of each.
func watch(cmd *cobra.Command, n *testnet.Net, f *testnetFlags) (lags []int) {
	end := n.First + protocol.Slot(f.slots)
	for slot := n.First; slot < end; slot++ {
		time.Sleep(time.Until(n.Slots.Start(slot + 1).Add(-time.Millisecond)))
		all := n.Statuses()
		if all[0] != nil {
			lags = append(lags, int(slot)-int(all[0].Finalized.Slot))
		}
		if f.json {
			continue
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', tabwriter.AlignRight)
		for i, s := range all {
			if s != nil {
				fmt.Fprintf(t, "%d\t%d\tbest %d\tfinal %d\tpeers %d\ttickets %d\tround %d\tauthored %d\timported %d\trefused %d\t\n",
					slot, i, s.Best.Slot, s.Finalized.Slot, s.Peers, s.Tickets, s.Round, s.Authored, s.Imported, s.Refused)
			}
		}
		_ = t.Flush()
	}
	return lags
}
