package merkle

import "damson/internal/protocol"

// Peak is a root in a mountain range, or none.
type Peak struct {
	Hash    protocol.Hash
	Present bool
}

// Range is a Merkle mountain range: the peak at index i is the root over 2^i items. GP §E.2.
type Range []Peak

// Append returns the range with leaf appended: 𝒜 of GP eq:mmrappend. The range it is called on does not change.
func (r Range) Append(leaf protocol.Hash, hash Hash) Range {
	post := append(make(Range, 0, len(r)+1), r...)
	for i := range post {
		if !post[i].Present {
			post[i] = Peak{leaf, true}
			return post
		}
		leaf = hash.join("", post[i].Hash[:], leaf[:])
		post[i] = Peak{}
	}
	return append(post, Peak{leaf, true})
}

// SuperPeak returns the hash that commits to the range: ℳ_R of GP §E.2. It is Keccak whatever the peaks were
// made with.
func (r Range) SuperPeak() protocol.Hash {
	var super protocol.Hash
	first := true
	for _, peak := range r {
		switch {
		case !peak.Present:
		case first:
			super, first = peak.Hash, false
		default:
			super = Keccak.join(peakPrefix, super[:], peak.Hash[:])
		}
	}
	return super
}
