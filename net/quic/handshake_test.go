package quic

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
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
