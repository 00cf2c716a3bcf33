package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// socket is a connection by WebSocket: its reader answers one message after another, its writer sends what waits. What waits for
// a client that does not read has a bound: answers wait for room, and then the client is not read either; subscriptions do
// not wait, they end.
type socket struct {
	client

	server *Server
	ws     *websocket.Conn
	wake   chan struct{} // has room for one: there is something to write
	room   chan struct{} // likewise: something was written

	mu        sync.Mutex
	queue     [][]byte
	octets    int
	farewells [][]byte // of subscriptions that ended: at most one for each
	subs      map[uint64]*subscription
	last      uint64 // identifier that was given
	closed    bool
}

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	select {
	case s.sockets <- struct{}{}:
		defer func() { <-s.sockets }()
	default:
		s.counts.refused.Add(1)
		http.Error(w, "there are too many connections", http.StatusServiceUnavailable)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // admit has looked at the origin
		Subprotocols:       []string{"jsonrpc", "jsonrpc-2.0"},
	})
	if err != nil {
		return // Accept has told the client
	}
	ws.SetReadLimit(-1) // read has one of its own
	c := &socket{
		client: client{trusted: s.trusted(r), bare: wantsBare(r)}, server: s, ws: ws,
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1), subs: make(map[uint64]*subscription),
	}
	c.conn = c
	s.counts.sockets.Add(1)
	defer s.counts.sockets.Add(-1)
	c.serve()
}

// farewell is how long a client may take to say goodbye.
const farewell = time.Second

func (c *socket) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	defer c.ws.CloseNow() //nolint:errcheck // it may be closed already
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		c.write(ctx)
	}()
	closed := make(chan struct{})
	stop := context.AfterFunc(c.server.ctx, func() {
		defer close(closed)
		timer := time.AfterFunc(farewell, cancel)
		defer timer.Stop()
		defer cancel()
		_ = c.ws.Close(websocket.StatusGoingAway, "the node stops")
	})
	status, why := c.read(ctx)
	c.drop()
	if !stop() {
		<-closed
	}
	if status != 0 {
		timer := time.AfterFunc(farewell, func() { _ = c.ws.CloseNow() })
		_ = c.ws.Close(status, why)
		timer.Stop()
	}
	cancel()
	<-done
}

// read answers what the client asks until it goes, or must go: then it gives a status and a reason.
func (c *socket) read(ctx context.Context) (websocket.StatusCode, string) {
	for {
		octets, release, err := c.message(ctx)
		if errors.Is(err, errTooLong) {
			c.say(ctx, appendAnswer(nil, null, nil, errorf(CodeRequest, "a message has at most %d octets", c.limit())))
			return websocket.StatusMessageTooBig, "the message is too long"
		}
		if errors.Is(err, errTooMany) {
			c.say(ctx, appendAnswer(nil, null, nil, errorf(CodeBusy, "too many long messages at once")))
			return websocket.StatusTryAgainLater, "too many long messages at once"
		}
		if err != nil {
			return 0, ""
		}
		reply, after := c.server.answer(ctx, octets, &c.client)
		release()
		if len(reply) > 0 && !c.reply(ctx, reply) {
			return 0, ""
		}
		for _, do := range after {
			do()
		}
	}
}

func (c *socket) limit() int64 { return c.server.messageLimit(&c.client) }

func (s *Server) messageLimit(c *client) int64 {
	if c.trusted {
		return max(s.submit, s.limits.Message)
	}
	return s.limits.Message
}

var (
	errTooLong = errors.New("rpc: the message is too long")
	errTooMany = errors.New("rpc: too many long messages at once")
)

// message reads a message, which must come without long pauses once it has begun. Release gives up what it took.
func (c *socket) message(ctx context.Context) (octets []byte, release func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, r, err := c.ws.Reader(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer time.AfterFunc(c.server.limits.Patience, cancel).Stop()
	return c.server.readMessage(r, c.limit())
}

// smallMessage is what is read of any message before it must be among the few that may be long.
const smallMessage = 64 << 10

// readMessage reads a message of at most limit octets.
func (s *Server) readMessage(r io.Reader, limit int64) (octets []byte, release func(), err error) {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, min(smallMessage, limit)+1); errors.Is(err, io.EOF) {
		return b.Bytes(), func() {}, nil
	} else if err != nil {
		return nil, nil, err
	}
	if limit <= smallMessage {
		return nil, nil, errTooLong
	}
	select {
	case s.big <- struct{}{}:
	default:
		return nil, nil, errTooMany
	}
	release = func() { <-s.big }
	n, err := io.CopyN(&b, r, limit-int64(b.Len())+1)
	if errors.Is(err, io.EOF) {
		return b.Bytes(), release, nil
	}
	release()
	if err == nil || n > limit {
		err = errTooLong
	}
	return nil, nil, err
}

// reply queues an answer when there is room for it; it reports false when the connection ends first.
func (c *socket) reply(ctx context.Context, octets []byte) bool {
	for !c.push(octets) {
		select {
		case <-c.room:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// notify queues what a subscriber is told; it reports false if there is no room.
func (c *socket) notify(octets []byte) bool { return c.push(octets) }

func (c *socket) push(octets []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return true // it does not matter any more
	}
	l := &c.server.limits
	if len(c.queue) > 0 && (len(c.queue) >= l.Queue || c.octets+len(octets) > l.QueueOctets) {
		return false
	}
	c.queue = append(c.queue, octets)
	c.octets += len(octets)
	ring(c.wake)
	return true
}

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next gives the message to write next, or nil.
func (c *socket) next() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := &c.queue
	if len(*from) == 0 {
		from = &c.farewells
	}
	if len(*from) == 0 {
		return nil
	}
	octets := (*from)[0]
	(*from)[0] = nil
	*from = (*from)[1:]
	if from == &c.queue {
		c.octets -= len(octets)
	}
	if len(*from) == 0 {
		*from = nil
	}
	return octets
}

// write sends what waits until the context ends, or the client does not read for too long.
func (c *socket) write(ctx context.Context) {
	for {
		octets := c.next()
		if octets == nil {
			select {
			case <-c.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		ring(c.room)
		limited, cancel := context.WithTimeout(ctx, c.server.limits.Patience)
		err := c.ws.Write(limited, websocket.MessageText, octets)
		cancel()
		if err != nil {
			return
		}
	}
}

// say writes the last words to a client, at once.
func (c *socket) say(ctx context.Context, octets []byte) {
	limited, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	_ = c.ws.Write(limited, websocket.MessageText, octets)
}

// drop ends all subscriptions when the client has gone.
func (c *socket) drop() {
	c.mu.Lock()
	c.closed = true
	subs := c.subs
	c.subs, c.queue, c.farewells = nil, nil, nil
	c.mu.Unlock()
	for _, s := range subs {
		c.server.follower.unsubscribe(s)
	}
}

// wants tells whether a subscription is still wanted.
func (c *socket) wants(s *subscription) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[s.id] == s
}

// subscribe makes a subscription that begins when the client has its identifier.
func (c *socket) subscribe(m *method, args arguments) (id uint64, begin func(), err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.subs) >= c.server.limits.Subscriptions {
		return 0, nil, errorf(CodeBusy, "a connection has at most %d subscriptions", c.server.limits.Subscriptions)
	}
	if c.closed {
		return 0, nil, errorf(CodeBusy, "the connection ends")
	}
	c.last++
	args, final := m.split(args)
	s := &subscription{id: c.last, conn: c, key: topicKey{m.name, string(encode([]any(args))), final}}
	c.subs[s.id] = s
	return s.id, func() {
		if err := c.server.follower.subscribe(m, args, s); err != nil {
			c.ended(s.id, notification(m.name, s.id, nil, err))
		}
	}, nil
}

// ended forgets a subscription that the server has ended, and tells the client when it can be told.
func (c *socket) ended(id uint64, octets []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[id] == nil {
		return
	}
	delete(c.subs, id)
	if len(c.farewells) < 2*c.server.limits.Subscriptions { // who subscribes anew without reading is told less
		c.farewells = append(c.farewells, octets)
	}
	ring(c.wake)
}

func (c *socket) unsubscribe(method string, id uint64) bool {
	c.mu.Lock()
	s := c.subs[id]
	if s == nil || s.key.method != method {
		c.mu.Unlock()
		return false
	}
	delete(c.subs, id)
	c.mu.Unlock()
	c.server.follower.unsubscribe(s)
	return true
}
