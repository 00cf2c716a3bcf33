package quic

import (
	"errors"
	"fmt"
	"io"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// exchange is the acceptor's end of a CE stream. All of it is of the loop.
type exchange struct {
	c      *connection
	stream *quicgo.Stream
	kind   jamnp.Kind

	reading bool // a Next is under way
	read    bool // FIN came
	ended   bool // answered or rejected
}

var _ jamnp.Exchange = (*exchange)(nil)

// Why an exchange was ended by the network.
var (
	errUnread  = errors.New("quic: answered while the request was being read")
	errTwice   = errors.New("quic: the exchange has ended, or is being read")
	errTooMuch = fmt.Errorf("%w: no memory for the answer", jamnp.ErrBusy)
)

// smallAnswer is what is handed to QUIC at once, without a goroutine to wait for the peer: so much of each of a peer's streams
// is held for it if it never acknowledges.
const smallAnswer = 32 << 10

// serve gives a stream to the handler.
func (c *connection) serve(s *quicgo.Stream, kind jamnp.Kind) {
	if c.gone || c.net.closed {
		c.end(s, streamCancelled)
		return
	}
	c.serving++
	c.used = time.Now()
	c.net.o.Handler.Serve(&exchange{c: c, stream: s, kind: kind})
}

func (x *exchange) Peer() jamnp.PeerID { return x.c.ID }
func (x *exchange) Kind() jamnp.Kind   { return x.kind }

// Next reads the next message.
func (x *exchange) Next(limit int, then func(message []byte, err error)) {
	c := x.c
	if x.reading || x.ended || c.net.closed {
		c.net.o.Loop.Post(func() { then(nil, errTwice) })
		return
	}
	x.reading = true
	c.net.tasks.Go(func() {
		r := reader{c: c, stream: x.stream}
		message, err := r.next(limit)
		err = translate(err)
		c.net.o.Loop.Post(func() {
			x.reading = false
			x.read = errors.Is(err, io.EOF)
			then(message, err)
			r.give()
			c.blameFor(x.kind, err)
		})
	})
}

// Stream reads the next message as it comes.
func (x *exchange) Stream(limit int, read func(io.Reader) error, then func(error)) {
	c := x.c
	if x.reading || x.ended || c.net.closed {
		c.net.o.Loop.Post(func() { then(errTwice) })
		return
	}
	x.reading = true
	c.net.tasks.Go(func() {
		r := reader{c: c, stream: x.stream}
		err := r.expect()
		if err == nil {
			err = jamnp.StreamMessage(&r, limit, read)
		}
		if _, broken := errors.AsType[protocol.Invalid](err); !broken { // else it is no error of the stream
			err = translate(err)
		}
		c.net.o.Loop.Post(func() {
			x.reading = false
			x.read = errors.Is(err, io.EOF)
			then(err)
			r.give()
			c.blameFor(x.kind, err)
		})
	})
}

// Answer sends messages and FIN.
func (x *exchange) Answer(messages ...[]byte) {
	if x.ended {
		return
	}
	if x.reading || x.c.net.closed {
		x.Reject(errUnread)
		return
	}
	octets := frame(nil, messages)
	if x.read && len(octets) <= smallAnswer && x.stream.TryWriteAll(octets) == nil {
		x.finish(x.stream.Close())
		return
	}
	c := x.c
	if !c.take(int64(len(octets))) {
		x.Reject(errTooMuch)
		return
	}
	x.ended = true
	c.net.tasks.Go(func() {
		err := x.write(octets)
		c.give(int64(len(octets)))
		c.net.o.Loop.Post(func() {
			x.finish(err)
			c.blameFor(x.kind, err)
		})
	})
}

// write sends an answer, after the end of the request.
func (x *exchange) write(octets []byte) error {
	r := reader{c: x.c, stream: x.stream}
	if !x.read {
		switch _, err := r.next(0); {
		case err == nil:
			r.give()
			return fmt.Errorf("a message after the request: %w", jamnp.ErrMessages)
		case !errors.Is(err, io.EOF):
			return translate(err)
		}
	}
	err := x.stream.SetWriteDeadline(time.Now().Add(x.c.net.allowance(int64(len(octets)))))
	if err == nil {
		_, err = x.stream.Write(octets)
	}
	if err == nil {
		err = x.stream.Close()
	}
	return translate(err)
}

// finish ends the exchange.
func (x *exchange) finish(err error) {
	if err != nil {
		x.reset(streamCancelled, err)
		return
	}
	x.done()
}

func (x *exchange) done() {
	x.ended = true
	x.c.serving--
	x.c.ended(x.stream)
}

// Reject resets the stream.
func (x *exchange) Reject(reason error) {
	if x.ended {
		return
	}
	code := streamRejected
	if errors.Is(reason, jamnp.ErrBusy) {
		code = streamBusy
	}
	x.reset(code, reason)
}

func (x *exchange) reset(code quicgo.StreamErrorCode, why error) {
	x.c.net.o.Log.Debug("stream rejected", logPeer(x.c.ID), logReason(why), "kind", uint8(x.kind))
	x.stream.CancelRead(code)
	x.stream.CancelWrite(code)
	x.done()
}
