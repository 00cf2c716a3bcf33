package simnet

import (
	"time"

	"damson/net/jamnp"
)

// parcel is something on its way. It is used again when it has arrived.
type parcel struct {
	net     *Net
	link    *link
	to      int // side
	what    what
	kind    jamnp.Kind
	life    uint32 // of the UP stream
	octets  []byte
	x       *exchange
	run     func() // arrive
	deliver func() // handle
	next    *parcel
}

// what says what a parcel is.
type what uint8

const (
	upHandshake what = iota // of who opened
	upReply                 // of who accepted
	upMessage
	ceRequest
	ceAnswer
)

func (net *Net) parcel(l *link, to int, w what, kind jamnp.Kind) *parcel {
	p := net.pool
	if p == nil {
		p = &parcel{net: net}
		p.run, p.deliver = p.arrive, p.handle
	} else {
		net.pool = p.next
	}
	p.link, p.to, p.what, p.kind = l, to, w, kind
	return p
}

func (net *Net) free(p *parcel) {
	p.link, p.x, p.octets = nil, nil, nil
	p.next = net.pool
	net.pool = p
}

// arrive is when a parcel comes to the node's machine.
func (p *parcel) arrive() {
	l := p.link
	s := &l.sides[p.to]
	switch {
	case l.dead || s.node.gone:
		p.net.free(p)
	case l.cut || len(s.held) > 0:
		if len(s.held) >= p.net.opts.MaxHeld {
			p.net.free(p)
			l.end(errUnread)
			return
		}
		s.held = append(s.held, p)
	case s.node.loop == nil:
		p.handle()
	default:
		s.node.loop.Post(p.deliver)
	}
}

// handle is when the node takes it.
func (p *parcel) handle() {
	l, to, kind, octets, x := p.link, p.to, p.kind, p.octets, p.x
	w, life := p.what, p.life
	p.net.free(p)
	s := &l.sides[to]
	n := s.node
	if n.gone || l.dead {
		return
	}
	peer := l.sides[1-to].node.id
	switch w {
	case upHandshake:
		u := s.makeStream(kind)
		if life < u.life {
			return // of a stream that was opened again meanwhile
		}
		u.life, u.ready = life, true
		n.stats.received(kind, len(octets))
		l.sendUp(to, upReply, kind, life, n.handler.Handshake(peer, kind))
		n.handler.Opened(peer, kind, octets)
	case upReply, upMessage:
		u := s.stream(kind)
		if u == nil || life != u.life {
			return
		}
		n.stats.received(kind, len(octets))
		if w == upReply {
			n.handler.Opened(peer, kind, octets)
			return
		}
		n.handler.Received(peer, kind, octets)
	case ceRequest:
		x.serve(to)
	case ceAnswer:
		x.arrived()
	}
}

// sendUp sends a message from a side on a UP stream; those to one side stay in order.
func (l *link) sendUp(from int, w what, kind jamnp.Kind, life uint32, octets []byte) {
	u := l.sides[from].stream(kind)
	at := l.net.clock.Now().Add(l.net.latency())
	if at.Before(u.last) {
		at = u.last
	}
	u.last = at
	l.sides[from].node.stats.sent(kind, len(octets))
	copies := 1
	if w == upMessage && l.net.chance(l.net.opts.Duplicate) {
		copies = 2
	}
	for range copies {
		p := l.net.parcel(l, 1-from, w, kind)
		p.life, p.octets = life, octets
		l.net.clock.After(at.Sub(l.net.clock.Now()), p.run)
	}
}

// Open implements jamnp.Network.
func (n *Node) Open(id jamnp.PeerID, kind jamnp.Kind) {
	l := n.links[id]
	if l == nil || l.sides[0].node != n || !kind.UniquePersistent() {
		return
	}
	u := l.sides[0].makeStream(kind)
	u.life++
	u.ready = false
	life := u.life
	n.later(func() {
		if u := l.sides[0].stream(kind); !l.dead && u.life == life {
			u.ready = true
			l.sendUp(0, upHandshake, kind, life, n.handler.Handshake(id, kind))
		}
	})
}

// Send implements jamnp.Network.
func (n *Node) Send(id jamnp.PeerID, kind jamnp.Kind, message []byte) bool {
	l := n.links[id]
	if l == nil || l.dead {
		return false
	}
	side := l.sideOf(n)
	u := l.sides[side].stream(kind)
	if u == nil || !u.ready {
		return false
	}
	l.sendUp(side, upMessage, kind, u.life, message)
	return true
}

// transmit sends what belongs to a CE stream.
func (l *link) transmit(from int, w what, x *exchange, held time.Duration) {
	p := l.net.parcel(l, 1-from, w, x.kind)
	p.x = x
	l.net.clock.After(l.net.latency()+held, p.run)
}
