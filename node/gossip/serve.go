package gossip

import (
	"errors"
	"io"
	"slices"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/state/store"
)

// service is a request of a peer that is being answered.
type service struct {
	*Gossip
	x    jamnp.Exchange
	peer *peer
}

// Why a request is not answered.
var (
	errUnknown  = errors.New("gossip: no such block")
	errCannotBe = errors.New("gossip: the block cannot become final")
	errNotKept  = errors.New("gossip: what is asked for is not kept any more")
)

// read reads a request of one message, and then acts on it.
func read[M jamnp.Message](s *service, m M, limit int, then func(M)) {
	s.x.Next(limit, func(octets []byte, err error) {
		if err == nil {
			err = m.Decode(octets, s.Params)
		}
		if err != nil {
			s.refuse(err)
			return
		}
		s.x.Next(0, func(_ []byte, err error) {
			if err == nil {
				err = jamnp.ErrMessages
			}
			if !errors.Is(err, io.EOF) {
				s.refuse(err)
				return
			}
			then(m)
		})
	})
}

// refuse rejects a request, and blames the peer if it is malformed.
func (s *service) refuse(err error) {
	if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
		s.blame(s.x.Peer(), blameMalformed, "request", err)
	}
	s.reject(err)
}

func (s *service) reject(err error) {
	s.done()
	s.x.Reject(err)
}

func (s *service) answer(messages ...[]byte) {
	s.done()
	s.x.Answer(messages...)
}

func (s *service) done() {
	s.peer.serving--
	s.serving--
}

// blocks answers CE 128: with blocks that are final, or may become so.
func (s *service) blocks(r *jamnp.BlocksRequest) {
	most := int(min(r.Maximum, jamnp.MaxBlocks))
	tip := s.tipAbove(r.Block)
	disk, final := s.Store, s.Chain.Finalized()
	s.Loop.Go("", func() func() {
		answer, err := collect(disk, r, most, tip, final)
		return func() {
			if err != nil {
				s.reject(err)
				return
			}
			s.answer(answer)
		}
	})
}

// tipAbove gives the block towards which an ascending sequence goes: the best one, if that descends from the block or the block is
// not in the tree, else a leaf above the block.
func (s *service) tipAbove(hash protocol.Hash) *chain.Block {
	best := s.Chain.Best()
	from := s.Chain.Block(hash)
	if from == nil || s.Chain.IsAncestor(from, best) {
		return best
	}
	tip := from
	for children := s.Chain.Children(tip); len(children) > 0; children = s.Chain.Children(tip) {
		tip = children[0]
	}
	return tip
}

// collect reads blocks, beside the loop.
func collect(disk *store.Store, r *jamnp.BlocksRequest, most int, tip, final *chain.Block) ([]byte, error) {
	from, err := disk.Entry(r.Block)
	if err != nil {
		return nil, errUnknown
	}
	// What is not an ancestor of the finalized block must descend from it.
	old, err := disk.Ancestor(final.Hash, from.Hash, from.Slot)
	if err == nil && !old {
		var young bool
		if young, err = disk.Ancestor(from.Hash, final.Hash, final.Slot); err == nil && !young {
			err = errCannotBe
		}
	}
	if err != nil {
		return nil, err
	}
	var hashes []protocol.Hash
	if r.Direction == jamnp.DescendingInclusive {
		hashes, err = descend(disk, from, most)
	} else {
		hashes, err = ascend(disk, from, most, tip)
	}
	if err != nil {
		return nil, err
	}
	return encodeBlocks(disk, hashes)
}

// encodeBlocks puts blocks into a message, as many as it holds, but at least one.
func encodeBlocks(disk *store.Store, hashes []protocol.Hash) (answer []byte, err error) {
	for i, hash := range hashes {
		octets, err := disk.Block(hash)
		if errors.Is(err, store.ErrNotFound) {
			if i == 0 {
				return nil, errNotKept
			}
			break
		}
		if err != nil {
			return nil, err
		}
		if i > 0 && len(answer)+len(octets) > jamnp.AnswerOctets {
			break
		}
		answer = append(answer, octets...)
	}
	return answer, nil
}

// descend lists a block and its ancestors. The first block that a store has is the genesis, or one that came without a body.
func descend(disk *store.Store, from *store.Entry, most int) ([]protocol.Hash, error) {
	var out []protocol.Hash
	for at := from; at.Height > 0 && len(out) < most; {
		out = append(out, at.Hash)
		next, err := disk.Entry(at.Parent)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	if len(out) == 0 && most > 0 {
		return nil, errNotKept
	}
	return out, nil
}

// ascend lists the descendants of a block towards a tip.
func ascend(disk *store.Store, from *store.Entry, most int, tip *chain.Block) ([]protocol.Hash, error) {
	if ok, err := disk.Ancestor(tip.Hash, from.Hash, from.Slot); err != nil || !ok {
		return nil, err // nothing above it; or an answer would be of another fork
	}
	var out []protocol.Hash
	for window := uint64(most); len(out) == 0 && most > 0 && from.Slot < tip.Slot; window *= 2 {
		end := protocol.Slot(min(uint64(from.Slot)+window, uint64(tip.Slot)))
		at, err := disk.AncestorAt(tip.Hash, end)
		for err == nil && at.Hash != from.Hash {
			out = append(out, at.Hash)
			at, err = disk.Entry(at.Parent)
		}
		if err != nil {
			return nil, errNotKept
		}
		if end == tip.Slot {
			break
		}
	}
	slices.Reverse(out)
	return out[:min(len(out), most)], nil
}
