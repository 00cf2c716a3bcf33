package node

import (
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/beefy"
	"damson/node/chain"
)

// Counts is what a node has done since it was started.
type Counts struct {
	Imported, Authored, Finalized uint64 // blocks
	Refused, Equivocations        uint64
	Reorgs                        uint64 // of the best chain to another fork
	Tickets                       uint64 // made here
}

// Status is how a node is.
type Status struct {
	Slot            protocol.Slot // of now
	Best, Finalized *chain.Block
	Leaves          int
	Peers           int
	Tickets         int    // in the pool, for the next epoch
	Round           uint64 // of GRANDPA; 0 if the node does not vote
	Syncing         bool
	Counts
	Work  WorkCounts
	Beefy beefy.Counts // zero where validators have no BLS keys
}

// Status says how the node is.
func (n *Node) Status() Status {
	_, tickets := n.Pool.Tickets()
	return Status{
		Slot: n.Slots.At(n.Loop.Now()), Best: n.Chain.Best(), Finalized: n.Chain.Finalized(), Leaves: len(n.Chain.Leaves()),
		Peers: len(n.Network.Peers()), Tickets: tickets, Round: n.Voter.Round(), Syncing: n.Gossip.Syncing(), Counts: n.counts,
		Work: n.workCounts(), Beefy: n.Beefy.Counts(),
	}
}

func (n *Node) counting() chain.Events {
	height := n.Chain.Finalized().Height
	return chain.Events{
		Imported: func(*chain.Block) { n.counts.Imported++ },
		Best: func(before, now *chain.Block) {
			if !n.Chain.IsAncestor(before, now) {
				n.counts.Reorgs++
			}
		},
		Finalized: func(b *chain.Block) {
			n.counts.Finalized += b.Height - height
			height = b.Height
		},
		Refused:     func(protocol.Hash, error) { n.counts.Refused++ },
		Equivocated: func(_, _ *chain.Block) { n.counts.Equivocations++ },
	}
}

func (n *Node) authored(b *chain.Block) {
	n.counts.Authored++
	if n.Events.Authored != nil {
		n.Events.Authored(b)
	}
}

// sendTicket sends a ticket made here on its way.
func (n *Node) sendTicket(epoch uint32, id protocol.Hash, proof *block.TicketProof) {
	n.counts.Tickets++
	n.Proxy.Send(epoch, id, proof)
}
