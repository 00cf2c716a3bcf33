package quic

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	goleak.VerifyTestMain(m)
}

var genesis = protocol.Hash{0x2b, 0xf1, 0x1d, 0xc5}

// mailbox is a Loop. Package node/loop, which stands above, has the real one.
type mailbox struct {
	mu    sync.Mutex
	mail  []func()
	wake  chan struct{}
	ended bool
	done  chan struct{}
}

func newMailbox() *mailbox {
	l := &mailbox{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *mailbox) Post(do func()) {
	l.mu.Lock()
	l.mail = append(l.mail, do)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *mailbox) run() {
	defer close(l.done)
	for range l.wake {
		l.mu.Lock()
		batch := l.mail
		l.mail = nil
		ended := l.ended
		l.mu.Unlock()
		for _, do := range batch {
			do()
		}
		if ended && len(batch) == 0 {
			return
		}
	}
}

// call runs a function on the loop and waits for it.
func (l *mailbox) call(do func()) {
	done := make(chan struct{})
	l.Post(func() { defer close(done); do() })
	<-done
}

func (l *mailbox) stop() {
	l.call(func() {})
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.Post(func() {})
	for {
		select {
		case <-l.done:
			return
		case l.wake <- struct{}{}:
		case <-time.After(time.Millisecond):
		}
	}
}

// node is a network with a handler that writes down what it hears.
type node struct {
	*Network
	loop   *mailbox
	events chan string
	serve  func(x jamnp.Exchange)
	heard  func(id jamnp.PeerID, message []byte)
	open   bool // UP 0 as soon as a connection that we initiated is there
	log    *logs
	once   sync.Once
}

func (h *node) event(format string, args ...any) {
	select {
	case h.events <- fmt.Sprintf(format, args...):
	default:
	}
}

func (h *node) Connected(p jamnp.Peer) {
	h.event("connected %s initiator=%v builder=%v", short(p.ID), p.Initiator, p.Builder)
	if h.open && p.Initiator {
		h.Open(p.ID, jamnp.BlockAnnouncement)
	}
}

func (h *node) Disconnected(id jamnp.PeerID, why error) {
	h.event("disconnected %s: %v", short(id), why)
}

func (h *node) Handshake(jamnp.PeerID, jamnp.Kind) []byte {
	return []byte("hello from " + short(h.self))
}

func (h *node) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	h.event("opened %d by %s: %s", kind, short(id), handshake)
}

func (h *node) Received(id jamnp.PeerID, kind jamnp.Kind, message []byte) {
	if h.heard != nil {
		h.heard(id, message)
		return
	}
	h.event("received %d of %s: %.40s", kind, short(id), message)
}

func (h *node) Serve(x jamnp.Exchange) {
	if h.serve != nil {
		h.serve(x)
		return
	}
	echo(x)
}

// echo answers with the messages of the request.
func echo(x jamnp.Exchange) {
	var messages [][]byte
	var next func(message []byte, err error)
	next = func(message []byte, err error) {
		switch {
		case errors.Is(err, io.EOF):
			x.Answer(messages...)
		case err != nil:
			x.Reject(err)
		default:
			messages = append(messages, message)
			x.Next(1<<20, next)
		}
	}
	x.Next(1<<20, next)
}

func short(id jamnp.PeerID) string { return id.PeerName()[:8] }

// logs keeps what is logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logs) await(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(l.String(), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not logged: %s\n%s", text, l)
		}
	}
}

func keyOf(n int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "node %d", n))
	return ed25519.NewKeyFromSeed(seed[:])
}

func start(t testing.TB, number int, change ...func(*node, *Options)) *node {
	t.Helper()
	h := &node{loop: newMailbox(), events: make(chan string, 4096), log: &logs{}, open: true}
	o := Options{
		Key: keyOf(number), Genesis: genesis, Handler: h, Loop: h.loop, Listen: netip.MustParseAddrPort("127.0.0.1:0"),
		Log:   slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Eager: true, Redial: 20 * time.Millisecond, Patience: 100 * time.Millisecond,
	}
	for _, f := range change {
		f(h, &o)
	}
	var err error
	h.loop.call(func() { h.Network, err = New(o) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.end)
	return h
}

func (h *node) end() {
	h.once.Do(func() {
		h.loop.call(func() { _ = h.Close() })
		h.Wait()
		h.loop.stop()
	})
}

func (h *node) connect(to *node) {
	h.loop.call(func() { h.Connect(to.self, to.Address()) })
}

// await waits for an event that begins so, and gives it.
func (h *node) await(t testing.TB, text string) string {
	t.Helper()
	var others []string
	timeout := time.After(8 * time.Second)
	for {
		select {
		case got := <-h.events:
			if strings.HasPrefix(got, text) {
				return got
			}
			others = append(others, got)
		case <-timeout:
			t.Fatalf("no %q, but %q", text, others)
		}
	}
}

// ask makes a request and waits for its answer.
func (h *node) ask(to jamnp.PeerID, kind jamnp.Kind, limit int, timeout time.Duration, messages ...[]byte) ([][]byte, error) {
	type outcome struct {
		answer [][]byte
		err    error
	}
	done := make(chan outcome, 1)
	h.loop.Post(func() {
		h.Request(to, kind, messages, limit, timeout, func(answer [][]byte, err error) { done <- outcome{answer, err} })
	})
	got := <-done
	return got.answer, got.err
}

// pair gives two nodes, of which the first opened the connection.
func pair(t testing.TB, change ...func(*node, *Options)) (a, b *node) {
	t.Helper()
	a, b = start(t, 1, change...), start(t, 2, change...)
	a.connect(b)
	a.await(t, "connected "+short(b.self))
	b.await(t, "connected "+short(a.self))
	return a, b
}

func TestConnect(t *testing.T) {
	a, b := pair(t)
	a.await(t, "opened 0 by "+short(b.self)+": hello from "+short(b.self))
	b.await(t, "opened 0 by "+short(a.self)+": hello from "+short(a.self))
	for i := range 50 {
		a.loop.call(func() { a.Send(b.self, 0, fmt.Appendf(nil, "block %d", i)) })
		b.loop.call(func() { b.Send(a.self, 0, fmt.Appendf(nil, "block %d", i)) })
	}
	for i := range 50 {
		for to, from := range map[*node]*node{a: b, b: a} {
			if got := to.await(t, "received"); got != fmt.Sprintf("received 0 of %s: block %d", short(from.self), i) {
				t.Fatal(got)
			}
		}
	}
	b.loop.call(func() {
		if p := b.Peers(); len(p) != 1 || p[0].ID != a.self || p[0].Initiator || p[0].Address != a.Address() {
			t.Errorf("%+v", p)
		}
		if b.Send(a.self, 1, nil) || b.Send(b.self, 0, nil) {
			t.Error("sent on a stream that is not there")
		}
	})
	a.loop.call(func() { a.Disconnect(b.self) })
	b.await(t, "disconnected "+short(a.self))
	a.await(t, "disconnected "+short(b.self))
}

func TestRequest(t *testing.T) {
	a, b := pair(t)
	big := bytes.Repeat([]byte("damson"), 100_000)
	for _, messages := range [][][]byte{{[]byte("x")}, {{}, []byte("two"), {}}, {big}, {}, {bytes.Repeat([]byte{7}, 40_000)}} {
		for from, to := range map[*node]*node{a: b, b: a} {
			answer, err := from.ask(to.self, jamnp.BlockRequest, 1<<20, 5*time.Second, messages...)
			if err != nil || len(answer) != len(messages) {
				t.Fatalf("%d messages: %v", len(answer), err)
			}
			for i := range answer {
				if !bytes.Equal(answer[i], messages[i]) {
					t.Fatalf("message %d differs", i)
				}
			}
		}
	}
	if _, err := a.ask(b.self, jamnp.BlockRequest, 100, time.Second, make([]byte, 60), make([]byte, 60)); !errors.Is(err, jamnp.ErrOversized) {
		t.Fatal(err)
	}
	if _, err := a.ask(jamnp.PeerID{}, 128, 100, time.Second); !errors.Is(err, jamnp.ErrNotConnected) {
		t.Fatal(err)
	}
	b.loop.call(func() { b.serve = func(x jamnp.Exchange) { x.Reject(errors.New("no such block")) } })
	if _, err := a.ask(b.self, 128, 100, time.Second); !errors.Is(err, jamnp.ErrReset) {
		t.Fatal(err)
	}
	b.log.await(t, "no such block")
	var held []jamnp.Exchange
	b.loop.call(func() { b.serve = func(x jamnp.Exchange) { held = append(held, x) } })
	if _, err := a.ask(b.self, 128, 100, 50*time.Millisecond); !errors.Is(err, jamnp.ErrTimeout) {
		t.Fatal(err)
	}
	b.loop.call(func() { held[0].Answer() })
}

// TestMany makes requests from both sides at once, more than the quota of streams: all are answered.
func TestMany(t *testing.T) {
	a, b := pair(t, func(_ *node, o *Options) { o.PeerStreams = 20 })
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			want := bytes.Repeat([]byte{byte(i)}, i*100)
			answer, err := from.ask(to.self, 128, 1<<20, 20*time.Second, want)
			if err != nil || len(answer) != 1 || !bytes.Equal(answer[0], want) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	asking.Wait()
	for _, h := range []*node{a, b} {
		h.awaitNothingHeld(t)
	}
}

// awaitNothingHeld checks that all streams and all memory were given back.
func (h *node) awaitNothingHeld(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		h.loop.call(func() {})
		streams, held := h.streams.Load(), h.memory.held.Load()
		h.loop.call(func() {
			for _, c := range h.peers {
				held -= 4 * int64(len(c.up)) // for the length of the next message
				if !c.Initiator {
					streams -= int64(len(c.up))
				}
			}
		})
		if streams == 0 && held == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams and %d octets are held", streams, held)
		}
	}
}

// TestReconnect: a peer that comes back at the same address is found again, by whoever initiates.
func TestReconnect(t *testing.T) {
	a := start(t, 1)
	b := start(t, 2)
	address := b.Address()
	a.connect(b)
	a.await(t, "connected")
	b.end()
	a.await(t, "disconnected")
	again := start(t, 2, func(_ *node, o *Options) { o.Listen = address })
	a.await(t, "connected")
	again.await(t, "opened 0 by "+short(a.self))
}

// TestBothDial: whoever comes first, the connection that stays is the preferred initiator's, at both ends.
func TestBothDial(t *testing.T) {
	for round := range 10 {
		a, b := start(t, 100+2*round), start(t, 101+2*round)
		var dialling sync.WaitGroup
		dialling.Go(func() { a.connect(b) })
		dialling.Go(func() { b.connect(a) })
		dialling.Wait()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			var pa, pb []jamnp.Peer
			a.loop.call(func() { pa = a.Peers() })
			b.loop.call(func() { pb = b.Peers() })
			if len(pa) == 1 && len(pb) == 1 && pa[0].Initiator != pb[0].Initiator {
				if _, err := a.ask(b.self, 128, 10, time.Second, []byte("x")); err == nil {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v, %v\n%s\n%s", pa, pb, a.log, b.log)
			}
		}
	}
}

// TestPatience: who is not the preferred initiator waits, and then dials.
func TestPatience(t *testing.T) {
	patient := func(_ *node, o *Options) { o.Eager, o.Patience = false, 200*time.Millisecond }
	a, b := start(t, 1, patient), start(t, 2, patient)
	if jamnp.PreferredInitiator(a.self, b.self) != a.self {
		a, b = b, a
	}
	begin := time.Now()
	b.connect(a)
	b.await(t, "connected")
	if waited := time.Since(begin); waited < 150*time.Millisecond {
		t.Fatalf("waited only %s", waited)
	}
	b.loop.call(func() { b.Disconnect(a.self) })
	b.await(t, "disconnected")
	a.await(t, "disconnected")
	begin = time.Now()
	a.connect(b)
	a.await(t, "connected "+short(b.self)+" initiator=true")
	if waited := time.Since(begin); waited > 190*time.Millisecond {
		t.Logf("waited %s", waited)
	}
}

func TestBlame(t *testing.T) {
	a, b := pair(t)
	b.loop.call(func() {
		b.Blame(a.self, 60, errors.New("a bad block"))
		b.Blame(a.self, 60, errors.New("another bad block"))
	})
	b.await(t, "disconnected "+short(a.self))
	a.await(t, "disconnected "+short(b.self))
	a.log.await(t, "another bad block")
	b.log.await(t, "connection refused")
	b.loop.call(func() {
		if len(b.Peers()) != 0 {
			t.Error("taken again")
		}
		b.scores[a.self].until = time.Now()
	})
	a.await(t, "connected")
}

func TestRoom(t *testing.T) {
	hub := start(t, 0, func(_ *node, o *Options) { o.MaxPeers, o.BuilderSlots = 2, 1 })
	var nodes []*node
	for i := range 4 {
		n := start(t, 1+i, func(_ *node, o *Options) { o.AsBuilder = i == 3; o.Redial = time.Second })
		n.connect(hub)
		nodes = append(nodes, n)
		if i != 2 {
			got := hub.await(t, "connected "+short(n.self))
			if want := fmt.Sprintf("builder=%v", i == 3); !strings.HasSuffix(got, want) {
				t.Fatal(got)
			}
		} else {
			n.log.await(t, ErrFull.Error())
		}
	}
	// One that is wanted has room, and one that has done nothing for long gives it.
	hub.loop.call(func() { hub.Connect(nodes[2].self, netip.AddrPort{}) })
	hub.await(t, "connected "+short(nodes[2].self))
	other := start(t, 9)
	hub.loop.call(func() {
		c := hub.peers[nodes[0].self]
		c.used = time.Now().Add(-time.Hour)
		for _, p := range c.up {
			p.stop()
		}
		clear(c.up)
	})
	other.connect(hub)
	hub.await(t, "disconnected "+short(nodes[0].self))
	hub.await(t, "connected "+short(other.self))
}

func TestClose(t *testing.T) {
	a, b := pair(t)
	b.loop.call(func() { b.serve = func(jamnp.Exchange) {} })
	failed := make(chan error, 1)
	a.loop.call(func() {
		a.Request(b.self, 128, nil, 10, time.Minute, func(_ [][]byte, err error) { failed <- err })
		_ = a.Close()
		_ = a.Close()
	})
	if err := <-failed; !errors.Is(err, jamnp.ErrClosed) {
		t.Fatal(err)
	}
	a.Wait()
	if _, err := a.ask(b.self, 128, 1, time.Second); !errors.Is(err, jamnp.ErrClosed) {
		t.Fatal(err)
	}
	b.await(t, "disconnected "+short(a.self))
}

func TestDualStack(t *testing.T) {
	v6 := start(t, 2, func(_ *node, o *Options) { o.Listen = netip.AddrPort{} })
	port := v6.Address().Port()
	for i, from := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		a := start(t, 10+i, func(_ *node, o *Options) { o.Listen = netip.MustParseAddrPort(from) })
		to := "::ffff:127.0.0.1"
		if i == 1 {
			to = "::1"
		}
		a.loop.call(func() { a.Connect(v6.self, netip.AddrPortFrom(netip.MustParseAddr(to), port)) })
		a.await(t, "connected")
	}
	other := netip.MustParseAddrPort("192.0.2.1:40000")
	if h := start(t, 3, func(_ *node, o *Options) { o.External = other }); h.Address() != other {
		t.Fatal(h.Address())
	}
}
