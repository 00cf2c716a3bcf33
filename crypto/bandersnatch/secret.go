package bandersnatch

import (
	"crypto/sha512"
	"crypto/subtle"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// SecretKey signs. It is safe for concurrent use.
type SecretKey struct {
	secret scalar
	public *PublicKey
}

// NewSecretKey derives the key of a seed, of any length.
func NewSecretKey(seed []byte) *SecretKey {
	sum := sha512.Sum512(seed)
	x := scalarFrom512(scalarLE(sum[:32]), scalarLE(sum[32:]))
	for counter := byte(1); x.isZero(); counter++ {
		sum = sha512.Sum512(append(append([]byte(nil), seed...), counter))
		x = scalarFrom512(scalarLE(sum[:32]), scalarLE(sum[32:]))
	}
	return newSecretKey(x)
}

// ParseSecretKey reads a secret scalar: 32 little-endian octets, below the order and not zero.
func ParseSecretKey(b []byte) (*SecretKey, error) {
	if len(b) != scalarSize {
		return nil, ErrLength
	}
	x := scalarLE(b)
	if !x.canonical() || x.isZero() {
		return nil, ErrScalar
	}
	return newSecretKey(x), nil
}

func newSecretKey(x scalar) *SecretKey {
	return &SecretKey{secret: x, public: newPublicKey(multiplyAll(&x, &base)[0])}
}

// Public returns the public key.
func (k *SecretKey) Public() *PublicKey { return k.public }

// Sign signs the input and the additional data. The signature carries the VRF output of the input.
func (k *SecretKey) Sign(input, ad []byte) [SignatureSize]byte {
	in := NewInput(input)
	return k.sign(in, ad, nonce(&k.secret, in.encoded[:], ad))
}

// SignHedged is Sign with a nonce that depends on hedge, too: signatures of the same with different hedges differ, and carry the same
// output.
func (k *SecretKey) SignHedged(input, ad, hedge []byte) [SignatureSize]byte {
	in := NewInput(input)
	return k.sign(in, ad, nonce(&k.secret, in.encoded[:], []byte("hedged"), ad, hedge))
}

// sign signs with the given nonce.
func (k *SecretKey) sign(in *Input, ad []byte, secretNonce scalar) (sig [SignatureSize]byte) {
	images := multiplyAll(&k.secret, &in.point)
	nonces := multiplyAll(&secretNonce, &base, &in.point)
	points := make([]byte, 0, 5*PublicKeySize)
	points = append(points, k.public.encoded[:]...)
	points = append(points, in.encoded[:]...)
	points = appendPoint(points, &images[0])
	points = appendPoint(points, &nonces[0])
	points = appendPoint(points, &nonces[1])
	c := challenge(points, ad)
	s := c.mul(&k.secret)
	s = s.add(&secretNonce)
	out := append(sig[:0], points[2*PublicKeySize:3*PublicKeySize]...)
	out = c.append(out)
	s.append(out)
	return sig
}

// Output returns the VRF output that every signature of the input by this key carries.
func (k *SecretKey) Output(input []byte) [OutputSize]byte {
	in := NewInput(input)
	images := multiplyAll(&k.secret, &in.point)
	sum := outputHash(appendPoint(nil, &images[0]))
	return [OutputSize]byte(sum[:OutputSize])
}

// multiplyAll returns s times each of the points.
func multiplyAll(s *scalar, points ...*affine) []affine {
	products := make([]extended, len(points))
	for i, p := range points {
		products[i] = multiplySecret(s, p)
	}
	out := make([]affine, len(points))
	normalise(out, products)
	return out
}

// multiplySecret returns s·p. The sequence of its operations and of the memory that it reads is always the same.
func multiplySecret(s *scalar, p *affine) extended {
	const window = 4
	var table [1 << window]cached
	var q extended
	q.setIdentity()
	table[0] = q.cache()
	q.setAffine(p)
	table[1] = q.cache()
	for i := 2; i < len(table); i++ {
		q.add(&table[1], false, false, true)
		table[i] = q.cache()
	}
	var acc extended
	acc.setIdentity()
	for position := 256 - window; position >= 0; position -= window {
		for i := range window {
			acc.double(i == window-1)
		}
		digit := s[position/64] >> (position % 64) & (1<<window - 1)
		var chosen cached
		for i := range table {
			chosen.orIf(&table[i], subtle.ConstantTimeEq(int32(i), int32(digit)))
		}
		acc.add(&chosen, false, false, false)
	}
	return acc
}

// orIf merges q into c if the condition is 1. c is all zeros until the one time that it is.
func (c *cached) orIf(q *cached, condition int) {
	mask := -uint64(condition)
	for _, pair := range [4][2]*fr.Element{{&c.x, &q.x}, {&c.y, &q.y}, {&c.z, &q.z}, {&c.t, &q.t}} {
		for i := range pair[0] {
			pair[0][i] |= pair[1][i] & mask
		}
	}
}
