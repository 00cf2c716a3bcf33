// Package shuffle is the Fisher-Yates shuffle of GP §F, by which entropy assigns validators to cores and
// auditors to reports.
package shuffle

import (
	"encoding/binary"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// InPlace shuffles s by entropy. GP eq:sequencefromhash.
func InPlace[T any](s []T, entropy protocol.Hash) {
	// The paper takes the chosen element out and moves the last one into its place. Here the two change
	// places: what was chosen gathers at the end of s, the first one last.
	var block [blake2b.Size]byte
	for i := range s {
		if i%numbersPerBlock == 0 {
			block = hashBlock(entropy, i/numbersPerBlock)
		}
		number := binary.LittleEndian.Uint32(block[4*(i%numbersPerBlock):])
		last := len(s) - 1 - i
		chosen := int(uint64(number) % uint64(last+1))
		s[chosen], s[last] = s[last], s[chosen]
	}
	slices.Reverse(s)
}

// Indices returns the numbers below n, shuffled by entropy.
func Indices[T ~uint16 | ~uint32 | ~int](n T, entropy protocol.Hash) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(i)
	}
	InPlace(s, entropy)
	return s
}

const numbersPerBlock = blake2b.Size / 4

// hashBlock returns the next eight numbers of the sequence 𝒬, which GP eq:sequencefromhash makes of a hash.
func hashBlock(entropy protocol.Hash, index int) [blake2b.Size]byte {
	var preimage [len(entropy) + 4]byte
	copy(preimage[:], entropy[:])
	binary.LittleEndian.PutUint32(preimage[len(entropy):], uint32(index))
	return blake2b.Sum256(preimage[:])
}
