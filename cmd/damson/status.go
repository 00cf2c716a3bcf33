package main

import (
	"encoding/json"
	"fmt"
	"math"

	"damson/node/host"

	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status DIR",
		Short:   "Ask the node that runs on a data folder how it is",
		Long:    `Status asks a running node by the socket in its data folder, DIR, and prints what it answers: sync, best and final block, peers, duties.`,
		Example: `  damson status /var/lib/damson`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := host.Question{Since: math.MaxUint64}
			if asJSON {
				q.Since = 0
			}
			r, err := host.Ask(args[0], q)
			if err != nil {
				return fmt.Errorf("no node answers on %s: %w", args[0], err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(r)
			}
			_, err = fmt.Fprintf(out, "slot       %d\nbest       %d  %s\nfinalized  %d  %s\nstate      %s\npeers      %d\nsyncing    %v\n",
				r.Slot, r.Best.Slot, r.Best.Hash, r.Final.Slot, r.Final.Hash, r.Best.StateRoot, r.Peers, r.Syncing)
			if err == nil && r.Beefy.Committed > 0 {
				_, err = fmt.Fprintf(out, "beefy      %d, signed by more than two thirds\n", r.Beefy.Last)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, with what has happened to blocks")
	return cmd
}
