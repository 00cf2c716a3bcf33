package gossip

import (
	"errors"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/importer"
)

// want is a block that the node has heard of and does not have.
type want struct {
	slot    protocol.Slot
	parent  protocol.Hash  // if it is known, else zero
	first   jamnp.PeerID   // who is charged for it
	sources []jamnp.PeerID // whom to ask, in this order
	asking  bool
}

const (
	// syncGap is how many slots ahead of the best block a block is for which the node catches up in order.
	syncGap = 24
	// fetchMost is how many blocks are asked for together, back from one that was announced.
	fetchMost = syncGap + 8
	// busyTime is how long to wait if all who have a block are asked for others.
	busyTime = 500 * time.Millisecond
)

// The rules for answers to block requests.
const (
	errNoBlocks = protocol.Invalid("gossip/answer_without_blocks")
	errNotAsked = protocol.Invalid("gossip/blocks_that_were_not_asked_for")
)

// Want gets a block that a peer is said to have, with its ancestors, and imports it.
func (g *Gossip) Want(hash protocol.Hash, slot protocol.Slot, from jamnp.PeerID) {
	g.want(hash, protocol.Hash{}, slot, from)
}

func (g *Gossip) want(hash, parent protocol.Hash, slot protocol.Slot, from jamnp.PeerID) {
	p := g.peers[from]
	if p == nil || slot <= g.Chain.Finalized().Slot || slot > g.latest() || g.Chain.Block(hash) != nil || g.Chain.Pending(hash) {
		return
	}
	if slot > g.Chain.Best().Slot+syncGap {
		if slot > p.head.Slot {
			p.head = jamnp.Final{Hash: hash, Slot: slot}
		}
		g.catchUp()
		return
	}
	w := g.wants[hash]
	if w == nil {
		if p.wants >= maxWantsOf || len(g.wants) >= maxWants {
			return
		}
		p.wants++
		w = &want{slot: slot, parent: parent, first: from}
		g.wants[hash] = w
	}
	if len(w.sources) < maxSources && !slices.Contains(w.sources, from) {
		w.sources = append(w.sources, from)
	}
	if !w.asking {
		g.ask(hash, w)
	}
}

// drop gives up a want, or is done with it.
func (g *Gossip) drop(hash protocol.Hash, w *want) {
	delete(g.wants, hash)
	if p := g.peers[w.first]; p != nil && p.wants > 0 {
		p.wants--
	}
}

// ask asks the next source that is not busy.
func (g *Gossip) ask(hash protocol.Hash, w *want) {
	if g.wants[hash] != w {
		return
	}
	w.sources = slices.DeleteFunc(w.sources, func(id jamnp.PeerID) bool { return g.peers[id] == nil })
	if len(w.sources) == 0 {
		g.drop(hash, w)
		return
	}
	w.asking = true
	at := slices.IndexFunc(w.sources, func(id jamnp.PeerID) bool { return g.peers[id].asked < maxAsked })
	if at < 0 {
		g.Loop.After(g.Slots.Scale(busyTime), func() { g.ask(hash, w) })
		return
	}
	p := g.peers[w.sources[at]]
	w.sources = slices.Delete(w.sources, at, at+1)
	most := min(w.slot-g.Chain.Finalized().Slot, fetchMost)
	if w.parent != (protocol.Hash{}) && g.has(w.parent) {
		most = 1
	}
	m := &jamnp.BlocksRequest{Block: hash, Direction: jamnp.DescendingInclusive, Maximum: uint32(most)}
	g.request(p, jamnp.BlockRequest, m, jamnp.BlocksLimit(g.Params), func(answer [][]byte, err error) {
		w.asking = false
		if g.wants[hash] == w && !g.take(p, hash, answer, err) {
			g.ask(hash, w)
		}
	})
}

// take imports what a peer answered; it reports whether that is what was asked for.
func (g *Gossip) take(p *peer, hash protocol.Hash, answer [][]byte, err error) bool {
	blocks, err := g.decodeBlocks(answer, err)
	if err == nil && blocks[0].Hash != hash {
		err = errNotAsked
	}
	for i := 1; err == nil && i < len(blocks); i++ {
		if blocks[i].Hash != blocks[i-1].Parent || blocks[i].Slot >= blocks[i-1].Slot {
			err = errNotAsked
		}
	}
	if err != nil {
		g.complain(p.ID, "block request", err)
		return false
	}
	for i := range blocks {
		p.know(blocks[i].Hash, blocks[i].Slot)
	}
	known := slices.IndexFunc(blocks, func(b jamnp.EncodedBlock) bool { return g.has(b.Hash) })
	if known >= 0 {
		blocks = blocks[:known]
	}
	if len(blocks) == 0 {
		return true
	}
	if oldest := blocks[len(blocks)-1]; !g.has(oldest.Parent) {
		return g.further(p, hash, oldest)
	}
	for _, b := range slices.Backward(blocks) {
		g.give(p.ID, b, nil)
	}
	return true
}

// further is for a block whose ancestors were not all in the answer.
func (g *Gossip) further(p *peer, hash protocol.Hash, oldest jamnp.EncodedBlock) bool {
	if oldest.Slot <= g.Chain.Finalized().Slot {
		return false // it is on a fork that cannot be final
	}
	g.drop(hash, g.wants[hash])
	g.syncFrom(p)
	return true
}

// has says whether a block need not be asked for.
func (g *Gossip) has(hash protocol.Hash) bool {
	return g.Chain.Block(hash) != nil || g.Chain.Pending(hash)
}

// give imports a block that a peer sent.
func (g *Gossip) give(from jamnp.PeerID, b jamnp.EncodedBlock, then func(*chain.Block, error)) {
	g.Chain.Import(b.Octets, func(in *chain.Block, err error) {
		if faulty(err) {
			g.blame(from, blameBadBlock, "block", err)
			if w := g.wants[b.Hash]; w != nil && !w.asking {
				g.ask(b.Hash, w) // others may have it with the right body
			}
		}
		if then != nil {
			then(in, err)
		}
	})
}

// faulty says whether a block was refused for what it is.
func faulty(err error) bool {
	_, invalid := errors.AsType[protocol.Invalid](err)
	return invalid && !errors.Is(err, importer.ErrUnknownParent)
}

// decodeBlocks reads an answer: one message, with blocks.
func (g *Gossip) decodeBlocks(answer [][]byte, err error) (jamnp.Blocks, error) {
	if err != nil {
		return nil, err
	}
	if len(answer) != 1 {
		return nil, jamnp.ErrMessages
	}
	var blocks jamnp.Blocks
	if err := blocks.Decode(answer[0], g.Params); err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		return nil, errNoBlocks
	}
	return blocks, nil
}

// complain blames a peer as much as its answer deserves. That it does not have a block any more, or is gone, is no fault.
func (g *Gossip) complain(id jamnp.PeerID, where string, err error) {
	switch {
	case errors.Is(err, jamnp.ErrTimeout):
		g.blame(id, blameSilent, where, err)
	case errors.Is(err, errNotAsked), errors.Is(err, jamnp.ErrOversized), errors.Is(err, jamnp.ErrMessages):
		g.blame(id, blameUnasked, where, err)
	case errors.Is(err, errNoBlocks):
	default:
		if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
			g.blame(id, blameMalformed, where, err)
		}
	}
}
