// Package bandersnatch has the verifiable random functions of GP appendix G: the plain VRF of a seal (a signature of 96
// octets), and the ring VRF, in which one of a ring of keys signs without saying which (784 octets).
//
// The scheme is Bandersnatch_SHA-512_ELL2 of ark-vrf 0.1 and 0.2 with the KZG ring proof of that time. Start at
// [PublicKey.Verify] in ietf.go; [RingVerifier] in ring.go has the ring proof, whose equations are in constraints.go, and
// [RingCommitment] the commitment to a ring. Below them are the curve (point.go, straus.go) and the hash to it (hash.go).
//
// Verification takes no secrets and its running time depends on its input. Signing multiplies in a fixed pattern, on the
// field arithmetic of gnark-crypto, which does not promise constant time.
package bandersnatch

// Sizes in octets.
const (
	SeedSize           = 32
	PublicKeySize      = 32
	OutputSize         = 32
	SignatureSize      = 96
	RingCommitmentSize = 144
	RingSignatureSize  = 784

	scalarSize   = 32
	pedersenSize = 160
)

// Error says what is wrong with an input. All errors of this package are of this type, or wrap one.
type Error string

func (e Error) Error() string { return string(e) }

// Why an input is refused.
const (
	ErrLength    = Error("bandersnatch: wrong length")
	ErrPoint     = Error("bandersnatch: not a point")
	ErrSubgroup  = Error("bandersnatch: point outside the prime subgroup")
	ErrScalar    = Error("bandersnatch: scalar not canonical")
	ErrSignature = Error("bandersnatch: invalid signature")
	ErrRingSize  = Error("bandersnatch: unsupported ring size")
	ErrNotInRing = Error("bandersnatch: the key is not in the ring")
)

// Why a signature cannot be made.
const (
	ErrNoReference = Error("bandersnatch: proving needs the structured reference string")
	ErrProof       = Error("bandersnatch: the proof made does not hold")
)
