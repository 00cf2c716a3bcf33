// Package bls has BLS signatures on BLS12-381 with keys in both groups: ePrint 2022/1611.
//
// A public key is the secret times the generator of G1, 48 octets, and times that of G2, 96 octets, both compressed. A signature is
// the secret times the message hashed to G1, 48 octets compressed. A proof of equality (proof.go) shows, for one signer and
// without a pairing, that a signature has the key's discrete logarithm; signatures of one message are aggregated by addition, and
// checked with one equation of two pairings, in which the keys of G1 keep a false key from cancelling others (aggregate.go).
//
// Secrets are used in time that depends on them: whoever can measure a signer closely may learn them.
package bls

import (
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/blake2b"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Sizes in octets.
const (
	SeedSize      = 32
	PublicKeySize = bls12381.SizeOfG1AffineCompressed + bls12381.SizeOfG2AffineCompressed
	SignatureSize = bls12381.SizeOfG1AffineCompressed
)

// Why a key, a signature or a proof is refused.
var (
	ErrKey       = errors.New("bls: not a public key")
	ErrSignature = errors.New("bls: not a signature")
	ErrNone      = errors.New("bls: nothing to aggregate")
)

// domain separates what is hashed to G1, by the name that RFC 9380 and the BLS draft give to such a ciphersuite: keys are proven by
// being in both groups.
const domain = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"

// SecretKey signs.
type SecretKey struct {
	x      fr.Element
	public PublicKey
}

// PublicKey is a key that was decoded and checked.
type PublicKey struct {
	g1 bls12381.G1Affine
	g2 bls12381.G2Affine
}

// Signature is a signature, or the sum of several of one message.
type Signature struct{ point bls12381.G1Affine }

// NewKey derives a key from a seed. It is not zero.
func NewKey(seed [SeedSize]byte) *SecretKey {
	wide := blake2b.Sum512(append([]byte("damson_bls_key"), seed[:]...))
	k := new(SecretKey)
	k.x.SetBytes(wide[:])
	if k.x.IsZero() { // once in 2^255
		k.x.SetOne()
	}
	_, _, one, two := bls12381.Generators()
	var x big.Int
	k.x.BigInt(&x)
	k.public.g1.ScalarMultiplication(&one, &x)
	k.public.g2.ScalarMultiplication(&two, &x)
	return k
}

// Public gives the public key.
func (k *SecretKey) Public() *PublicKey { return &k.public }

// Bytes encodes the key: G1, then G2.
func (p *PublicKey) Bytes() (out [PublicKeySize]byte) {
	one, two := p.g1.Bytes(), p.g2.Bytes()
	copy(out[copy(out[:], one[:]):], two[:])
	return out
}

// DecodePublicKey reads a key: points of the right groups, not zero, with the same discrete logarithm.
func DecodePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("%w: %d octets", ErrKey, len(b))
	}
	p := new(PublicKey)
	if err := decodeG1(&p.g1, b[:bls12381.SizeOfG1AffineCompressed]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	two := b[bls12381.SizeOfG1AffineCompressed:]
	if !compressed(two) {
		return nil, fmt.Errorf("%w: not compressed", ErrKey)
	}
	if _, err := p.g2.SetBytes(two); err != nil { // and checks the group
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if p.g1.IsInfinity() || p.g2.IsInfinity() {
		return nil, fmt.Errorf("%w: zero", ErrKey)
	}
	// e(g1, B) = e(A, g2)
	_, _, one, generator := bls12381.Generators()
	var minus bls12381.G1Affine
	minus.Neg(&p.g1)
	same, err := bls12381.PairingCheck([]bls12381.G1Affine{one, minus}, []bls12381.G2Affine{p.g2, generator})
	if err != nil || !same {
		return nil, fmt.Errorf("%w: its halves are of different secrets", ErrKey)
	}
	return p, nil
}

// compressed says whether a point's octets have the mark of a compressed one, which gnark-crypto takes in either form.
func compressed(b []byte) bool { return b[0]&0x80 != 0 }

func decodeG1(p *bls12381.G1Affine, b []byte) error {
	if len(b) != bls12381.SizeOfG1AffineCompressed || !compressed(b) {
		return errors.New("not a compressed point")
	}
	_, err := p.SetBytes(b) // and checks the group
	return err
}

func hash(message []byte) bls12381.G1Affine {
	p, err := bls12381.HashToG1(message, []byte(domain))
	if err != nil { // of a domain that is too long
		return bls12381.G1Affine{}
	}
	return p
}

// Sign signs a message.
func (k *SecretKey) Sign(message []byte) *Signature {
	s := new(Signature)
	h := hash(message)
	var x big.Int
	s.point.ScalarMultiplication(&h, k.x.BigInt(&x))
	return s
}

// Bytes encodes the signature.
func (s *Signature) Bytes() [SignatureSize]byte { return s.point.Bytes() }

// DecodeSignature reads a signature: a point of G1 that is not zero.
func DecodeSignature(b []byte) (*Signature, error) {
	s := new(Signature)
	if err := decodeG1(&s.point, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if s.point.IsInfinity() {
		return nil, fmt.Errorf("%w: zero", ErrSignature)
	}
	return s, nil
}

// Verify says whether a signature is of a key and a message: e(S, g2) = e(H(m), B).
func Verify(p *PublicKey, message []byte, s *Signature) bool {
	_, _, _, generator := bls12381.Generators()
	h := hash(message)
	var minus bls12381.G1Affine
	minus.Neg(&s.point)
	ok, err := bls12381.PairingCheck([]bls12381.G1Affine{minus, h}, []bls12381.G2Affine{generator, p.g2})
	return err == nil && ok && !s.point.IsInfinity()
}
