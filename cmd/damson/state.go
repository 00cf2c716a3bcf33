package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"damson/internal/protocol"
	"damson/state/store"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Take a state out of a chain on disk, or put one in",
		Long:  `State carries the state of a chain from one data folder to another, in a file with checksums, which show where it is damaged.`,
		Example: `  damson state export --data-path chain state.damson
  damson state import --data-path elsewhere state.damson`,
	}
	cmd.AddCommand(stateExportCommand(), stateImportCommand())
	return cmd
}

// stateFlags are what both directions can be told.
type stateFlags struct {
	spec, block string
	store       storeFlags
}

func (f *stateFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.spec, "spec", "tiny", "chain parameters: tiny, full, or a file with the encoded parameters or a chain spec")
	f.store.register(cmd.Flags())
}

// with opens the chain for a while.
func (f *stateFlags) with(do func(*store.Store) error) error {
	params, err := loadParams(f.spec)
	if err != nil {
		return err
	}
	chain, err := f.store.open(params)
	if err != nil {
		return err
	}
	if chain == nil {
		return errors.New("--data-path must say where the chain is")
	}
	return errors.Join(do(chain), chain.Close())
}

func stateExportCommand() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the state after a block into a file",
		Long: `Export writes the state after the best block, or the block that --block names, into FILE.

The file has a checksum for every MiB, so that damage is found, and its place, when it is imported.`,
		Example: `  damson state export --data-path chain state.damson`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(func(s *store.Store) error { return exportState(cmd, s, f.block, args[0]) })
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.block, "block", "", "hash of the block's header; the best block if left out")
	return cmd
}

func stateImportCommand() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:     "import FILE",
		Short:   "Begin a chain with the state in a file",
		Long:    `Import puts the state in FILE into the chain in --data-path. Blocks that follow it can then be imported.`,
		Example: `  damson state import --data-path elsewhere state.damson`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(func(s *store.Store) error { return importState(cmd, s, args[0]) })
		},
	}
	f.register(cmd)
	return cmd
}

func exportState(cmd *cobra.Command, s *store.Store, block, path string) (err error) {
	hash, err := blockNamed(s, block)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	bar := newByteBar(cmd.ErrOrStderr(), "exporting", -1)
	buffered := bufio.NewWriterSize(io.MultiWriter(out, bar), 1<<20)
	err = s.Export(buffered, hash)
	if err == nil {
		err = errors.Join(buffered.Flush(), out.Sync())
	}
	if err = errors.Join(err, bar.Finish(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: state after block %s\n", path, hash)
	return err
}

func importState(cmd *cobra.Command, s *store.Store, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	size := int64(-1)
	if info, err := in.Stat(); err == nil {
		size = info.Size()
	}
	bar := newByteBar(cmd.ErrOrStderr(), "importing", size)
	hash, err := s.Import(io.TeeReader(bufio.NewReaderSize(in, 1<<20), bar))
	if err = errors.Join(err, bar.Finish()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := s.Sync(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: state after block %s\n", path, hash)
	return err
}

// blockNamed gives the block with the hash in hexadecimal, or the best one.
func blockNamed(s *store.Store, text string) (hash protocol.Hash, err error) {
	if text == "" {
		best, ok, err := s.Best()
		if err != nil {
			return hash, err
		}
		if !ok {
			return hash, errors.New("there is no block in --data-path")
		}
		return best.Hash, nil
	}
	octets, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(octets) != len(hash) {
		return hash, fmt.Errorf("--block %s: want 64 hexadecimal digits", text)
	}
	return protocol.Hash(octets), nil
}

// newByteBar shows on a terminal how many octets are done; elsewhere it shows nothing. Size is -1 if it is not known.
func newByteBar(w io.Writer, what string, size int64) *progressbar.ProgressBar {
	file, ok := w.(*os.File)
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetVisibility(ok && term.IsTerminal(int(file.Fd()))))
}
