package bls

import (
	"fmt"
	"math/big"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"golang.org/x/crypto/blake2b"
)

// ProofSize is that of a signature with a proof of equality.
const ProofSize = SignatureSize + 2*fr.Bytes

// Proven is a signature of one signer with a proof, after Chaum and Pedersen, that it has the same discrete logarithm to the hashed
// message as the key's half in G1 has to the generator. It is checked without pairings.
type Proven struct {
	Signature
	challenge, response fr.Element
}

// Prove signs a message, with a proof. The nonce follows from the secret and the message.
func (k *SecretKey) Prove(message []byte) *Proven {
	s := &Proven{Signature: *k.Sign(message)}
	secret := k.x.Bytes()
	wide := blake2b.Sum512(append(append([]byte("damson_bls_nonce"), secret[:]...), message...))
	var nonce fr.Element
	nonce.SetBytes(wide[:])
	var n big.Int
	nonce.BigInt(&n)
	_, _, one, _ := bls12381.Generators()
	h := hash(message)
	var u, v bls12381.G1Affine
	u.ScalarMultiplication(&one, &n)
	v.ScalarMultiplication(&h, &n)
	s.challenge = challenge(&k.public, message, &s.Signature, &u, &v)
	s.response.Mul(&s.challenge, &k.x)
	s.response.Sub(&nonce, &s.response)
	return s
}

// Verify says whether the signature is of a key and a message.
func (s *Proven) Verify(p *PublicKey, message []byte) bool {
	if s.point.IsInfinity() {
		return false
	}
	_, _, one, _ := bls12381.Generators()
	h := hash(message)
	u := combine(&one, &s.response, &p.g1, &s.challenge)
	v := combine(&h, &s.response, &s.point, &s.challenge)
	c := challenge(p, message, &s.Signature, &u, &v)
	return c.Equal(&s.challenge)
}

// combine is x·a + y·b.
func combine(a *bls12381.G1Affine, x *fr.Element, b *bls12381.G1Affine, y *fr.Element) bls12381.G1Affine {
	var n, m big.Int
	var left, right bls12381.G1Affine
	left.ScalarMultiplication(a, x.BigInt(&n))
	right.ScalarMultiplication(b, y.BigInt(&m))
	return *left.Add(&left, &right)
}

func challenge(p *PublicKey, message []byte, s *Signature, u, v *bls12381.G1Affine) (c fr.Element) {
	b := []byte("damson_bls_equality")
	for _, point := range []*bls12381.G1Affine{&p.g1, &s.point, u, v} {
		octets := point.Bytes()
		b = append(b, octets[:]...)
	}
	wide := blake2b.Sum512(append(b, message...))
	c.SetBytes(wide[:])
	return c
}

// Bytes encodes the signature and its proof: two scalars, the greatest octet first.
func (s *Proven) Bytes() (out [ProofSize]byte) {
	point, c, r := s.point.Bytes(), s.challenge.Bytes(), s.response.Bytes()
	n := copy(out[:], point[:])
	n += copy(out[n:], c[:])
	copy(out[n:], r[:])
	return out
}

// DecodeProven reads a signature with its proof.
func DecodeProven(b []byte) (*Proven, error) {
	if len(b) != ProofSize {
		return nil, fmt.Errorf("%w: %d octets", ErrSignature, len(b))
	}
	point, err := DecodeSignature(b[:SignatureSize])
	if err != nil {
		return nil, err
	}
	s := &Proven{Signature: *point}
	if err := s.challenge.SetBytesCanonical(b[SignatureSize : SignatureSize+fr.Bytes]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if err := s.response.SetBytesCanonical(b[SignatureSize+fr.Bytes:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return s, nil
}
