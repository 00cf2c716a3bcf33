// Package keccak is Keccak-256 with the padding that Ethereum uses, the hash function ℋ_K of GP §3.8.1. It is
// not the SHA3-256 of FIPS 202.
package keccak

import "golang.org/x/crypto/sha3"

// Size is the length of a hash in octets.
const Size = 32

// Sum256 returns the hash of data.
func Sum256(data []byte) (sum [Size]byte) {
	h := sha3.NewLegacyKeccak256()
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}

// Sum256Parts returns the hash of the concatenation of parts.
func Sum256Parts(parts ...[]byte) (sum [Size]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(sum[:0])
	return sum
}
