// Damson is a JAM node: one program, a subcommand for every job. See docs/ARCHITECTURE.md for what is behind them.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := root().Execute(); err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintf(os.Stderr, "damson: %v\n", err)
		}
		os.Exit(exitCode(err))
	}
}

// errReported ends the program with exitFailed when all there is to say has been said.
var errReported = errors.New("failed")

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "damson",
		Short: "A JAM node in pure Go",
		Long: `Damson executes and checks chains of JAM, the Join-Accumulate Machine (Gray Paper 0.7.2).

Try "damson testnet": it runs a network of validators on this machine.

` + exitTable,
		Example: `  damson testnet                                    # a network, with a page at http://127.0.0.1:19880/
  damson run --chain chain.json --keys ~/validator  # a validator of a chain
  damson doctor                                     # is this machine fit for that?`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(runCommand(), testnetCommand(), workCommand(), serviceCommand(), loadCommand(), dbCommand(), statusCommand(), topCommand(), importCommand(), stateCommand(), fuzzTargetCommand(), fuzzDriveCommand(), vectorsCommand(), pvmCommand(),
		keysCommand(), specCommand(), versionCommand(), telemetryCommand(), doctorCommand(), demoCommand(), manCommand())
	helpCompletion(cmd)
	complete(cmd)
	strict(cmd)
	return cmd
}
