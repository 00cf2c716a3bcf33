// Package merkle has the general Merkle trees of GP §E: commitments to sequences, proofs that an item is in
// one, and mountain ranges that grow.
//
// tree.go has the well-balanced tree M_B and its traces T, page.go the constant-depth tree M with the page
// proofs 𝒥 and ℒ, range.go the mountain range. Trees are hashed level by level, see queue.go. The state trie of GP §D is
// not here.
package merkle

import (
	"damson/crypto/blake2b"
	"damson/crypto/keccak"
	"damson/internal/protocol"
)

// Hash is a hash function: H of GP §E. Where the paper names none, Blake2b is meant.
type Hash struct {
	sum  func(data []byte) [32]byte
	many func(out [][32]byte, data []byte, size int)
}

// The two hash functions that the Gray Paper uses.
var (
	Blake2b = Hash{blake2b.Sum256, blake2b.SumMany}
	Keccak  = Hash{keccak.Sum256, manyKeccak}
)

func manyKeccak(out [][32]byte, data []byte, size int) {
	for i := range out {
		out[i] = keccak.Sum256(data[i*size : (i+1)*size])
	}
}

const (
	nodePrefix = "node"
	leafPrefix = "leaf"
	peakPrefix = "peak"
)

// join hashes the prefix and the two blobs that follow it.
func (h Hash) join(prefix string, left, right []byte) protocol.Hash {
	var room [len(nodePrefix) + 2*len(protocol.Hash{})]byte
	return h.sum(append(append(append(room[:0], prefix...), left...), right...))
}
