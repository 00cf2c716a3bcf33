// Package quic carries JAMNP-S over QUIC: it is the jamnp.Network of a node that lives on the Internet.
//
// One UDP socket serves all connections, those that are accepted and those that are dialled. What is decided about peers
// (connection.go, dial.go, blame.go) is decided on the node's loop and has no locks; what waits for the network has
// goroutines, which tell the loop what came of it: one for each connection, one for each stream that is being read or written.
// certificate.go says who a peer is, persistent.go has UP streams, request.go and exchange.go the two ends of CE streams.
//
// All that a peer can make us hold is bounded: streams by their number, what is read of them by a budget, and what QUIC holds
// before it is read by flow control.
package quic

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// Loop is what a network needs of its node's loop.
type Loop interface{ Post(do func()) }

// Options configures New. What is zero gets a default that is fit for production, but for the first five.
type Options struct {
	Key     ed25519.PrivateKey
	Genesis protocol.Hash // of the chain: peers of others are refused
	Handler jamnp.Handler
	Loop    Loop
	Log     *slog.Logger // nil means none

	Listen    netip.AddrPort // zero means any port of all addresses, IPv4 and IPv6
	Conn      net.PacketConn // if not nil, is used instead of Listen, and closed by Close
	External  netip.AddrPort // what Address gives: where others reach this node, if not at the socket's address
	AsBuilder bool           // connect as a builder of work packages
	Eager     bool           // dial at once, whoever is the preferred initiator: for nodes that nobody else dials

	Persistent   map[jamnp.Kind]int // UP streams that are taken, and the longest message of each; nil means block announcements
	Patience     time.Duration      // how long the preferred initiator is waited for: 5 s at the protocol's slots
	Redial       time.Duration      // before the second attempt to connect; doubles with each, up to a minute. 500 ms
	Idle         time.Duration      // a peer not heard of for so long is gone: 15 s
	Stall        time.Duration      // what a peer may take for the beginning of a message, and for each 640 KiB of one: 10 s
	MaxPeers     int                // that come without having been asked for: 256
	BuilderSlots int                // for builders, besides: 20
	PeerStreams  int                // open at once, of each peer: 128
	AllStreams   int                // open at once, of all peers: 8192
	Memory       int64              // bound on messages that are being read or wait to be handled or sent: 256 MiB
	PeerMemory   int64              // likewise, of each peer: 32 MiB

	Watch Watch
}

const (
	defaultPatience     = 5 * time.Second
	defaultRedial       = 500 * time.Millisecond
	maxRedial           = time.Minute
	defaultIdle         = 15 * time.Second
	defaultStall        = 10 * time.Second
	defaultMaxPeers     = 256
	defaultBuilderSlots = 20
	defaultPeerStreams  = 128
	defaultAllStreams   = 8192
	defaultMemory       = 256 << 20
	defaultPeerMemory   = 32 << 20

	handshakeTimeout = 5 * time.Second
	maxAnnouncement  = 256 << 10 // more than the header of an epoch's first block at full size, or 1024 leaves
)

func (o *Options) setDefaults() {
	setDefault(&o.Patience, defaultPatience)
	setDefault(&o.Redial, defaultRedial)
	setDefault(&o.Idle, defaultIdle)
	setDefault(&o.Stall, defaultStall)
	setDefault(&o.MaxPeers, defaultMaxPeers)
	setDefault(&o.BuilderSlots, defaultBuilderSlots)
	setDefault(&o.PeerStreams, defaultPeerStreams)
	setDefault(&o.AllStreams, defaultAllStreams)
	setDefault(&o.Memory, defaultMemory)
	setDefault(&o.PeerMemory, defaultPeerMemory)
	if o.Persistent == nil {
		o.Persistent = map[jamnp.Kind]int{jamnp.BlockAnnouncement: maxAnnouncement}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Network is a jamnp.Network. New makes one.
type Network struct {
	o         Options
	self      jamnp.PeerID
	names     protocols
	identity  identity
	transport *quicgo.Transport
	listener  *quicgo.EarlyListener

	ctx      context.Context // ends at Close
	cancel   context.CancelFunc
	tasks    sync.WaitGroup // all goroutines
	memory   budget
	windows  windows
	streams  atomic.Int64  // that peers opened and that are not done
	arriving chan struct{} // holds one for each connection that is not judged yet
	dialling chan struct{} // holds one for each handshake of ours that is under way
	loud     limiter       // of log lines that strangers cause
	strange  limiter       // of handshakes with addresses that are not proved

	// Of the loop.
	closed  bool
	peers   map[jamnp.PeerID]*connection
	targets map[jamnp.PeerID]*target
	scores  map[jamnp.PeerID]*score
	sweeper *time.Timer
}

var _ jamnp.Network = (*Network)(nil)

// New opens the socket and listens. Peers are told to the Handler as soon as the loop runs.
func New(o Options) (*Network, error) {
	o.setDefaults()
	if len(o.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("quic: a key of %d octets", len(o.Key))
	}
	n := &Network{
		o: o, names: protocolNames(o.Genesis), self: jamnp.PeerID(o.Key.Public().(ed25519.PublicKey)),
		memory: budget{limit: o.Memory}, windows: windows{granted: map[*quicgo.Conn]uint64{}},
		arriving: make(chan struct{}, maxArriving), dialling: make(chan struct{}, maxDialling),
		loud: limiter{most: maxLoud}, strange: limiter{most: maxStrange},
		peers: map[jamnp.PeerID]*connection{}, targets: map[jamnp.PeerID]*target{}, scores: map[jamnp.PeerID]*score{},
	}
	var err error
	if n.identity, err = newIdentity(o.Key); err != nil {
		return nil, err
	}
	socket := o.Conn
	if socket == nil {
		var address *net.UDPAddr // all addresses, any port
		if o.Listen.IsValid() {
			address = net.UDPAddrFromAddrPort(o.Listen)
		}
		if socket, err = net.ListenUDP("udp", address); err != nil {
			return nil, fmt.Errorf("quic: %w", err)
		}
	}
	n.transport = &quicgo.Transport{
		Conn: socket, StatelessResetKey: resetKey(o.Key),
		VerifySourceAddress: func(net.Addr) bool { return !n.strange.allow() },
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if n.listener, err = n.transport.ListenEarly(n.listenTLS(), n.config(nil)); err != nil {
		n.cancel()
		return nil, fmt.Errorf("quic: %w", joinClose(err, socket))
	}
	n.tasks.Go(n.listen)
	n.sweeper = n.after(sweepEvery, n.sweep)
	return n, nil
}

func joinClose(err error, socket net.PacketConn) error {
	if closing := socket.Close(); closing != nil {
		return fmt.Errorf("%w (and %w)", err, closing)
	}
	return err
}

// resetKey derives from the node's key how it disowns connections that it has forgotten: a node that comes back after a crash
// so tells its peers at once, which would else wait until the connection is idle.
func resetKey(key ed25519.PrivateKey) *quicgo.StatelessResetKey {
	derived, err := hkdf.Key(sha256.New, key.Seed(), nil, "damson quic stateless reset", len(quicgo.StatelessResetKey{}))
	if err != nil {
		return nil
	}
	return (*quicgo.StatelessResetKey)(derived)
}

const (
	// Windows of QUIC's flow control: what a peer may send before it is read. They grow with what is read.
	streamWindow    = 128 << 10
	maxStreamWindow = 4 << 20
	connWindow      = 256 << 10
	maxConnWindow   = 8 << 20
)

func (n *Network) config(tokens quicgo.TokenStore) *quicgo.Config {
	return &quicgo.Config{
		HandshakeIdleTimeout: handshakeTimeout, MaxIdleTimeout: n.o.Idle, KeepAlivePeriod: n.o.Idle / 3,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: maxStreamWindow,
		InitialConnectionReceiveWindow: connWindow, MaxConnectionReceiveWindow: maxConnWindow,
		AllowConnectionWindowIncrease: n.windows.allow,
		MaxIncomingStreams:            int64(n.o.PeerStreams), MaxIncomingUniStreams: -1,
		// A stream counts until our side has done with it, however early the peer forgets it.
		RequireStreamCreditRelease: true,
		TokenStore:                 tokens,
	}
}

// Address is where others reach this node.
func (n *Network) Address() netip.AddrPort {
	if n.o.External.IsValid() {
		return n.o.External
	}
	return addressOf(n.transport.Conn.LocalAddr())
}

// ID names this node.
func (n *Network) ID() jamnp.PeerID { return n.self }

func addressOf(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	address := udp.AddrPort()
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
}

// Peers lists the peers that are connected now.
func (n *Network) Peers() []jamnp.Peer {
	peers := make([]jamnp.Peer, 0, len(n.peers))
	for _, c := range n.peers {
		peers = append(peers, c.Peer)
	}
	slices.SortFunc(peers, func(a, b jamnp.Peer) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return peers
}

// after posts a function when so much time has passed.
func (n *Network) after(d time.Duration, do func()) *time.Timer {
	return time.AfterFunc(d, func() { n.tell(do) })
}

// Close ends all connections and closes the socket. The Handler hears no more; requests that wait end with an error. Use Wait,
// beside the loop, to know when all is done.
func (n *Network) Close() error {
	if n.closed {
		return nil
	}
	n.closed = true
	n.sweeper.Stop()
	for _, t := range n.targets {
		t.stop()
	}
	for _, c := range n.peers {
		c.gone = true
	}
	clear(n.peers)
	n.tasks.Go(func() {
		for _, c := range n.windows.all() {
			closeConn(c, codeShutdown, "")
		}
		n.cancel()
		for what, err := range map[string]error{
			"listener": n.listener.Close(), "transport": n.transport.Close(), "socket": n.transport.Conn.Close(),
		} {
			if err != nil {
				n.o.Log.Warn("network not closed well", "part", what, "error", err)
			}
		}
	})
	return nil
}

// Wait returns when a network that was closed has ended all its goroutines. It is not for the loop's goroutine.
func (n *Network) Wait() { n.tasks.Wait() }
