package telemetry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"damson/internal/protocol"
)

// fakeServer takes one connection after another by pipes, whose other ends it gives.
type fakeServer struct {
	conns chan net.Conn
	mu    sync.Mutex
	down  bool
}

func (s *fakeServer) dial(ctx context.Context, _ string) (net.Conn, error) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		return nil, errors.New("nobody is there")
	}
	here, there := net.Pipe()
	select {
	case s.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fakeServer) setDown(down bool) {
	s.mu.Lock()
	s.down = down
	s.mu.Unlock()
}

func newReporter(t *testing.T, s *fakeServer, bytes int) *Reporter {
	r := New(Options{
		Server: "pipe", Node: Node{Params: protocol.Tiny(), Implementation: "Damson"}, Bytes: bytes, Dial: s.dial,
		Redial: time.Millisecond,
	})
	t.Cleanup(r.Close)
	return r
}

// reader reads a connection as JIP-3 counts.
type reader struct {
	t    *testing.T
	conn net.Conn
	next uint64
}

func (s *fakeServer) accept(t *testing.T) *reader {
	t.Helper()
	c := &reader{t: t, conn: <-s.conns}
	t.Cleanup(func() { _ = c.conn.Close() })
	b, err := ReadMessage(c.conn, nil)
	var n Node
	if err == nil {
		err = n.Decode(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *reader) event() *Event {
	c.t.Helper()
	b, err := ReadMessage(c.conn, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	e := &Event{ID: c.next}
	if err := e.Decode(b, protocol.Tiny()); err != nil {
		c.t.Fatal(err)
	}
	c.next = e.Next()
	return e
}

// wantSlot reads events up to one of best_block_changed and holds its ID, which Emit gave, against its slot.
func (c *reader) wantSlot(want uint32) (lost uint64) {
	c.t.Helper()
	for {
		e := c.event()
		if e.Code == Dropped {
			lost += e.Values[1].(uint64)
			continue
		}
		if got := uint32(e.Values[0].(protocol.Slot)); got != want || e.ID != uint64(want) {
			c.t.Fatalf("event %d of slot %d, want %d of both", e.ID, got, want)
		}
		return lost
	}
}

func emit(t *testing.T, r *Reporter, slot uint32) {
	t.Helper()
	if id := r.Emit(BestBlockChanged, protocol.Slot(slot), Hash{}); id != uint64(slot) {
		t.Fatalf("event %d has ID %d", slot, id)
	}
}

func TestReconnect(t *testing.T) {
	s := &fakeServer{conns: make(chan net.Conn)}
	r := newReporter(t, s, 0)
	emit(t, r, 0)
	r.Start(netip.AddrPort{})
	c := s.accept(t)
	c.wantSlot(0)
	emit(t, r, 1)
	c.wantSlot(1)
	if c.next != 2 {
		t.Fatal("a connection that begins with event 0 has no dropped event")
	}
	s.setDown(true)
	_ = c.conn.Close()
	for r.Counts().Connected {
		time.Sleep(time.Millisecond)
	}
	emit(t, r, 2)
	emit(t, r, 3)
	s.setDown(false)
	c = s.accept(t)
	if lost := c.wantSlot(2); lost != 2 {
		t.Errorf("the new connection begins after %d, want 2", lost)
	}
	c.wantSlot(3)
	if n := r.Counts(); n.Dropped != 0 || n.Events != 4 || n.Malformed != 0 {
		t.Errorf("%+v", n)
	}
}

// TestFull has a server that does not read: the newest are dropped, and counted, and the node does not wait.
func TestFull(t *testing.T) {
	s := &fakeServer{conns: make(chan net.Conn)}
	r := newReporter(t, s, 20<<10)
	r.Start(netip.AddrPort{})
	c := s.accept(t)
	for !r.Counts().Connected {
		time.Sleep(time.Millisecond)
	}
	const count = 20000
	for slot := range uint32(count) {
		emit(t, r, slot)
	}
	dropped := r.Counts().Dropped
	if dropped == 0 {
		t.Fatal("nothing was dropped")
	}
	seen, lost := uint64(0), uint64(0)
	for c.next < count {
		e := c.event()
		if e.Code == Dropped {
			lost += e.Values[1].(uint64)
			if e.Time > e.Values[0].(Time) {
				t.Error("the first was dropped after the last")
			}
			continue
		}
		seen++
		if e.ID != uint64(e.Values[0].(protocol.Slot)) {
			t.Fatalf("event %d of slot %d", e.ID, e.Values[0])
		}
	}
	if lost != dropped || seen+lost != count {
		t.Errorf("%d seen, %d lost, %d dropped of %d", seen, lost, dropped, count)
	}
	emit(t, r, count)
	c.wantSlot(count)
}

// TestNobody keeps the latest while nobody listens, within the bound.
func TestNobody(t *testing.T) {
	s := &fakeServer{conns: make(chan net.Conn), down: true}
	r := newReporter(t, s, 20<<10)
	r.Start(netip.AddrPort{})
	for slot := range uint32(5000) {
		emit(t, r, slot)
	}
	if r.octets > 20<<10 {
		t.Errorf("%d octets wait", r.octets)
	}
	s.setDown(false)
	c := s.accept(t)
	e := c.event()
	if e.Code != Dropped {
		t.Fatalf("begins with %v", e.Code)
	}
	for c.next < 5000 {
		c.wantSlot(uint32(c.next))
	}
}

// TestClose sends what waits.
func TestClose(t *testing.T) {
	s := &fakeServer{conns: make(chan net.Conn)}
	r := newReporter(t, s, 0)
	r.Start(netip.AddrPort{})
	c := s.accept(t)
	for slot := range uint32(100) {
		emit(t, r, slot)
	}
	go r.Close()
	for slot := range uint32(100) {
		c.wantSlot(slot)
	}
	if _, err := ReadMessage(c.conn, nil); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// TestHammer has many tell at once, with connections that break.
func TestHammer(t *testing.T) {
	s := &fakeServer{conns: make(chan net.Conn)}
	r := newReporter(t, s, 8<<10)
	r.Start(netip.AddrPort{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				r.Emit(SyncStatusChanged, true)
			}
		})
	}
	for range 5 {
		c := s.accept(t)
		for range 20 {
			c.event()
			r.Emit(SyncStatusChanged, false)
		}
		_ = c.conn.Close()
	}
	all.Wait()
	c := s.accept(t)
	last := r.Emit(SyncStatusChanged, true)
	for c.next <= last {
		c.event()
	}
}

func BenchmarkEmit(b *testing.B) {
	r := New(Options{Server: "", Node: Node{Params: protocol.Tiny()}})
	b.ReportAllocs()
	for b.Loop() {
		r.Emit(BlockAnnounced, Peer{}, Local, protocol.Slot(1), Hash{})
	}
}
