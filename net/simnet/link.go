package simnet

import (
	"errors"
	"time"

	"damson/net/jamnp"
)

// Why a connection ended.
var (
	errDisconnected = errors.New("simnet: disconnected")
	errIdle         = errors.New("simnet: nothing passed for the idle timeout")
	errReplaced     = errors.New("simnet: the peer connected anew")
	errUnread       = errors.New("simnet: too much waits for the peer")
)

// link is a connection. Side 0 opened it.
type link struct {
	net   *Net
	sides [2]side
	dead  bool // ended
	cut   bool // by a partition
}

// side is one end, and what goes to it.
type side struct {
	node    *Node
	ups     []up
	held    []*parcel   // what arrived while the link was cut, in order
	pending []*exchange // requests that this side has open
}

// up is a UP stream as one side has it.
type up struct {
	kind  jamnp.Kind
	ready bool      // our handshake is on its way
	life  uint32    // how often it has been opened
	last  time.Time // when the last message of this side arrives
}

// link connects two nodes and tells both.
func (net *Net) link(from, to *Node) {
	if old := to.links[from.id]; old != nil { // the opener's former life
		old.end(errReplaced)
	}
	l := &link{net: net}
	l.sides[0].node, l.sides[1].node = from, to
	from.add(l, to.id)
	to.add(l, from.id)
	for i := range l.sides {
		n, p := l.sides[i].node, l.peer(i)
		n.tell(func() { n.handler.Connected(p) })
	}
}

// peer describes the other end of a side.
func (l *link) peer(i int) jamnp.Peer {
	other := l.sides[1-i].node
	return jamnp.Peer{ID: other.id, Address: other.address, Initiator: i == 0}
}

func (l *link) sideOf(n *Node) int {
	if l.sides[0].node == n {
		return 0
	}
	return 1
}

// end closes the link and tells both sides: the one at once, the other too, for nothing may pass between them any more.
func (l *link) end(why error) {
	if l.dead {
		return
	}
	l.dead = true
	for i := range l.sides {
		l.drop(i, why)
	}
}

// drop takes a side's end away.
func (l *link) drop(i int, why error) {
	s := &l.sides[i]
	n, peer := s.node, l.sides[1-i].node.id
	for _, p := range s.held {
		l.net.free(p)
	}
	s.held = nil
	for _, x := range s.pending {
		x.fail(jamnp.ErrNotConnected)
	}
	s.pending = nil
	if n.gone {
		return
	}
	n.remove(peer)
	n.tell(func() { n.handler.Disconnected(peer, why) })
	if w := n.wishes[peer]; w != nil && !w.dialing {
		n.dialAgain(w)
	}
}

// orphan leaves a link alone whose one node has crashed: the other finds out when it has heard nothing for long enough.
func (l *link) orphan() {
	l.net.clock.After(l.net.opts.IdleTimeout, func() { l.end(errIdle) })
}

// regroup cuts or mends the link as the partition has it now.
func (l *link) regroup() {
	cut := l.sides[0].node.group != l.sides[1].node.group
	if cut == l.cut || l.dead {
		return
	}
	l.cut = cut
	if cut {
		cuts := l.net.cuts
		l.net.clock.After(l.net.opts.IdleTimeout, func() {
			if l.cut && l.net.cuts == cuts {
				l.end(errIdle)
			}
		})
		return
	}
	for i := range l.sides {
		l.net.clock.After(l.net.opts.Retransmit+l.net.latency(), func() { l.release(i) })
	}
}

// release delivers what was held up.
func (l *link) release(i int) {
	if l.cut {
		return
	}
	held := l.sides[i].held
	l.sides[i].held = nil
	for _, p := range held {
		p.arrive()
	}
}

// stream gives a side's end of a UP stream.
func (s *side) stream(kind jamnp.Kind) *up {
	for i := range s.ups {
		if s.ups[i].kind == kind {
			return &s.ups[i]
		}
	}
	return nil
}

func (s *side) makeStream(kind jamnp.Kind) *up {
	if u := s.stream(kind); u != nil {
		return u
	}
	s.ups = append(s.ups, up{kind: kind})
	return &s.ups[len(s.ups)-1]
}
