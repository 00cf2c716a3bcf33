package gossip

import (
	"slices"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
)

// changes counts how many slots into an epoch its changes of connections are made: max(⌊E/30⌋, 1). JAMNP-S, "Epoch
// transitions".
func changes(p *protocol.Params) protocol.Slot { return max(p.EpochLength/30, 1) }

// finalized waits with an epoch's changes until both its first block is final and enough slots have passed.
func (g *Gossip) finalized(b *chain.Block) {
	for _, p := range g.order {
		p.forget(b.Slot)
	}
	for hash, w := range g.wants {
		if w.slot <= b.Slot {
			g.drop(hash, w)
		}
	}
	epoch, _ := g.Params.Epoch(b.Slot)
	if epoch <= max(g.sets.Epoch, g.due) {
		return
	}
	g.due = epoch
	begin := protocol.Slot(epoch)*g.Params.EpochLength + changes(g.Params)
	g.Loop.After(g.Slots.Start(begin).Sub(g.Loop.Now()), func() {
		if g.due != epoch {
			return // a later epoch has begun meanwhile
		}
		if err := g.connect(); err != nil {
			g.log.Error("the finalized state does not tell validators", "error", err)
		}
	})
}

// connect makes connections those that the finalized state asks for.
func (g *Gossip) connect() error {
	sets, err := NewSets(g.Params, g.sigma())
	if err != nil {
		return err
	}
	before := g.sets
	g.sets = sets
	wanted := g.wanted()
	keep := make(map[jamnp.PeerID]bool, len(wanted))
	for _, a := range wanted {
		g.Network.Connect(a.ID, a.At)
		keep[a.ID] = true
	}
	for _, a := range before.Everybody() {
		if !keep[a.ID] && !g.isBootnode(a.ID) && a.ID != g.Self {
			g.Network.Disconnect(a.ID)
		}
	}
	for _, p := range g.order {
		if p.Initiator && !p.opened && sets.Announces(g.Self, p.ID) {
			g.Network.Open(p.ID, jamnp.BlockAnnouncement)
		}
	}
	g.log.Debug("connections follow the validators", "epoch", sets.Epoch, "wanted", len(wanted))
	if g.Events.Connected != nil {
		g.Events.Connected(sets.Epoch, sets)
	}
	return nil
}

// wanted lists whom to be connected with: a validator with all others, another node with some of them.
func (g *Gossip) wanted() []Address {
	everybody := slices.DeleteFunc(g.sets.Everybody(), func(a Address) bool { return a.ID == g.Self || !a.At.IsValid() })
	if g.sets.Validator(g.Self) || len(everybody) <= g.Outbound {
		return everybody
	}
	// Whom it is connected with already is chosen first, so that an epoch changes as little as possible.
	g.Rand.Shuffle(len(everybody), func(i, j int) { everybody[i], everybody[j] = everybody[j], everybody[i] })
	slices.SortStableFunc(everybody, func(a, b Address) int {
		return g.rank(a.ID) - g.rank(b.ID)
	})
	return everybody[:g.Outbound]
}

func (g *Gossip) rank(id jamnp.PeerID) int {
	if p := g.peers[id]; p != nil && p.Initiator {
		return 0
	}
	return 1
}

func (g *Gossip) isBootnode(id jamnp.PeerID) bool {
	return slices.ContainsFunc(g.Bootnodes, func(a Address) bool { return a.ID == id })
}
