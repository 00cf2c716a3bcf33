package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"damson/node"
	"damson/node/load"

	"github.com/spf13/cobra"
)

// loadFlags are what load can be told.
type loadFlags struct {
	follow   followFlags
	rate     float64
	duration time.Duration
	o        load.Options
	json     bool
}

func loadCommand() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load [flags]",
		Short: "Keep all cores of a running network busy, and measure",
		Long: `Load submits a package to every core in each slot, as far as the cores keep up, and says how long each stage has taken and how
much was done: reports, work items and token transfers a second, data made available, and how full the cores were.

Each package pays with the token and hands on segments that an earlier one has exported. In the end the token's books must
balance. The chain must have the examples, as those of damson testnet have.`,
		Args: cobra.NoArgs,
		Example: `  damson testnet --data-path /tmp/net --slots 600 --slot-duration 2s &
  damson load --network /tmp/net --tps 500 --duration 1m
  damson load --network /tmp/net --data 1000000 --segments 64`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.follow.register(cmd)
	flags := cmd.Flags()
	flags.Float64Var(&f.rate, "tps", 0, "token transfers a second, over all cores; 0 means 64 in each package")
	flags.DurationVar(&f.duration, "duration", time.Minute, "how long to go on")
	flags.IntVar(&f.o.Segments, "segments", 4, "how many segments each package exports, and imports of an earlier one")
	flags.IntVar(&f.o.Data, "data", 0, "octets of data that each package brings along")
	flags.IntVar(&f.o.Accounts, "accounts", 1000, "how many accounts of the token pay each other")
	flags.Uint64Var(&f.o.Seed, "seed", 1, "what payments follow from")
	flags.BoolVar(&f.json, "json", false, "print what was measured as one JSON object")
	return cmd
}

// loadSettling is how long packages may still take in the end, in slots.
const loadSettling = 12

func (f *loadFlags) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	opening, cancel := context.WithTimeout(ctx, f.follow.patience)
	defer cancel()
	if f.follow.rpc != "" {
		return withCode(exitUsage, errors.New("load follows the chain itself: want --network or --chain, not --rpc"))
	}
	x, err := f.follow.follower(opening, cmd)
	if err != nil {
		return err
	}
	s, err := f.drive(ctx, x)
	if err = errors.Join(err, x.host.Stop()); err != nil {
		return err
	}
	if f.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(s)
	} else {
		showLoad(cmd.OutOrStdout(), s)
	}
	if err == nil && !s.Balanced {
		err = errors.New(s.Wrong)
	}
	return err
}

func (f *loadFlags) drive(ctx context.Context, x *follower) (s *load.Summary, err error) {
	var l *load.Load
	var slot time.Duration
	err = x.do(func(n *node.Node) error {
		slot = n.Slots.Duration
		f.o.Builder = x.Builder
		if f.rate > 0 {
			f.o.Transfers = max(int(f.rate*slot.Seconds()/float64(n.Params.Cores)+0.5), 1)
		}
		if f.o.Data < 0 || f.o.Data > n.Params.MaxBundle/2 {
			return withCode(exitUsage, fmt.Errorf("--data %d: want at most %d", f.o.Data, n.Params.MaxBundle/2))
		}
		l = load.New(f.o)
		l.Start()
		return nil
	})
	if err != nil {
		return nil, err
	}
	wait(ctx, f.duration)
	err = x.do(func(*node.Node) error { l.Stop(); return nil })
	for i, settled := 0, false; err == nil && i < 4*loadSettling && !settled; i++ {
		wait(context.WithoutCancel(ctx), slot/4)
		err = x.do(func(*node.Node) error { settled = l.Settled(); return nil })
	}
	if err == nil {
		err = x.do(func(*node.Node) error { s = l.Summary(); return nil })
	}
	return s, err
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
