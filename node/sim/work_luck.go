package sim

import (
	"time"

	"damson/internal/protocol"
	"damson/node/chain"
	"damson/state/safrole"
)

// unlucky says whether a node's finality waits for a report that nobody innocent was drawn to audit in the place of those who do
// not show up, by our own reading of GP eq:latertranches. That can go on for many tranches where few are left to be drawn: for one
// who is missing, each of 18 validators steps in with a chance of a ninth.
func (c *workChecker) unlucky(n *simNode) bool {
	final := n.node.Chain.Finalized()
	var oldest *chain.Block // that is not audited
	for b := n.node.Chain.Best(); b != nil && b.Slot > final.Slot; b = n.node.Chain.Parent(b) {
		for _, report := range c.blocks[b.Hash].available {
			if !n.desk.audited(heardKey{b.Hash, report}) {
				oldest = b
			}
		}
	}
	if oldest == nil {
		return false
	}
	for _, report := range c.blocks[oldest.Hash].available {
		if key := (heardKey{oldest.Hash, report}); !n.desk.audited(key) && c.undrawn(n, oldest, key) {
			c.work.report.Unlucky++
			c.world.say("node %d waits for somebody to draw report %s", n.index, report)
			return true
		}
	}
	return false
}

// undrawn says whether those who are missing in the last tranche of a report are all sinners, and nobody innocent was drawn since.
func (c *workChecker) undrawn(n *simNode, b *chain.Block, key heardKey) bool {
	seed, err := safrole.FreshEntropy(b.Header)
	if err != nil {
		return false
	}
	last, missing, heard := uint8(0), 0, make(map[int]bool)
	for _, a := range n.desk.heard[key] {
		last, heard[a.validator] = max(last, a.tranche), true
	}
	for _, a := range n.desk.heard[key] {
		if a.tranche != last || !n.desk.wordsOn(key.report).valid[a.validator].IsZero() {
			continue
		}
		if missing++; !c.world.nodes[a.validator].desk.sinful() {
			return false
		}
	}
	now := c.world.now.Sub(c.world.slots.Start(b.Slot)) / (protocol.AuditTrancheSeconds * time.Second)
	for tranche := last + 1; time.Duration(tranche) < now; tranche++ {
		input := append(append([]byte(protocol.ContextAudit), seed[:]...), key.report[:]...)
		input = append(input, tranche)
		for v, other := range c.world.nodes {
			if heard[v] || other.desk.sinful() || other.life == nil {
				continue
			}
			drawn := c.world.Base.Keys[v].Bandersnatch.Output(input)
			if len(c.world.nodes)*int(drawn[0]) < 256*protocol.AuditBias*missing {
				return false
			}
		}
	}
	return missing > 0
}
