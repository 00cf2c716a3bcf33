package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/net/jamnp"
)

// Codes with which connections are closed. JAMNP-S names none.
const (
	codeShutdown  quicgo.ApplicationErrorCode = iota // the node goes down, or wants this peer no longer
	codeDuplicate                                    // there is another connection
	codeFull                                         // there is no room
	codeRefused                                      // the peer has misbehaved before
	codeMisbehaved
	codeStalled // the peer does not read
)

// Codes with which streams are reset.
const (
	streamCancelled quicgo.StreamErrorCode = iota
	streamRejected
	streamBusy
	streamMalformed
)

// Why connections are closed.
var (
	ErrReplaced  = errors.New("quic: another connection with the peer took its place")
	ErrFull      = errors.New("quic: no room for more peers")
	ErrRefused   = errors.New("quic: the peer has misbehaved, and is refused for a while")
	ErrStalled   = errors.New("quic: the peer does not read what it is sent")
	ErrUnwanted  = errors.New("quic: the connection is not wanted any more")
	errDuplicate = errors.New("quic: there is a connection with the peer")
)

const (
	// staleAfter is how old a connection is when a second one means that the peer has lost the first. Of two that are younger, the
	// preferred initiator's is kept: both were on their way at once.
	staleAfter = 2 * handshakeTimeout
	sweepEvery = time.Minute
	// unusedFor is how long a connection that nobody asked for may be without a stream.
	unusedFor = 5 * time.Minute
	// evictableAfter is likewise, where others want its place.
	evictableAfter = 30 * time.Second
	// maxRequests bounds our requests that wait for one peer.
	maxRequests = 1024
)

// connection is one that the loop has taken. It owns what has no lock.
type connection struct {
	jamnp.Peer
	net    *Network
	quic   *quicgo.Conn
	memory budget

	since    time.Time
	used     time.Time // when a stream was last opened
	gone     bool      // left: nothing that comes of it matters
	up       map[jamnp.Kind]*persistent
	requests int // ours that are under way
	serving  int // the peer's that are under way
}

// listen takes connections until the network is closed.
func (n *Network) listen() {
	for {
		conn, err := n.listener.Accept(n.ctx)
		if err != nil {
			return // closed
		}
		select {
		case n.arriving <- struct{}{}:
			n.tasks.Go(func() { n.arrive(conn) })
		default:
			n.o.Watch.refused(conn.RemoteAddr())
			n.tasks.Go(func() { closeConn(conn, codeFull, ErrFull.Error()) })
		}
	}
}

// arrive waits for the end of a handshake: until then, who the peer is is not proved.
func (n *Network) arrive(conn *quicgo.Conn) {
	n.windows.know(conn)
	ended := n.o.Watch.arriving(conn.RemoteAddr())
	select {
	case <-conn.HandshakeComplete():
	case <-conn.Context().Done():
	}
	state := conn.ConnectionState()
	id, err := identify(state.TLS.PeerCertificates)
	if cause := context.Cause(conn.Context()); cause != nil {
		err = cause
	}
	if err != nil {
		ended(id, err)
		n.refused(conn.RemoteAddr(), err)
		<-n.arriving
		return
	}
	n.o.Loop.Post(func() {
		<-n.arriving
		ended(id, n.settle(conn, jamnp.Peer{
			ID: id, Address: addressOf(conn.RemoteAddr()), Builder: state.TLS.NegotiatedProtocol == n.names.builder,
		}))
	})
}

// closeConn closes a connection. It waits for it: not for the loop.
func closeConn(conn *quicgo.Conn, code quicgo.ApplicationErrorCode, why string) {
	_ = conn.CloseWithError(code, why) // it is always nil
}

func (c *connection) close(code quicgo.ApplicationErrorCode, why string) {
	closeConn(c.quic, code, why)
}

// settle judges a new connection, and takes it or closes it. It says why it did not take it.
func (n *Network) settle(conn *quicgo.Conn, peer jamnp.Peer) error {
	code, why := n.judge(peer)
	if why != nil {
		n.o.Log.Debug("connection refused", logPeer(peer.ID), logAddress(conn.RemoteAddr()), logReason(why))
		if !n.closed {
			n.tasks.Go(func() { closeConn(conn, code, why.Error()) })
		}
		return why
	}
	if old := n.peers[peer.ID]; old != nil {
		n.leave(old, codeDuplicate, ErrReplaced)
	}
	now := time.Now()
	c := &connection{
		Peer: peer, net: n, quic: conn, memory: budget{limit: n.o.PeerMemory}, since: now, used: now, up: map[jamnp.Kind]*persistent{},
	}
	n.peers[peer.ID] = c
	if t := n.targets[peer.ID]; t != nil && (peer.Initiator || jamnp.PreferredInitiator(n.self, peer.ID) != n.self) {
		t.stop()
	}
	n.o.Log.Debug("connected", logPeer(peer.ID), logAddress(conn.RemoteAddr()))
	n.tell(func() { n.o.Handler.Connected(peer) })
	n.tasks.Go(c.accept)
	return nil
}

// tell has the handler hear of something later: it may be what called us.
func (n *Network) tell(do func()) {
	n.o.Loop.Post(func() {
		if !n.closed {
			do()
		}
	})
}

// judge says why a connection is not taken.
func (n *Network) judge(peer jamnp.Peer) (quicgo.ApplicationErrorCode, error) {
	if n.closed {
		return codeShutdown, jamnp.ErrClosed
	}
	if n.banned(peer.ID) {
		return codeRefused, ErrRefused
	}
	if old := n.peers[peer.ID]; old != nil {
		ours := jamnp.PreferredInitiator(n.self, peer.ID) == n.self
		// Whoever opens a second connection has lost the first. If both sides opened one at once, the preferred initiator's stays.
		if old.Initiator != peer.Initiator && old.Initiator == ours && time.Since(old.since) < staleAfter {
			return codeDuplicate, errDuplicate
		}
		return 0, nil
	}
	if _, asked := n.targets[peer.ID]; asked || peer.Initiator || n.room(peer.Builder) {
		return 0, nil
	}
	return codeFull, ErrFull
}

// room says whether a peer that nobody asked for may stay, if need be in another's place.
func (n *Network) room(builder bool) bool {
	var builders, others int
	var unused *connection
	for id, c := range n.peers {
		if _, asked := n.targets[id]; asked || c.Initiator {
			continue
		}
		if c.Builder && builders < n.o.BuilderSlots {
			builders++
		} else {
			others++
		}
		if c.idle(evictableAfter) && (unused == nil || c.used.Before(unused.used)) {
			unused = c
		}
	}
	if others < n.o.MaxPeers || builder && builders < n.o.BuilderSlots {
		return true
	}
	if unused == nil {
		return false
	}
	n.leave(unused, codeFull, ErrFull)
	return true
}

// idle says whether a connection has had no streams for so long.
func (c *connection) idle(d time.Duration) bool {
	return len(c.up) == 0 && c.requests == 0 && c.serving == 0 && time.Since(c.used) > d
}

// sweep closes connections that nobody asked for and nobody uses, and forgets scores that have decayed.
func (n *Network) sweep() {
	for id, c := range n.peers {
		if _, asked := n.targets[id]; !asked && c.idle(unusedFor) {
			n.leave(c, codeShutdown, ErrUnwanted)
		}
	}
	n.forgive()
	n.sweeper = n.after(sweepEvery, n.sweep)
}

// accept takes the peer's streams until the connection ends, which it tells the loop.
func (c *connection) accept() {
	for {
		stream, err := c.quic.AcceptStream(c.net.ctx)
		if err != nil {
			if cause := context.Cause(c.quic.Context()); cause != nil {
				err = cause
			}
			c.net.o.Loop.Post(func() { c.lost(err) })
			return
		}
		c.net.tasks.Go(func() { c.arrived(stream) })
	}
}

// arrived learns the kind of a stream, and gives it to who handles it.
func (c *connection) arrived(s *quicgo.Stream) {
	if int(c.net.streams.Add(1)) > c.net.o.AllStreams {
		c.end(s, streamBusy)
		return
	}
	var kind [1]byte
	err := s.SetReadDeadline(time.Now().Add(c.net.o.Stall))
	if err == nil {
		_, err = io.ReadFull(s, kind[:])
	}
	if err != nil {
		c.end(s, streamCancelled)
		return
	}
	k := jamnp.Kind(kind[0])
	if k.UniquePersistent() {
		c.arrivedPersistent(s, k)
		return
	}
	c.net.o.Loop.Post(func() { c.serve(s, k) })
}

// end gives up a stream that the peer opened.
func (c *connection) end(s *quicgo.Stream, code quicgo.StreamErrorCode) {
	s.CancelRead(code)
	s.CancelWrite(code)
	c.ended(s)
}

// ended gives the peer leave to open another stream.
func (c *connection) ended(s *quicgo.Stream) {
	s.ReleaseStreamCredit()
	c.net.streams.Add(-1)
}

// leave closes a connection for a reason of ours.
func (n *Network) leave(c *connection, code quicgo.ApplicationErrorCode, why error) {
	if c.gone || n.closed {
		return
	}
	text := why.Error()
	n.tasks.Go(func() { c.close(code, text[:min(len(text), maxReason)]) })
	c.lost(why)
}

// maxReason is how much of a reason a peer is told.
const maxReason = 200

// lost forgets a connection. The targets of the node are dialled again.
func (c *connection) lost(why error) {
	n := c.net
	if c.gone || n.closed {
		return
	}
	c.gone = true
	for _, p := range c.up {
		p.stop()
	}
	if n.peers[c.ID] == c {
		delete(n.peers, c.ID)
	}
	n.o.Log.Debug("disconnected", logPeer(c.ID), logAddress(c.quic.RemoteAddr()), logReason(why))
	why = translate(why)
	n.tell(func() { n.o.Handler.Disconnected(c.ID, why) })
	if t := n.targets[c.ID]; t != nil && n.peers[c.ID] == nil {
		if time.Since(c.since) > settledAfter {
			t.failures = 0
		} else {
			t.failures++
		}
		n.await(t)
	}
}

// translate puts an error of quic-go in the words of package jamnp.
func translate(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if stream, ok := errors.AsType[*quicgo.StreamError](err); ok {
		return fmt.Errorf("%w: code %d", jamnp.ErrReset, stream.ErrorCode)
	}
	for _, own := range []error{
		jamnp.ErrBusy, jamnp.ErrOversized, jamnp.ErrCut, jamnp.ErrMessages, ErrReplaced, ErrFull, ErrRefused, ErrStalled, ErrUnwanted,
	} {
		if errors.Is(err, own) {
			return err
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", jamnp.ErrTimeout, err)
	case errors.Is(err, context.Canceled), errors.Is(err, quicgo.ErrTransportClosed):
		return jamnp.ErrClosed
	}
	return fmt.Errorf("%w: %w", jamnp.ErrNotConnected, err)
}
