package quic

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/net/jamnp"
)

// target is a peer that the node wants to be connected with.
type target struct {
	id       jamnp.PeerID
	address  netip.AddrPort
	failures int                // since a connection lasted
	next     *time.Timer        // of the next attempt
	cancel   context.CancelFunc // of the attempt under way
}

// settledAfter is how long a connection must have lasted for its loss to be no failure.
const settledAfter = 20 * time.Second

// Connect asks to be connected with a peer from now on.
func (n *Network) Connect(id jamnp.PeerID, address netip.AddrPort) {
	if n.closed || id == n.self {
		return
	}
	address = netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
	t := n.targets[id]
	if t == nil {
		t = &target{id: id}
		n.targets[id] = t
	} else if t.address == address {
		return
	}
	t.address, t.failures = address, 0
	if n.peers[id] == nil {
		t.stop()
		n.await(t)
	}
}

// Disconnect ends what Connect asked for.
func (n *Network) Disconnect(id jamnp.PeerID) {
	t := n.targets[id]
	if t == nil {
		return
	}
	t.stop()
	delete(n.targets, id)
	if c := n.peers[id]; c != nil && c.Initiator {
		n.leave(c, codeShutdown, ErrUnwanted)
	}
}

// stop ends the attempts to connect.
func (t *target) stop() {
	if t.next != nil {
		t.next.Stop()
		t.next = nil
	}
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
}

// await dials after a while, which grows with the failures and is longer if the peer should dial. JAMNP-S, "Strategy".
func (n *Network) await(t *target) {
	if !t.address.IsValid() || t.address.Port() == 0 {
		return // it must come to us
	}
	var wait time.Duration
	if t.failures > 0 {
		wait = min(n.o.Redial<<min(t.failures-1, 16), maxRedial)
	}
	if !n.o.Eager && jamnp.PreferredInitiator(n.self, t.id) != n.self {
		wait += n.o.Patience
	}
	wait = time.Duration(float64(wait) * (0.75 + 0.5*rand.Float64())) // so that peers do not come all at once
	if t.next != nil {
		t.next.Stop()
	}
	t.next = n.after(wait, func() { n.dial(t) })
}

// dial makes an attempt.
func (n *Network) dial(t *target) {
	if n.targets[t.id] != t || n.peers[t.id] != nil || t.cancel != nil || n.banned(t.id) {
		if n.banned(t.id) && n.targets[t.id] == t {
			t.failures++
			n.await(t)
		}
		return
	}
	ctx, cancel := context.WithCancel(n.ctx)
	t.cancel = cancel
	address := t.address
	ended := n.o.Watch.dialling(t.id, address)
	n.tasks.Go(func() {
		conn, err := n.reach(ctx, t.id, address)
		n.o.Loop.Post(func() {
			current := ctx.Err() == nil
			cancel()
			ended(n.reached(t, conn, err, current))
		})
	})
}

// reached takes the outcome of an attempt, and says why there is no connection by it. One that is not current was given up.
func (n *Network) reached(t *target, conn *quicgo.Conn, err error, current bool) error {
	if current {
		t.cancel = nil
	}
	if err == nil && (!current || n.targets[t.id] != t) {
		if !n.closed {
			n.tasks.Go(func() { closeConn(conn, codeShutdown, ErrUnwanted.Error()) })
		}
		return ErrUnwanted
	}
	if err == nil {
		err = n.settle(conn, jamnp.Peer{ID: t.id, Address: addressOf(conn.RemoteAddr()), Initiator: true, Builder: n.o.AsBuilder})
		if err == nil || n.peers[t.id] != nil {
			return err
		}
	} else if current {
		n.o.Log.Debug("no connection", logPeer(t.id), logAddress(t.address), logReason(err))
	}
	if current && !n.closed {
		t.failures++
		n.await(t)
	}
	return err
}

// reach opens a connection, and waits until the peer has taken it.
func (n *Network) reach(ctx context.Context, id jamnp.PeerID, address netip.AddrPort) (*quicgo.Conn, error) {
	select {
	case n.dialling <- struct{}{}:
		defer func() { <-n.dialling }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	welcome := make(welcome, 1)
	conn, err := n.transport.Dial(ctx, net.UDPAddrFromAddrPort(address), n.dialTLS(id), n.config(welcome))
	if err != nil {
		return nil, err
	}
	n.windows.know(conn)
	// In TLS 1.3 a client is done before the server has seen its certificate. A server that has, sends a token, if it sends any;
	// else its refusal would be here after a round trip.
	grace := time.NewTimer(min(50*time.Millisecond+3*conn.ConnectionStats().SmoothedRTT, time.Second))
	defer grace.Stop()
	select {
	case <-welcome:
	case <-grace.C:
	case <-conn.Context().Done():
		return nil, context.Cause(conn.Context())
	}
	return conn, nil
}

// welcome is told when a server sends a token for the next connection, which it does when it has taken this one.
type welcome chan struct{}

// Pop gives no token: addresses are proved anew where that is asked for.
func (welcome) Pop(string) *quicgo.ClientToken { return nil }

// Put forgets the token.
func (w welcome) Put(string, *quicgo.ClientToken) {
	select {
	case w <- struct{}{}:
	default:
	}
}
