package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/builder"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/loop"
	"damson/node/rpc/client"
	"damson/node/srsfile"
	"damson/node/testnet"
	"damson/state"

	"github.com/spf13/cobra"
)

// followFlags say which chain a command brings work to, and how it authorizes it.
type followFlags struct {
	network, chain, rpc    string
	engine, era            string
	slot, patience         time.Duration
	warp                   bool
	authorizerHost         uint32
	authorizerCode, config string
	log                    logFlags
}

func (f *followFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.network, "network", "", "the network that damson testnet --data-path `DIR` runs")
	flags.StringVar(&f.chain, "chain", "", "chain specification, a `FILE`; in place of --network")
	flags.StringVar(&f.rpc, "rpc", "", "a node's `URL` for requests, such as "+client.DefaultURL+"; in place of --network, and without a node here")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	flags.DurationVar(&f.slot, "slot-duration", loop.ProtocolSlot, "with --chain: how long a slot lasts")
	flags.StringVar(&f.era, "era", "", "with --chain: `TIME` (RFC 3339) at which slot 0 began")
	flags.BoolVar(&f.warp, "warp", false, "begin with a final state in place of all blocks: for chains that are long already")
	flags.DurationVar(&f.patience, "timeout", 5*time.Minute, "how long all of it may take")
	flags.Uint32Var(&f.authorizerHost, "authorizer-host", 0, "the service that has the authorizer's code")
	flags.StringVar(&f.authorizerCode, "authorizer-code", "", "the authorizer's code, a `HASH`; without, the one for everybody of our own chains")
	flags.StringVar(&f.config, "authorizer-config", "", "the authorizer's configuration, in `HEX`")
	f.log.register(flags, "off")
}

// follower is a node that follows a chain for a command.
type follower struct {
	*builder.Builder
	host    *host.Host
	changed chan *builder.Track // a copy of each that has come further
}

// follower starts a follower and waits until it knows the chain's head. The context ends it all.
func (f *followFlags) follower(ctx context.Context, cmd *cobra.Command) (*follower, error) {
	o, err := f.options(cmd)
	if err != nil {
		return nil, err
	}
	x := &follower{changed: make(chan *builder.Track, 1024)}
	o.Changed = func(t *builder.Track) {
		shown := *t
		select {
		case x.changed <- &shown:
		default: // nobody looks
		}
	}
	if x.Builder, x.host, err = builder.Open(ctx, *o); err != nil {
		return nil, err
	}
	if err := builder.Ready(ctx, x.host); err != nil {
		return nil, errors.Join(err, x.host.Stop())
	}
	return x, nil
}

func (f *followFlags) options(cmd *cobra.Command) (*builder.NodeOptions, error) {
	o := new(builder.NodeOptions)
	path := f.chain
	var err error
	switch {
	case f.network != "" && f.chain == "":
		path, o.Slots, err = testnet.ReadTiming(f.network)
	case f.chain != "" && f.network == "":
		o.Slots, err = (&runFlags{slot: f.slot, era: f.era}).slots()
	default:
		err = errWhich
	}
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	if o.Spec, err = chainspec.Read(path); err != nil {
		return nil, withCode(exitInput, err)
	}
	if o.Engine, err = newEngine(f.engine, cmd.ErrOrStderr()); err != nil {
		return nil, withCode(exitUsage, err)
	}
	if o.Setup, err = o.Spec.Setup(srsfile.Options{}); err != nil && !errors.Is(err, srsfile.ErrNone) {
		return nil, withCode(exitInput, err)
	}
	if o.Log, err = f.log.logger(cmd.ErrOrStderr()); err != nil {
		return nil, err
	}
	o.Warp = f.warp
	o.Authorizer, err = f.authorizer()
	return o, err
}

func (f *followFlags) authorizer() (a builder.Authorizer, err error) {
	a.Host = protocol.ServiceID(f.authorizerHost)
	if f.authorizerCode != "" {
		if a.Code, err = parseHash(f.authorizerCode); err != nil {
			return a, withCode(exitUsage, fmt.Errorf("--authorizer-code: %w", err))
		}
	}
	if a.Configuration, err = parseHex(f.config); err != nil {
		return a, withCode(exitUsage, fmt.Errorf("--authorizer-config: %w", err))
	}
	return a, nil
}

func (x *follower) close() error { return x.host.Stop() }

// do does something on the node's loop.
func (x *follower) do(do func(n *node.Node) error) error {
	err := errors.New("the node has stopped")
	x.host.Do(func(n *node.Node) { err = do(n) })
	return err
}

// submit submits a package of items.
func (x *follower) submit(_ context.Context, core protocol.Core, items ...builder.Item) (hash protocol.Hash, err error) {
	token, err := newToken()
	if err != nil {
		return hash, err
	}
	err = x.do(func(n *node.Node) error {
		if int(core) >= n.Params.Cores {
			return errCore(core, n.Params.Cores)
		}
		b, err := x.Draft(token, items...)
		if err != nil {
			return err
		}
		hash = b.Package.Hash()
		x.Submit(core, b, nil)
		return nil
	})
	return hash, err
}

func (x *follower) watch(ctx context.Context, hash protocol.Hash, until builder.Stage, p *stagePrinter) error {
	var now builder.Track
	if err := x.do(func(*node.Node) error {
		t := x.Watch(hash)
		now = *t
		if t.Has(builder.Submitted) {
			return nil
		}
		err := x.Recall(t)
		now = *t
		return err
	}); err != nil {
		return err
	}
	for t := &now; ; {
		if err := p.show(t); err != nil {
			return err
		}
		if t.Has(until) {
			return failure(t)
		}
		if t.Err != nil && !t.Has(builder.Guaranteed) {
			return t.Err
		}
		for next := (*builder.Track)(nil); next == nil; t = next {
			select {
			case <-ctx.Done():
				return tooLong(ctx, until)
			case c := <-x.changed:
				if c.Hash == hash {
					next = c
				}
			}
		}
	}
}

func tooLong(ctx context.Context, until builder.Stage) error {
	return fmt.Errorf("the package is not %s yet: %w", until, ctx.Err())
}

// read reads from the state after the best block.
func (x *follower) read(read func(*state.State) error) error {
	return x.do(func(n *node.Node) error {
		sigma := n.Chain.Best().State
		return errors.Join(read(sigma), sigma.Err())
	})
}

func (x *follower) account(_ context.Context, id protocol.ServiceID) (a *state.Account, err error) {
	err = x.read(func(sigma *state.State) (err error) {
		var ok bool
		if a, ok, err = sigma.Account(id); err == nil && !ok {
			err = fmt.Errorf("%w: %d", builder.ErrNoService, id)
		}
		return err
	})
	return a, err
}

func (x *follower) stored(_ context.Context, id protocol.ServiceID, key []byte) (value []byte, ok bool, err error) {
	err = x.read(func(sigma *state.State) error {
		value, ok = sigma.Get(state.StorageKey(id, key))
		return nil
	})
	return value, ok, err
}

func (x *follower) holds(_ context.Context, id protocol.ServiceID, preimage protocol.Hash) (ok bool, err error) {
	err = x.read(func(sigma *state.State) error {
		_, ok = sigma.Get(state.PreimageKey(id, preimage))
		return nil
	})
	return ok, err
}

func (x *follower) queue(_ context.Context, core protocol.Core) (list []protocol.Hash, err error) {
	err = x.read(func(sigma *state.State) error {
		queues, err := sigma.AuthQueues()
		if err == nil && int(core) >= len(queues) {
			return errCore(core, len(queues))
		}
		if err == nil {
			list = queues[core]
		}
		return err
	})
	return list, err
}

func (x *follower) services(context.Context) (list []protocol.ServiceID, err error) {
	err = x.read(func(sigma *state.State) error {
		for key := range sigma.All() {
			if id, ok := state.AccountOf(&key); ok {
				list = append(list, id)
			}
		}
		return nil
	})
	return list, err
}

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
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// parseHex reads octets in hexadecimal, with or without 0x.
func parseHex(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil, fmt.Errorf("%.80q is not hexadecimal", text)
	}
	return b, nil
}

func parseHash(text string) (h protocol.Hash, err error) {
	b, err := parseHex(text)
	if err == nil && len(b) != len(h) {
		err = fmt.Errorf("%.80q is no hash of 32 octets", text)
	}
	copy(h[:], b)
	return h, err
}

// parseData reads octets: 0x and hexadecimal, @ and a file, or the text itself.
func parseData(text string) ([]byte, error) {
	switch {
	case strings.HasPrefix(text, "0x"):
		return parseHex(text)
	case strings.HasPrefix(text, "@"):
		return os.ReadFile(text[1:])
	}
	return []byte(text), nil
}

// parseAuthorizer reads CODEHASH or CODEHASH:CONFIGURATION. GP §14.3.
func parseAuthorizer(text string) (protocol.Hash, error) {
	code, configuration, _ := strings.Cut(text, ":")
	hash, err := parseHash(code)
	if err != nil {
		return hash, err
	}
	octets, err := parseHex(configuration)
	return blake2b.Sum256(append(hash[:], octets...)), err
}

// followLook is how often the state is looked at.
const followLook = 50 * time.Millisecond
