package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"damson/internal/protocol"
	"damson/node/chainspec"
	"damson/node/gossip"
	"damson/node/host"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/srsfile"

	"github.com/spf13/cobra"
)

// runFlags are what the run command can be told.
type runFlags struct {
	chain, keys, passphraseFile, srs string
	devValidator                     int
	dataPath                         string
	temp, archive                    bool
	cache                            int64
	keepBlocks                       uint32
	listen, external                 string
	bootnodes                        []string
	sync, engine, telemetry, config  string
	serve                            serveFlags
	slot                             time.Duration
	era                              string
	log                              logFlags
	withParent                       bool
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags]",
		Short: "Run a node of a chain",
		Long: `Run joins the chain of a specification (JIP-4) and stays until it gets SIGINT or SIGTERM; then it ends in order.

With --keys or --dev-validator the node is a validator and authors blocks and votes; without, it follows the chain
under a key of its own, which is kept in the data folder. Without --chain it is a node of a small development
chain that comes with the program: six validators at 127.0.0.1:40000 to 40005, whose keys everybody knows.

` + exitTable,
		Example: `  damson run --chain dev-tiny-linux.chainspec.json --dev-validator 0
  damson run --chain chain.json --keys ~/validator --data-path /var/lib/damson --external-address 203.0.113.7:40000
  damson run --chain chain.json --sync warp`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := readConfig(cmd, f.config); err != nil {
				return err
			}
			return runNode(cmd, &f)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *runFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.chain, "chain", "", "chain specification, a `FILE`; without, the development chain of the program")
	flags.IntVar(&f.devValidator, "dev-validator", -1, "be development validator `N`, whose keys everybody knows")
	flags.StringVar(&f.keys, "keys", "", "be the validators whose key files (*"+keys.Suffix+") are in the folder `DIR`")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "the passphrase of key files is the first line of a `FILE`; without, it is asked for")
	flags.StringVar(&f.dataPath, "data-path", "", "keep the chain and the node's key in the folder `DIR`; without, in one for the chain under the user's data")
	flags.BoolVar(&f.temp, "temp", false, "keep them in a temporary folder, which is removed in the end")
	flags.StringVar(&f.listen, "listen", "", "`IP:PORT` for peers (UDP); without, where the chain says that the validator is, or any port")
	flags.StringVar(&f.external, "external-address", "", "`IP:PORT` where peers reach the node, if that is another one")
	flags.StringArrayVar(&f.bootnodes, "bootnode", nil, "a node to connect with, besides those of the specification: `NAME@IP:PORT`")
	flags.StringVar(&f.sync, "sync", "blocks", "how a new node catches up: blocks (execute all) or warp (download a state that is final)")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	flags.BoolVar(&f.archive, "archive", false, "keep all blocks and states, also those that the protocol needs no more")
	flags.Uint32Var(&f.keepBlocks, "keep-blocks", 0, "keep finalized blocks for so many `SLOTS`; 0 means for ever, so that others can catch up by blocks")
	flags.Int64Var(&f.cache, "cache", defaultCache, "`MiB` of memory for what is read of the chain on disk")
	flags.StringVar(&f.srs, "srs", "", "`FILE` of the reference string that tickets are made with")
	f.serve.register(cmd)
	flags.StringVar(&f.telemetry, "telemetry", "", "`HOST:PORT` of a server that is told what the node does (JIP-3, docs/TELEMETRY.md)")
	flags.StringVar(&f.config, "config", "", "TOML `FILE` whose keys are the names of these flags; flags given here count more")
	flags.DurationVar(&f.slot, "slot-duration", loop.ProtocolSlot, "how long a slot lasts; for local networks, all delays follow it")
	flags.StringVar(&f.era, "era", "", "`TIME` (RFC 3339) at which slot 0 began; for local networks")
	f.log.register(flags, "info")
	flags.BoolVar(&f.withParent, "with-parent", false, "end when standard input does, and not on SIGINT")
	_ = flags.MarkHidden("with-parent")
}

// runNode runs a node until it is asked to end.
func runNode(cmd *cobra.Command, f *runFlags) (err error) {
	log, err := f.log.logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx, stop := f.untilAsked(cmd.Context(), cmd.InOrStdin(), log)
	defer stop()
	o := host.Options{Log: log, Archive: f.archive, KeepBlocks: protocol.Slot(f.keepBlocks), BuilderSlots: 20}
	if err := f.options(cmd, &o); err != nil {
		return err
	}
	folder, remove, err := f.folder(&o)
	if err != nil {
		return withCode(exitData, err)
	}
	defer func() { err = errors.Join(err, remove()) }()
	o.Dir = filepath.Join(folder, "chain")
	if err := f.prepare(folder, &o); err != nil {
		return err
	}
	f.tell(&o, folder)
	answers := f.serve.serve(&o)
	h, err := host.Start(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			log.Info("ended before the node had started", "error", err)
			return nil
		}
		return startCode(err)
	}
	socket, socketErr := h.Listen(folder)
	if socketErr != nil {
		log.Warn("nobody can ask the node how it is", "error", socketErr)
	}
	log.Info("node started", "address", h.Address, "peer_name", nameOf(&o))
	if err = answers.start(h, cmd.Flags().Changed("rpc-port") && !f.withParent); err == nil {
		err = watchDisk(ctx, h)
	}
	log.Info("ending in order")
	if socketErr == nil {
		err = errors.Join(err, socket.Close())
	}
	if err = errors.Join(err, answers.close(), h.Stop()); err == nil {
		log.Info("ended in order")
	}
	return err
}

// untilAsked gives a context that ends when the node is asked to end. A second signal ends the program.
func (f *runFlags) untilAsked(ctx context.Context, in io.Reader, log *slog.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	if f.withParent {
		signal.Ignore(syscall.SIGINT)
		signal.Notify(signals, syscall.SIGTERM)
		go func() {
			_, _ = io.Copy(io.Discard, in)
			cancel()
		}()
	} else {
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	}
	go func() {
		asked := false
		for s := range signals {
			if asked {
				log.Error("a second signal: ending at once", "signal", s)
				os.Exit(exitForced)
			}
			asked = true
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// watchDisk waits until the context ends or the disk fails.
func watchDisk(ctx context.Context, h *host.Host) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := h.Err(); err != nil {
				return withCode(exitDisk, err)
			}
		}
	}
}

// options makes of the flags what a node is told, but for its folder.
func (f *runFlags) options(cmd *cobra.Command, o *host.Options) (err error) {
	if o.Spec, err = f.spec(); err != nil {
		return withCode(exitInput, err)
	}
	if o.Engine, err = newEngine(f.engine, cmd.ErrOrStderr()); err != nil {
		return withCode(exitUsage, err)
	}
	if o.Telemetry, err = reportTo(f.telemetry, f.engine, o.Engine); err != nil {
		return err
	}
	if o.CacheBytes, err = cacheOctets(f.cache); err != nil {
		return withCode(exitUsage, err)
	}
	if o.Slots, err = f.slots(); err != nil {
		return withCode(exitUsage, err)
	}
	if o.Keys, err = f.validators(cmd.ErrOrStderr()); err != nil {
		return withCode(exitInput, err)
	}
	if o.Setup, err = o.Spec.Setup(srsfile.Options{Path: f.srs}); errors.Is(err, srsfile.ErrNone) {
		if len(o.Keys) > 0 {
			o.Log.Warn("no SRS file is at hand: this validator makes no tickets, and authors in fallback mode alone", "error", err)
		}
	} else if err != nil {
		return withCode(exitInput, err)
	}
	if f.sync != "blocks" && f.sync != "warp" {
		return withCode(exitUsage, fmt.Errorf("--sync %s: want blocks or warp", f.sync))
	}
	o.Warp = f.sync == "warp"
	progress := &progressLog{log: o.Log}
	o.Events.Progress, o.WarpProgress = progress.blocks, progress.state
	for _, text := range f.bootnodes {
		b, err := chainspec.ParseBootnode(text)
		if err != nil {
			return withCode(exitUsage, err)
		}
		o.Bootnodes = append(o.Bootnodes, b)
	}
	return withCode(exitUsage, f.addresses(o))
}

// spec gives the specification of the chain.
func (f *runFlags) spec() (*chainspec.Spec, error) {
	if f.chain != "" {
		return chainspec.Read(f.chain)
	}
	set, err := devValidators(6, firstDevPort)
	if err != nil {
		return nil, err
	}
	params, err := loadParams("tiny")
	if err != nil {
		return nil, err
	}
	return chainspec.Generate(&chainspec.Recipe{ID: "damson-dev", Params: params, SRS: srsfile.DevInsecure, Validators: set})
}

func (f *runFlags) slots() (loop.Slots, error) {
	s := loop.Slots{Era: loop.CommonEra, Duration: f.slot}
	if f.slot < 10*time.Millisecond || f.slot > time.Hour {
		return s, fmt.Errorf("--slot-duration %v: want from 10ms to 1h", f.slot)
	}
	if f.era == "" {
		return s, nil
	}
	var err error
	if s.Era, err = time.Parse(time.RFC3339Nano, f.era); err != nil {
		return s, fmt.Errorf("--era: %w", err)
	}
	return s, nil
}

// validators gives the secrets of the validators that the node is.
func (f *runFlags) validators(w io.Writer) ([]*keys.Validator, error) {
	if f.devValidator >= 0 && f.keys != "" {
		return nil, withCode(exitUsage, errors.New("--dev-validator and --keys: want one of them"))
	}
	if f.keys != "" {
		return keys.LoadFolder(f.keys, keys.Options{Passphrase: passphrase(w, f.passphraseFile, false)})
	}
	if f.devValidator < 0 {
		return nil, nil
	}
	return []*keys.Validator{keys.Trivial(uint32(f.devValidator)).Derive()}, nil
}

// addresses says where to listen: where the genesis says that the validator is, unless it is told otherwise. An address that is not
// of this machine's loopback may be that of a router, so that all addresses are listened at.
func (f *runFlags) addresses(o *host.Options) (err error) {
	if f.external != "" {
		if o.External, err = netip.ParseAddrPort(f.external); err != nil {
			return fmt.Errorf("--external-address: %w", err)
		}
	}
	if f.listen != "" {
		if o.Listen, err = netip.ParseAddrPort(f.listen); err != nil {
			err = fmt.Errorf("--listen: %w", err)
		}
		return err
	}
	if len(o.Keys) == 0 {
		return nil
	}
	active, err := o.Spec.Genesis().Active()
	if err != nil {
		return withCode(exitInput, err)
	}
	self := o.Keys[0].Public(netip.AddrPort{})
	for i := range active {
		if active[i].Ed25519 != self.Ed25519 {
			continue
		}
		if o.Listen = keys.Address(&active[i]); o.Listen.IsValid() && !o.Listen.Addr().IsLoopback() {
			o.Listen = netip.AddrPortFrom(netip.IPv6Unspecified(), o.Listen.Port())
		}
		return nil
	}
	o.Log.Warn("this node's keys are not among the first validators of the chain: it authors when they are chosen")
	return nil
}

// folder gives the data folder, and how to remove it if it is temporary.
func (f *runFlags) folder(o *host.Options) (folder string, remove func() error, err error) {
	switch {
	case f.temp && f.dataPath != "":
		return "", nil, withCode(exitUsage, errors.New("--temp and --data-path: want one of them"))
	case f.temp:
		folder, err = os.MkdirTemp("", "damson-")
		return folder, func() error { return os.RemoveAll(folder) }, err
	case f.dataPath != "":
		folder = f.dataPath
	default:
		data := srsfile.DataFolder()
		if data == "" {
			return "", nil, errors.New("the user has no folder for data: name a --data-path, or use --temp")
		}
		hash := o.Spec.HeaderHash()
		name := fmt.Sprintf("%s-%x", filepath.Base(o.Spec.ID), hash[:4])
		if len(o.Keys) > 0 {
			name += "-" + o.Keys[0].PeerName()[:9]
		}
		folder = filepath.Join(data, name)
	}
	return folder, func() error { return nil }, os.MkdirAll(folder, 0o700)
}

// Names in a data folder.
const (
	nodeKeyName = "node" + keys.Suffix
	specName    = "chain.json"
)

// prepare sees that the folder has a key for a node without a validator's, and the specification, which tools read.
func (f *runFlags) prepare(folder string, o *host.Options) error {
	path := filepath.Join(folder, specName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(path, o.Spec.Encode(), 0o600); err != nil {
			return withCode(exitData, err)
		}
	}
	if len(o.Keys) > 0 {
		return nil
	}
	path = filepath.Join(folder, nodeKeyName)
	v, err := keys.Load(path, keys.Options{Passphrase: passphrase(io.Discard, f.passphraseFile, false)})
	if errors.Is(err, os.ErrNotExist) {
		seed, err := keys.NewSeed()
		if err != nil {
			return err
		}
		v = seed.Derive()
		if err := keys.Save(path, v, keys.Options{}); err != nil {
			return withCode(exitData, err)
		}
	} else if err != nil {
		return withCode(exitInput, err)
	}
	o.NodeKey = v.Ed25519
	return nil
}

// nameOf gives what the node's peers call it.
func nameOf(o *host.Options) string {
	if len(o.Keys) > 0 {
		return o.Keys[0].PeerName()
	}
	return protocol.Ed25519Key(o.NodeKey.Public()).PeerName()
}

// tell says, on every start, what whoever runs the node must know.
func (f *runFlags) tell(o *host.Options, folder string) {
	log := o.Log
	log.Info("damson "+buildVersion(), "chain", o.Spec.ID, "genesis", o.Spec.HeaderHash(), "alpn", o.Spec.ALPN(), "validators", len(o.Keys),
		"data", folder, "engine", engineName(f.engine, o.Engine))
	if o.Spec.Insecure() {
		log.Warn(srsfile.Warning)
	}
	if f.slot != loop.ProtocolSlot || f.era != "" {
		log.Warn("this is not protocol time: all delays are scaled", "slot", f.slot, "protocol", loop.ProtocolSlot)
	}
}

// progressLog tells how catching up goes on, not too often.
type progressLog struct {
	log  *slog.Logger
	last time.Time
}

func (p *progressLog) due(done bool) bool {
	if now := time.Now(); done || now.Sub(p.last) > 2*time.Second {
		p.last = now
		return true
	}
	return false
}

func (p *progressLog) blocks(g gossip.Progress) {
	done := g.At >= g.Target
	if !p.due(done) {
		return
	}
	text := "catching up"
	if done {
		text = "caught up"
	}
	took := time.Since(g.Since)
	p.log.Info(text, "slot", g.At, "of", g.Target, "blocks", g.Blocks, "per_second", int(float64(g.Blocks)/max(took.Seconds(), 0.001)),
		"peers", g.Peers)
}

func (p *progressLog) state(g gossip.WarpProgress) {
	if p.due(g.Done >= 1) {
		p.log.Info("downloading the state", "slot", g.Slot, "entries", g.Entries, "octets", g.Octets, "percent", int(100*g.Done))
	}
}
