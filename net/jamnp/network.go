package jamnp

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"damson/internal/protocol"
)

// PeerID names a node: the Ed25519 key of its certificate. A validator's is the one on chain.
type PeerID = protocol.Ed25519Key

// Peer is the other end of a connection.
type Peer struct {
	ID        PeerID
	Address   netip.AddrPort
	Initiator bool // we opened the connection, and with it its UP streams
	Builder   bool // it came by the ALPN of builders
}

// Why a request got no answer, or a peer was left.
var (
	ErrNotConnected = errors.New("jamnp: not connected")
	ErrReset        = errors.New("jamnp: the peer reset the stream")
	ErrTimeout      = errors.New("jamnp: no answer in time")
	ErrBusy         = errors.New("jamnp: too many streams of this peer are open")
	ErrClosed       = errors.New("jamnp: the network is closed")
)

// Network connects a node with others. net/quic has the real one, net/simnet one in memory under a seed.
//
// All methods are for the goroutine of the node's loop and never block. What comes of them is told to the Handler and
// to the functions given, on the same loop, later.
type Network interface {
	// Connect asks to be connected with a peer from now on: the network dials, or waits for the preferred initiator,
	// and tries again whenever the connection is lost. Another address replaces the one before.
	Connect(id PeerID, address netip.AddrPort)
	// Disconnect ends what Connect asked for. A connection that the peer opened stays until it is idle.
	Disconnect(id PeerID)
	// Peers lists the peers that are connected now, by ascending ID.
	Peers() []Peer
	// Request opens a CE stream and sends the messages and FIN. Done is called once: with the messages of the answer, after
	// its FIN, or with an error. An answer of more than the limit given, in octets, is an error, found before it is read.
	Request(id PeerID, kind Kind, messages [][]byte, limit int, timeout time.Duration, done func(answer [][]byte, err error))
	// Open opens the UP stream of a kind on a connection that we initiated. The handshake goes out at once.
	Open(id PeerID, kind Kind)
	// Send queues a message on the UP stream of a kind. A peer that does not read loses the connection. It reports
	// whether there is such a stream.
	Send(id PeerID, kind Kind, message []byte) bool
	// Blame lowers the score of a peer for a reason. With too low a score it is disconnected, and refused for a while.
	Blame(id PeerID, points int, reason error)
	// Close closes all connections.
	Close() error
}

// Handler is what a node does with what others send. All of it is called on the node's loop.
type Handler interface {
	Connected(p Peer)
	Disconnected(id PeerID, why error)
	// Handshake gives the first message on a UP stream.
	Handshake(id PeerID, kind Kind) []byte
	// Opened tells the peer's first message on a UP stream, Received each later one.
	Opened(id PeerID, kind Kind, handshake []byte)
	Received(id PeerID, kind Kind, message []byte)
	// Serve is called for a CE stream that a peer opened, as soon as its kind is known.
	Serve(x Exchange)
}

// Exchange is the acceptor's end of a CE stream. It must be ended by Answer or Reject.
type Exchange interface {
	Peer() PeerID
	Kind() Kind
	// Next reads the next message, of at most limit octets: more is refused when the length is read. At FIN the error is io.EOF.
	// The function is called on the loop. Only one Next may be under way.
	Next(limit int, then func(message []byte, err error))
	// Stream reads the next message as it comes, beside the loop: read is handed its octets and must take them all. If read
	// fails, what is left is not waited for. Then is called on the loop with the error of read, or of the network as for Next.
	Stream(limit int, read func(io.Reader) error, then func(error))
	// Answer sends messages and FIN. The request must have been read up to its FIN.
	Answer(messages ...[]byte)
	// Reject resets the stream for a reason that is logged.
	Reject(reason error)
}

// Read reads the one message of a request, after which nothing may come. An error that is a protocol.Invalid is the peer's fault.
func Read(x Exchange, m Message, p *protocol.Params, limit int, done func(error)) {
	x.Next(limit, func(octets []byte, err error) {
		if err == nil {
			err = m.Decode(octets, p)
		}
		if err != nil {
			done(err)
			return
		}
		x.Next(0, func(_ []byte, err error) {
			switch {
			case errors.Is(err, io.EOF):
				err = nil
			case err == nil:
				err = ErrMessages
			}
			done(err)
		})
	})
}
