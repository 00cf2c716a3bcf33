package jamnp_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"damson/net/jamnp"
)

// The end of the stream may come with the last octets of a message, as QUIC's do when FIN is in the same frame.
func TestStreamMessageAtEnd(t *testing.T) {
	stream := jamnp.AppendMessage(nil, []byte("message"))
	for name, r := range map[string]io.Reader{
		"with the end": iotest.DataErrReader(bytes.NewReader(stream)), "before the end": bytes.NewReader(stream),
		"by octets": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		var got []byte
		err := jamnp.StreamMessage(r, 100, func(r io.Reader) (err error) {
			got, err = io.ReadAll(r)
			return err
		})
		if err != nil || string(got) != "message" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for cut := lengthOctets; cut < len(stream); cut++ {
		r := iotest.DataErrReader(bytes.NewReader(stream[:cut]))
		err := jamnp.StreamMessage(r, 100, func(r io.Reader) error {
			_, err := io.ReadAll(r)
			return err
		})
		if !errors.Is(err, jamnp.ErrCut) {
			t.Errorf("cut after %d octets: %v", cut, err)
		}
	}
}

const lengthOctets = 4
