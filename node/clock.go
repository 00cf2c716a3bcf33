package node

import (
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
)

// clock notices that this machine's clock is not that of the others: by blocks of slots that have not begun here, and by
// blocks that are all late. GP §4.4 has nodes share a time, and nothing in the protocol tells it.
type clock struct {
	node   *Node
	ahead  map[jamnp.PeerID]bool // whose blocks came before their slots, since
	since  protocol.Slot
	late   int       // blocks one after another that came a slot late or more
	begun  time.Time // the first of these
	warned time.Time
}

const (
	clockSlots = 12          // within which blocks of two peers must come early
	clockLate  = 6           // so many late blocks one after another
	clockQuiet = time.Minute // between warnings
)

// early hears that a peer has a block of a slot that has not begun.
func (c *clock) early(id jamnp.PeerID, slot protocol.Slot) {
	n := c.node
	now := n.Slots.At(n.Loop.Now())
	if c.ahead == nil || now > c.since+clockSlots {
		c.ahead, c.since = make(map[jamnp.PeerID]bool), now
	}
	c.ahead[id] = true
	// One peer may lie, unless there is no other.
	if len(c.ahead) >= min(2, len(n.Network.Peers())) {
		c.warn("blocks come before their slots begin here: is this machine's clock slow?", slot)
	}
}

// imported looks at how late blocks are, while the node is not catching up.
func (c *clock) imported(b *chain.Block) {
	n := c.node
	if n.Loop.Now().Sub(n.Slots.Start(b.Slot)) < n.Slots.Duration || n.Gossip.Syncing() {
		c.late = 0
		return
	}
	if c.late++; c.late == 1 {
		c.begun = n.Loop.Now()
	}
	// Those that come all together are of a node that catches up.
	if c.late >= clockLate && n.Loop.Now().Sub(c.begun) >= (clockLate-1)*n.Slots.Duration/2 {
		c.late = 0
		c.warn("blocks come a slot late or more: is this machine's clock fast, or the network slow?", b.Slot)
	}
}

func (c *clock) warn(text string, slot protocol.Slot) {
	n := c.node
	now := n.Loop.Now()
	if now.Sub(c.warned) < clockQuiet {
		return
	}
	c.warned = now
	n.Log.Warn(text, "slot_of_block", slot, "slot_here", n.Slots.At(now), "difference", now.Sub(n.Slots.Start(slot)))
}
