// Package merkle has the general Merkle trees of GP §E: commitments to sequences, proofs that an item is in
// one, and mountain ranges that grow.
//
// tree.go has the well-balanced tree M_B and its traces T, page.go the constant-depth tree M with the page
// proofs 𝒥 and ℒ, range.go the mountain range. The state trie of GP §D is not here.
package merkle

import (
	"damson/crypto/blake2b"
	"damson/crypto/keccak"
	"damson/internal/protocol"
)

// Hash is a hash function: H of GP §E.
type Hash func(data []byte) [32]byte

// The two hash functions that the Gray Paper uses. Where it names none, Blake2b is meant.
var (
	Blake2b Hash = blake2b.Sum256
	Keccak  Hash = keccak.Sum256
)

const (
	nodePrefix = "node"
	leafPrefix = "leaf"
	peakPrefix = "peak"
)

// hasher is a hash function with room for what it is about to hash.
type hasher struct {
	hash    Hash
	scratch []byte
}

func newHasher(h Hash) hasher {
	return hasher{h, make([]byte, 0, len(nodePrefix)+2*len(protocol.Hash{}))}
}

// join hashes the prefix and the two blobs that follow it.
func (h *hasher) join(prefix string, left, right []byte) protocol.Hash {
	h.scratch = append(append(append(h.scratch[:0], prefix...), left...), right...)
	return h.hash(h.scratch)
}
