package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"damson/internal/protocol"
	"damson/node/chain"
	"damson/node/keys"
	"damson/node/srsfile"
	"damson/state/store"

	"github.com/spf13/cobra"
)

// The exit codes of the program. They are for scripts, and do not change.
const (
	exitFailed  = 1   // what was asked for was done, and the answer is no; or a failure of no other kind
	exitUsage   = 2   // flags, arguments or the configuration file
	exitInput   = 3   // chain specification, keys or reference string
	exitData    = 4   // the data folder: of another chain, in use, or damaged
	exitNetwork = 5   // the address to listen at
	exitDisk    = 6   // the disk, while the node ran
	exitForced  = 130 // a second signal, before the node had ended in order
)

const exitTable = `Exit codes:
  0    all is well, or the node ended in order when it was asked to
  1    the answer is no (blocks refused, nodes that disagree), or a failure of no other kind
  2    flags, arguments or the configuration file are wrong
  3    the chain specification, a key or the reference string is refused
  4    the data folder is of another chain, in use, or damaged
  5    the address to listen at cannot be had
  6    the disk failed while the node ran
  130  a second signal came before the node had ended in order`

// coded is an error with the exit code of the program.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// withCode gives an error an exit code, unless it is nil or has one.
func withCode(code int, err error) error {
	if _, has := errors.AsType[coded](err); err == nil || has {
		return err
	}
	return coded{err, code}
}

// exitCode gives the code for an error.
func exitCode(err error) int {
	if c, ok := errors.AsType[coded](err); ok {
		return c.code
	}
	return exitFailed
}

// startCode gives an error of a node that does not start the code of its kind.
func startCode(err error) error {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	_, invalid := errors.AsType[protocol.Invalid](err)
	switch {
	case is(syscall.EADDRINUSE, syscall.EADDRNOTAVAIL):
		return withCode(exitNetwork, err)
	case is(syscall.EAGAIN):
		return withCode(exitData, fmt.Errorf("the data folder is in use by another process: %w", err))
	case is(chain.ErrOtherChain, chain.ErrNotStarted, store.ErrDamaged, syscall.ENOSPC):
		return withCode(exitData, err)
	case invalid, is(keys.ErrFile, keys.ErrMismatch, keys.ErrReadable, keys.ErrPassphrase, srsfile.ErrKind, fs.ErrNotExist):
		return withCode(exitInput, err)
	}
	return err
}

// strict makes wrong flags and arguments of a command and those below it errors of usage.
func strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return withCode(exitUsage, err) })
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return withCode(exitUsage, check(cmd, args)) }
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}
