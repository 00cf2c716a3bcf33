package conformance

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/importer"
	"damson/node/trace"
)

// Why a session ends before its time.
var (
	errUnexpected = errors.New("message not expected here")
	errMalformed  = errors.New("malformed message")
	errProtocol   = errors.New("another version of the fuzz protocol")
)

// internalError says that we failed, and not the other side.
type internalError struct{ err error }

func (e *internalError) Error() string { return "this node failed: " + e.err.Error() }
func (e *internalError) Unwrap() error { return e.err }

// session serves one connection. It begins with nothing.
type session struct {
	*Target
	features Features // of both sides; valid after the handshake
	greeted  bool
	chain    *chain // nil before Initialize
	blocks   int
}

// run serves until the other side goes away, which is no error, or the session must end.
func (s *session) run(c *Conn) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &internalError{fmt.Errorf("panic: %v\n%s", fault, debug.Stack())}
		}
		if endErr := s.end(); endErr != nil && err == nil {
			err = &internalError{endErr}
		}
	}()
	for {
		octets, err := c.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := s.answer(octets)
		if err != nil {
			return err
		}
		if err := c.Send(answer); err != nil {
			return err
		}
	}
}

// answer gives the reply to a message. An error ends the session.
func (s *session) answer(octets []byte) (*Message, error) {
	m, err := DecodeMessage(octets, s.params)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if greeting := m.Kind == KindPeerInfo; greeting == s.greeted {
		return nil, fmt.Errorf("%w: %s", errUnexpected, m.Kind)
	}
	switch m.Kind {
	case KindPeerInfo:
		return s.greet(&m.PeerInfo)
	case KindInitialize:
		return s.initialize(m.Initialize)
	case KindImportBlock:
		if s.chain != nil {
			return s.importBlock(m.Block)
		}
	case KindGetState:
		if s.chain != nil {
			return s.getState(m.Hash)
		}
	case KindStateRoot, KindState, KindError: // only targets send these
	}
	return nil, fmt.Errorf("%w: %s", errUnexpected, m.Kind)
}

func (s *session) greet(peer *PeerInfo) (*Message, error) {
	if peer.Protocol != ProtocolVersion {
		return nil, fmt.Errorf("%w: %d", errProtocol, peer.Protocol)
	}
	s.greeted = true
	s.features = s.info.Features & peer.Features
	s.log.Info("session begins", "peer", peer.Name, "features", uint32(s.features))
	return &Message{Kind: KindPeerInfo, PeerInfo: s.info}, nil
}

func (s *session) initialize(begin *Initialize) (*Message, error) {
	if err := s.end(); err != nil {
		return nil, &internalError{err}
	}
	var d *disk
	if s.data != "" {
		var err error
		if d, err = newDisk(s.params, s.data, s.cacheBytes); err != nil {
			return nil, &internalError{err}
		}
	}
	c, err := newChain(s.importer, s.params, begin, s.features&FeatureAncestry != 0, d)
	if err != nil {
		return nil, &internalError{errors.Join(err, d.remove())} // without a disk there is no error
	}
	s.chain = c
	first, _ := s.chain.state(begin.HeaderHash)
	return &Message{Kind: KindStateRoot, Hash: first.Root()}, nil
}

// end forgets the chain.
func (s *session) end() error {
	c := s.chain
	if c == nil {
		return nil
	}
	s.chain = nil
	return c.close()
}

// importBlock answers with the root after the block or, if a rule of JAM refuses it, with an error.
func (s *session) importBlock(octets []byte) (*Message, error) {
	s.blocks++
	importer.StageDecode.Enter()
	defer importer.LeaveStages()
	v := new(block.View)
	if err := v.Decode(octets, s.params); err != nil {
		if shapeless(err) {
			return nil, fmt.Errorf("%w: block: %w", errMalformed, err)
		}
		return refusal(fmt.Errorf("block: %w", err)), nil
	}
	post, err := s.chain.imports(v, octets)
	if err == nil {
		return &Message{Kind: KindStateRoot, Hash: post.Root()}, nil
	}
	if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
		return refusal(err), nil
	}
	return nil, &internalError{err}
}

// shapeless says whether octets are no block at all, as against a block with a value out of its range: no encoder of
// blocks makes them, so that the message is malformed and not the block bad.
func shapeless(err error) bool {
	for _, rule := range []error{codec.ErrShort, codec.ErrTrailing, codec.ErrNatural, codec.ErrSelector} {
		if errors.Is(err, rule) {
			return true
		}
	}
	return false
}

func refusal(err error) *Message { return &Message{Kind: KindError, Text: err.Error()} }

// getState gives the state after a block. The protocol has no word for a block that is not known; an error lets the
// session go on.
func (s *session) getState(header protocol.Hash) (*Message, error) {
	found, ok := s.chain.state(header)
	if !ok {
		return refusal(fmt.Errorf("no state of a block %s", header)), nil
	}
	entries := trace.Raw(found).Entries
	if err := found.Err(); err != nil {
		return nil, &internalError{err}
	}
	return &Message{Kind: KindState, Entries: entries}, nil
}

// Session begins a session without a socket, in memory. The function gives the answer to a message, or an error that ends the
// session.
func (t *Target) Session() (answer func(octets []byte) (*Message, error)) {
	inMemory := *t
	inMemory.data = ""
	return (&session{Target: &inMemory}).answer
}
