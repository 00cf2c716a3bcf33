package finality

import (
	"bytes"
	"io"

	"damson/net/jamnp"
)

func (x *directExchange) Stream(limit int, read func(io.Reader) error, then func(error)) {
	x.Next(limit, func(message []byte, err error) { then(streamed(message, err, limit, read)) })
}

func (x *simExchange) Stream(limit int, read func(io.Reader) error, then func(error)) {
	x.Next(limit, func(message []byte, err error) { then(streamed(message, err, limit, read)) })
}

func streamed(message []byte, err error, limit int, read func(io.Reader) error) error {
	if err != nil {
		return err
	}
	return jamnp.StreamMessage(bytes.NewReader(jamnp.AppendMessage(nil, message)), limit, read)
}
