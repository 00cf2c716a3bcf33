package node

import (
	"errors"

	"damson/net/jamnp"
)

// errNobody is why a stream is refused whose kind no duty of this node serves.
var errNobody = errors.New("node: no duty of this node serves streams of this kind")

// dispatch is the jamnp.Handler of a node.
type dispatch struct{ *Node }

func (d dispatch) Connected(p jamnp.Peer) {
	d.Gossip.Connected(p)
	d.Voter.Connected(p)
	if d.Auditor != nil {
		d.Auditor.Connected(p)
	}
}

func (d dispatch) Disconnected(id jamnp.PeerID, why error) {
	d.Gossip.Disconnected(id, why)
	d.Voter.Disconnected(id)
}

func (d dispatch) Handshake(id jamnp.PeerID, kind jamnp.Kind) []byte {
	return d.Gossip.Handshake(id, kind)
}

func (d dispatch) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	d.heard = true
	d.Gossip.Opened(id, kind, handshake)
}

func (d dispatch) Received(id jamnp.PeerID, kind jamnp.Kind, message []byte) {
	d.Gossip.Received(id, kind, message)
}

func (d dispatch) Serve(x jamnp.Exchange) {
	switch kind := x.Kind(); {
	case kind == jamnp.BlockRequest || kind == jamnp.StateRequest:
		d.Gossip.Serve(x)
	case (kind == jamnp.TicketToProxy || kind == jamnp.TicketFromProxy) && d.Proxy != nil:
		d.Proxy.Serve(x)
	case kind == jamnp.BeefyVote:
		d.takeBeefy(x)
	case d.Voter.Serve(x), d.serveWork(x):
	default:
		x.Reject(errNobody)
	}
}
