package finality

import (
	"bytes"
	"slices"

	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// Set is the voters who finalize the blocks of an epoch, up to and including the first block of a later epoch.
//
// It follows from the finalized chain alone: its number is the epoch of the finalized block, and its members are the active
// validators κ′ after that block. Keys that were zeroed (Φ, GP eq:blacklistfilter) have no vote and do not count, and a key that stands
// there twice votes once. κ changes with the first block of an epoch and not within, so that all finalized blocks of an
// epoch give the same set.
type Set struct {
	ID     uint32
	Voters []protocol.Ed25519Key // in the order of κ

	index  map[protocol.Ed25519Key]int
	keys   []*ed25519.Key // prepared for verification
	places []protocol.Validator
	size   int // of κ: the grid's
}

// NewSet makes the set of an epoch from the keys of its active validators.
func NewSet(epoch uint32, active []protocol.Ed25519Key) *Set {
	s := &Set{ID: epoch, index: make(map[protocol.Ed25519Key]int), size: len(active)}
	for i, key := range active {
		if _, double := s.index[key]; double || key == (protocol.Ed25519Key{}) {
			continue
		}
		s.index[key] = len(s.Voters)
		s.Voters = append(s.Voters, key)
		s.places = append(s.places, protocol.Validator(i))
		s.keys = append(s.keys, ed25519.NewKey(key))
	}
	return s
}

// Faults is f: how many voters may lie without harm, the most that are less than a third.
func (s *Set) Faults() int { return max(0, len(s.Voters)-1) / 3 }

// Threshold is how many voters make a supermajority: more than two thirds.
func (s *Set) Threshold() int { return len(s.Voters) - s.Faults() }

// Index gives a voter's place in the set; -1 for others.
func (s *Set) Index(key protocol.Ed25519Key) int {
	if i, ok := s.index[key]; ok {
		return i
	}
	return -1
}

// primary gives who proposes in a round.
func (s *Set) primary(round uint64) int { return int((round + uint64(s.ID)) % uint64(len(s.Voters))) }

// maxMesh is how many voters send their votes to all others themselves. Larger sets use the grid and hand votes on.
const maxMesh = 24

func (s *Set) mesh() bool { return len(s.Voters) <= maxMesh }

// neighbours gives the voters to whom one of the set sends votes, in ascending order of their keys.
func (s *Set) neighbours(self int) []protocol.Ed25519Key {
	var out []protocol.Ed25519Key
	for i, key := range s.Voters {
		if i != self && (s.mesh() || jamnp.Neighbours(s.places[self], s.places[i], s.size)) {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, func(a, b protocol.Ed25519Key) int { return bytes.Compare(a[:], b[:]) })
	return out
}
