package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/net/jamnp"
)

// maxAnswers bounds the messages of an answer: more than any kind has, which is one for each of 2·W_M segment shards.
const maxAnswers = 8192

// Request opens a CE stream and sends the messages and FIN.
func (n *Network) Request(
	id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error),
) {
	c := n.peers[id]
	var refusal error
	switch {
	case n.closed:
		refusal = jamnp.ErrClosed
	case c == nil:
		refusal = jamnp.ErrNotConnected
	case c.requests >= maxRequests:
		refusal = jamnp.ErrBusy
	}
	if refusal != nil {
		n.o.Loop.Post(func() { done(nil, refusal) })
		return
	}
	c.requests++
	c.used = time.Now()
	n.tasks.Go(func() {
		answer, held, err := c.ask(kind, messages, limit, time.Now().Add(timeout))
		err = translate(err)
		n.o.Loop.Post(func() {
			c.requests--
			if n.closed && err != nil {
				err = jamnp.ErrClosed
			}
			done(answer, err)
			c.give(held)
			if !errors.Is(err, jamnp.ErrTimeout) { // the time was the asker's choice, who may blame
				c.blameFor(kind, err)
			}
		})
	})
}

// ask makes a request and waits for its answer, for which the caller gives back what is held.
func (c *connection) ask(kind jamnp.Kind, messages [][]byte, limit int, until time.Time) (answer [][]byte, held int64, err error) {
	s, err := c.quic.OpenStream()
	if _, full := errors.AsType[*quicgo.StreamLimitReachedError](err); full {
		ctx, cancel := context.WithDeadline(c.net.ctx, until)
		defer cancel()
		s, err = c.quic.OpenStreamSync(ctx)
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			s.CancelRead(streamCancelled)
			s.CancelWrite(streamCancelled)
		}
	}()
	if err = s.SetDeadline(until); err != nil {
		return nil, 0, err
	}
	if _, err = s.Write(frame([]byte{byte(kind)}, messages)); err != nil {
		return nil, 0, err
	}
	if err = s.Close(); err != nil {
		return nil, 0, err
	}
	return c.readAnswer(s, limit)
}

// frame appends messages as they are sent.
func frame(b []byte, messages [][]byte) []byte {
	size := len(b)
	for _, message := range messages {
		size += 4 + len(message)
	}
	b = append(make([]byte, 0, size), b...)
	for _, message := range messages {
		b = jamnp.AppendMessage(b, message)
	}
	return b
}

// readAnswer reads messages up to FIN, of at most limit octets together.
func (c *connection) readAnswer(s *quicgo.Stream, limit int) (answer [][]byte, held int64, err error) {
	r := reader{c: c, stream: s, timed: true}
	for {
		message, err := r.next(limit)
		switch {
		case errors.Is(err, io.EOF):
			return answer, held, nil
		case err == nil && len(answer) == maxAnswers:
			r.give()
			err = fmt.Errorf("more than %d messages: %w", maxAnswers, jamnp.ErrMessages)
		}
		if err != nil {
			c.give(held)
			return nil, 0, err
		}
		limit -= len(message)
		held += r.held
		answer = append(answer, message)
	}
}
