package quic

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// foreign is a peer that does what it likes.
type foreign struct {
	key    ed25519.PrivateKey
	tls    *tls.Config
	config quicgo.Config
}

func newForeign(t testing.TB, number int) *foreign {
	t.Helper()
	key := keyOf(number)
	return &foreign{key: key, tls: &tls.Config{
		Certificates:       []tls.Certificate{certify(t, key, key, protocol.Ed25519Key(key.Public().(ed25519.PublicKey)).PeerName())},
		InsecureSkipVerify: true, NextProtos: []string{"jamnp-s/0/2bf11dc5"}, MinVersion: tls.VersionTLS13,
	}}
}

// certify makes a certificate of a key with names, signed by a key, which has expired.
func certify(t testing.TB, key, signer any, names ...string) tls.Certificate {
	t.Helper()
	public := func(k any) any {
		switch k := k.(type) {
		case ed25519.PrivateKey:
			return k.Public()
		case *rsa.PrivateKey:
			return k.Public()
		case *ecdsa.PrivateKey:
			return k.Public()
		}
		t.Fatalf("%T", k)
		return nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), DNSNames: names, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(10, 0),
	}
	parent := *template
	der, err := x509.CreateCertificate(rand.Reader, template, &parent, public(key), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// dial opens a connection. In TLS 1.3 it succeeds before the server has seen the certificate.
func (f *foreign) dial(t testing.TB, to netip.AddrPort) (*quicgo.Conn, error) {
	t.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	transport := &quicgo.Transport{Conn: socket}
	t.Cleanup(func() { _, _ = transport.Close(), socket.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return transport.Dial(ctx, net.UDPAddrFromAddrPort(to), f.tls, &f.config)
}

func (f *foreign) id() jamnp.PeerID { return jamnp.PeerID(f.key.Public().(ed25519.PublicKey)) }

// visit connects a foreign peer with a node.
func visit(t testing.TB, f *foreign, h *node) *quicgo.Conn {
	t.Helper()
	conn, err := f.dial(t, h.Address())
	if err != nil {
		t.Fatal(err)
	}
	h.await(t, "connected "+short(f.id()))
	return conn
}

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

// handshakes are foreign ones, and why they are refused; nil if they are not.
func handshakes(t testing.TB) map[string]struct {
	change func(f *foreign)
	why    error
} {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := func(f *foreign) string { return f.id().PeerName() }
	return map[string]struct {
		change func(f *foreign)
		why    error
	}{
		"expired":       {func(*foreign) {}, nil},
		"no cert":       {func(f *foreign) { f.tls.Certificates = nil }, ErrNoCertificate},
		"another name":  {func(f *foreign) { f.tls.Certificates[0] = certify(t, f.key, f.key, "e"+strings.Repeat("a", 52)) }, ErrName},
		"no name":       {func(f *foreign) { f.tls.Certificates[0] = certify(t, f.key, f.key) }, ErrOneName},
		"two names":     {func(f *foreign) { f.tls.Certificates[0] = certify(t, f.key, f.key, name(f), name(f)) }, ErrOneName},
		"rsa":           {func(f *foreign) { f.tls.Certificates[0] = certify(t, rsaKey, rsaKey, name(f)) }, ErrKey},
		"ecdsa":         {func(f *foreign) { f.tls.Certificates[0] = certify(t, ecKey, ecKey, name(f)) }, ErrKey},
		"signed by rsa": {func(f *foreign) { f.tls.Certificates[0] = certify(t, f.key, rsaKey, name(f)) }, ErrSignature},
		"other's cert": {func(f *foreign) {
			f.tls.Certificates[0].Certificate = certify(t, keyOf(77), keyOf(77), protocol.Ed25519Key(keyOf(77).Public().(ed25519.PublicKey)).PeerName()).Certificate
		}, errProof},
		"another chain":   {func(f *foreign) { f.tls.NextProtos = []string{"jamnp-s/0/00000000"} }, ErrProtocol},
		"another version": {func(f *foreign) { f.tls.NextProtos = []string{"jamnp-s/1/2bf11dc5"} }, ErrProtocol},
		"another suffix":  {func(f *foreign) { f.tls.NextProtos = []string{"jamnp-s/0/2bf11dc5/light"} }, ErrProtocol},
	}
}

// errProof stands for what TLS says of a certificate whose key the peer does not hold.
var errProof = errors.New("tls: invalid signature by the client certificate")

func TestForeignHandshakes(t *testing.T) {
	for name, tc := range handshakes(t) {
		t.Run(name, func(t *testing.T) {
			h, f := start(t, 1), newForeign(t, 2)
			tc.change(f)
			conn, err := f.dial(t, h.Address())
			if tc.why == nil {
				if err != nil {
					t.Fatal(err)
				}
				h.await(t, "connected")
				return
			}
			if err == nil {
				select {
				case <-conn.Context().Done():
				case <-time.After(5 * time.Second):
					t.Fatal("not refused")
				}
			}
			h.log.await(t, "handshake refused")
			h.log.await(t, tc.why.Error())
			h.loop.call(func() {})
			if len(h.events) != 0 {
				t.Fatalf("the node heard: %s", <-h.events)
			}
		})
	}
}

// TestForeignServers: what holds for those who come holds for those we go to.
func TestForeignServers(t *testing.T) {
	for name, tc := range handshakes(t) {
		if tc.why == nil || errors.Is(tc.why, ErrNoCertificate) { // a server always has one
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := newForeign(t, 2)
			tc.change(f)
			f.tls.ClientAuth = tls.RequestClientCert
			listener, err := quicgo.ListenAddr("127.0.0.1:0", f.tls, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			h := start(t, 1)
			h.loop.call(func() { h.Connect(f.id(), addressOf(listener.Addr())) })
			why := tc.why.Error()
			switch {
			case errors.Is(tc.why, ErrProtocol):
				why = "0x178"
			case errors.Is(tc.why, errProof):
				why = ErrOtherPeer.Error() // found before the proof
			}
			h.log.await(t, "no connection")
			h.log.await(t, why)
		})
	}
}

func TestExpectedPeer(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	other := start(t, 3)
	a.loop.call(func() { a.Connect(other.self, b.Address()) })
	a.log.await(t, ErrOtherPeer.Error())
	a.loop.call(func() { a.Connect(a.self, a.Address()) })
	if f := newForeign(t, 1); true {
		conn, err := f.dial(t, a.Address())
		if err == nil {
			<-conn.Context().Done()
		}
		a.log.await(t, ErrOurselves.Error())
	}
}

func TestBuilder(t *testing.T) {
	h, f := start(t, 1), newForeign(t, 2)
	f.tls.NextProtos = []string{"jamnp-s/0/2bf11dc5/builder"}
	visit(t, f, h)
	h.loop.call(func() {
		if p := h.Peers(); len(p) != 1 || !p[0].Builder {
			t.Errorf("%+v", p)
		}
	})
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
				t.Logf("%d streams opened, %d KiB at most, %d at once", opened, grown>>10, most)
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

// FuzzIdentify reads certificates as crypto/tls gives them.
func FuzzIdentify(f *testing.F) {
	for _, tc := range handshakes(f) {
		peer := newForeign(f, 2)
		tc.change(peer)
		for _, c := range peer.tls.Certificates {
			f.Add(c.Certificate[0])
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		id, err := identify([]*x509.Certificate{c})
		if err == nil && (len(c.DNSNames) != 1 || c.DNSNames[0] != id.PeerName()) {
			t.Fatalf("%v taken for %s", c.DNSNames, id.PeerName())
		}
	})
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
