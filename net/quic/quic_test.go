package quic

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"damson/net/jamnp"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	goleak.VerifyTestMain(m)
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

// TestBurst sends more at once than QUIC takes: what waits comes in order.
func TestBurst(t *testing.T) {
	var got []byte
	done := make(chan struct{})
	const messages = 900
	a, b := pair(t, func(h *node, _ *Options) {
		h.heard = func(_ jamnp.PeerID, message []byte) {
			if got = append(got, message[0]); len(message) != 2000 || message[0] != byte(len(got)-1) {
				t.Errorf("message %d is %d, of %d octets", len(got)-1, message[0], len(message))
			}
			if len(got) == messages {
				close(done)
			}
		}
	})
	b.await(t, "opened")
	a.loop.call(func() {
		for i := range messages {
			message := make([]byte, 2000)
			message[0] = byte(i)
			if !a.Send(b.self, 0, message) {
				t.Errorf("message %d not sent", i)
			}
		}
	})
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("not all came")
	}
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
