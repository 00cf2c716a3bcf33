package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"damson/internal/protocol"
	"damson/node/trace"
)

// client is a fuzzer's side of a session.
type client struct {
	conn     *Conn
	params   *protocol.Params
	peer     PeerInfo // the target
	features Features // of both
}

// answerError says that the target did not answer, or not as the protocol wants, after which the session is over.
type answerError struct{ err error }

func (e *answerError) Error() string { return e.err.Error() }
func (e *answerError) Unwrap() error { return e.err }

func answerErrorf(format string, args ...any) error { return &answerError{fmt.Errorf(format, args...)} }

// dial begins a session.
func dial(o *DriveOptions) (*client, error) {
	stream, err := net.Dial("unix", o.Socket)
	if err != nil {
		return nil, err
	}
	conn, err := NewConn(stream, o.Timeout)
	if err != nil {
		return nil, err
	}
	conn.awaits = o.Timeout
	c := &client{conn: conn, params: o.Params}
	me := &Message{Kind: KindPeerInfo, PeerInfo: PeerInfo{
		Protocol: ProtocolVersion, Features: o.Features, JAM: GrayPaperVersion(), App: o.Version, Name: "damson-drive",
	}}
	answer, _, err := c.ask(me, KindPeerInfo)
	if err == nil && answer.PeerInfo.Protocol != ProtocolVersion {
		err = fmt.Errorf("%w: %d", errProtocol, answer.PeerInfo.Protocol)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	c.peer, c.features = answer.PeerInfo, answer.PeerInfo.Features&o.Features
	return c, nil
}

// close ends the session.
func (c *client) close() { _ = c.conn.Close() }

// ask sends a message and waits for the answer, which must be of the given kind or an error.
func (c *client) ask(m *Message, want Kind) (answer *Message, took time.Duration, err error) {
	start := time.Now()
	if err := c.conn.Send(m); err != nil {
		return nil, 0, answerErrorf("send %s: %w", m.Kind, err)
	}
	octets, err := c.conn.Receive()
	took = time.Since(start)
	if errors.Is(err, io.EOF) {
		return nil, took, answerErrorf("the target closed the connection when it got %s", m.Kind)
	}
	if err != nil {
		return nil, took, answerErrorf("answer to %s: %w", m.Kind, err)
	}
	answer, err = DecodeMessage(octets, c.params)
	switch {
	case err != nil:
		return nil, took, answerErrorf("the answer to %s is malformed: %w", m.Kind, err)
	case answer.Kind != want && answer.Kind != KindError:
		return nil, took, answerErrorf("%s was answered by %s", m.Kind, answer.Kind)
	}
	return answer, took, nil
}

// state asks for the state after a block.
func (c *client) state(header protocol.Hash) (*trace.RawState, error) {
	answer, _, err := c.ask(&Message{Kind: KindGetState, Hash: header}, KindState)
	if err != nil {
		return nil, err
	}
	if answer.Kind == KindError {
		return nil, answerErrorf("the target does not give its state: %s", answer.Text)
	}
	return &trace.RawState{Entries: answer.Entries}, nil
}
