package bandersnatch

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/bandersnatch"
)

// PublicKey is a decoded public key. It keeps tables that make verification faster from the second signature on, so keep
// it. It is safe for concurrent use.
type PublicKey struct {
	point   affine
	encoded [PublicKeySize]byte
	tables  func() *multiples
}

// ParsePublicKey decodes a key, which must be in the prime subgroup.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	p, err := decodePoint(b)
	if err != nil {
		return nil, err
	}
	return newPublicKey(p), nil
}

func newPublicKey(p affine) *PublicKey {
	k := &PublicKey{point: p}
	copy(k.encoded[:], appendPoint(nil, &p))
	k.tables = sync.OnceValue(func() *multiples { return newSplitMultiples(&k.point, keyWidth) })
	return k
}

// Bytes returns the encoding of the key.
func (k *PublicKey) Bytes() [PublicKeySize]byte { return k.encoded }

// Input is a VRF input hashed to the curve. It pays to keep one that many proofs share. It is safe for concurrent use.
type Input struct {
	point   affine
	encoded [PublicKeySize]byte
	tables  func() *multiples
}

// NewInput hashes data to the curve.
func NewInput(data []byte) *Input {
	in := &Input{point: hashToCurve(data)}
	copy(in.encoded[:], appendPoint(nil, &in.point))
	in.tables = sync.OnceValue(func() *multiples { return newMultiples(&in.point) })
	return in
}

// baseTables are those of the generator G.
var baseTables = sync.OnceValue(func() *multiples {
	g := bandersnatch.GetEdwardsCurve().Base
	return newSplitMultiples(&g, fixedWidth)
})

// Verify reports whether sig is a signature by k over the input and the additional data: nil, or what is wrong.
func (k *PublicKey) Verify(input, ad, sig []byte) error {
	if len(sig) != SignatureSize {
		return ErrLength
	}
	return k.VerifyInput(NewInput(input), ad, sig)
}

// VerifyInput is [PublicKey.Verify] with an input that is already hashed.
func (k *PublicKey) VerifyInput(in *Input, ad, sig []byte) error {
	if len(sig) != SignatureSize {
		return ErrLength
	}
	output, err := decodePoint(sig[:PublicKeySize])
	if err != nil {
		return err
	}
	c := scalarLE(sig[32:64]).reduced() // any 256-bit value is accepted, as the reference does
	s := scalarLE(sig[64:96])
	if !s.canonical() {
		return ErrScalar
	}
	minusC := c.neg()

	// U = s·G − c·Y and V = s·I − c·O.
	u := newProduct(2)
	u.add(&s, baseTables())
	u.add(&minusC, k.tables())
	v := newProduct(2)
	v.add(&s, in.tables())
	v.add(&minusC, newMultiples(&output))
	var nonces [2]affine
	normalise(nonces[:], []extended{u.sum(), v.sum()})

	points := make([]byte, 0, 5*PublicKeySize)
	points = append(points, k.encoded[:]...)
	points = append(points, in.encoded[:]...)
	points = appendPoint(points, &output)
	points = appendPoint(points, &nonces[0])
	points = appendPoint(points, &nonces[1])
	if challenge(points, ad) != c {
		return ErrSignature
	}
	return nil
}

// Output returns the VRF output of a signature, plain or ring, without verifying it. GP calls it Y.
func Output(sig []byte) ([OutputSize]byte, error) {
	if len(sig) != SignatureSize && len(sig) != RingSignatureSize {
		return [OutputSize]byte{}, ErrLength
	}
	var point [PublicKeySize]byte
	copy(point[:], sig)
	if point == identityWithSign {
		point[31] = 0 // the one point with two encodings counts as the canonical one
	}
	sum := outputHash(point[:])
	return [OutputSize]byte(sum[:OutputSize]), nil
}

// identityWithSign is (0, 1), with the sign that an x of zero does not have.
var identityWithSign = [PublicKeySize]byte{0: 0x01, 31: 0x80}
