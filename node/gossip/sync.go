package gossip

import (
	"maps"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
)

// syncing is how the node catches up: it asks for blocks in ascending order, one peer after another, while those that came before
// are executed. Each answer must go on where the one before ended, so that no peer can lead it astray for longer than the
// execution of a block takes.
type syncing struct {
	since    time.Time
	cursor   jamnp.Final // the last block that was downloaded
	base     bool        // it began at the finalized block, which all share, and not at the best one
	asking   bool
	queued   int // blocks that are not imported yet
	octets   int // of these
	blocks   int // imported
	restarts int
	turn     int                   // whom to ask next
	given    map[jamnp.PeerID]bool // who gave nothing, or bad blocks
	bad      map[jamnp.PeerID]bool // who gave bad blocks
	asked    map[jamnp.PeerID]bool
}

const (
	syncMost      = 128      // blocks asked for together
	aheadBlocks   = 512      // downloaded and not executed
	aheadOctets   = 64 << 20 // of these
	maxRestarts   = 8
	progressEvery = 32 // blocks
)

// Syncing says whether the node is catching up: it should not author then. That a peer says that it is far ahead does not count,
// only that there are blocks to execute.
func (g *Gossip) Syncing() bool { return g.sync != nil && g.sync.blocks > 0 }

// catchUp begins to catch up if a peer is far ahead, or goes on with it.
func (g *Gossip) catchUp() {
	if g.sync != nil {
		g.advance(g.sync)
		return
	}
	if g.target() > g.Chain.Best().Slot+syncGap {
		g.begin(&syncing{since: g.Loop.Now(), cursor: nameOf(g.Chain.Best())})
	}
}

// syncFrom catches up from the finalized block, because a peer is on a fork that is long.
func (g *Gossip) syncFrom(p *peer) {
	if g.sync == nil && p.head.Slot > g.Chain.Finalized().Slot {
		g.begin(&syncing{since: g.Loop.Now(), cursor: g.final(), base: true})
	}
}

func (g *Gossip) begin(s *syncing) {
	if s.asked == nil {
		s.bad, s.asked = make(map[jamnp.PeerID]bool), make(map[jamnp.PeerID]bool)
	}
	s.given = maps.Clone(s.bad)
	g.sync = s
	g.advance(s)
}

// Behind says whether a peer has told of a block that is later than the best one here.
func (g *Gossip) Behind() bool { return g.target() > g.Chain.Best().Slot }

// target is the latest slot that peers say they have a block of.
func (g *Gossip) target() (slot protocol.Slot) {
	for _, p := range g.order {
		slot = max(slot, p.head.Slot)
	}
	return slot
}

// advance asks for the next blocks, unless enough wait to be executed; or sees that the node has caught up.
func (g *Gossip) advance(s *syncing) {
	if g.sync != s || s.asking || s.queued >= aheadBlocks || s.octets >= aheadOctets {
		return
	}
	p, busy := g.nextSource(s)
	switch {
	case p != nil:
		g.askAscending(s, p)
	case busy:
		s.asking = true
		g.Loop.After(g.Slots.Scale(busyTime), func() {
			s.asking = false
			g.advance(s)
		})
	case s.queued > 0:
	case !s.base && s.blocks == 0 && len(s.given) > 0:
		// Nobody goes on from our best block: all are on another fork.
		g.begin(&syncing{since: s.since, cursor: g.final(), base: true, restarts: s.restarts, bad: s.bad, asked: s.asked})
	default:
		g.sync = nil
		for _, p := range g.order {
			if s.given[p.ID] && p.head.Slot > s.cursor.Slot {
				p.head = s.cursor // it does not have what it says; until it announces more
			}
		}
		if s.blocks == 0 && s.base && len(s.given) > 0 {
			g.stuck(s)
			return
		}
		g.lost = false
		g.progress(s, g.Chain.Best().Slot)
		g.log.Debug("caught up", "slot", g.Chain.Best().Slot, "blocks", s.blocks, "peers", len(s.asked))
		g.flush()
	}
}

// stuck is for when nobody gives what follows on the finalized block, although some say that they are far ahead: they may not keep
// blocks that are so old. Then only a state helps.
func (g *Gossip) stuck(s *syncing) {
	if !g.lost {
		g.log.Warn("no peer gives the blocks that follow on ours", "slot", s.cursor.Slot, "peers", len(s.given))
	}
	g.lost = true
}

// Lost says that the last attempt to catch up got nothing from anybody, so that a state should be downloaded: see Warp.
func (g *Gossip) Lost() bool { return g.lost }

// nextSource picks, in turns, a peer that says it has more blocks. Busy says that there is one, but not now.
func (g *Gossip) nextSource(s *syncing) (p *peer, busy bool) {
	for i := range g.order {
		at := (s.turn + i) % len(g.order)
		p := g.order[at]
		if p.head.Slot <= s.cursor.Slot || s.given[p.ID] {
			continue
		}
		if p.asked >= maxAsked {
			busy = true
			continue
		}
		s.turn = at + 1
		return p, false
	}
	return nil, busy
}

func (g *Gossip) askAscending(s *syncing, p *peer) {
	s.asking, s.asked[p.ID] = true, true
	m := &jamnp.BlocksRequest{Block: s.cursor.Hash, Direction: jamnp.AscendingExclusive, Maximum: syncMost}
	g.request(p, jamnp.BlockRequest, m, jamnp.BlocksLimit(g.Params), func(answer [][]byte, err error) {
		s.asking = false
		if g.sync != s {
			return
		}
		blocks, err := g.decodeBlocks(answer, err)
		if err == nil {
			err = g.follows(s.cursor, blocks)
		}
		if err != nil {
			g.complain(p.ID, "ascending block request", err)
			s.given[p.ID] = true
			g.advance(s)
			return
		}
		for _, b := range blocks {
			s.cursor = jamnp.Final{Hash: b.Hash, Slot: b.Slot}
			p.know(b.Hash, b.Slot)
			if g.Chain.Block(b.Hash) == nil {
				g.execute(s, p, b)
			}
		}
		g.advance(s)
	})
}

// follows checks that blocks go on from one.
func (g *Gossip) follows(from jamnp.Final, blocks jamnp.Blocks) error {
	for i := range blocks {
		if blocks[i].Parent != from.Hash || blocks[i].Slot <= from.Slot || blocks[i].Slot > g.latest() {
			return errNotAsked
		}
		from = jamnp.Final{Hash: blocks[i].Hash, Slot: blocks[i].Slot}
	}
	return nil
}

// execute imports a block that was downloaded. If it fails, all that was downloaded after it goes with it.
func (g *Gossip) execute(s *syncing, p *peer, b jamnp.EncodedBlock) {
	s.queued++
	s.octets += len(b.Octets)
	g.give(p.ID, b, func(_ *chain.Block, err error) {
		s.queued--
		s.octets -= len(b.Octets)
		if g.sync != s {
			return
		}
		if err != nil {
			g.restart(s, p, err)
			return
		}
		if s.blocks++; s.blocks%progressEvery == 0 {
			g.progress(s, g.target())
		}
		g.advance(s)
	})
}

// restart begins again after a block was refused, with others if it was bad.
func (g *Gossip) restart(s *syncing, p *peer, err error) {
	g.log.Debug("catching up begins again", "peer", p.ID.PeerName(), "error", err)
	if s.restarts >= maxRestarts {
		g.sync = nil // the next slot sees to it
		return
	}
	next := &syncing{since: s.since, cursor: nameOf(g.Chain.Best()), blocks: s.blocks, restarts: s.restarts + 1, turn: s.turn}
	next.bad, next.asked = s.bad, s.asked
	if faulty(err) {
		next.bad[p.ID] = true
	}
	g.begin(next)
}

func (g *Gossip) progress(s *syncing, target protocol.Slot) {
	if g.Events.Progress != nil {
		g.Events.Progress(Progress{
			At: g.Chain.Best().Slot, Target: target, Blocks: s.blocks, Peers: len(s.asked), Since: s.since,
		})
	}
}
