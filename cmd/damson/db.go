package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"damson/node/chainspec"
	"damson/node/host"
	"damson/state/store"

	"github.com/spf13/cobra"
)

func dbCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Look after the chain in a data folder",
		Example: `  damson db check /var/lib/damson
  damson db backup /var/lib/damson /backup/damson-monday`,
		Long: `Db works on the data folder of a node (damson run --data-path), or on a chain that damson import has kept.
Only backup may be used while the node runs.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(dbCheckCommand(), dbPruneCommand(), dbBackupCommand())
	return cmd
}

// dbFlags are what all of db can be told.
type dbFlags struct{ spec string }

func (f *dbFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.spec, "spec", "", "chain parameters: tiny, full or a `FILE`; without, those of the specification in the folder, or tiny")
}

// chainDir gives where the chain is in a data folder.
func chainDir(folder string) (string, error) {
	for _, dir := range []string{filepath.Join(folder, "chain"), folder} {
		if found, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*")); err == nil && len(found) > 0 {
			return dir, nil
		}
	}
	return "", withCode(exitData, fmt.Errorf("%s: there is no chain", folder))
}

// with opens the chain of a data folder for a while.
func (f *dbFlags) with(folder string, do func(*store.Store) error) error {
	dir, err := chainDir(folder)
	if err != nil {
		return err
	}
	o := store.Options{Archive: true} // nothing is deleted that was not asked for
	spec, err := chainspec.Read(filepath.Join(folder, specName))
	switch {
	case f.spec != "":
		o.Params, err = loadParams(f.spec)
	case err == nil:
		o.Params = spec.Params
	case errors.Is(err, os.ErrNotExist):
		o.Params, err = loadParams("tiny")
	}
	if err != nil {
		return withCode(exitInput, err)
	}
	chain, err := store.Open(dir, o)
	if err != nil {
		return withCode(exitData, startCode(err))
	}
	return errors.Join(withCode(exitData, do(chain)), chain.Close())
}

func dbCheckCommand() *cobra.Command {
	var f dbFlags
	cmd := &cobra.Command{
		Use:     "check DIR",
		Short:   "Read everything and verify it",
		Example: `  damson db check /var/lib/damson`,
		Long: `Check reads all that is kept: headers have their hashes, extrinsics are those of their headers, blocks follow each other from
the first to the best, the finalized one is among them, and the state after the best block has its root, computed anew.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(args[0], func(s *store.Store) error {
				c, err := s.Check()
				out := cmd.OutOrStdout()
				fmt.Fprintf(out, "blocks      %d (%d with extrinsic, %d beside the chain), of slots %d to %d\n", c.Blocks, c.Bodies, c.Forks, c.First, c.Last)
				for _, at := range []struct {
					name  string
					entry *store.Entry
				}{{"best", c.Best}, {"finalized", c.Finalized}} {
					if at.entry != nil {
						fmt.Fprintf(out, "%-11s slot %d, block %s\n", at.name, at.entry.Slot, at.entry.Hash)
					}
				}
				if err != nil {
					return err
				}
				if c.Best != nil {
					fmt.Fprintf(out, "state       %d entries, %d octets, root %s\n", c.Entries, c.Octets, c.Best.Root)
				}
				fmt.Fprintf(out, "notes       %d\nall is as it should be\n", c.Notes)
				return nil
			})
		},
	}
	f.register(cmd)
	return cmd
}

func dbPruneCommand() *cobra.Command {
	var f dbFlags
	cmd := &cobra.Command{
		Use:   "prune DIR",
		Short: "Delete what the protocol needs no more, and give its room back",
		Long: `Prune deletes the blocks of abandoned forks and the states that the protocol needs no more, and has the store give their room back to the
file system. The node must not run.`,
		Example: `  damson db prune /var/lib/damson`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := chainDir(args[0])
			if err != nil {
				return err
			}
			before := folderSize(dir)
			if err := f.with(args[0], (*store.Store).Prune); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d octets before, %d now\n", before, folderSize(dir))
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

// folderSize adds up the files of a folder.
func folderSize(dir string) (octets int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			octets += info.Size()
		}
	}
	return octets
}

func dbBackupCommand() *cobra.Command {
	var f dbFlags
	cmd := &cobra.Command{
		Use:     "backup DIR TO",
		Short:   "Copy the chain of one moment to a folder that does not exist",
		Example: `  damson db backup /var/lib/damson /backup/damson-monday`,
		Long: `Backup copies the chain to TO, which is then a data folder of its own. If a node runs on DIR, the node makes the copy and goes on.

Keys are not copied. What a validator has signed is part of the chain's folder: a validator that goes on with an old backup may
contradict what it signed after it, which is punished. Restore a backup for a validator only if nothing was signed since.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			if err := os.Mkdir(to, 0o700); err != nil {
				return withCode(exitData, err)
			}
			if spec, err := os.ReadFile(filepath.Join(args[0], specName)); err == nil {
				if err := os.WriteFile(filepath.Join(to, specName), spec, 0o600); err != nil {
					return withCode(exitData, err)
				}
			}
			chain := filepath.Join(to, "chain")
			if _, err := host.Ask(args[0], host.Question{}); err == nil {
				_, err = host.Ask(args[0], host.Question{Backup: chain})
				return withCode(exitData, err)
			}
			if err := f.with(args[0], func(s *store.Store) error { return s.Backup(chain) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "copied to %s\n", to)
			return nil
		},
	}
	f.register(cmd)
	return cmd
}
