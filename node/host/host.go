// Package host lets a node live: it gives it a loop in real time, a socket, and a folder for its chain.
package host

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"damson/crypto/bandersnatch"
	"damson/crypto/ed25519"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/net/jamnp"
	"damson/net/quic"
	"damson/node"
	"damson/node/availability/shelf"
	"damson/node/chainspec"
	"damson/node/gossip"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/telemetry"
	"damson/state/claim"
	"damson/state/invoke"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configures Start. What is not said to be optional must be set.
type Options struct {
	Spec   *chainspec.Spec
	Setup  *bandersnatch.Setup // of the chain; see chainspec.Spec.Setup
	Engine pvm.Engine
	Slots  loop.Slots
	Log    *slog.Logger // nil: nobody wants to know

	Keys    []*keys.Validator  // none: it follows the chain
	NodeKey ed25519.PrivateKey // what the node is called by its peers, if it has no validator's key

	Dir        string // where the chain is kept; empty: in memory
	CacheBytes int64  // see store.Options
	Archive    bool   // see store.Options

	// KeepBlocks is how many slots before the finalized one blocks are kept, for others who come later; 0 means all. The protocol
	// needs D of them, but a chain whose nodes keep no more can only be joined by a state.
	KeepBlocks protocol.Slot
	NoWork     bool  // validators guarantee no packages, and keep no data of any
	WorkBytes  int64 // see shelf.Options.Bytes

	Conn             net.PacketConn       // a socket in place of Listen; closed in the end
	Listen, External netip.AddrPort       // see quic.Options
	Bootnodes        []chainspec.Bootnode // besides those of Spec
	BuilderSlots     int                  // see quic.Options
	AsBuilder        bool                 // see quic.Options

	// Warp begins an empty store with the state of a block that is final already, in place of executing all blocks before it.
	Warp         bool
	WarpProgress func(gossip.WarpProgress) // optional

	// What is executed and how it goes, told beside the loop; all optional.
	Observe    func(importer.Stage, time.Duration)                 // see importer.Options
	Executing  func(hash protocol.Hash, v *block.View, octets int) // see chain.Options
	ServiceLog func(invoke.LogEvent)                               // see importer.Options

	// Telemetry says where to tell what the node does, and what is told of the node besides what the host knows; optional.
	Telemetry *telemetry.Options

	Proving  sync.Locker // see author.Options; optional
	Events   node.Events
	Mistakes node.Mistakes
}

// Host is a node that runs.
type Host struct {
	Address netip.AddrPort // where peers reach it

	loop    *loop.Real
	node    *node.Node
	network *quic.Network
	store   *store.Store
	shelf   *shelf.Shelf     // nil without keys
	probe   *telemetry.Probe // nil: nobody is told
	history history
	ended   chan error // what Run of the loop gave
}

// Start starts a node. It is the caller's to Stop. The context ends a start that takes long, and nothing later.
func Start(ctx context.Context, o Options) (h *Host, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h = &Host{loop: loop.New(loop.Options{}), ended: make(chan error, 1)}
	if h.store, err = openStore(&o); err != nil {
		return nil, err
	}
	if h.shelf, err = openShelf(&o); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	go func() { h.ended <- h.loop.Run(context.Background()) }()
	if err := h.begin(ctx, &o); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	return h, nil
}

// begin puts the node together and starts it.
func (h *Host) begin(ctx context.Context, o *Options) (err error) {
	if o.Warp {
		if err := h.warp(ctx, o); err != nil {
			return err
		}
	}
	h.do(func() {
		if h.node, err = h.make(o); err == nil {
			h.history.follow(h.node)
			h.tell()
			err = h.node.Start()
		}
	})
	return err
}

func openStore(o *Options) (*store.Store, error) {
	options := store.Options{
		Params: o.Spec.Params, CacheBytes: o.CacheBytes, Archive: o.Archive, BlockSlots: math.MaxInt32,
	}
	if o.KeepBlocks > 0 {
		options.BlockSlots = max(o.KeepBlocks, o.Spec.Params.ExpungePeriod)
	}
	dir := o.Dir
	if dir == "" {
		dir, options.FS = "chain", vfs.NewMem()
	}
	return store.Open(dir, options)
}

// maxShelfMemory bounds the data of packages where it is kept in memory.
const maxShelfMemory = 256 << 20

// openShelf opens what validators keep of packages: beside the chain.
func openShelf(o *Options) (*shelf.Shelf, error) {
	if len(o.Keys) == 0 || o.NoWork {
		return nil, nil
	}
	if o.Dir == "" {
		return shelf.Open("work", shelf.Options{Params: o.Spec.Params, FS: vfs.NewMem(), Bytes: maxShelfMemory})
	}
	return shelf.Open(o.Dir+"-work", shelf.Options{Params: o.Spec.Params, Bytes: o.WorkBytes})
}

// make puts the node together.
func (h *Host) make(o *Options) (*node.Node, error) {
	im, err := importer.New(importer.Options{
		Params: o.Spec.Params, Engine: o.Engine, Claims: claim.Options{Setup: o.Setup}, Observe: o.Observe,
		ServiceLog: o.ServiceLog,
	})
	if err != nil {
		return nil, err
	}
	genesis, err := o.Spec.DecodeHeader()
	if err != nil {
		return nil, err
	}
	random, err := newRandom()
	if err != nil {
		return nil, err
	}
	key := o.key()
	options := node.Options{
		Params: o.Spec.Params, Genesis: genesis, State: o.Spec.Genesis(), Store: h.store, Importer: im, Loop: h.loop,
		Slots: o.Slots, Log: o.Log, Self: key.Public(), Keys: o.Keys, Bootnodes: bootnodes(o), Setup: o.Setup,
		Rand: random, Events: o.Events, Proving: o.Proving, Mistakes: o.Mistakes, Shelf: h.shelf,
		Network: func(handler jamnp.Handler) (jamnp.Network, error) {
			var err error
			h.network, err = quic.New(quic.Options{
				Key: key.TLS(), Genesis: o.Spec.HeaderHash(), Handler: handler, Loop: h.loop, Log: o.Log, Listen: o.Listen, Conn: o.Conn,
				External: o.External, BuilderSlots: o.BuilderSlots, AsBuilder: o.AsBuilder, Eager: o.AsBuilder,
				Patience: o.Slots.Scale(patience), Redial: redial(o), Watch: h.connections(),
			})
			if err != nil {
				return nil, err
			}
			h.Address = h.network.Address()
			return h.network, nil
		},
	}
	h.newProbe(o)
	h.observe(&options)
	options.Observe.Executing = both(options.Observe.Executing, o.Executing)
	return node.New(options)
}

// both makes one function of two, either of which may be nil.
func both(a, b func(protocol.Hash, *block.View, int)) func(protocol.Hash, *block.View, int) {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(hash protocol.Hash, v *block.View, octets int) {
		a(hash, v, octets)
		b(hash, v, octets)
	}
}

// patience is how long the preferred initiator of a connection is waited for, at slots of six seconds. JAMNP-S, "Strategy".
const patience = 5 * time.Second

// redial is how long to wait before a second attempt to connect.
func redial(o *Options) time.Duration {
	return max(o.Slots.Scale(500*time.Millisecond), 100*time.Millisecond)
}

// key gives what the node is called by its peers.
func (o *Options) key() ed25519.PrivateKey {
	if len(o.Keys) > 0 {
		return o.Keys[0].Ed25519
	}
	return o.NodeKey
}

func newRandom() (*rand.Rand, error) {
	var seed [16]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return rand.New(rand.NewPCG(binary.NativeEndian.Uint64(seed[:]), binary.NativeEndian.Uint64(seed[8:]))), nil
}

func bootnodes(o *Options) (all []gossip.Address) {
	for _, list := range [][]chainspec.Bootnode{o.Spec.Bootnodes, o.Bootnodes} {
		for _, b := range list {
			all = append(all, gossip.Address{ID: b.Key, At: b.Address})
		}
	}
	return all
}

// Do does something with the node on its loop, and waits until it is done. It reports false if the node has stopped.
func (h *Host) Do(do func(*node.Node)) bool {
	return h.do(func() { do(h.node) })
}

func (h *Host) do(do func()) bool {
	done := make(chan struct{})
	h.loop.Post(func() {
		defer close(done)
		do()
	})
	select {
	case <-done:
		return true
	case err := <-h.ended:
		h.ended <- err
		return false
	}
}

// Traffic tells what has gone over the connections of the node; nothing if it has stopped.
func (h *Host) Traffic() (all []quic.Traffic) {
	h.do(func() { all = h.network.Traffic() })
	return all
}

// Err tells why the node cannot go on: what it wrote may not have reached the disk.
func (h *Host) Err() error { return h.store.Err() }

// What a node that is stopped waits for.
const (
	finishing = 3 * time.Second        // at most, for the block that it is making
	departing = 100 * time.Millisecond // for what is on its way to peers
)

// Stop ends the node in order: it begins no more blocks, and the one that it is making leaves; then it has no more peers, what was
// begun is finished, and all that was committed is on disk.
func (h *Host) Stop() error {
	var err error
	busy := false
	for begun := time.Now(); ; time.Sleep(departing) {
		making := false
		if !h.do(func() {
			if h.node != nil && h.node.Author != nil {
				h.node.Author.Stop()
				making = h.node.Author.Busy()
			}
		}) {
			break
		}
		busy = busy || making
		if !making && !busy || time.Since(begun) > finishing {
			break
		}
		busy = making // once more after it is done, so that it leaves
	}
	h.do(func() {
		if h.node != nil {
			err = h.node.Stop()
		}
	})
	h.loop.Stop()
	ended := <-h.ended
	h.ended <- ended
	if h.network != nil {
		h.network.Wait()
	}
	if h.probe != nil {
		h.probe.Close()
	}
	if h.shelf != nil {
		err = errors.Join(err, h.shelf.Close())
	}
	return errors.Join(err, ended, h.store.Close())
}
