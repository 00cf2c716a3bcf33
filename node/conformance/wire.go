package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

const (
	// MaxMessage bounds a message: a state of a few million entries.
	MaxMessage = 512 << 20
	// bufferSize is more than most messages have, so that one read takes a whole one in.
	bufferSize = 64 << 10
	// firstChunk is what a larger message is given before its octets have been seen to exist.
	firstChunk = 1 << 20
	// prefixSize is the length that goes before each message.
	prefixSize = 4
	// maxReply bounds the memory that is kept for the next reply.
	maxReply = 1 << 20
)

// Why a stream of messages cannot be read on.
var (
	ErrEmpty    = errors.New("a message without octets")
	ErrTooLarge = errors.New("a message of more than 512 MiB")
)

// stream is what messages travel on: a net.Conn, or a socket without the poller.
type stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
}

// Conn exchanges messages over a stream, each after its length. It belongs to one goroutine.
type Conn struct {
	stream  stream
	patient time.Duration // how long a message may take once it has begun; 0 means for ever
	awaits  time.Duration // how long it may take until one begins; 0 means for ever
	buffer  []byte
	from    int // buffer[from:to] has been read from the stream and not been taken
	to      int
	reply   []byte
}

// NewConn makes a Conn on a connection, which is then its own. Once its first octet is there, a message must arrive, or
// leave, within the given time. The connection is closed if there is an error.
func NewConn(from net.Conn, patient time.Duration) (*Conn, error) {
	s, err := direct(from)
	if err != nil {
		_ = from.Close() // the first error says more
		return nil, err
	}
	if l, ok := s.(interface{ limitWrites(time.Duration) error }); ok {
		if err := l.limitWrites(patient); err != nil {
			_ = s.Close()
			return nil, err
		}
	}
	return &Conn{stream: s, patient: patient, buffer: make([]byte, bufferSize)}, nil
}

// Close closes the stream. Nobody may be using it.
func (c *Conn) Close() error { return c.stream.Close() }

// Interrupt makes whoever uses the Conn fail. It may be called from anywhere.
func (c *Conn) Interrupt() {
	if i, ok := c.stream.(interface{ interrupt() }); ok {
		i.interrupt()
		return
	}
	_ = c.stream.Close() // of a net.Conn, this does it
}

// Receive gives the next message. The octets are the caller's to keep. The error is io.EOF if the stream ends between
// messages.
func (c *Conn) Receive() ([]byte, error) {
	if c.from == c.to {
		if c.awaits > 0 {
			if err := c.stream.SetReadDeadline(time.Now().Add(c.awaits)); err != nil {
				return nil, err
			}
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	// In most cases all is there now. If not, the clock runs.
	whole := c.to-c.from >= prefixSize &&
		uint64(binary.LittleEndian.Uint32(c.buffer[c.from:])) <= uint64(c.to-c.from-prefixSize)
	if !whole && c.patient > 0 {
		if err := c.stream.SetReadDeadline(time.Now().Add(c.patient)); err != nil {
			return nil, err
		}
	}
	message, err := c.receive()
	if err != nil {
		return nil, err
	}
	if !whole && c.patient > 0 || c.awaits > 0 {
		return message, c.stream.SetReadDeadline(time.Time{})
	}
	return message, nil
}

func (c *Conn) receive() ([]byte, error) {
	for c.to-c.from < prefixSize {
		if err := c.fill(); err != nil {
			return nil, cutShort(err)
		}
	}
	size := binary.LittleEndian.Uint32(c.buffer[c.from:])
	switch {
	case size == 0:
		return nil, ErrEmpty
	case size > MaxMessage:
		return nil, fmt.Errorf("%w: %d octets", ErrTooLarge, size)
	}
	c.from += prefixSize
	return c.take(int(size))
}

// take gives the next size octets. It allocates no more than twice what has been seen to exist.
func (c *Conn) take(size int) ([]byte, error) {
	have := min(size, c.to-c.from)
	message := append(make([]byte, 0, min(size, max(have, firstChunk))), c.buffer[c.from:c.from+have]...)
	c.from += have
	for len(message) < size {
		if len(message) == cap(message) {
			message = slices.Grow(message, min(size-len(message), len(message)))
		}
		n, err := c.stream.Read(message[len(message):min(size, cap(message))])
		message = message[:len(message)+n]
		if err != nil && len(message) < size {
			return nil, cutShort(err)
		}
	}
	return message, nil
}

// fill reads what there is, at least one octet.
func (c *Conn) fill() error {
	if c.from > 0 {
		c.to = copy(c.buffer, c.buffer[c.from:c.to])
		c.from = 0
	}
	n, err := c.stream.Read(c.buffer[c.to:])
	c.to += n
	if n > 0 {
		return nil
	}
	return err
}

// cutShort is the error of a stream that ends within a message.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Send sends a message in one write.
func (c *Conn) Send(m *Message) error {
	b := m.AppendTo(append(c.reply[:0], 0, 0, 0, 0))
	if len(b)-prefixSize > MaxMessage {
		return fmt.Errorf("%w: %d octets", ErrTooLarge, len(b)-prefixSize)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-prefixSize))
	if cap(b) <= maxReply {
		c.reply = b
	}
	if d, ok := c.stream.(interface{ SetWriteDeadline(time.Time) error }); ok && c.patient > 0 {
		if err := d.SetWriteDeadline(time.Now().Add(c.patient)); err != nil {
			return err
		}
	}
	_, err := c.stream.Write(b)
	return err
}
