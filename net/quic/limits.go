package quic

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/net/jamnp"
)

const (
	maxArriving = 256 // handshakes of others under way, and connections that the loop has not judged
	maxDialling = 32  // handshakes of ours under way
	maxLoud     = 50  // log lines a second that strangers cause
	maxStrange  = 64  // handshakes a second before addresses must be proved

	levelRefused = slog.LevelInfo
)

func logAddress(a fmt.Stringer) slog.Attr { return slog.String("address", a.String()) }
func logReason(why error) slog.Attr       { return slog.String("reason", why.Error()) }
func logPeer(id jamnp.PeerID) slog.Attr   { return slog.String("peer", id.PeerName()) }

// limiter allows so many events a second.
type limiter struct {
	most   int
	mu     sync.Mutex
	second int64
	seen   int
}

func (l *limiter) allow() bool {
	now := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now != l.second {
		l.second, l.seen = now, 0
	}
	l.seen++
	return l.seen <= l.most
}

// budget bounds octets that are held.
type budget struct {
	limit int64
	held  atomic.Int64
}

func (b *budget) take(octets int64) bool {
	if b.held.Add(octets) > b.limit {
		b.held.Add(-octets)
		return false
	}
	return true
}

func (b *budget) give(octets int64) { b.held.Add(-octets) }

// take charges a connection and the whole network.
func (c *connection) take(octets int64) bool {
	if !c.memory.take(octets) {
		return false
	}
	if !c.net.memory.take(octets) {
		c.memory.give(octets)
		return false
	}
	return true
}

func (c *connection) give(octets int64) {
	c.memory.give(octets)
	c.net.memory.give(octets)
}

// reader reads messages of a stream, and charges what room is made for them before it is made. A message must come at a pace:
// whoever sends an octet now and then does not hold a stream for long.
type reader struct {
	c      *connection
	stream *quicgo.Stream
	waits  bool // a message may be long in beginning
	timed  bool // the stream has a deadline that stays

	start    time.Time // of the message, for its pace
	held     int64     // charged
	came     int64
	extended int64 // how much of what came has moved the deadline
}

// pace is how many octets must come, or be taken, in the time of Options.Stall.
const pace = 640 << 10

// paceStep is how often the deadline moves.
const paceStep = 64 << 10

// allowance is how long so many octets may take.
func (n *Network) allowance(octets int64) time.Duration {
	return n.o.Stall + time.Duration(float64(n.o.Stall)*float64(octets)/pace)
}

// next reads a message, for which the caller gives back what is held, by give.
func (r *reader) next(limit int) (message []byte, err error) {
	r.start, r.held, r.came, r.extended = time.Time{}, 0, 0, 0
	if r.timed {
		r.start = time.Now()
	} else if r.waits {
		err = r.stream.SetReadDeadline(time.Time{})
	} else {
		err = r.expect()
	}
	if err == nil {
		message, err = jamnp.ReadMessage(r, limit)
	}
	if err != nil {
		r.give()
	}
	return message, err
}

// expect moves the deadline by what has come.
func (r *reader) expect() error {
	if r.start.IsZero() {
		r.start = time.Now()
	}
	r.extended = r.came
	return r.stream.SetReadDeadline(r.start.Add(r.c.net.allowance(r.came)))
}

func (r *reader) give() {
	r.c.give(r.held)
	r.held = 0
}

// Read fills p, whose room must be paid for first: jamnp.ReadMessage asks for all that is missing of the room it made.
func (r *reader) Read(p []byte) (int, error) {
	if want := r.came + int64(len(p)) - r.held; want > 0 {
		if !r.c.take(want) {
			return 0, fmt.Errorf("%w: no memory for its messages", jamnp.ErrBusy)
		}
		r.held += want
	}
	n, err := r.stream.Read(p)
	r.came += int64(n)
	if n > 0 && err == nil && !r.timed && (r.start.IsZero() || r.came-r.extended >= paceStep) {
		err = r.expect()
	}
	return n, err
}

// windows knows all connections, and bounds by how much flow control of all of them may have grown.
type windows struct {
	mu      sync.Mutex
	total   uint64
	granted map[*quicgo.Conn]uint64
}

// maxWindows is the bound. A connection that gets no more is slow, and works.
const maxWindows = 128 << 20

// know lists a connection until it ends.
func (w *windows) know(c *quicgo.Conn) {
	w.mu.Lock()
	w.granted[c] = 0
	w.mu.Unlock()
	context.AfterFunc(c.Context(), func() { w.forget(c) })
}

func (w *windows) forget(c *quicgo.Conn) {
	w.mu.Lock()
	w.total -= w.granted[c]
	delete(w.granted, c)
	w.mu.Unlock()
}

// all lists the connections.
func (w *windows) all() []*quicgo.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.granted))
}

// allow is asked by QUIC.
func (w *windows) allow(c *quicgo.Conn, delta uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.granted[c]; !known || w.total+delta > maxWindows {
		return false
	}
	w.granted[c] += delta
	w.total += delta
	return true
}
