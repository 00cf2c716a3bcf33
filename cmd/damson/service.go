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
	"damson/node/builder"

	"github.com/spf13/cobra"
)

func serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Make, change and look at the services of a chain",
		Long: `Service looks at the services of a chain, and has them made and changed.

What changes something is done by a store: a service with the code of service 0 of our own chains, which does what packages tell
it. Our authorizer lets everybody in.`,
		Example: `  damson testnet --data-path /tmp/net --slots 600 &
  damson pvm asm internal/services/counter.pvmasm -o counter.pvm
  damson service create --network /tmp/net counter.pvm
  damson service info --rpc ws://127.0.0.1:19800 0`,
	}
	storage := &cobra.Command{
		Use: "storage", Short: "Look at what a service has stored",
		Long: "Storage reads what a service keeps on the chain, after the best block.", Example: "  damson service storage get --rpc ws://127.0.0.1:19800 4 n",
	}
	storage.AddCommand(serviceGetCommand())
	preimage := &cobra.Command{
		Use: "preimage", Short: "Bring data that a service asks for",
		Long:    "Preimage is about data that the chain knows the hash of, and a service waits for.",
		Example: "  damson service preimage provide --rpc ws://127.0.0.1:19800 4 data.bin",
	}
	preimage.AddCommand(serviceProvideCommand())
	cmd.AddCommand(serviceCreateCommand(), serviceUpgradeCommand(), serviceTransferCommand(), serviceAssignCommand(), serviceInfoCommand(),
		storage, preimage)
	return cmd
}

// desk is where one of these commands does what it is for.
type desk struct {
	access
	ctx    context.Context
	cmd    *cobra.Command
	follow followFlags
	core   uint16 // the core to submit to
	store  uint32 // who is told
}

// deed is what a command does, once it knows what it was asked for.
type deed func(*desk) error

// frame makes a command complete: parse reads its arguments before anything else is done, and gives the deed, for which there is access
// to the chain. One that changes something has flags that say by whom.
func frame(cmd *cobra.Command, changes bool, parse func(args []string) (deed, error)) *cobra.Command {
	var d desk
	d.follow.register(cmd)
	if changes {
		cmd.Flags().Uint16Var(&d.core, "core", 0, "the core to submit packages to")
		cmd.Flags().Uint32Var(&d.store, "store", 0, "the store that does it: the `SERVICE` that pays, asks or has the privilege")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		do, err := parse(args)
		if err != nil {
			return withCode(exitUsage, err)
		}
		return d.follow.with(cmd, func(ctx context.Context, x access) error {
			d.ctx, d.cmd, d.access = ctx, cmd, x
			return do(&d)
		})
	}
	return cmd
}

// tellTries is how often a store is told, when guarantors have too much to do.
const tellTries = 3

// tell has the store do something, and waits until it is done.
func (d *desk) tell(c *services.Commands) error {
	for try := 1; ; try++ {
		hash, err := d.submit(d.ctx, protocol.Core(d.core), builder.Item{Service: protocol.ServiceID(d.store), Payload: c.Payload()})
		if err != nil {
			return err
		}
		err = d.watch(d.ctx, hash, builder.Accumulated, &stagePrinter{out: d.cmd.ErrOrStderr()})
		if try == tellTries || !errors.Is(err, builder.ErrLate) { // a late package does nothing: another one may
			return err
		}
	}
}

// parseService reads the index of a service.
func parseService(text string) (protocol.ServiceID, error) {
	id, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("%.80q is no index of a service", text)
	}
	return protocol.ServiceID(id), nil
}

// serviceGas are the least amounts of gas that a service demands.
type serviceGas struct{ item, memo uint64 }

func (g *serviceGas) register(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&g.item, "min-item-gas", 0, "least gas of a work item for accumulation")
	cmd.Flags().Uint64Var(&g.memo, "min-memo-gas", 0, "least gas of a transfer to it")
}

func serviceCreateCommand() *cobra.Command {
	var gas serviceGas
	var balance uint64
	cmd := &cobra.Command{
		Use:     "create [flags] CODE",
		Short:   "Make a service of a code, and print its index",
		Example: `  damson service create --rpc ws://127.0.0.1:19800 shout.pvm --balance 10000`,
		Long: `Create has a store make a service, and brings the code. CODE is what damson pvm asm makes of a text with .service.
The store pays the deposit, and what --balance says beside.`,
		Args: cobra.ExactArgs(1),
	}
	gas.register(cmd)
	cmd.Flags().Uint64Var(&balance, "balance", 0, "what the store pays it, beside the deposit")
	return frame(cmd, true, func(args []string) (deed, error) {
		blob, err := readCode(args[0])
		return func(d *desk) error {
			id, err := d.create(blob, &gas)
			if err == nil && balance > 0 {
				err = d.pay(id, balance, gas.memo, "")
			}
			if err == nil {
				fmt.Fprintln(d.cmd.OutOrStdout(), id)
			}
			return err
		}, err
	})
}

// create makes a service and brings its code.
func (d *desk) create(blob []byte, gas *serviceGas) (protocol.ServiceID, error) {
	code := &services.Code{Blob: blob, Hash: blake2b.Sum256(blob)}
	before, err := having(d.ctx, d.access, code.Hash)
	if err != nil {
		return 0, err
	}
	var c services.Commands
	c.New(code, protocol.Gas(gas.item), protocol.Gas(gas.memo))
	if err := d.tell(&c); err != nil {
		return 0, err
	}
	after, err := having(d.ctx, d.access, code.Hash)
	if err != nil {
		return 0, err
	}
	for id := range after {
		if !before[id] {
			return id, bring(d.ctx, d.access, id, blob)
		}
	}
	return 0, fmt.Errorf("service %d has made none: has it not enough balance, or is it no store?", d.store)
}

// pay has the store pay a service, and looks whether it did.
func (d *desk) pay(to protocol.ServiceID, amount, gas uint64, memo string) error {
	before, err := d.account(d.ctx, to)
	if err != nil {
		return err
	}
	if gas < uint64(before.MinMemoGas) {
		return fmt.Errorf("service %d wants %d of gas for a transfer, not %d", to, before.MinMemoGas, gas)
	}
	var c services.Commands
	c.Transfer(to, protocol.Balance(amount), protocol.Gas(gas), memo)
	if err := d.tell(&c); err != nil {
		return err
	}
	after, err := d.account(d.ctx, to)
	if err == nil && amount > 0 && to != protocol.ServiceID(d.store) && after.Balance == before.Balance {
		err = fmt.Errorf("service %d was paid nothing: has service %d not enough balance, or is it no store?", to, d.store)
	}
	return err
}

func serviceUpgradeCommand() *cobra.Command {
	var gas serviceGas
	cmd := &cobra.Command{
		Use:     "upgrade [flags] CODE",
		Short:   "Give a store another code",
		Example: `  damson service upgrade --rpc ws://127.0.0.1:19800 --store 2413552968 louder.pvm`,
		Long: `Upgrade has a store (--store) ask for a code, brings it, and has the store take it as its own. What it is able to then is
the new code's matter.`,
		Args: cobra.ExactArgs(1),
	}
	gas.register(cmd)
	return frame(cmd, true, func(args []string) (deed, error) {
		blob, err := readCode(args[0])
		return func(d *desk) error { return d.upgrade(blob, &gas) }, err
	})
}

func (d *desk) upgrade(blob []byte, gas *serviceGas) error {
	hash, id := blake2b.Sum256(blob), protocol.ServiceID(d.store)
	if err := d.solicit(blob); err != nil {
		return err
	}
	var c services.Commands
	c.Upgrade(hash, protocol.Gas(gas.item), protocol.Gas(gas.memo))
	if err := d.tell(&c); err != nil {
		return err
	}
	a, err := d.account(d.ctx, id)
	if err == nil && a.CodeHash != hash {
		err = fmt.Errorf("service %d has not taken the code: is it a store?", id)
	}
	return err
}

// solicit has the store ask for data, and brings it.
func (d *desk) solicit(blob []byte) error {
	id, hash := protocol.ServiceID(d.store), blake2b.Sum256(blob)
	if has, err := d.holds(d.ctx, id, hash); err != nil || has {
		return err
	}
	var c services.Commands
	c.Solicit(hash, uint32(len(blob)))
	if err := d.tell(&c); err != nil {
		return err
	}
	return bring(d.ctx, d.access, id, blob)
}

func serviceTransferCommand() *cobra.Command {
	var amount, gas uint64
	var memo string
	cmd := &cobra.Command{
		Use:     "transfer [flags] SERVICE",
		Short:   "Have a store pay a service",
		Long:    `Transfer has a store (--store) send some of its balance to a service, with a memo, and with gas for what the receiver does about it.`,
		Example: `  damson service transfer --rpc ws://127.0.0.1:19800 2413552968 --amount 500 --memo thanks`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().Uint64Var(&amount, "amount", 0, "how much")
	cmd.Flags().Uint64Var(&gas, "gas", 10_000, "gas for the receiver")
	cmd.Flags().StringVar(&memo, "memo", "", "a text of at most 128 octets")
	return frame(cmd, true, func(args []string) (deed, error) {
		to, err := parseService(args[0])
		if err == nil && len(memo) > protocol.Full().MemoOctets {
			err = fmt.Errorf("--memo: %d octets", len(memo))
		}
		return func(d *desk) error { return d.pay(to, amount, gas, memo) }, err
	})
}

func serviceAssignCommand() *cobra.Command {
	var next uint32
	var target uint16
	var authorizers []string
	cmd := &cobra.Command{
		Use:     "assign [flags]",
		Short:   "Change the queue of authorizers of a core",
		Example: `  damson service assign --rpc ws://127.0.0.1:19800 --assign-core 1 --authorizer 0xCODEHASH:0xCONFIGURATION`,
		Long: `Assign has a store that has the privilege fill the queue of a core with authorizers in turn. An authorizer is the hash of its
code, and the configuration in hexadecimal after a colon if it has one.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().Uint16Var(&target, "assign-core", 0, "the core whose queue it is")
	cmd.Flags().Uint32Var(&next, "next", 0, "the service that may change it from then on")
	cmd.Flags().StringArrayVar(&authorizers, "authorizer", nil, "`CODEHASH` or CODEHASH:CONFIGURATION")
	return frame(cmd, true, func([]string) (deed, error) {
		var list []protocol.Hash
		for _, text := range authorizers {
			one, err := parseAuthorizer(text)
			if err != nil {
				return nil, fmt.Errorf("--authorizer: %w", err)
			}
			list = append(list, one)
		}
		if len(list) == 0 {
			return nil, errors.New("want --authorizer")
		}
		return func(d *desk) error { return d.assign(protocol.Core(target), protocol.ServiceID(next), list) }, nil
	})
}

// assign has the store fill the queue of a core, and looks whether it did.
func (d *desk) assign(core protocol.Core, next protocol.ServiceID, list []protocol.Hash) error {
	if _, err := d.queue(d.ctx, core); err != nil { // there is such a core
		return err
	}
	var c services.Commands
	c.Assign(core, next, list...)
	if err := d.tell(&c); err != nil {
		return err
	}
	queue, err := d.queue(d.ctx, core)
	if err != nil {
		return err
	}
	for i := range queue {
		if queue[i] != list[i%len(list)] {
			return fmt.Errorf("the queue of core %d is not as told: has service %d the privilege?", core, d.store)
		}
	}
	return nil
}

func serviceInfoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info [flags] SERVICE",
		Short: "Show a service",
		Long: `Info prints what the chain knows of a service after the best block: its code's hash, balance, least gas, the items and octets that it stores,
and slots.`,
		Example: `  damson service info --rpc ws://127.0.0.1:19800 2413552968`,
		Args:    cobra.ExactArgs(1),
	}
	return frame(cmd, false, func(args []string) (deed, error) {
		id, err := parseService(args[0])
		return func(d *desk) error {
			a, err := d.account(d.ctx, id)
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(d.cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(t, "code\t%s\nbalance\t%d\ngratis\t%d\nmin item gas\t%d\nmin memo gas\t%d\n", a.CodeHash, a.Balance, a.Gratis,
				a.MinItemGas, a.MinMemoGas)
			fmt.Fprintf(t, "items\t%d\noctets\t%d\ncreated\t%d\nlast accumulation\t%d\nparent\t%d\n", a.Items, a.Octets, a.Created,
				a.LastAccumulation, a.Parent)
			return t.Flush()
		}, err
	})
}

func serviceGetCommand() *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use:   "get [flags] SERVICE KEY",
		Short: "Print what a service has stored under a key",
		Example: `  damson service storage get --rpc ws://127.0.0.1:19800 2413552968 count
  damson service storage get --rpc ws://127.0.0.1:19800 2413552968 last --raw`,
		Long: "Get prints a value in hexadecimal. The key is 0x and hexadecimal, @ and the name of a file, or text.",
		Args: cobra.ExactArgs(2),
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "print the octets themselves")
	return frame(cmd, false, func(args []string) (deed, error) {
		id, err := parseService(args[0])
		if err != nil {
			return nil, err
		}
		key, err := parseData(args[1])
		return func(d *desk) error {
			value, ok, err := d.stored(d.ctx, id, key)
			if err == nil && !ok {
				err = fmt.Errorf("service %d has nothing under %s", id, args[1])
			}
			switch {
			case err != nil:
			case raw:
				_, err = d.cmd.OutOrStdout().Write(value)
			default:
				_, err = fmt.Fprintln(d.cmd.OutOrStdout(), "0x"+hex.EncodeToString(value))
			}
			return err
		}, err
	})
}

func serviceProvideCommand() *cobra.Command {
	var ask bool
	cmd := &cobra.Command{
		Use:     "provide [flags] SERVICE FILE",
		Short:   "Bring a service data that it waits for",
		Long:    `Provide brings the data in FILE, a preimage, to a service that has solicited it, and waits until it is on the chain.`,
		Example: `  damson service preimage provide --rpc ws://127.0.0.1:19800 2413552968 data.bin`,
		Args:    cobra.ExactArgs(2),
	}
	cmd.Flags().BoolVar(&ask, "solicit", false, "have the service ask for it first: it must be a store")
	return frame(cmd, true, func(args []string) (deed, error) {
		id, err := parseService(args[0])
		if err != nil {
			return nil, err
		}
		blob, err := os.ReadFile(args[1])
		if err != nil {
			return nil, withCode(exitInput, err)
		}
		return func(d *desk) error {
			if !ask {
				return bring(d.ctx, d.access, id, blob)
			}
			d.store = uint32(id)
			return d.solicit(blob)
		}, nil
	})
}

// readCode reads the code of a service.
func readCode(path string) ([]byte, error) {
	code, err := os.ReadFile(path)
	if err == nil && len(code) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	return code, withCode(exitInput, err)
}
