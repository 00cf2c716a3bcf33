package simnet

import (
	"errors"
	"io"
	"time"

	"damson/net/jamnp"
)

var errUnfinished = errors.New("simnet: answered before the request was read to its end")

// exchange is a CE stream as who opened it has it.
type exchange struct {
	link   *link
	from   int // side
	kind   jamnp.Kind
	ask    [][]byte
	limit  int
	answer [][]byte
	err    error
	done   func([][]byte, error)
	index  int  // in pending
	ended  bool // done has been called or will be
	served bool // an answer or a reset is on its way
}

// Request implements jamnp.Network.
func (n *Node) Request(
	id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error),
) {
	l := n.links[id]
	if n.gone {
		n.later(func() { done(nil, jamnp.ErrClosed) })
		return
	}
	if l == nil || l.dead {
		n.later(func() { done(nil, jamnp.ErrNotConnected) })
		return
	}
	from := l.sideOf(n)
	s := &l.sides[from]
	if len(s.pending) >= n.net.opts.MaxStreams {
		n.later(func() { done(nil, jamnp.ErrBusy) })
		return
	}
	x := &exchange{link: l, from: from, kind: kind, ask: messages, limit: limit, done: done, index: len(s.pending)}
	s.pending = append(s.pending, x)
	for _, m := range messages {
		n.stats.sent(kind, len(m))
	}
	copies := 1
	if n.net.chance(n.net.opts.Duplicate) {
		copies = 2
	}
	for range copies {
		l.transmit(from, ceRequest, x, n.net.hold())
	}
	n.net.clock.After(timeout, func() {
		if !x.ended {
			x.unlist()
			x.fail(jamnp.ErrTimeout)
		}
	})
}

// hold gives how long a CE stream is held up for others to overtake it.
func (net *Net) hold() time.Duration {
	if !net.chance(net.opts.Reorder) {
		return 0
	}
	return time.Duration(net.rng.Int64N(4*int64(net.opts.MaxLatency) + 1))
}

// unlist takes a request from those that are open.
func (x *exchange) unlist() {
	s := &x.link.sides[x.from]
	last := len(s.pending) - 1
	if x.index > last || s.pending[x.index] != x {
		return
	}
	s.pending[x.index] = s.pending[last]
	s.pending[x.index].index = x.index
	s.pending[last] = nil
	s.pending = s.pending[:last]
}

// fail tells that there is no answer.
func (x *exchange) fail(why error) {
	if x.ended {
		return
	}
	x.ended = true
	n := x.link.sides[x.from].node
	n.tell(func() { x.done(nil, why) })
}

// serve hands the request to the handler of the node that it came to. A stream that its opener has left is not seen, mostly.
func (x *exchange) serve(to int) {
	if x.ended {
		return
	}
	n := x.link.sides[to].node
	for _, m := range x.ask {
		n.stats.received(x.kind, len(m))
	}
	n.handler.Serve(&served{x: x, node: n, peer: x.link.sides[x.from].node.id})
}

// arrived is when the answer or the reset comes back.
func (x *exchange) arrived() {
	if x.ended {
		return
	}
	x.ended = true
	x.unlist()
	n := x.link.sides[x.from].node
	if x.err != nil {
		x.done(nil, x.err)
		return
	}
	size := 0
	for _, m := range x.answer {
		size += len(m)
	}
	if size > x.limit {
		x.done(nil, jamnp.ErrOversized)
		return
	}
	for _, m := range x.answer {
		n.stats.received(x.kind, len(m))
	}
	x.done(x.answer, nil)
}

// served is a CE stream as who accepted it has it: a jamnp.Exchange.
type served struct {
	x     *exchange
	node  *Node
	peer  jamnp.PeerID
	read  int // messages
	atEnd bool
	ended bool
}

// Peer implements jamnp.Exchange.
func (s *served) Peer() jamnp.PeerID { return s.peer }

// Kind implements jamnp.Exchange.
func (s *served) Kind() jamnp.Kind { return s.x.kind }

// Next implements jamnp.Exchange.
func (s *served) Next(limit int, then func([]byte, error)) {
	var message []byte
	var err error
	switch {
	case s.ended || s.x.ended || s.x.link.dead:
		err = jamnp.ErrReset
	case s.read == len(s.x.ask):
		s.atEnd, err = true, io.EOF
	case len(s.x.ask[s.read]) > limit:
		err = jamnp.ErrOversized
	default:
		message = s.x.ask[s.read]
		s.read++
	}
	s.node.later(func() { then(message, err) })
}

// Stream implements jamnp.Exchange.
func (s *served) Stream(limit int, read func(io.Reader) error, then func(error)) {
	s.Next(limit, func(message []byte, err error) {
		if err == nil {
			err = jamnp.StreamMessage(s.octets(message), limit, read)
		}
		then(err)
	})
}

// octets gives a message as it comes on the wire: in pieces, and if it is the last one, at times with the end of the stream in
// the same frame as its last octets.
func (s *served) octets(message []byte) io.Reader {
	net, wire := s.node.net, jamnp.AppendMessage(nil, message)
	r := &frames{rest: wire, frame: 1 + net.rng.IntN(len(wire))}
	r.fin = s.read == len(s.x.ask) && net.rng.IntN(2) == 0
	return r
}

// frames is what is left of a message.
type frames struct {
	rest  []byte
	frame int  // octets that come at once
	fin   bool // the end comes with the last of them
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := copy(p[:min(len(p), f.frame)], f.rest)
	f.rest = f.rest[n:]
	if len(f.rest) == 0 && (f.fin || n == 0) {
		return n, io.EOF
	}
	return n, nil
}

// Answer implements jamnp.Exchange.
func (s *served) Answer(messages ...[]byte) {
	if !s.atEnd {
		s.Reject(errUnfinished)
		return
	}
	if !s.end() {
		return
	}
	for _, m := range messages {
		s.node.stats.sent(s.x.kind, len(m))
	}
	s.x.answer = messages
	s.x.link.transmit(1-s.x.from, ceAnswer, s.x, s.node.net.hold())
}

// Reject implements jamnp.Exchange.
func (s *served) Reject(error) {
	if s.end() {
		s.node.stats.Rejected++
		s.x.err = jamnp.ErrReset
		s.x.link.transmit(1-s.x.from, ceAnswer, s.x, 0)
	}
}

// end says whether what ends the stream now goes back: the first end does, of one that came twice too.
func (s *served) end() bool {
	if s.ended || s.x.served || s.node.gone || s.x.link.dead {
		s.ended = true
		return false
	}
	s.ended, s.x.served = true, true
	return true
}
