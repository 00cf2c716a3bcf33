// Package testnet runs a network of validators on one machine: real nodes, which talk over QUIC and share no state.
//
// New makes the chain, its keys and its folder; Start starts the nodes; summary.go says what became of it.
package testnet

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"damson/crypto/bandersnatch"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/srsfile"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params *protocol.Params
	Slot   time.Duration // how long one lasts
	Dir    string        // for keys, specification and chains
	Engine pvm.Engine
	Log    func(validator int) *slog.Logger // optional
}

// lead is how long before its first slot a network is made, so that its nodes know each other when it begins.
const lead = 2 * time.Second

// Net is a network.
type Net struct {
	Options
	Spec  *chainspec.Spec
	Slots loop.Slots
	First protocol.Slot // the first slot in which blocks are made
	Keys  []*keys.Validator

	setup     *bandersnatch.Setup
	addresses []netip.AddrPort
	sockets   []net.PacketConn // nil: given to a node
	hosts     []*host.Host     // nil: not running
	records   []*record
}

// New makes a chain of development validators and what its nodes need in the folder: a chain specification and a key file for
// each. The chain rests on the development SRS.
func New(o Options) (*Net, error) {
	n := &Net{Options: o, hosts: make([]*host.Host, o.Params.Validators)}
	for range n.hosts {
		n.records = append(n.records, &record{blocks: map[protocol.Hash]seen{}})
	}
	recipe := chainspec.Recipe{ID: "testnet", Params: o.Params, SRS: srsfile.DevInsecure}
	for i := range o.Params.Validators {
		v := keys.Trivial(uint32(i)).Derive()
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("testnet: %w", err), n.closeSockets())
		}
		n.sockets = append(n.sockets, socket)
		n.addresses = append(n.addresses, socket.LocalAddr().(*net.UDPAddr).AddrPort())
		n.Keys = append(n.Keys, v)
		recipe.Validators = append(recipe.Validators, v.Public(n.addresses[i]))
	}
	if err := n.write(&recipe); err != nil {
		return nil, errors.Join(err, n.closeSockets())
	}
	n.Slots, n.First = slots(o.Slot, time.Now().Add(lead))
	return n, nil
}

// slots gives the slots of a network that begins after a time. Those of the protocol's length are the protocol's.
func slots(length time.Duration, begin time.Time) (loop.Slots, protocol.Slot) {
	if length == loop.ProtocolSlot {
		s := loop.Slots{Era: loop.CommonEra, Duration: length}
		return s, s.At(begin) + 1
	}
	return loop.Slots{Era: begin.Add(-length).Truncate(time.Millisecond), Duration: length}, 1
}

// write makes the specification and keeps it and the keys in the folder.
func (n *Net) write(recipe *chainspec.Recipe) (err error) {
	if n.Spec, err = chainspec.Generate(recipe); err != nil {
		return err
	}
	if n.setup, err = n.Spec.Setup(srsfile.Options{}); err != nil {
		return err
	}
	for i, v := range n.Keys {
		dir := n.dir(i)
		if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
			return fmt.Errorf("testnet: %w", err)
		}
		if err := keys.Save(filepath.Join(dir, "keys", "validator"+keys.Suffix), v, keys.Options{}); err != nil {
			return err
		}
	}
	if err := os.WriteFile(n.SpecFile(), n.Spec.Encode(), 0o600); err != nil {
		return fmt.Errorf("testnet: %w", err)
	}
	return nil
}

// SpecFile is where the chain specification is.
func (n *Net) SpecFile() string { return filepath.Join(n.Dir, "chain.json") }

func (n *Net) dir(validator int) string { return filepath.Join(n.Dir, "node"+strconv.Itoa(validator)) }

// Start starts all nodes.
func (n *Net) Start() error {
	for i := range n.hosts {
		if err := n.StartNode(i); err != nil {
			return errors.Join(err, n.Stop())
		}
	}
	return nil
}

// StartNode starts the node of a validator, for the first time or again.
func (n *Net) StartNode(i int) error {
	o := host.Options{
		Spec: n.Spec, Setup: n.setup, Engine: n.Engine, Slots: n.Slots, Keys: n.Keys[i : i+1],
		Dir: filepath.Join(n.dir(i), "chain"), Listen: n.addresses[i], Conn: n.sockets[i],
	}
	n.sockets[i] = nil
	if n.Log != nil {
		o.Log = n.Log(i)
	}
	h, err := host.Start(o)
	if err != nil {
		return fmt.Errorf("node %d: %w", i, err)
	}
	n.hosts[i] = h
	h.Do(func(running *node.Node) { n.records[i].follow(running) })
	return nil
}

// Do does something with a node on its loop; it reports false if the node does not run.
func (n *Net) Do(i int, do func(*node.Node)) bool { return n.hosts[i] != nil && n.hosts[i].Do(do) }

// StopNode ends a node in order.
func (n *Net) StopNode(i int) error {
	h := n.hosts[i]
	n.hosts[i] = nil
	return h.Stop()
}

// Stop ends all nodes in order.
func (n *Net) Stop() error {
	errs := []error{n.closeSockets()}
	for i, h := range n.hosts {
		if h != nil {
			errs = append(errs, n.StopNode(i))
		}
	}
	return errors.Join(errs...)
}

// closeSockets closes those that no node has been given.
func (n *Net) closeSockets() error {
	var errs []error
	for i, s := range n.sockets {
		if s != nil {
			errs = append(errs, s.Close())
			n.sockets[i] = nil
		}
	}
	return errors.Join(errs...)
}
