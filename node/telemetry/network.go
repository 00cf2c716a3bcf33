package telemetry

import (
	"time"

	"damson/net/jamnp"
	"damson/net/quic"
)

// Between gives a way to make a node's network with a probe between the two.
func (p *Probe) Between(open func(jamnp.Handler) (jamnp.Network, error)) func(jamnp.Handler) (jamnp.Network, error) {
	return func(h jamnp.Handler) (jamnp.Network, error) {
		n, err := open(&handler{h, p})
		if err != nil {
			return nil, err
		}
		return &network{n, p}, nil
	}
}

// network tells what the node does with its peers.
type network struct {
	jamnp.Network
	p *Probe
}

// Request implements jamnp.Network.
func (n *network) Request(id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error)) {
	_, connected := n.p.peers[id]
	ended := n.p.request(id, kind, messages, connected)
	if ended == nil {
		n.Network.Request(id, kind, messages, limit, timeout, done)
		return
	}
	n.Network.Request(id, kind, messages, limit, timeout, func(answer [][]byte, err error) {
		ended(answer, err)
		done(answer, err)
	})
}

// Send implements jamnp.Network.
func (n *network) Send(id jamnp.PeerID, kind jamnp.Kind, message []byte) bool {
	ok := n.Network.Send(id, kind, message)
	if ok && kind == jamnp.BlockAnnouncement {
		n.p.announce(id, Local, message)
	}
	return ok
}

// Blame implements jamnp.Network.
func (n *network) Blame(id jamnp.PeerID, points int, reason error) {
	if misbehaved(reason) {
		n.p.Emit(PeerMisbehaved, Peer(id), words(reason))
	}
	n.Network.Blame(id, points, reason)
}

// handler tells what peers do.
type handler struct {
	jamnp.Handler
	p *Probe
}

// Connected implements jamnp.Handler.
func (h *handler) Connected(peer jamnp.Peer) {
	h.p.peers[peer.ID] = peer.Initiator
	h.Handler.Connected(peer)
}

// Disconnected implements jamnp.Handler.
func (h *handler) Disconnected(id jamnp.PeerID, reason error) {
	by := OptionalSide{}
	if remote, known := quic.Terminator(reason); known {
		by = OptionalSide{Side: Local, Known: true}
		if remote {
			by.Side = Remote
		}
	}
	h.p.Emit(Disconnected, Peer(id), by, words(reason))
	delete(h.p.peers, id)
	delete(h.p.streams, id)
	h.Handler.Disconnected(id, reason)
}

// Opened implements jamnp.Handler.
func (h *handler) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	if kind == jamnp.BlockAnnouncement {
		opener := Remote
		if h.p.peers[id] {
			opener = Local
		}
		h.p.streams[id] = true
		h.p.Emit(AnnouncementStreamOpened, Peer(id), opener)
	}
	h.Handler.Opened(id, kind, handshake)
}

// Received implements jamnp.Handler.
func (h *handler) Received(id jamnp.PeerID, kind jamnp.Kind, message []byte) {
	if kind == jamnp.BlockAnnouncement {
		h.p.announce(id, Remote, message)
	}
	h.Handler.Received(id, kind, message)
}

// Serve implements jamnp.Handler.
func (h *handler) Serve(x jamnp.Exchange) { h.Handler.Serve(h.p.serve(x)) }

// announce tells of an announcement.
func (p *Probe) announce(id jamnp.PeerID, by Side, message []byte) {
	if len(message) == 0 {
		return
	}
	if by == Remote || p.announced.message != &message[0] {
		var m jamnp.Announcement
		if m.Decode(message, p.params) != nil {
			return // the node blames the peer
		}
		p.announced = announced{&message[0], m.Header.Slot, Hash(m.Hash())}
	}
	p.Emit(BlockAnnounced, Peer(id), by, p.announced.slot, p.announced.hash)
}
