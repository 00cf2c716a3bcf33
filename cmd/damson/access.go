package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/node/builder"
	"damson/node/rpc"
	"damson/state"
	"damson/state/preimages"

	"github.com/spf13/cobra"
)

// access is how a command reaches a chain: by a node of its own that follows it (follower), or by requests to another (remote). What it
// gives is as after the best block.
type access interface {
	submit(ctx context.Context, core protocol.Core, items ...builder.Item) (protocol.Hash, error)
	// watch shows the stages of a package until it comes to one. A package that was submitted by others is known as far as the chain's
	// state still tells.
	watch(ctx context.Context, hash protocol.Hash, until builder.Stage, p *stagePrinter) error

	account(ctx context.Context, id protocol.ServiceID) (*state.Account, error)
	stored(ctx context.Context, id protocol.ServiceID, key []byte) ([]byte, bool, error)
	holds(ctx context.Context, id protocol.ServiceID, preimage protocol.Hash) (bool, error)
	queue(ctx context.Context, core protocol.Core) ([]protocol.Hash, error)
	services(ctx context.Context) ([]protocol.ServiceID, error)

	// provide brings a preimage that a service waits for. It returns when a node keeps it for blocks.
	provide(ctx context.Context, id protocol.ServiceID, blob []byte) error
	close() error
}

// open gives the access that the flags ask for. The context ends it all.
func (f *followFlags) open(ctx context.Context, cmd *cobra.Command) (access, error) {
	if f.rpc == "" {
		return f.follower(ctx, cmd)
	}
	if f.network != "" || f.chain != "" {
		return nil, withCode(exitUsage, errWhich)
	}
	return f.remote(ctx)
}

// errWhich is for who names no chain, or two.
var errWhich = errors.New("which chain? want one of --network, --chain and --rpc")

// with does something with access to a chain.
func (f *followFlags) with(cmd *cobra.Command, do func(context.Context, access) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), f.patience)
	defer cancel()
	x, err := f.open(ctx, cmd)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, x), x.close())
}

// newToken gives what makes a package differ from all others.
func newToken() (uint64, error) {
	var octets [8]byte
	_, err := rand.Read(octets[:])
	return binary.LittleEndian.Uint64(octets[:]), err
}

// having lists the services with a code.
func having(ctx context.Context, x access, code protocol.Hash) (map[protocol.ServiceID]bool, error) {
	list := make(map[protocol.ServiceID]bool)
	all, err := x.services(ctx)
	for _, id := range all {
		a, err := x.account(ctx, id)
		if errors.Is(err, builder.ErrNoService) { // it was there a moment ago
			continue
		}
		if err != nil {
			return nil, err
		}
		if a.CodeHash == code {
			list[id] = true
		}
	}
	return list, err
}

// bring provides a preimage, and waits until the service has it.
func bring(ctx context.Context, x access, id protocol.ServiceID, blob []byte) error {
	err := x.provide(ctx, id, blob)
	if e, ok := errors.AsType[*rpc.Error](err); errors.Is(err, preimages.ErrUnneeded) || ok && e.Data == string(preimages.ErrUnneeded) {
		return fmt.Errorf("service %d does not ask for the data: %w", id, err)
	}
	if err != nil {
		return err
	}
	hash := blake2b.Sum256(blob)
	for {
		if has, err := x.holds(ctx, id, hash); err != nil || has {
			return err
		}
		if wait(ctx, followLook); ctx.Err() != nil {
			return fmt.Errorf("the data is not on chain yet: %w", ctx.Err())
		}
	}
}

// errCore says that there is no such core.
func errCore(core protocol.Core, count int) error {
	return fmt.Errorf("core %d: the chain has %d", core, count)
}
