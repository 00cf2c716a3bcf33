package telemetry

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Server string // HOST:PORT
	Node   Node
	Log    *slog.Logger     // nil: nobody wants to know
	Now    func() time.Time // nil: time.Now
	// Bytes bounds what waits to be sent; 0 means 8 MiB.
	Bytes int
	// Dial reaches the server; nil: by TCP.
	Dial func(ctx context.Context, server string) (net.Conn, error)
	// Redial is how long to wait after the first failure; it doubles with each, up to a minute. 0 means a second.
	Redial time.Duration
}

const (
	defaultBytes  = 8 << 20
	eventCost     = 64 // octets that an event counts for besides its own
	defaultRedial = time.Second
	maxRedial     = time.Minute
	dialTime      = 10 * time.Second
	writeTime     = 15 * time.Second // a server that does not read for so long is left
	closeTime     = 2 * time.Second
	// maxMessage bounds the messages that are read. The longest are lists of costs, of a few hundred octets for each of 500 services.
	maxMessage = 1 << 20
)

// Counts is what has become of events.
type Counts struct {
	Events    uint64 // that happened
	Sent      uint64 // handed to the system; a connection that breaks may lose some of them
	Dropped   uint64 // for want of room
	Malformed uint64 // whose values are not those of their form: a mistake of this program
	Connected bool
}

// Reporter sends events. All its methods but Start and Close are safe for concurrent use, and none waits for the network but Close.
type Reporter struct {
	o      Options
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{} // holds one if there is something to do

	mu      sync.Mutex
	queue   []waiting
	octets  int
	head    uint64 // ID of the first in the queue
	next    uint64 // ID of the next event
	closing bool
	counts  Counts
}

// waiting is an event, or several that were dropped.
type waiting struct {
	message     []byte // with its length; nil if they were dropped
	dropped     uint64
	first, last Time
}

func (w *waiting) span() uint64 {
	if w.message == nil {
		return w.dropped
	}
	return 1
}

// New makes a reporter. From Start on it connects, and again whenever the connection is lost.
func New(o Options) *Reporter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	if o.Redial == 0 {
		o.Redial = defaultRedial
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, server string) (net.Conn, error) {
			d := net.Dialer{Timeout: dialTime}
			return d.DialContext(ctx, "tcp", server)
		}
	}
	return &Reporter{o: o, wake: make(chan struct{}, 1)}
}

// Start connects, at the latest when the address is known at which peers reach the node.
func (r *Reporter) Start(at netip.AddrPort) {
	ctx, cancel := context.WithCancel(context.Background())
	r.o.Node.Address, r.cancel, r.done = at, cancel, make(chan struct{})
	go r.run(ctx)
}

// Emit has an event sent, and gives its ID.
func (r *Reporter) Emit(code Code, values ...any) uint64 {
	e := Event{Time: TimeOf(r.o.Now()), Code: code, Values: values}
	message, ok := e.AppendTo(make([]byte, 4, 96))
	binary.LittleEndian.PutUint32(message, uint32(len(message)-4))
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.next
	if r.closing {
		return id
	}
	if !ok {
		r.counts.Malformed++
		r.o.Log.Error("an event of telemetry does not have the fields that it should", "event", code)
		return id
	}
	r.next++
	r.counts.Events++
	r.push(waiting{message: message, first: e.Time, last: e.Time})
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return id
}

// push makes room if nobody listens, so that the latest are kept. If somebody does, what finds no room is dropped, and told so.
func (r *Reporter) push(w waiting) {
	cost := len(w.message) + eventCost
	for !r.counts.Connected && r.octets+cost > r.o.Bytes && len(r.queue) > 0 {
		lost := r.pop()
		if lost.message != nil {
			r.counts.Dropped++
		}
	}
	if r.octets+cost <= r.o.Bytes {
		r.octets += cost
		r.queue = append(r.queue, w)
		return
	}
	r.counts.Dropped++
	if n := len(r.queue); n > 0 && r.queue[n-1].message == nil {
		r.queue[n-1].dropped++
		r.queue[n-1].last = w.last
		return
	}
	r.octets += eventCost
	r.queue = append(r.queue, waiting{dropped: 1, first: w.first, last: w.last})
}

// pop takes the first of the queue.
func (r *Reporter) pop() waiting {
	w := r.queue[0]
	r.queue[0] = waiting{}
	if r.queue = r.queue[1:]; len(r.queue) == 0 {
		r.queue = nil
	}
	r.octets -= len(w.message) + eventCost
	r.head += w.span()
	return w
}

// Counts gives what has become of events.
func (r *Reporter) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Close sends what waits, if the server takes it soon, and ends the connection.
func (r *Reporter) Close() {
	if r.done == nil {
		return
	}
	r.mu.Lock()
	r.closing = true
	connected := r.counts.Connected
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	if !connected {
		r.cancel()
	}
	select {
	case <-r.done:
	case <-time.After(closeTime):
	}
	r.cancel()
	<-r.done
}

// run connects again and again.
func (r *Reporter) run(ctx context.Context) {
	defer close(r.done)
	failures := 0
	for {
		began := time.Now()
		conn, err := r.o.Dial(ctx, r.o.Server)
		if err == nil {
			r.o.Log.Info("telemetry is sent", "server", r.o.Server)
			r.connected(true) // before the first octet, so that a Close from now on waits for what is queued
			err = r.talk(ctx, conn)
		}
		if over := r.connected(false); over || ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxRedial {
			failures = 0
		}
		if failures == 0 {
			r.o.Log.Warn("no telemetry is sent: the server is tried again", "server", r.o.Server, "error", err)
		}
		wait := time.NewTimer(min(r.o.Redial<<min(failures, 16), maxRedial))
		failures++
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// connected notes whether there is a connection, and tells whether the reporter is closed.
func (r *Reporter) connected(now bool) (over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Connected = now
	return r.closing
}

// talk sends on a connection until it fails, or until all is sent and the reporter is closed.
func (r *Reporter) talk(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var ends sync.WaitGroup
	defer ends.Wait()
	defer conn.Close() //nolint:errcheck // whatever was to be sent was flushed, or is lost
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	ends.Go(func() { // the server has nothing to say, so that this ends with the connection
		_, err := io.Copy(io.Discard, conn)
		if err == nil {
			err = io.EOF
		}
		cancel(err)
	})
	out := bufio.NewWriterSize(conn, 64<<10)
	if err := write(conn, out, appendMessage(nil, r.o.Node.AppendTo(nil))); err != nil {
		return err
	}
	if opening := r.open(); opening != nil {
		if err := write(conn, out, opening); err != nil {
			return err
		}
	}
	var batch []byte
	for {
		var over bool
		if batch, over = r.take(batch[:0]); len(batch) == 0 {
			if err := out.Flush(); err != nil || over {
				return err
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-r.wake:
			}
			continue
		}
		if err := write(conn, out, batch); err != nil {
			return err
		}
	}
}

func write(conn net.Conn, out *bufio.Writer, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := out.Write(b); err != nil {
		return err
	}
	return out.Flush()
}

// open gives what a connection begins with if the first event on it is not the first of all: JIP-3, "Dropped".
func (r *Reporter) open() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.head == 0 {
		return nil
	}
	at := TimeOf(r.o.Now())
	if len(r.queue) > 0 {
		at = r.queue[0].first
	}
	return dropped(waiting{dropped: r.head, first: at, last: at})
}

func dropped(w waiting) []byte {
	e := Event{Time: w.first, Code: Dropped, Values: []any{w.last, w.dropped}}
	content, _ := e.AppendTo(nil)
	return appendMessage(nil, content)
}

func appendMessage(b, content []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...)
}

// batchOctets is about how much is written at once.
const batchOctets = 32 << 10

// take appends what waits, up to a batch. Over says that nothing will follow.
func (r *Reporter) take(b []byte) (batch []byte, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 && len(b) < batchOctets {
		w := r.pop()
		if w.message == nil {
			b = append(b, dropped(w)...)
			continue
		}
		r.counts.Sent++
		b = append(b, w.message...)
	}
	return b, r.closing && len(r.queue) == 0
}

// ReadMessage reads a message of a connection: its content. The buffer is used if it is long enough.
func ReadMessage(in io.Reader, buffer []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n > maxMessage {
		return nil, fmt.Errorf("telemetry: a message of %d octets", n)
	}
	if int(n) > cap(buffer) {
		buffer = make([]byte, n)
	}
	buffer = buffer[:n]
	if _, err := io.ReadFull(in, buffer); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("telemetry: cut off: %w", err)
	}
	return buffer, nil
}
