package quic

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/internal/vectors"
	"damson/net/jamnp"
)

func stream(t testing.TB, conn *quicgo.Conn, octets ...byte) *quicgo.Stream {
	t.Helper()
	s, err := conn.OpenStreamSync(t.Context())
	if err == nil {
		_, err = s.Write(octets)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHostileRequests: each breaks a rule of streams. The node says which, to the handler and in the peer's score.
func TestHostileRequests(t *testing.T) {
	huge := binary.LittleEndian.AppendUint32([]byte{128}, 0xffffffff)
	cases := map[string]struct {
		send   []byte
		fin    bool
		reset  bool
		then   []byte // sent after a while, again and again
		why    error
		points int
	}{
		"oversized":     {send: binary.LittleEndian.AppendUint32([]byte{128}, 1001), why: jamnp.ErrOversized, points: blameMalformed},
		"4 GiB":         {send: huge, why: jamnp.ErrOversized, points: blameMalformed},
		"cut length":    {send: []byte{128, 1, 0}, fin: true, why: jamnp.ErrCut, points: blameMalformed},
		"cut message":   {send: []byte{128, 5, 0, 0, 0, 'x'}, fin: true, why: jamnp.ErrCut, points: blameMalformed},
		"no message":    {send: []byte{128}, fin: true, why: io.EOF},
		"reset":         {send: []byte{128, 5, 0, 0, 0}, reset: true, why: jamnp.ErrReset},
		"silent":        {send: []byte{128}, why: jamnp.ErrTimeout, points: blameSlow},
		"slow length":   {send: []byte{128, 5}, why: jamnp.ErrTimeout, points: blameSlow},
		"slow message":  {send: []byte{128, 5, 0, 0, 0, 'x'}, why: jamnp.ErrTimeout, points: blameSlow},
		"drop by drop":  {send: []byte{128, 0xe8, 3, 0, 0}, then: []byte{'x'}, why: jamnp.ErrTimeout, points: blameSlow},
		"flow by drops": {send: []byte{128, 0xe8, 3, 0, 0}, then: bytes.Repeat([]byte{'x'}, 20), why: jamnp.ErrTimeout, points: blameSlow},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := start(t, 1, func(_ *node, o *Options) {
				if errors.Is(tc.why, jamnp.ErrTimeout) {
					o.Stall = 300 * time.Millisecond
				}
			})
			heard := make(chan error, 1)
			h.loop.call(func() {
				h.serve = func(x jamnp.Exchange) {
					x.Next(1000, func(_ []byte, err error) {
						heard <- err
						x.Reject(err)
					})
				}
			})
			f := newForeign(t, 2)
			conn := visit(t, f, h)
			s := stream(t, conn, tc.send...)
			if tc.fin {
				_ = s.Close()
			}
			if tc.reset {
				time.Sleep(20 * time.Millisecond)
				s.CancelWrite(3)
			}
			begin := time.Now()
			for tc.then != nil && len(heard) == 0 && time.Since(begin) < 3*time.Second {
				time.Sleep(20 * time.Millisecond)
				_, _ = s.Write(tc.then)
			}
			select {
			case err := <-heard:
				if !errors.Is(err, tc.why) {
					t.Fatal(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("not found")
			}
			if _, err := s.Read(make([]byte, 1)); err == nil {
				t.Fatal("the stream was not reset")
			}
			h.loop.call(func() {})
			h.loop.call(func() {
				if got := h.scores[f.id()]; tc.points == 0 && got != nil || tc.points > 0 && (got == nil || int(got.points+0.5) != tc.points) {
					t.Errorf("score %+v, want %d", got, tc.points)
				}
			})
			h.awaitNothingHeld(t)
		})
	}
}

// TestHostileAnswers: the same on the side that asks.
func TestHostileAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		answer []byte
		fin    bool
		why    error
	}{
		"oversized":  {binary.LittleEndian.AppendUint32(nil, 1001), false, jamnp.ErrOversized},
		"4 GiB":      {binary.LittleEndian.AppendUint32(nil, 0xffffffff), false, jamnp.ErrOversized},
		"cut":        {[]byte{5, 0, 0, 0, 'x'}, true, jamnp.ErrCut},
		"cut length": {[]byte{5, 0}, true, jamnp.ErrCut},
		"slow":       {[]byte{5, 0, 0, 0, 'x'}, false, jamnp.ErrTimeout},
		"no FIN":     {[]byte{1, 0, 0, 0, 'x'}, false, jamnp.ErrTimeout},
		"too many":   {make([]byte, 4*(maxAnswers+1)), true, jamnp.ErrMessages},
	} {
		t.Run(name, func(t *testing.T) {
			h, f := start(t, 1), newForeign(t, 2)
			conn := visit(t, f, h)
			go func() {
				if s, err := conn.AcceptStream(t.Context()); err == nil {
					_, _ = s.Write(tc.answer)
					if tc.fin {
						_ = s.Close()
					}
				}
			}()
			patience := 20 * time.Second
			if errors.Is(tc.why, jamnp.ErrTimeout) {
				patience = 100 * time.Millisecond
			}
			if _, err := h.ask(f.id(), 128, 1000, patience, []byte("?")); !errors.Is(err, tc.why) {
				t.Fatal(err)
			}
			h.awaitNothingHeld(t)
		})
	}
}

// TestManyStreams: a peer that opens 10,000 streams has 128 at a time, and costs what they cost.
func TestManyStreams(t *testing.T) {
	for name, octets := range map[string][]byte{
		"FIN": {128}, "reset": {128, 1}, "no kind": {}, "silent": {128}, "4 GiB": binary.LittleEndian.AppendUint32([]byte{128}, 0xffffffff),
		"promises": binary.LittleEndian.AppendUint32([]byte{128}, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, 1, func(_ *node, o *Options) {
				if name != "FIN" {
					o.Stall = 30 * time.Millisecond
				}
				o.Log = slog.New(slog.DiscardHandler)
			})
			var seen int64 // at once
			h.loop.call(func() {
				h.serve = func(x jamnp.Exchange) {
					seen = max(seen, h.streams.Load())
					x.Next(1<<20, func(_ []byte, err error) { x.Reject(err) })
				}
			})
			f := newForeign(t, 2)
			conn := visit(t, f, h)
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			var peak uint64
			ctx, cancel := context.WithTimeout(t.Context(), streamsTime[name == "FIN"])
			defer cancel()
			opened := 0
			for ; opened < 10_000; opened++ {
				s, err := conn.OpenStreamSync(ctx)
				if err != nil {
					break // thrown out, or its time is over
				}
				if len(octets) > 0 {
					_, _ = s.Write(octets)
				}
				switch name {
				case "FIN":
					_ = s.Close()
				case "reset":
					s.CancelWrite(0)
				}
				go func() {
					_, err := s.Read(make([]byte, 1))
					s.CancelRead(0)
					if err != nil {
						s.CancelWrite(0)
					}
				}()
				if opened%16 == 0 {
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapAlloc+now.StackInuse)
				}
			}
			var most int64
			h.loop.call(func() { most = seen })
			if most > 128 || name == "FIN" && opened < 10_000 {
				t.Fatalf("%d streams at once, %d in all", most, opened)
			}
			// Both ends are in this process.
			if grown := int64(peak) - int64(before.HeapAlloc+before.StackInuse); grown > 64<<20 {
				t.Fatalf("%d MiB for %d streams", grown>>20, opened)
			} else {
				vectors.Figure(t, "streams-"+strings.ReplaceAll(name, " ", "-"), "%d streams opened, %d KiB at most, %d at once", opened, grown>>10, most)
			}
			_ = conn.CloseWithError(0, "")
			h.await(t, "disconnected")
		})
	}
}

// streamsTime is how long a peer may go on: to the end if it breaks no rule.
var streamsTime = map[bool]time.Duration{false: 2 * time.Second, true: time.Minute}

// TestMemory: what peers send is bounded by the budget of each and of all.
func TestMemory(t *testing.T) {
	h := start(t, 1, func(_ *node, o *Options) { o.PeerMemory, o.Memory = 1<<20, 3<<19 })
	var peak int64
	failed := make(chan error, 100)
	h.loop.call(func() {
		h.serve = func(x jamnp.Exchange) {
			x.Next(1<<20, func(_ []byte, err error) {
				peak = max(peak, h.memory.held.Load())
				failed <- err
				x.Reject(errors.New("enough"))
			})
		}
	})
	for i := range 2 {
		conn := visit(t, newForeign(t, 2+i), h)
		for range 10 {
			s := stream(t, conn, 128, 0, 0, 0x10, 0)
			go func() { _, _ = s.Write(make([]byte, 1<<20)) }()
		}
	}
	busy := 0
	for range 20 {
		if err := <-failed; errors.Is(err, jamnp.ErrBusy) {
			busy++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if busy == 0 || peak > 3<<19 {
		t.Fatalf("%d refused, %d octets at most", busy, peak)
	}
	vectors.Figure(t, "peer-memory", "two peers that send 10 MiB each are given %d KiB together, of %d; %d messages refused", peak>>10, 3<<9, busy)
	h.awaitNothingHeld(t)
}

// TestPersistentRule: of UP streams of one kind the one with the greatest ID stays.
func TestPersistentRule(t *testing.T) {
	h, f := start(t, 1), newForeign(t, 2)
	conn := visit(t, f, h)
	hello := func(text string) []byte { return jamnp.AppendMessage([]byte{0}, []byte(text)) }
	first := stream(t, conn, hello("first")...)
	h.await(t, "opened 0 by "+short(f.id())+": first")
	second, err := conn.OpenStream() // used last, though opened before the third
	if err != nil {
		t.Fatal(err)
	}
	third := stream(t, conn, hello("third")...)
	h.await(t, "opened 0 by "+short(f.id())+": third")
	if _, err := io.ReadAll(first); err == nil {
		t.Fatal("the first stream was not reset")
	}
	if _, err := second.Write(hello("second")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(second); err == nil {
		t.Fatal("the second stream was not reset")
	}
	if _, err := third.Write(jamnp.AppendMessage(nil, []byte("block"))); err != nil {
		t.Fatal(err)
	}
	h.await(t, "received 0 of "+short(f.id())+": block")
	// A kind that we do not know is reset.
	if _, err := io.ReadAll(stream(t, conn, 9)); err == nil {
		t.Fatal("a stream of an unknown kind was taken")
	}
	h.loop.call(func() {
		if got := h.scores[f.id()].points; got > blameReplaced {
			t.Errorf("the peer was blamed: %v", got)
		}
	})
	// Whoever goes on so is thrown out.
	go func() {
		for {
			s, err := conn.OpenStreamSync(t.Context())
			if err != nil {
				return
			}
			_, _ = s.Write(hello("again"))
		}
	}()
	h.await(t, "disconnected "+short(f.id()))
}

// TestPersistentFraming: what breaks the rules of messages ends a UP stream, and is blamed.
func TestPersistentFraming(t *testing.T) {
	for name, octets := range map[string][]byte{
		"4 GiB": {0, 0xff, 0xff, 0xff, 0xff}, "cut": {0, 9, 0, 0, 0, 1}, "slow": {0, 9, 0, 0, 0, 2}, "later": {0, 0, 0, 0, 0, 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, f := start(t, 1, func(_ *node, o *Options) { o.Stall = 500 * time.Millisecond }), newForeign(t, 2)
			s := stream(t, visit(t, f, h), octets...)
			if name == "cut" {
				_ = s.Close()
			}
			if _, err := io.ReadAll(s); err == nil {
				t.Fatal("the stream was not reset")
			}
			h.log.await(t, "peer blamed")
		})
	}
}

// TestUnaskedPersistent: only who opened the connection opens UP streams.
func TestUnaskedPersistent(t *testing.T) {
	a, b := pair(t)
	b.loop.call(func() {
		s, err := b.peers[a.self].quic.OpenStream()
		if err == nil {
			_, err = s.Write([]byte{0, 0, 0, 0, 0})
		}
		if err != nil {
			t.Error(err)
		}
	})
	a.log.await(t, "on a connection that we opened")
}

// TestStalled: a peer that does not read loses the connection, and its messages wait in bounded room.
func TestStalled(t *testing.T) {
	h, f := start(t, 1), newForeign(t, 2)
	conn := visit(t, f, h)
	stream(t, conn, 0, 0, 0, 0, 0)
	h.await(t, "opened")
	sent := 0
	h.loop.call(func() {
		for h.Send(f.id(), 0, make([]byte, 10_000)) && sent < 10_000_000 {
			sent += 10_000
		}
	})
	if sent > maxQueued+maxUnsure+10_000 {
		t.Fatalf("%d octets waited", sent)
	}
	h.await(t, "disconnected "+short(f.id())+": "+ErrStalled.Error())
}

// TestStalledSlowly: the same with few messages, by time.
func TestStalledSlowly(t *testing.T) {
	h, f := start(t, 1, func(_ *node, o *Options) { o.Stall = 500 * time.Millisecond }), newForeign(t, 2)
	f.config.InitialStreamReceiveWindow = 1000
	conn := visit(t, f, h)
	stream(t, conn, 0, 0, 0, 0, 0)
	h.await(t, "opened")
	h.loop.call(func() {
		for range 3 {
			h.Send(f.id(), 0, make([]byte, 1000))
		}
	})
	h.await(t, "disconnected "+short(f.id())+": "+ErrStalled.Error())
}

// TestReopen: a UP stream that the peer resets is opened again after a while.
func TestReopen(t *testing.T) {
	a, b := pair(t)
	b.await(t, "opened")
	b.loop.call(func() {
		c := b.peers[a.self]
		c.up[0].stop()
		delete(c.up, 0)
	})
	b.await(t, "opened 0 by "+short(a.self))
}
