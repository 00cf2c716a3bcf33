package quic

import (
	"errors"
	"net"
	"net/netip"

	quicgo "github.com/quic-go/quic-go"

	"damson/net/jamnp"
)

// Watch are functions that are told of attempts to connect; those that are nil are left out. They are called by many goroutines,
// and must not wait. Ended is called once, when it is known what has become of the attempt: with an error if that is no connection.
type Watch struct {
	Refused  func(from netip.AddrPort) // at once, for want of room
	Arriving func(from netip.AddrPort) (ended func(id jamnp.PeerID, err error))
	Dialling func(id jamnp.PeerID, to netip.AddrPort) (ended func(err error))
}

func (w *Watch) refused(from net.Addr) {
	if w.Refused != nil {
		w.Refused(addressOf(from))
	}
}

func (w *Watch) arriving(from net.Addr) func(jamnp.PeerID, error) {
	if w.Arriving == nil {
		return func(jamnp.PeerID, error) {}
	}
	return w.Arriving(addressOf(from))
}

func (w *Watch) dialling(id jamnp.PeerID, to netip.AddrPort) func(error) {
	if w.Dialling == nil {
		return func(error) {}
	}
	return w.Dialling(id, to)
}

// Terminator says who has ended a connection, by the reason that a Handler was told. It is not known if the network did.
func Terminator(why error) (remote, known bool) {
	if app, ok := errors.AsType[*quicgo.ApplicationError](why); ok {
		return app.Remote, true
	}
	if transport, ok := errors.AsType[*quicgo.TransportError](why); ok {
		return transport.Remote, true
	}
	for _, own := range []error{ErrReplaced, ErrFull, ErrRefused, ErrStalled, ErrUnwanted, jamnp.ErrClosed} {
		if errors.Is(why, own) {
			return false, true
		}
	}
	return false, false
}
