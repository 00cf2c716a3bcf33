package state

import (
	"damson/internal/codec"
	"damson/internal/merkle"
	"damson/internal/protocol"
)

// Recent is β: the last blocks and the log of accumulation outputs. GP eq:recentspec.
type Recent struct {
	Blocks []RecentBlock // β_H: at most H, the oldest first
	Belt   merkle.Range  // β_B: peaks of the Merkle mountain belt
}

// RecentBlock is what is kept of a block. GP eq:recenthistoryspec.
type RecentBlock struct {
	HeaderHash protocol.Hash     // h
	BeefyRoot  protocol.Hash     // b: the belt's super-peak
	StateRoot  protocol.Hash     // s: posterior; zero until the next block tells it
	Reported   []ReportedPackage // p: ordered by package hash
}

// ReportedPackage is a package reported in a block, with the root of its exports.
type ReportedPackage struct {
	Hash        protocol.Hash
	ExportsRoot protocol.Hash
}

// DecodeRecent reads C(3).
func DecodeRecent(d *codec.Decoder, p *protocol.Params) *Recent {
	r := new(Recent)
	r.Blocks = make([]RecentBlock, d.Count(p.RecentBlocks, 97))
	for i := range r.Blocks {
		b := &r.Blocks[i]
		b.HeaderHash, b.BeefyRoot, b.StateRoot = d.Hash(), d.Hash(), d.Hash()
		b.Reported = make([]ReportedPackage, d.Count(maxCount, 64))
		for j := range b.Reported {
			b.Reported[j] = ReportedPackage{d.Hash(), d.Hash()}
		}
	}
	r.Belt = make(merkle.Range, d.Count(maxCount, 1))
	for i := range r.Belt {
		if d.Bool() {
			r.Belt[i] = merkle.Peak{Hash: d.Hash(), Present: true}
		}
	}
	return r
}

// AppendTo appends C(3).
func (r *Recent) AppendTo(b []byte) []byte {
	b = codec.AppendCount(b, len(r.Blocks))
	for i := range r.Blocks {
		block := &r.Blocks[i]
		b = append(b, block.HeaderHash[:]...)
		b = append(b, block.BeefyRoot[:]...)
		b = append(b, block.StateRoot[:]...)
		b = codec.AppendCount(b, len(block.Reported))
		for j := range block.Reported {
			b = append(b, block.Reported[j].Hash[:]...)
			b = append(b, block.Reported[j].ExportsRoot[:]...)
		}
	}
	b = codec.AppendCount(b, len(r.Belt))
	for _, peak := range r.Belt {
		b = codec.AppendBool(b, peak.Present)
		if peak.Present {
			b = append(b, peak.Hash[:]...)
		}
	}
	return b
}
