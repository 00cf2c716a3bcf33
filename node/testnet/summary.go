package testnet

import (
	"slices"

	"damson/internal/protocol"
	"damson/node/host"
	"damson/node/load"
)

// Summary is what became of a run.
type Summary struct {
	Slots          int     `json:"slots"`
	BlocksAuthored int     `json:"blocks_authored"`    // forks included
	BlocksMissed   int     `json:"blocks_missed"`      // slots of the run without a block in the chain
	BestSlot       uint32  `json:"best_slot"`          // of the run's last block
	FinalizedSlot  uint32  `json:"finalized_slot"`     // of the run's last block that all nodes have made final
	FinalityLag    float64 `json:"finality_lag_slots"` // how far the finalized block was behind at the end of a slot, on average, where most
	Forks          int     `json:"forks"`              // blocks that are not in the chain
	Ticketed       int     `json:"ticketed_blocks"`
	Fallback       int     `json:"fallback_blocks"`
	Agree          bool    `json:"agree"` // all nodes that run have the same last block, of the same state, and have made it final
	StateRoot      string  `json:"state_root"`

	FinalityLagMax int     `json:"finality_lag_slots_max"`
	FinalityP95    float64 `json:"finality_p95_seconds"` // from the beginning of a block's slot until it is final
	FirstSlot      uint32  `json:"first_slot"`
	Ticketless     []int   `json:"fallback_blocks_by_epoch"` // of the run, by epoch of the chain
	Equivocations  uint64  `json:"equivocations"`            // that the node that saw most has seen
	Blocks         []int   `json:"blocks_by_validator"`      // in the chain
	SlotSeconds    float64 `json:"slot_seconds"`
	Protocol       bool    `json:"protocol_time"`
	Scenario       string  `json:"scenario,omitempty"`
	Healed         *bool   `json:"healed,omitempty"` // whether a scenario ended as it should

	BadReports *BadReports `json:"bad_reports,omitempty"` // of the scenario of that name

	*load.Summary // what became of the packages; nil: there were none
}

// summarize tells what became of a run of so many slots, with the lags of finality that were seen at their ends.
func (n *Net) summarize(count int, lags []int) *Summary {
	end := n.First + protocol.Slot(count)
	s := &Summary{
		Slots: count, Agree: true, FirstSlot: uint32(n.First), SlotSeconds: n.Slot.Seconds(),
		Protocol: n.Slots.Era.Equal(protocolEra), Scenario: string(n.Scenario), Blocks: make([]int, len(n.members)),
	}
	if count == 0 { // stopped at once: there is nothing that they could disagree about
		return s
	}
	var first *seen
	finalized := end
	var took []float64
	for i, r := range n.records {
		for _, d := range r.took {
			took = append(took, d.Seconds())
		}
		if n.members[i] == nil {
			continue
		}
		b := r.lastBefore(end)
		if b == nil {
			s.Agree, finalized = false, 0
			continue
		}
		if first == nil {
			first = b
		}
		finalized = min(finalized, r.last.Final.Slot)
		s.Agree = s.Agree && b.Hash == first.Hash && b.StateRoot == first.StateRoot && r.last.Final.Slot >= b.Slot
		s.Equivocations = max(s.Equivocations, r.last.Counts.Equivocations)
	}
	if first == nil {
		s.Agree = false
		return s
	}
	s.BestSlot, s.FinalizedSlot, s.StateRoot = uint32(first.Slot), uint32(min(finalized, first.Slot)), first.StateRoot.String()
	main, all := n.count(end)
	n.countBlocks(s, main)
	s.BlocksAuthored, s.Forks, s.BlocksMissed = all, all-len(main), count-len(main)
	for _, lag := range lags {
		s.FinalityLag += float64(lag) / float64(len(lags))
		s.FinalityLagMax = max(s.FinalityLagMax, lag)
	}
	if slices.Sort(took); len(took) > 0 {
		s.FinalityP95 = took[len(took)*95/100]
	}
	return s
}

func (n *Net) countBlocks(s *Summary, main []*seen) {
	firstEpoch, _ := n.Params.Epoch(n.First)
	lastEpoch, _ := n.Params.Epoch(n.First + protocol.Slot(s.Slots) - 1)
	s.Ticketless = make([]int, lastEpoch-firstEpoch+1)
	for _, b := range main {
		epoch, _ := n.Params.Epoch(b.Slot)
		if b.Ticketed {
			s.Ticketed++
		} else {
			s.Fallback++
			s.Ticketless[epoch-firstEpoch]++
		}
		if int(b.Author) < len(s.Blocks) {
			s.Blocks[b.Author]++
		}
	}
}

// count gives the blocks of the run before a slot that are in the chain of the first node that runs, the last one first, and how
// many any node has seen.
func (n *Net) count(end protocol.Slot) (main []*seen, all int) {
	known := make(map[host.Hash]*seen)
	for _, r := range n.records {
		for hash, b := range r.blocks {
			if known[hash] == nil && b.Slot >= n.First && b.Slot < end {
				known[hash] = b
			}
		}
	}
	for _, r := range n.records {
		b := r.lastBefore(end)
		if b == nil {
			continue
		}
		for b = known[b.Hash]; b != nil; b = known[b.Parent] {
			main = append(main, b)
		}
		break
	}
	return main, len(known)
}
