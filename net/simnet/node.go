package simnet

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"damson/net/jamnp"
)

// Node is a node's end of the network: a jamnp.Network.
type Node struct {
	net     *Net
	id      jamnp.PeerID
	address netip.AddrPort
	handler jamnp.Handler
	loop    Loop
	group   int
	gone    bool // crashed or closed
	links   map[jamnp.PeerID]*link
	sorted  []*link // by the peer's ID
	wishes  map[jamnp.PeerID]*wish
	blame   map[jamnp.PeerID]*record
	stats   Stats
}

var _ jamnp.Network = (*Node)(nil)

// wish is a peer that the node wants to be connected with.
type wish struct {
	id      jamnp.PeerID
	address netip.AddrPort
	backoff time.Duration // before the next dial
	dialing bool          // or waiting to
	ended   bool
}

// record is what a peer did.
type record struct {
	points float64   // they decay
	at     time.Time // when they were right
	until  time.Time // refused until then
}

// ID is the node's own.
func (n *Node) ID() jamnp.PeerID { return n.id }

// Address is where others reach the node.
func (n *Node) Address() netip.AddrPort { return n.address }

// Connect implements jamnp.Network.
func (n *Node) Connect(id jamnp.PeerID, address netip.AddrPort) {
	if n.gone || id == n.id {
		return
	}
	if w := n.wishes[id]; w != nil {
		w.address = address
		return
	}
	w := &wish{id: id, address: address}
	n.wishes[id] = w
	if n.links[id] != nil {
		return
	}
	wait := time.Duration(0)
	if jamnp.PreferredInitiator(n.id, id) != n.id {
		wait = n.net.opts.PreferWait
	}
	n.dialAfter(w, wait)
}

// Disconnect implements jamnp.Network.
func (n *Node) Disconnect(id jamnp.PeerID) {
	if w := n.wishes[id]; w != nil {
		w.ended = true
		delete(n.wishes, id)
	}
	if l := n.links[id]; l != nil && l.sides[0].node == n {
		l.end(errDisconnected)
	}
}

// Peers implements jamnp.Network.
func (n *Node) Peers() []jamnp.Peer {
	out := make([]jamnp.Peer, len(n.sorted))
	for i, l := range n.sorted {
		out[i] = l.peer(l.sideOf(n))
	}
	return out
}

// Blame implements jamnp.Network.
func (n *Node) Blame(id jamnp.PeerID, points int, reason error) {
	if n.blame == nil {
		n.blame = make(map[jamnp.PeerID]*record)
	}
	r, now := n.blame[id], n.net.clock.Now()
	if r == nil {
		r = new(record)
		n.blame[id] = r
	}
	n.stats.Blame += points
	r.points *= math.Exp2(-float64(now.Sub(r.at)) / float64(halfLife))
	r.points, r.at = r.points+float64(points), now
	if r.points < BlameLimit {
		return
	}
	r.points, r.until = 0, now.Add(n.net.opts.Ban)
	if l := n.links[id]; l != nil {
		l.end(fmt.Errorf("blamed: %w", reason))
	}
}

// Close implements jamnp.Network.
func (n *Node) Close() error {
	if n.gone {
		return nil
	}
	links := n.sorted
	n.crash()
	for _, l := range links {
		l.end(jamnp.ErrClosed)
	}
	return nil
}

// refuses says whether a peer is banned.
func (n *Node) refuses(id jamnp.PeerID) bool {
	r := n.blame[id]
	return r != nil && n.net.clock.Now().Before(r.until)
}

// tell runs a function of the handler on the node's loop.
func (n *Node) tell(do func()) {
	if n.loop == nil {
		if !n.gone {
			do()
		}
		return
	}
	n.loop.Post(func() {
		if !n.gone {
			do()
		}
	})
}

// later runs a function on the node's loop, not now.
func (n *Node) later(do func()) { n.net.clock.After(0, func() { n.tell(do) }) }

func (n *Node) crash() {
	if n.gone {
		return
	}
	n.gone = true
	for id, w := range n.wishes {
		w.ended = true
		delete(n.wishes, id)
	}
	for _, l := range n.sorted {
		l.orphan()
	}
	n.sorted = nil
	clear(n.links)
}

// add and remove keep links and sorted.
func (n *Node) add(l *link, peer jamnp.PeerID) {
	at, _ := n.find(peer)
	n.sorted = slices.Insert(n.sorted, at, l)
	n.links[peer] = l
}

func (n *Node) remove(peer jamnp.PeerID) {
	if at, ok := n.find(peer); ok {
		n.sorted = slices.Delete(n.sorted, at, at+1)
		delete(n.links, peer)
	}
}

func (n *Node) find(peer jamnp.PeerID) (int, bool) {
	return slices.BinarySearchFunc(n.sorted, peer, func(l *link, id jamnp.PeerID) int {
		other := l.sides[1-l.sideOf(n)].node.id
		return bytes.Compare(other[:], id[:])
	})
}

// dialAfter dials when some time has passed, unless there is a connection by then.
func (n *Node) dialAfter(w *wish, wait time.Duration) {
	w.dialing = true
	n.net.clock.After(wait, func() {
		if w.ended || n.gone || n.links[w.id] != nil {
			w.dialing = false
			return
		}
		n.dial(w)
	})
}

// dial takes a round trip to open a connection, or the dial timeout to find that it cannot be.
func (n *Node) dial(w *wish) {
	trip := n.net.latency() + n.net.latency()
	if trip > n.net.opts.DialTimeout || !n.reaches(w) {
		n.net.clock.After(n.net.opts.DialTimeout, func() { n.dialAgain(w) })
		return
	}
	n.net.clock.After(trip, func() {
		w.dialing = false
		switch {
		case w.ended || n.gone || n.links[w.id] != nil:
		case !n.reaches(w):
			n.dialAgain(w)
		default:
			w.backoff = 0
			n.net.link(n, n.net.nodes[w.id])
		}
	})
}

// reaches says whether a dial would be answered now.
func (n *Node) reaches(w *wish) bool {
	other := n.net.nodes[w.id]
	if other == nil || other.gone || other.group != n.group || other.refuses(n.id) || n.refuses(w.id) {
		return false
	}
	return !w.address.IsValid() || w.address == other.address
}

func (n *Node) dialAgain(w *wish) {
	w.dialing = false
	if w.ended || n.gone || n.links[w.id] != nil {
		return
	}
	wait := time.Duration(0)
	if w.backoff == 0 && jamnp.PreferredInitiator(n.id, w.id) != n.id {
		wait = n.net.opts.PreferWait
	}
	w.backoff = min(max(2*w.backoff, n.net.opts.MinBackoff), n.net.opts.MaxBackoff)
	jitter := time.Duration(n.net.rng.Int64N(int64(w.backoff)/2 + 1))
	n.dialAfter(w, wait+w.backoff-jitter)
}
