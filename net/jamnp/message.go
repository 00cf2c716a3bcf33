package jamnp

import (
	"encoding/binary"
	"fmt"
	"io"

	"damson/internal/codec"
	"damson/internal/protocol"
)

// Message is what all messages of the protocol can do. Decode reads one that fills b and may keep b, which must not change then;
// the parameters give the sizes of what is in it. What Decode takes, AppendTo gives again.
type Message interface {
	AppendTo(b []byte) []byte
	Decode(b []byte, p *protocol.Params) error
}

// The rules that messages of several kinds can break.
const (
	ErrOversized = protocol.Invalid("jamnp/message_over_limit")
	ErrCut       = protocol.Invalid("jamnp/stream_ends_within_message")
	ErrMessages  = protocol.Invalid("jamnp/wrong_number_of_messages")
	ErrUnread    = protocol.Invalid("jamnp/message_longer_than_what_it_holds")
)

// lengthOctets go before every message: its length.
const lengthOctets = 4

// readStep is what ReadMessage allocates at first: a peer that promises more has to send it.
const readStep = 64 << 10

// AppendMessage appends a message as it is sent: after its length. JAMNP-S, "Messages".
func AppendMessage(b, message []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(message))), message...)
}

// ReadMessage reads a message. One longer than the limit is refused when its length is read: ErrOversized. The error is io.EOF
// if the stream ends before the message and ErrCut if it ends within. Memory grows with what comes, not with what is promised.
func ReadMessage(r io.Reader, limit int) ([]byte, error) {
	length, err := readLength(r, limit)
	if err != nil {
		return nil, err
	}
	message := make([]byte, 0, min(int(length), readStep))
	for len(message) < int(length) {
		if len(message) == cap(message) {
			grown := make([]byte, len(message), min(int(length), 2*cap(message)))
			copy(grown, message)
			message = grown
		}
		n, err := io.ReadFull(r, message[len(message):cap(message)])
		message = message[:len(message)+n]
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil, ErrCut
		default:
			return nil, err
		}
	}
	return message, nil
}

// readLength reads how long the next message is.
func readLength(r io.Reader, limit int) (int64, error) {
	var prefix [lengthOctets]byte
	switch _, err := io.ReadFull(r, prefix[:]); err {
	case nil:
	case io.ErrUnexpectedEOF:
		return 0, ErrCut
	default:
		return 0, err
	}
	length := int64(binary.LittleEndian.Uint32(prefix[:]))
	if length > int64(limit) {
		return 0, fmt.Errorf("%d octets, at most %d are taken: %w", length, limit, ErrOversized)
	}
	return length, nil
}

// StreamMessage hands the octets of the next message to a function as they come, for which the rules of ReadMessage hold. The
// function must take them all.
func StreamMessage(r io.Reader, limit int, read func(io.Reader) error) error {
	length, err := readLength(r, limit)
	if err != nil {
		return err
	}
	rest := &io.LimitedReader{R: whole{r}, N: length}
	if err = read(rest); err == nil && rest.N > 0 {
		err = ErrUnread
	}
	return err
}

// whole is a stream whose end is within a message.
type whole struct{ io.Reader }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err == io.EOF { // as streams return it, which wrap nothing
		if err = ErrCut; n > 0 { // it may come with the last octets of the message
			err = nil
		}
	}
	return n, err
}

// Encode gives a message's octets.
func Encode(m interface{ AppendTo([]byte) []byte }) []byte { return m.AppendTo(nil) }

// decode reads all of b with a function.
func decode(b []byte, read func(d *codec.Decoder)) error {
	d := codec.NewDecoder(b)
	read(&d)
	return d.Finish()
}

// list reads elements without a count, until the message ends. The limit bounds them.
func list[T any](d *codec.Decoder, limit int, read func(*T)) []T {
	var out []T
	for len(d.Rest()) > 0 && d.Err() == nil {
		if len(out) == limit {
			d.Fail(codec.ErrCount)
			return nil
		}
		var element T
		read(&element)
		out = append(out, element)
	}
	return out
}
