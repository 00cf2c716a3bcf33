package quic

import (
	"errors"
	"fmt"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"damson/net/jamnp"
)

// persistent is our end of a UP stream. What has no lock is of the loop.
type persistent struct {
	c      *connection
	stream *quicgo.Stream // nil while it is being opened
	kind   jamnp.Kind
	limit  int

	greeted bool     // the peer's handshake came
	closed  bool     // nothing that comes of it matters
	writing bool     // a goroutine writes; what is sent meanwhile waits
	waiting [][]byte // framed
	queued  int      // octets that wait
	unsure  int      // octets sent since we knew that the peer reads
	handled chan struct{}
	again   *time.Timer // to open it again
	losses  int
}

const (
	// maxQueued bounds what waits for a peer that does not read, in octets and in messages.
	maxQueued         = 4 << 20
	maxQueuedMessages = 1024
	// maxUnsure is how much is handed to QUIC before it must have sent some: it would hold any amount for a peer that
	// promises to read it.
	maxUnsure = 64 << 10
	// maxUnhandled is how many messages of a UP stream may wait for the loop. Then the stream is not read.
	maxUnhandled = 16
	// reopenAfter is how long we wait with a UP stream that the peer ended; it doubles with each time.
	reopenAfter = time.Second
	maxReopen   = 5 * time.Minute
)

// Open opens the UP stream of a kind on a connection that we initiated.
func (n *Network) Open(id jamnp.PeerID, kind jamnp.Kind) {
	c := n.peers[id]
	if n.closed || c == nil || !c.Initiator || !kind.UniquePersistent() || c.up[kind] != nil {
		return
	}
	p := &persistent{c: c, kind: kind, limit: n.limitOf(kind), handled: make(chan struct{}, maxUnhandled)}
	c.up[kind] = p
	p.open()
}

func (n *Network) limitOf(kind jamnp.Kind) int {
	if limit, ok := n.o.Persistent[kind]; ok {
		return limit
	}
	return maxAnnouncement
}

// open opens the stream and sends the handshake.
func (p *persistent) open() {
	c := p.c
	p.greeted, p.unsure = false, 0
	p.waiting, p.queued = nil, 0
	c.used = time.Now()
	stream, err := c.quic.OpenStream()
	if err != nil {
		c.net.o.Loop.Post(func() { p.ended(nil, err) })
		return
	}
	p.stream = stream
	p.send(jamnp.AppendMessage([]byte{byte(p.kind)}, c.net.o.Handler.Handshake(c.ID, p.kind)))
	c.net.tasks.Go(func() { p.read(stream) })
}

// arrivedPersistent handles a UP stream that the peer opened.
func (c *connection) arrivedPersistent(s *quicgo.Stream, kind jamnp.Kind) {
	limit, known := c.net.o.Persistent[kind]
	if c.Initiator || !known {
		c.end(s, streamRejected)
		if c.Initiator {
			c.net.o.Loop.Post(func() {
				if !c.gone {
					c.net.Blame(c.ID, blameUnasked, fmt.Errorf("UP stream of kind %d on a connection that we opened", kind))
				}
			})
		}
		return
	}
	p := &persistent{c: c, stream: s, kind: kind, limit: limit, handled: make(chan struct{}, maxUnhandled)}
	c.net.o.Loop.Post(p.replace)
	p.read(s)
	c.ended(s)
}

// replace makes the stream the one of its kind, unless there is one with a greater ID. JAMNP-S, "Protocols and streams".
func (p *persistent) replace() {
	c := p.c
	if old := c.up[p.kind]; c.gone || c.net.closed || old != nil && old.stream.StreamID() > p.stream.StreamID() {
		p.stop()
		return
	} else if old != nil {
		old.stop()
		c.net.Blame(c.ID, blameReplaced, fmt.Errorf("another UP stream of kind %d", p.kind))
		if c.gone {
			p.stop()
			return
		}
	}
	c.up[p.kind] = p
	c.used = time.Now()
	p.send(jamnp.AppendMessage(nil, c.net.o.Handler.Handshake(c.ID, p.kind)))
}

// stop resets the stream.
func (p *persistent) stop() {
	p.closed = true
	if p.again != nil {
		p.again.Stop()
	}
	if p.stream != nil {
		p.stream.CancelRead(streamCancelled)
		p.stream.CancelWrite(streamCancelled)
	}
}

// read tells the loop what comes, until the stream ends.
func (p *persistent) read(stream *quicgo.Stream) {
	r := reader{c: p.c, stream: stream}
	for {
		select {
		case p.handled <- struct{}{}:
		case <-p.c.quic.Context().Done():
			return // the connection is lost, and the loop hears of that
		}
		message, err := r.next(p.limit)
		if err != nil {
			<-p.handled
			stream.CancelRead(streamCancelled) // what else comes is not read
			err = translate(err)
			p.c.net.o.Loop.Post(func() { p.ended(stream, err) })
			return
		}
		r.waits = true // after the handshake, messages come when they come
		held := r.held
		p.c.net.o.Loop.Post(func() {
			p.receive(stream, message)
			p.c.give(held)
			<-p.handled
		})
	}
}

// receive tells the handler of a message.
func (p *persistent) receive(stream *quicgo.Stream, message []byte) {
	c := p.c
	if p.closed || c.gone || c.net.closed || p.stream != stream {
		return
	}
	if !p.greeted {
		p.greeted, p.losses = true, 0
		c.net.o.Handler.Opened(c.ID, p.kind, message)
		return
	}
	c.net.o.Handler.Received(c.ID, p.kind, message)
}

// ended handles the end of a stream that we did not stop. What we opened we open again, later and later.
func (p *persistent) ended(stream *quicgo.Stream, why error) {
	c := p.c
	if p.closed || c.gone || c.net.closed || p.stream != stream {
		return
	}
	p.stop()
	c.net.o.Log.Debug("UP stream ended", logPeer(c.ID), logReason(why), "kind", uint8(p.kind))
	c.blameFor(p.kind, why)
	if c.gone || c.up[p.kind] != p {
		return
	}
	if !c.Initiator {
		delete(c.up, p.kind)
		return
	}
	p.closed, p.stream = false, nil
	p.again = c.net.after(min(reopenAfter<<min(p.losses, 16), maxReopen), func() {
		if !c.gone && c.up[p.kind] == p {
			p.open()
		}
	})
	p.losses++
}

// Send queues a message on the UP stream of a kind.
func (n *Network) Send(id jamnp.PeerID, kind jamnp.Kind, message []byte) bool {
	c := n.peers[id]
	if n.closed || c == nil {
		return false
	}
	p := c.up[kind]
	if p == nil || p.stream == nil || p.closed {
		return false
	}
	c.used = time.Now()
	p.send(jamnp.AppendMessage(make([]byte, 0, 4+len(message)), message))
	return !c.gone
}

// send hands a frame to QUIC at once if it takes it. Else a goroutine waits for it, and what is sent meanwhile waits for that.
func (p *persistent) send(frame []byte) {
	if !p.writing && p.unsure+len(frame) <= maxUnsure {
		switch err := p.stream.TryWriteAll(frame); {
		case err == nil:
			p.unsure += len(frame)
			return
		case !errors.Is(err, quicgo.ErrWouldBlock):
			return // the reader tells of the end
		}
	}
	p.waiting = append(p.waiting, frame)
	p.queued += len(frame)
	if p.queued > maxQueued || len(p.waiting) > maxQueuedMessages {
		p.c.net.leave(p.c, codeStalled, ErrStalled)
		return
	}
	if !p.writing {
		p.write()
	}
}

// write begins to write what waits.
func (p *persistent) write() {
	batch, stream := p.waiting, p.stream
	size := p.queued
	p.waiting, p.queued, p.writing = nil, 0, true
	p.c.net.tasks.Go(func() {
		frames := make([]byte, 0, size)
		for _, frame := range batch {
			frames = append(frames, frame...)
		}
		err := stream.SetWriteDeadline(time.Now().Add(p.c.net.allowance(int64(size))))
		if err == nil {
			_, err = stream.Write(frames)
		}
		p.c.net.o.Loop.Post(func() { p.wrote(stream, err) })
	})
}

// wrote goes on with what has come to wait meanwhile.
func (p *persistent) wrote(stream *quicgo.Stream, err error) {
	p.writing = false
	c := p.c
	if p.closed || c.gone || c.net.closed {
		return
	}
	if errors.Is(translate(err), jamnp.ErrTimeout) {
		c.net.leave(c, codeStalled, ErrStalled)
		return
	}
	if p.stream == stream {
		p.unsure = 0
	}
	if p.stream != nil && len(p.waiting) > 0 {
		p.write()
	}
}
