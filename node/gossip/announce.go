package gossip

import (
	"cmp"
	"slices"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
)

// Handshake implements jamnp.Handler: it lists the leaves of the tree of blocks.
func (g *Gossip) Handshake(id jamnp.PeerID, kind jamnp.Kind) []byte {
	if kind != jamnp.BlockAnnouncement {
		return nil
	}
	if p := g.peers[id]; p != nil {
		p.opened = true
	}
	m := jamnp.Handshake{Final: g.final()}
	for _, b := range g.Chain.Leaves() {
		if b != g.Chain.Finalized() {
			m.Leaves = append(m.Leaves, nameOf(b))
		}
	}
	if n := len(m.Leaves) - jamnp.MaxLeaves; n > 0 {
		m.Leaves = m.Leaves[n:]
	}
	return jamnp.Encode(&m)
}

// Opened implements jamnp.Handler: it wants the leaves that it does not have.
func (g *Gossip) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	p := g.peers[id]
	if p == nil || kind != jamnp.BlockAnnouncement {
		return
	}
	var m jamnp.Handshake
	if err := m.Decode(handshake, g.Params); err != nil {
		g.blame(id, blameMalformed, "handshake", err)
		return
	}
	g.heardFinal(p, m.Final)
	g.heard(p, m.Final, protocol.Hash{})
	slices.SortStableFunc(m.Leaves, func(a, b jamnp.Final) int { return cmp.Compare(b.Slot, a.Slot) })
	for _, leaf := range m.Leaves[:min(len(m.Leaves), maxLeavesTaken)] {
		g.heard(p, leaf, protocol.Hash{})
	}
	g.catchUp()
}

// Received implements jamnp.Handler: an announcement.
func (g *Gossip) Received(id jamnp.PeerID, kind jamnp.Kind, message []byte) {
	p := g.peers[id]
	if p == nil || kind != jamnp.BlockAnnouncement {
		return
	}
	m := &g.announced
	if err := m.Decode(message, g.Params); err != nil {
		g.blame(id, blameMalformed, "announcement", err)
		return
	}
	g.heardFinal(p, m.Final)
	g.heard(p, jamnp.Final{Hash: m.Hash(), Slot: m.Header.Slot}, m.Header.Parent)
}

// heardFinal notes what a peer says is final.
func (g *Gossip) heardFinal(p *peer, f jamnp.Final) {
	if f.Slot > g.latest() || f.Slot < p.final.Slot {
		return
	}
	p.final = f
	if f.Slot > p.head.Slot {
		p.head = f
	}
}

// heard notes that a peer has a block, and gets the block if it is not known. The parent is zero if nobody has told it.
func (g *Gossip) heard(p *peer, f jamnp.Final, parent protocol.Hash) {
	if g.Events.Early != nil && f.Slot > g.Slots.At(g.Loop.Now()) {
		g.Events.Early(p.ID, f.Slot)
	}
	if f.Slot <= g.Chain.Finalized().Slot || f.Slot > g.latest() {
		return
	}
	if f.Slot > p.head.Slot {
		p.head = f
	}
	p.know(f.Hash, f.Slot)
	b := g.Chain.Block(f.Hash)
	if b == nil {
		g.want(f.Hash, parent, f.Slot, p.ID)
		return
	}
	for b = g.Chain.Parent(b); b != nil && b != g.Chain.Finalized(); b = g.Chain.Parent(b) {
		if !p.know(b.Hash, b.Slot) {
			return // its ancestors are known to be known too
		}
	}
}

// know notes that a peer announced a block or a descendant of it; it reports whether that is new.
func (p *peer) know(hash protocol.Hash, slot protocol.Slot) bool {
	if _, ok := p.knows[hash]; ok || len(p.knows) >= maxKnown {
		return false
	}
	if p.knows == nil {
		p.knows = make(map[protocol.Hash]protocol.Slot)
	}
	p.knows[hash] = slot
	return true
}

// forget drops what has become final.
func (p *peer) forget(final protocol.Slot) {
	for hash, slot := range p.knows {
		if slot <= final {
			delete(p.knows, hash)
		}
	}
}

// imported announces a block, when all that is imported together with it is there.
func (g *Gossip) imported(b *chain.Block) {
	if w := g.wants[b.Hash]; w != nil {
		g.drop(b.Hash, w)
	}
	g.fresh = append(g.fresh, b)
	if len(g.fresh) > maxKnown {
		g.fresh = g.tips(g.fresh)
	}
	if !g.flushing {
		g.flushing = true
		g.Loop.Post(g.flush)
	}
}

// flush announces what was imported. While the node catches up that can wait: the last of the blocks is announced in place of
// the others.
func (g *Gossip) flush() {
	g.flushing = false
	if g.Syncing() {
		return
	}
	fresh := g.tips(g.fresh)
	g.fresh = g.fresh[:0]
	for _, b := range fresh {
		g.announce(b)
	}
}

// tips leaves out blocks of which a descendant is among the others, and those that have been cut off.
func (g *Gossip) tips(blocks []*chain.Block) []*chain.Block {
	covered := make(map[*chain.Block]bool, len(blocks))
	for _, b := range blocks {
		for a := g.Chain.Parent(b); a != nil && !covered[a]; a = g.Chain.Parent(a) {
			covered[a] = true
		}
	}
	var out []*chain.Block
	for _, b := range blocks {
		if !covered[b] && g.Chain.Block(b.Hash) == b {
			out = append(out, b)
		}
	}
	return out
}

// announce tells a block to those who should hear of it from us and have not said that they know it.
func (g *Gossip) announce(b *chain.Block) {
	var message []byte
	for _, p := range g.order {
		if !p.opened || p.Initiator && !g.sets.Announces(g.Self, p.ID) {
			continue
		}
		if _, known := p.knows[b.Hash]; known {
			continue
		}
		if message == nil {
			message = jamnp.Encode(&jamnp.Announcement{Header: *b.Header, Final: g.final()})
		}
		g.Network.Send(p.ID, jamnp.BlockAnnouncement, message)
	}
}

func (g *Gossip) final() jamnp.Final { return nameOf(g.Chain.Finalized()) }

func nameOf(b *chain.Block) jamnp.Final { return jamnp.Final{Hash: b.Hash, Slot: b.Slot} }
