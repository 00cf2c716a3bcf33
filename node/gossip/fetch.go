package gossip

import (
	"errors"
	"math"
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
	tries   int       // requests that failed
	have    []fetched // what has come: the block, its parent, and so on
}

// fetched is a block that a peer sent.
type fetched struct {
	jamnp.EncodedBlock
	from jamnp.PeerID
}

const (
	// syncGap is how many slots ahead of the best block a block is for which the node catches up in order.
	syncGap = 24
	// fetchMost is how many blocks are asked for together, back from one that was announced.
	fetchMost = syncGap + 8
	// maxFetched bounds the blocks that are kept of one fork until it is seen where it begins, and maxFetchedOctets those of all.
	maxFetched       = 256
	maxFetchedOctets = 64 << 20
	// maxTries bounds how often a block is asked for again that nobody gave, with more time between each time.
	maxTries = 6
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

// Seek gets a block that nobody in particular is known to have, from those who are not behind it.
func (g *Gossip) Seek(hash protocol.Hash, slot protocol.Slot) {
	left := maxSources
	for _, p := range g.order {
		if p.head.Slot >= slot && left > 0 {
			g.Want(hash, slot, p.ID)
			left--
		}
	}
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
	g.release(w)
	if p := g.peers[w.first]; p != nil && p.wants > 0 {
		p.wants--
	}
}

// release gives back what has come.
func (g *Gossip) release(w *want) {
	for _, b := range w.have {
		g.fetched -= len(b.Octets)
	}
	w.have = nil
}

// ask asks the next source that is not busy for what is missing: the block itself, or the parent of the oldest that has come.
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
	m := &jamnp.BlocksRequest{Block: hash, Direction: jamnp.DescendingInclusive, Maximum: uint32(g.missing(w))}
	if n := len(w.have); n > 0 {
		m.Block = w.have[n-1].Parent
	}
	g.request(p, jamnp.BlockRequest, m, jamnp.BlocksLimit(g.Params), func(answer [][]byte, err error) {
		w.asking = false
		if g.wants[hash] != w {
			return
		}
		blocks, err := g.decodeBlocks(answer, err)
		if err == nil {
			err = g.precede(m.Block, w, blocks)
		}
		if err != nil {
			g.complain(p.ID, "block request", err)
			g.retry(hash, w, p, err)
			return
		}
		g.take(hash, w, p, blocks)
	})
}

// missing guesses how many blocks to ask for: one if the parent is known, else all that there can be.
func (g *Gossip) missing(w *want) protocol.Slot {
	if len(w.have) == 0 && w.parent != (protocol.Hash{}) && g.has(w.parent) {
		return 1
	}
	slot := w.slot
	if n := len(w.have); n > 0 {
		slot = w.have[n-1].Slot
	}
	return max(min(slot-min(slot, g.Chain.Finalized().Slot), fetchMost), 1)
}

// precede checks that blocks are the one asked for, its parent, and so on.
func (g *Gossip) precede(first protocol.Hash, w *want, blocks jamnp.Blocks) error {
	slot := protocol.Slot(math.MaxUint32) // whoever named the block may have lied about its slot
	if n := len(w.have); n > 0 {
		slot = w.have[n-1].Slot
	}
	for i := range blocks {
		if blocks[i].Hash != first || blocks[i].Slot >= slot {
			return errNotAsked
		}
		first, slot = blocks[i].Parent, blocks[i].Slot
	}
	return nil
}

// retry asks another source; and the same once more, later, if it was only busy or too slow.
func (g *Gossip) retry(hash protocol.Hash, w *want, p *peer, err error) {
	if _, invalid := errors.AsType[protocol.Invalid](err); !invalid && w.tries < maxTries && g.peers[p.ID] == p {
		w.sources = append(w.sources, p.ID)
		w.tries++
	}
	if w.tries == 0 || len(w.sources) > 1 {
		g.ask(hash, w)
		return
	}
	w.asking = true
	g.Loop.After(g.Slots.Scale(busyTime)<<w.tries, func() {
		w.asking = false
		g.ask(hash, w)
	})
}

// take notes what a peer answered, and imports it with what came before if nothing is missing any more.
func (g *Gossip) take(hash protocol.Hash, w *want, p *peer, blocks jamnp.Blocks) {
	for _, b := range blocks {
		p.know(b.Hash, b.Slot)
		if g.has(b.Hash) {
			break
		}
		w.have = append(w.have, fetched{b, p.ID})
		g.fetched += len(b.Octets)
	}
	n := len(w.have)
	if n == 0 {
		return // it has come from elsewhere meanwhile
	}
	w.sources = append(w.sources, p.ID)
	switch oldest := w.have[n-1]; {
	case g.has(oldest.Parent):
		have := w.have
		g.release(w)
		w.sources = slices.DeleteFunc(w.sources, func(id jamnp.PeerID) bool { return id == p.ID })
		for _, b := range slices.Backward(have) {
			g.give(b.from, b.EncodedBlock, nil)
		}
	case oldest.Slot <= g.Chain.Finalized().Slot:
		g.drop(hash, w) // it is on a fork that cannot be final
	case n > maxFetched || g.fetched > maxFetchedOctets:
		g.drop(hash, w)
		g.syncFrom(p)
	default:
		g.ask(hash, w)
	}
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
		}
		if w := g.wants[b.Hash]; err != nil && w != nil && !w.asking {
			g.ask(b.Hash, w) // others may have it with the right body
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
