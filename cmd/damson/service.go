package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node"
	"damson/node/builder"
	"damson/state"

	"github.com/spf13/cobra"
)

func serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Make, change and look at the services of a chain",
		Long: `Service looks at the services of a chain, and has them made and changed.

What changes something is done by a store: a service with the code of service 0 of our own chains, which does what packages tell
it. Our authorizer lets everybody in.`,
	}
	storage := &cobra.Command{Use: "storage", Short: "Look at what a service has stored"}
	storage.AddCommand(serviceGetCommand())
	preimage := &cobra.Command{Use: "preimage", Short: "Bring data that a service asks for"}
	preimage.AddCommand(serviceProvideCommand())
	cmd.AddCommand(serviceCreateCommand(), serviceUpgradeCommand(), serviceTransferCommand(), serviceAssignCommand(), serviceInfoCommand(),
		storage, preimage)
	return cmd
}

// serviceFlags are what all of these commands can be told.
type serviceFlags struct {
	follow followFlags
	core   uint16
	store  uint32
}

func (f *serviceFlags) register(cmd *cobra.Command) {
	f.follow.register(cmd)
	cmd.Flags().Uint16Var(&f.core, "core", 0, "the core to submit packages to")
	cmd.Flags().Uint32Var(&f.store, "store", 0, "the store that does it: the `SERVICE` that pays, asks or has the privilege")
}

// with runs a command on a follower.
func (f *serviceFlags) with(cmd *cobra.Command, do func(context.Context, *follower) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), f.follow.patience)
	defer cancel()
	x, err := f.follow.open(ctx, cmd)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, x), x.host.Stop())
}

// tell has a store do something, and waits until it is done.
func (f *serviceFlags) tell(ctx context.Context, cmd *cobra.Command, x *follower, c *services.Commands) error {
	hash, err := x.submit(protocol.Core(f.core), builder.Item{Service: protocol.ServiceID(f.store), Payload: c.Payload()})
	if err != nil {
		return err
	}
	return x.watch(ctx, hash, builder.Accumulated, &stagePrinter{out: cmd.ErrOrStderr()})
}

// parseService reads the index of a service.
func parseService(text string) (protocol.ServiceID, error) {
	id, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, withCode(exitUsage, fmt.Errorf("%.80q is no index of a service", text))
	}
	return protocol.ServiceID(id), nil
}

// account gives a service after the best block.
func (x *follower) account(id protocol.ServiceID) (a *state.Account, err error) {
	return a, x.do(func(n *node.Node) (err error) {
		var ok bool
		if a, ok, err = n.Chain.Best().State.Account(id); err == nil && !ok {
			err = fmt.Errorf("%w: %d", builder.ErrNoService, id)
		}
		return err
	})
}

// having lists the services with a code.
func (x *follower) having(code protocol.Hash) (list map[protocol.ServiceID]bool, err error) {
	list = make(map[protocol.ServiceID]bool)
	return list, x.do(func(n *node.Node) error {
		sigma := n.Chain.Best().State
		for key := range sigma.All() {
			id, ok := state.AccountOf(&key)
			if !ok {
				continue
			}
			a, ok, err := sigma.Account(id)
			if err != nil {
				return err
			}
			if ok && a.CodeHash == code {
				list[id] = true
			}
		}
		return nil
	})
}

// provide brings data to a service that waits for it, and waits until it has it.
func (x *follower) provide(ctx context.Context, id protocol.ServiceID, blob []byte) error {
	taken := make(chan error, 1)
	if err := x.do(func(n *node.Node) error {
		n.Preimages.Provide(id, blob, func(err error) { taken <- err })
		return nil
	}); err != nil {
		return err
	}
	select {
	case err := <-taken:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	key := state.PreimageKey(id, blake2b.Sum256(blob))
	return x.until(ctx, "the data is not on chain yet", func(sigma *state.State) bool {
		_, ok := sigma.Get(key)
		return ok
	})
}

// until waits until something is so after the best block.
func (x *follower) until(ctx context.Context, what string, so func(*state.State) bool) error {
	for {
		is := false
		if err := x.do(func(n *node.Node) error { is = so(n.Chain.Best().State); return nil }); err != nil || is {
			return err
		}
		if wait(ctx, followLook); ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

func serviceCreateCommand() *cobra.Command {
	var f serviceFlags
	var itemGas, memoGas, balance uint64
	cmd := &cobra.Command{
		Use:   "create [flags] CODE",
		Short: "Make a service of a code, and print its index",
		Long: `Create has a store make a service, and brings the code. CODE is what damson pvm asm makes of a text with .service.
The store pays the deposit, and what --balance says beside.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			blob, err := readCode(args[0])
			if err != nil {
				return withCode(exitInput, err)
			}
			return f.with(cmd, func(ctx context.Context, x *follower) error {
				id, err := f.create(ctx, cmd, x, blob, protocol.Gas(itemGas), protocol.Gas(memoGas))
				if err == nil && balance > 0 {
					var c services.Commands
					c.Transfer(id, protocol.Balance(balance), protocol.Gas(memoGas), "")
					err = f.tell(ctx, cmd, x, &c)
				}
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), id)
				}
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().Uint64Var(&itemGas, "min-item-gas", 0, "least gas of a work item for accumulation")
	cmd.Flags().Uint64Var(&memoGas, "min-memo-gas", 0, "least gas of a transfer to it")
	cmd.Flags().Uint64Var(&balance, "balance", 0, "what the store pays it, beside the deposit")
	return cmd
}

// create makes a service and brings its code.
func (f *serviceFlags) create(
	ctx context.Context, cmd *cobra.Command, x *follower, blob []byte, itemGas, memoGas protocol.Gas,
) (protocol.ServiceID, error) {
	code := &services.Code{Blob: blob, Hash: blake2b.Sum256(blob)}
	before, err := x.having(code.Hash)
	if err != nil {
		return 0, err
	}
	var c services.Commands
	c.New(code, itemGas, memoGas)
	if err := f.tell(ctx, cmd, x, &c); err != nil {
		return 0, err
	}
	after, err := x.having(code.Hash)
	if err != nil {
		return 0, err
	}
	for id := range after {
		if !before[id] {
			return id, x.provide(ctx, id, blob)
		}
	}
	return 0, fmt.Errorf("service %d has made none: has it not enough balance, or is it no store?", f.store)
}

func serviceUpgradeCommand() *cobra.Command {
	var f serviceFlags
	var itemGas, memoGas uint64
	cmd := &cobra.Command{
		Use:   "upgrade [flags] CODE",
		Short: "Give a store another code",
		Long: `Upgrade has a store (--store) ask for a code, brings it, and has the store take it as its own. What it is able to then is
the new code's matter.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			blob, err := readCode(args[0])
			if err != nil {
				return withCode(exitInput, err)
			}
			return f.with(cmd, func(ctx context.Context, x *follower) error {
				hash, id := blake2b.Sum256(blob), protocol.ServiceID(f.store)
				var ask, take services.Commands
				ask.Solicit(hash, uint32(len(blob)))
				take.Upgrade(hash, protocol.Gas(itemGas), protocol.Gas(memoGas))
				if err := f.tell(ctx, cmd, x, &ask); err != nil {
					return err
				}
				if err := x.provide(ctx, id, blob); err != nil {
					return err
				}
				if err := f.tell(ctx, cmd, x, &take); err != nil {
					return err
				}
				a, err := x.account(id)
				if err == nil && a.CodeHash != hash {
					err = fmt.Errorf("service %d has not taken the code: is it a store?", id)
				}
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().Uint64Var(&itemGas, "min-item-gas", 0, "least gas of a work item for accumulation")
	cmd.Flags().Uint64Var(&memoGas, "min-memo-gas", 0, "least gas of a transfer to it")
	return cmd
}

func serviceTransferCommand() *cobra.Command {
	var f serviceFlags
	var amount, gas uint64
	var memo string
	cmd := &cobra.Command{
		Use:   "transfer [flags] SERVICE",
		Short: "Have a store pay a service",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := parseService(args[0])
			if err != nil {
				return err
			}
			return f.with(cmd, func(ctx context.Context, x *follower) error {
				if _, err := x.account(to); err != nil {
					return err
				}
				var c services.Commands
				c.Transfer(to, protocol.Balance(amount), protocol.Gas(gas), memo)
				return f.tell(ctx, cmd, x, &c)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().Uint64Var(&amount, "amount", 0, "how much")
	cmd.Flags().Uint64Var(&gas, "gas", 10_000, "gas for the receiver")
	cmd.Flags().StringVar(&memo, "memo", "", "a text of at most 128 octets")
	return cmd
}

func serviceAssignCommand() *cobra.Command {
	var f serviceFlags
	var next uint32
	var target uint16
	var authorizers []string
	cmd := &cobra.Command{
		Use:   "assign [flags]",
		Short: "Change the queue of authorizers of a core",
		Long: `Assign has a store that has the privilege fill the queue of a core with authorizers in turn. An authorizer is the hash of its
code, and the configuration in hexadecimal after a colon if it has one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []protocol.Hash
			for _, text := range authorizers {
				one, err := parseAuthorizer(text)
				if err != nil {
					return withCode(exitUsage, fmt.Errorf("--authorizer: %w", err))
				}
				list = append(list, one)
			}
			if len(list) == 0 {
				return withCode(exitUsage, errors.New("want --authorizer"))
			}
			return f.with(cmd, func(ctx context.Context, x *follower) error {
				var c services.Commands
				c.Assign(protocol.Core(target), protocol.ServiceID(next), list...)
				if err := f.tell(ctx, cmd, x, &c); err != nil {
					return err
				}
				return x.do(func(n *node.Node) error {
					queues, err := n.Chain.Best().State.AuthQueues()
					if err == nil && (int(target) >= len(queues) || queues[target][0] != list[0]) {
						err = fmt.Errorf("the queue of core %d is as it was: has service %d the privilege?", target, f.store)
					}
					return err
				})
			})
		},
	}
	f.register(cmd)
	cmd.Flags().Uint16Var(&target, "assign-core", 0, "the core whose queue it is")
	cmd.Flags().Uint32Var(&next, "next", 0, "the service that may change it from then on")
	cmd.Flags().StringArrayVar(&authorizers, "authorizer", nil, "`CODEHASH` or CODEHASH:CONFIGURATION")
	return cmd
}

func serviceInfoCommand() *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   "info [flags] SERVICE",
		Short: "Show a service",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseService(args[0])
			if err != nil {
				return err
			}
			return f.with(cmd, func(_ context.Context, x *follower) error {
				a, err := x.account(id)
				if err != nil {
					return err
				}
				t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintf(t, "code\t%s\nbalance\t%d\ngratis\t%d\nmin item gas\t%d\nmin memo gas\t%d\n", a.CodeHash, a.Balance, a.Gratis,
					a.MinItemGas, a.MinMemoGas)
				fmt.Fprintf(t, "items\t%d\noctets\t%d\ncreated\t%d\nlast accumulation\t%d\nparent\t%d\n", a.Items, a.Octets, a.Created,
					a.LastAccumulation, a.Parent)
				return t.Flush()
			})
		},
	}
	f.follow.register(cmd)
	return cmd
}

func serviceGetCommand() *cobra.Command {
	var f serviceFlags
	var raw bool
	cmd := &cobra.Command{
		Use:   "get [flags] SERVICE KEY",
		Short: "Print what a service has stored under a key",
		Long:  "Get prints a value in hexadecimal. The key is 0x and hexadecimal, or text.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseService(args[0])
			if err != nil {
				return err
			}
			key, err := parseData(args[1])
			if err != nil {
				return withCode(exitUsage, err)
			}
			return f.with(cmd, func(_ context.Context, x *follower) error {
				return x.do(func(n *node.Node) error {
					value, ok := n.Chain.Best().State.Get(state.StorageKey(id, key))
					if !ok {
						return fmt.Errorf("service %d has nothing under %s", id, args[1])
					}
					if raw {
						_, err := cmd.OutOrStdout().Write(value)
						return err
					}
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "0x"+hex.EncodeToString(value))
					return err
				})
			})
		},
	}
	f.follow.register(cmd)
	cmd.Flags().BoolVar(&raw, "raw", false, "print the octets themselves")
	return cmd
}

func serviceProvideCommand() *cobra.Command {
	var f serviceFlags
	var ask bool
	cmd := &cobra.Command{
		Use:   "provide [flags] SERVICE FILE",
		Short: "Bring a service data that it waits for",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseService(args[0])
			if err != nil {
				return err
			}
			blob, err := os.ReadFile(args[1])
			if err != nil {
				return withCode(exitInput, err)
			}
			return f.with(cmd, func(ctx context.Context, x *follower) error {
				if ask {
					var c services.Commands
					c.Solicit(blake2b.Sum256(blob), uint32(len(blob)))
					f.store = uint32(id)
					if err := f.tell(ctx, cmd, x, &c); err != nil {
						return err
					}
				}
				return x.provide(ctx, id, blob)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&ask, "solicit", false, "have the service ask for it first: it must be a store")
	return cmd
}
