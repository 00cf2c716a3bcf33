package rpc

import (
	"encoding/json"
	"errors"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/store"
)

// Results are arrays of values, as JIP-2 has it. A nil array is null: there is nothing to tell.
type result []any

func (s *Server) bestBlock(*call) (result, *Error) {
	t := s.follower.head(false)
	return result{t.hash[:], t.slot}, nil
}

func (s *Server) finalizedBlock(*call) (result, *Error) {
	t := s.follower.head(true)
	return result{t.hash[:], t.slot}, nil
}

func (s *Server) parent(c *call) (result, *Error) {
	e, err := s.entry(c.args.hash(0))
	if e == nil || e.Parent == (protocol.Hash{}) {
		return nil, err
	}
	above, err := s.entry(e.Parent)
	if above == nil {
		return nil, err
	}
	return result{above.Hash[:], above.Slot}, nil
}

func (s *Server) stateRoot(c *call) (result, *Error) {
	e, err := s.entry(c.args.hash(0))
	if e == nil {
		return nil, err
	}
	return result{e.Root[:]}, nil
}

// entry gives what the store knows of a block, or nil.
func (s *Server) entry(hash protocol.Hash) (*store.Entry, *Error) {
	e, err := s.store.Entry(hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(err)
	}
	return e, nil
}

// state gives the posterior state of a block, or nil if it is not known.
func (s *Server) state(hash protocol.Hash) (*state.State, *Error) {
	for _, final := range []bool{false, true} {
		if t := s.follower.head(final); t.hash == hash {
			return t.state, nil
		}
	}
	sigma, err := s.store.State(hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(err)
	}
	return sigma, nil
}

// failed logs what failed here, which clients need not know.
func (s *Server) failed(err error) *Error {
	s.log.Error("a request failed", "error", err)
	return errorf(CodeInternal, "the node cannot read what it keeps")
}

// beefyRoot is in the block's own recent history, whose last entry is the block. GP eq:recenthistoryspec.
func (s *Server) beefyRoot(c *call) (result, *Error) {
	hash := c.args.hash(0)
	sigma, failed := s.state(hash)
	if sigma == nil {
		return nil, failed
	}
	recent, err := sigma.Recent()
	if err != nil {
		return nil, s.failed(err)
	}
	for i := range recent.Blocks {
		if b := &recent.Blocks[i]; b.HeaderHash == hash {
			return result{b.BeefyRoot[:]}, nil
		}
	}
	return nil, nil
}

// watchBlock is what subscribers to a head are told.
func watchBlock(_ *Server, t *tip, _ arguments) (json.RawMessage, error) {
	return encode(result{t.hash[:], t.slot}), nil
}
