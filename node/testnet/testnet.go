// Package testnet runs a network of validators on one machine: real nodes, which talk over QUIC and share no state.
//
// New makes the chain, its keys and its folder; Start starts the nodes, in this process (local.go) or in one of their own for
// each (process.go). follow.go looks at them once a slot, scenario.go does them harm, and summary.go says what became of it.
package testnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
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
	Log    func(validator int) *slog.Logger               // optional; of nodes in this process
	Attend func(validator int, o *host.Options) Attendant // optional; likewise, before each start

	// Command starts `damson run` in a process of its own, with arguments; nil means that all nodes are in this process.
	Command  func(ctx context.Context, validator int, arguments ...string) (Process, error)
	Scenario Scenario
	Settling int           // slots at the end that are not those of the run, at most; 0 means 8
	Work     *Work         // packages for the cores; nil means none
	Lead     time.Duration // from the start to the first slot, for nodes in this process; 0 means 2 s
}

// member is a node of the network.
type member interface {
	Report(since uint64) (*host.Report, error)
	Stop() error // in order
	Kill() error // at once, if it can be
}

// How long before its first slot a network is made, so that its nodes know each other when it begins: for nodes in this process, and
// for each that has to be started as one.
const (
	lead        = 2 * time.Second
	leadProcess = time.Second
)

// Net is a network.
type Net struct {
	Options
	Spec  *chainspec.Spec
	Slots loop.Slots
	First protocol.Slot // the first slot in which blocks are made
	Keys  []*keys.Validator

	setup     *bandersnatch.Setup
	addresses []netip.AddrPort
	sockets   []*net.UDPConn // nil: given to a node
	members   []member       // nil: not running
	records   []*record
	cut       cut
	lie       lie
	mistakes  []node.Mistakes
	skew      []time.Duration // of the clocks of nodes in this process
	proving   sync.Mutex
}

// New makes a chain of development validators and what its nodes need in the folder: a chain specification and a key file for
// each. The chain rests on the development SRS.
func New(o Options) (*Net, error) {
	count := o.Params.Validators
	n := &Net{Options: o, members: make([]member, count), mistakes: make([]node.Mistakes, count), skew: make([]time.Duration, count)}
	if n.Settling == 0 {
		n.Settling = 8
	}
	recipe := chainspec.Recipe{ID: "testnet", Params: o.Params, SRS: srsfile.DevInsecure, Examples: true}
	for i := range count {
		n.records = append(n.records, newRecord())
		v := keys.Trivial(uint32(i)).Derive()
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("testnet: %w", err), n.closeSockets())
		}
		n.sockets = append(n.sockets, socket)
		n.addresses = append(n.addresses, socket.LocalAddr().(*net.UDPAddr).AddrPort())
		n.Keys = append(n.Keys, v)
		public := v.Public(n.addresses[i])
		public.BLS = v.BLS().Public().Bytes()
		recipe.Validators = append(recipe.Validators, public)
	}
	if err := n.write(&recipe); err != nil {
		return nil, errors.Join(err, n.closeSockets())
	}
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
		if err := os.MkdirAll(n.keyDir(i), 0o700); err != nil {
			return fmt.Errorf("testnet: %w", err)
		}
		if err := keys.Save(filepath.Join(n.keyDir(i), "validator"+keys.Suffix), v, keys.Options{}); err != nil {
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

func (n *Net) keyDir(validator int) string { return filepath.Join(n.dir(validator), "keys") }

// Start starts all nodes. The context ends those that are processes.
func (n *Net) Start(ctx context.Context) error {
	ahead := cmp.Or(n.Lead, lead)
	if n.Command != nil {
		ahead += leadProcess * time.Duration(len(n.members))
	}
	n.prepare()
	n.Slots, n.First = slots(n.Slot, time.Now().Add(ahead))
	for i := range n.members {
		if err := n.StartNode(ctx, i); err != nil {
			return errors.Join(err, n.Stop())
		}
	}
	if err := errors.Join(n.writeTiming(), n.startWork(ctx)); err != nil {
		return errors.Join(err, n.Stop())
	}
	return nil
}

// StartNode starts the node of a validator, for the first time or again. More are arguments for a process.
func (n *Net) StartNode(ctx context.Context, i int, more ...string) (err error) {
	if now := n.Slots.At(time.Now()); now >= n.First {
		n.records[i].joined = now + lateReturn
	}
	n.records[i].next = 0
	if n.Command == nil {
		n.members[i], err = n.startLocal(ctx, i)
	} else {
		n.members[i], err = n.startProcess(ctx, i, more)
	}
	if err != nil {
		n.members[i] = nil
		return fmt.Errorf("node %d: %w", i, err)
	}
	return nil
}

// StopNode ends a node in order.
func (n *Net) StopNode(i int) error {
	m := n.members[i]
	n.members[i] = nil
	return m.Stop()
}

// KillNode ends a node at once.
func (n *Net) KillNode(i int) error {
	m := n.members[i]
	n.members[i] = nil
	return m.Kill()
}

// Stop ends all nodes in order.
func (n *Net) Stop() error {
	errs := make([]error, len(n.members))
	work := n.stopWork()
	var all sync.WaitGroup
	for i, m := range n.members {
		if m != nil {
			all.Go(func() { errs[i] = n.StopNode(i) })
		}
	}
	all.Wait()
	return errors.Join(append(errs, work, n.closeSockets())...)
}

// closeSockets closes those that no node has been given.
func (n *Net) closeSockets() error {
	var errs []error
	for i := range n.sockets {
		errs = append(errs, n.closeSocket(i))
	}
	return errors.Join(errs...)
}

func (n *Net) closeSocket(i int) error {
	s := n.sockets[i]
	n.sockets[i] = nil
	if s == nil {
		return nil
	}
	return s.Close()
}
