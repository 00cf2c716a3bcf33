package testnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"sync"

	"damson/node/host"
)

// Attendant is what goes with a node in this process, as a server that answers for it.
type Attendant interface {
	Started(h *host.Host) error
	Close() error // before the node ends
}

// local is a node in this process.
type local struct {
	host      *host.Host
	attendant Attendant // may be nil
}

var errStopped = errors.New("testnet: the node has stopped")

func (l local) Report(since uint64) (*host.Report, error) {
	if r, ok := l.host.Report(since); ok {
		return r, nil
	}
	return nil, errStopped
}

func (l local) Stop() error {
	var err error
	if l.attendant != nil {
		err = l.attendant.Close()
	}
	return errors.Join(err, l.host.Stop())
}

// Kill ends the node in order: a goroutine cannot be killed.
func (l local) Kill() error { return l.Stop() }

func (n *Net) startLocal(ctx context.Context, i int) (member, error) {
	o := host.Options{
		Spec: n.Spec, Setup: n.setup, Engine: n.Engine, Slots: n.Slots, Keys: n.Keys[i : i+1],
		Dir: filepath.Join(n.dir(i), "chain"), Listen: n.addresses[i], Proving: &n.proving, Mistakes: n.mistakes[i],
	}
	o.Slots.Era = o.Slots.Era.Add(-n.skew[i])
	if s := n.sockets[i]; s != nil {
		o.Conn = s
		if n.Scenario == Partition {
			o.Conn = &cutConn{PacketConn: s, bufferedConn: s, cut: &n.cut, validator: i}
		}
	}
	n.sockets[i] = nil
	if n.Scenario == BadReport {
		o.Events.Audits = n.lie.events(i)
	}
	if n.Log != nil {
		o.Log = n.Log(i)
	}
	var attendant Attendant
	if n.Attend != nil {
		attendant = n.Attend(i, &o)
	}
	h, err := host.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	l := local{h, attendant}
	if attendant != nil {
		if err := attendant.Started(h); err != nil {
			return nil, errors.Join(err, l.Stop())
		}
	}
	return l, nil
}

// cut says who can hear whom.
type cut struct {
	mu    sync.Mutex
	sides map[netip.AddrPort]int // by address; nil: everybody hears everybody
	own   []int                  // by validator
}

// Split cuts some validators off from all others. It needs the scenario Partition, whose sockets can be cut.
func (n *Net) Split(off ...int) {
	n.cut.mu.Lock()
	defer n.cut.mu.Unlock()
	n.cut.sides, n.cut.own = make(map[netip.AddrPort]int), make([]int, len(n.addresses))
	for _, i := range off {
		n.cut.sides[n.addresses[i]], n.cut.own[i] = 1, 1
	}
}

// Heal ends a split.
func (n *Net) Heal() {
	n.cut.mu.Lock()
	defer n.cut.mu.Unlock()
	n.cut.sides = nil
}

func (c *cut) hears(validator int, from net.Addr) bool {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := udp.AddrPort()
	return c.sides == nil || c.sides[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())] == c.own[validator]
}

// cutConn is a node's socket in a network that can be split. It has no more methods than a PacketConn, so that nothing is read
// around it.
type cutConn struct {
	net.PacketConn
	bufferedConn
	cut       *cut
	validator int
}

// bufferedConn are methods of a socket that QUIC wants to have.
type bufferedConn interface {
	SetReadBuffer(octets int) error
	SetWriteBuffer(octets int) error
}

// ReadFrom reads what comes from the same side.
func (c *cutConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		count, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || c.cut.hears(c.validator, from) {
			return count, from, err
		}
	}
}
