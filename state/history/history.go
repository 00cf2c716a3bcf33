// Package history keeps β, what is remembered of the last blocks: GP §7.
package history

import (
	"bytes"
	"slices"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/merkle"
	"damson/internal/protocol"
	"damson/state"
)

// WithStateRoot gives β†: the parent is now known by the root of the state after it, H_R. GP eq:correctlaststateroot.
func WithStateRoot(prior *state.Recent, root protocol.Hash) *state.Recent {
	if len(prior.Blocks) == 0 {
		return prior
	}
	post := *prior
	post.Blocks = slices.Clone(prior.Blocks)
	post.Blocks[len(post.Blocks)-1].StateRoot = root
	return &post
}

// Transition gives β′, where recent is β†, outputs the root of what was accumulated ([OutputRoot]), and reported what
// the block's guarantees report ([Reported]). GP eq:accoutbeltdef, GP eq:recenthistorydef.
func Transition(p *protocol.Params, recent *state.Recent, header, outputs protocol.Hash, reported []state.ReportedPackage) *state.Recent {
	post := &state.Recent{Belt: recent.Belt.Append(outputs, merkle.Keccak)}
	kept := recent.Blocks[max(0, len(recent.Blocks)+1-p.RecentBlocks):]
	post.Blocks = append(append(make([]state.RecentBlock, 0, len(kept)+1), kept...), state.RecentBlock{
		HeaderHash: header,
		BeefyRoot:  post.Belt.SuperPeak(),
		Reported:   reported,
	})
	return post
}

// OutputRoot is the root over θ′, what services yielded in this block. GP §7.
func OutputRoot(outputs state.LastOutputs) protocol.Hash {
	const size = 4 + len(protocol.Hash{})
	flat := make([]byte, 0, len(outputs)*size)
	items := make([][]byte, len(outputs))
	for i := range outputs {
		flat = codec.AppendU32(flat, uint32(outputs[i].Service))
		flat = append(flat, outputs[i].Hash[:]...)
		items[i] = flat[i*size:]
	}
	return merkle.Root(items, merkle.Keccak)
}

// Reported lists the packages that the guarantees report, by hash.
func Reported(guarantees []block.Guarantee) []state.ReportedPackage {
	reported := make([]state.ReportedPackage, len(guarantees))
	for i := range guarantees {
		spec := &guarantees[i].Report.Package
		reported[i] = state.ReportedPackage{Hash: spec.Hash, ExportsRoot: spec.ExportsRoot}
	}
	slices.SortFunc(reported, func(a, b state.ReportedPackage) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return reported
}
