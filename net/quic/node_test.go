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
	"strings"
	"sync"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

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
