// Package host lets a node live: it gives it a loop in real time, a socket, and a folder for its chain.
package host

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"

	"damson/crypto/bandersnatch"
	"damson/crypto/ed25519"
	"damson/internal/pvm"
	"damson/net/jamnp"
	"damson/net/quic"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/gossip"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/state/claim"
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

	Conn             net.PacketConn       // a socket in place of Listen; closed in the end
	Listen, External netip.AddrPort       // see quic.Options
	Bootnodes        []chainspec.Bootnode // besides those of Spec
	BuilderSlots     int                  // see quic.Options

	Events   node.Events
	Mistakes node.Mistakes
}

// Host is a node that runs.
type Host struct {
	Address netip.AddrPort // where peers reach it

	loop  *loop.Real
	node  *node.Node
	store *store.Store
	ended chan error // what Run of the loop gave
}

// Start starts a node. It is the caller's to Stop.
func Start(o Options) (h *Host, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h = &Host{loop: loop.New(loop.Options{}), ended: make(chan error, 1)}
	if h.store, err = openStore(&o); err != nil {
		return nil, err
	}
	if h.node, err = h.make(&o); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	go func() { h.ended <- h.loop.Run(context.Background()) }()
	var starting error
	h.Do(func(n *node.Node) { starting = n.Start() })
	if starting != nil {
		return nil, errors.Join(starting, h.Stop())
	}
	return h, nil
}

func openStore(o *Options) (*store.Store, error) {
	options := store.Options{Params: o.Spec.Params, CacheBytes: o.CacheBytes, Archive: o.Archive}
	dir := o.Dir
	if dir == "" {
		dir, options.FS = "chain", vfs.NewMem()
	}
	return store.Open(dir, options)
}

// make puts the node together.
func (h *Host) make(o *Options) (*node.Node, error) {
	im, err := importer.New(importer.Options{
		Params: o.Spec.Params, Engine: o.Engine, Claims: claim.Options{Setup: o.Setup},
	})
	if err != nil {
		return nil, err
	}
	genesis, err := o.Spec.DecodeHeader()
	if err != nil {
		return nil, err
	}
	key := o.NodeKey
	if len(o.Keys) > 0 {
		key = o.Keys[0].Ed25519
	}
	var seed [16]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return node.New(node.Options{
		Params: o.Spec.Params, Genesis: genesis, State: o.Spec.Genesis(), Store: h.store, Importer: im, Loop: h.loop,
		Slots: o.Slots, Log: o.Log, Self: key.Public(), Keys: o.Keys, Bootnodes: bootnodes(o), Setup: o.Setup,
		Rand:   rand.New(rand.NewPCG(binary.NativeEndian.Uint64(seed[:]), binary.NativeEndian.Uint64(seed[8:]))),
		Events: o.Events, Mistakes: o.Mistakes,
		Network: func(handler jamnp.Handler) (jamnp.Network, error) {
			made, err := quic.New(quic.Options{
				Key: key.TLS(), Genesis: o.Spec.HeaderHash(), Handler: handler, Loop: h.loop, Log: o.Log, Listen: o.Listen, Conn: o.Conn,
				External: o.External, BuilderSlots: o.BuilderSlots,
			})
			if err == nil {
				h.Address = made.Address()
			}
			return made, err
		},
	})
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
	done := make(chan struct{})
	h.loop.Post(func() {
		defer close(done)
		do(h.node)
	})
	select {
	case <-done:
		return true
	case err := <-h.ended:
		h.ended <- err
		return false
	}
}

// Stop ends the node in order: no more blocks, no more peers; what was begun is finished, and all that was committed is on disk.
func (h *Host) Stop() error {
	var err error
	h.Do(func(n *node.Node) { err = n.Stop() })
	h.loop.Stop()
	ended := <-h.ended
	h.ended <- ended
	return errors.Join(err, ended, h.store.Close())
}
