package bandersnatch

import (
	"crypto/sha512"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

const (
	// suite names the scheme in every hash.
	suite = "Bandersnatch_SHA-512_ELL2"
	// separation separates the hash to the curve; its last octet is its length.
	separation = "ECVRF_Bandersnatch_XMD:SHA-512_ELL2_RO_Bandersnatch_SHA-512_ELL2\x40"
)

// What the octet after the suite says a hash is for.
const (
	forChallenge = 0x02
	forOutput    = 0x03
	forBlinding  = 0xcc
)

// Constants of the Montgomery form K·t² = s³ + J·s² + s.
var (
	montgomeryK = fieldElement("25465760566081946422412445027709227188579564747101592991722834452325077642517")
	ratioJK     = fieldElement("22511181562295907836254750456843438087744031914659733450388350895537307167857") // J/K
	inverseKK   = fieldElement("35484827650731063748396669747216844996598387089274032563585525486049249153249") // 1/K²
	negRatioJK  = func() (z fr.Element) { z.Neg(&ratioJK); return z }()
)

// hashToCurve maps a message to a point of the prime subgroup: RFC 9380 with Elligator 2, but with 48 octets of padding
// before the message where the RFC has 128.
func hashToCurve(message []byte) affine {
	u := hashToField(message)
	sum := mapToCurve(&u)
	sum.double(false)
	sum.double(false) // clears the cofactor 4
	var out [1]affine
	normalise(out[:], []extended{sum})
	return out[0]
}

// hashToField is hash_to_field of RFC 9380 §5.2, for two elements.
func hashToField(message []byte) (u [2]fr.Element) {
	const elementLength = 48
	var padding [elementLength]byte
	h := sha512.New()
	h.Write(padding[:])
	h.Write(message)
	h.Write([]byte{0, 2 * elementLength, 0})
	h.Write([]byte(separation))
	var b0, b1, b2 [sha512.Size]byte
	h.Sum(b0[:0])
	block := make([]byte, 0, sha512.Size+1+len(separation))
	block = append(append(append(block, b0[:]...), 1), separation...)
	b1 = sha512.Sum512(block)
	for i := range b0 {
		block[i] = b0[i] ^ b1[i]
	}
	block[sha512.Size] = 2
	b2 = sha512.Sum512(block)
	var uniform [2 * sha512.Size]byte
	copy(uniform[:], b1[:])
	copy(uniform[sha512.Size:], b2[:])
	u[0] = fieldFrom384((*[elementLength]byte)(uniform[:]))
	u[1] = fieldFrom384((*[elementLength]byte)(uniform[elementLength:]))
	return u
}

// mapToCurve adds the two images of u under Elligator 2.
func mapToCurve(u *[2]fr.Element) extended {
	var denominators [2]fr.Element
	for i := range u {
		d := &denominators[i]
		d.Square(&u[i])
		fr.MulBy5(d)
		d.Add(d, &fieldOne)
		if d.IsZero() {
			d.SetOne()
		}
	}
	var both, first fr.Element
	both.Mul(&denominators[0], &denominators[1])
	both.Inverse(&both)
	first.Mul(&both, &denominators[1])
	both.Mul(&both, &denominators[0])
	p := elligator(&u[0], &first)
	q := elligator(&u[1], &both)
	c := q.cache()
	p.add(&c, false, false, false)
	return p
}

// elligator maps u to the curve, given the inverse of 1 + Z·u².
func elligator(u, inverse *fr.Element) extended {
	var x, y, g fr.Element
	x.Mul(&negRatioJK, inverse)
	// g(x) = x³ + (J/K)·x² + x/K²
	g.Add(&x, &ratioJK)
	g.Mul(&g, &x)
	g.Add(&g, &inverseKK)
	g.Mul(&g, &x)
	square := sqrt(&y, &g) && !g.IsZero()
	if !square {
		// x₂ = −x₁ − J/K has g(x₂) = Z·u²·g(x₁), and y is a root of Z·g(x₁).
		x.Neg(&x)
		x.Sub(&x, &ratioJK)
		y.Mul(&y, u)
		if inverse.IsOne() || g.IsZero() {
			y = secondRoot(&x)
		}
	}
	if odd := y.Bits()[0]&1 == 1; odd != square {
		y.Neg(&y)
	}
	return fromMontgomery(&x, &y)
}

// secondRoot returns √g(x) where the shortcut for it does not hold: u = 0, or Z·u² = −1, or g(x₁) = 0.
func secondRoot(x *fr.Element) (y fr.Element) {
	var g fr.Element
	g.Add(x, &ratioJK)
	g.Mul(&g, x)
	g.Add(&g, &inverseKK)
	g.Mul(&g, x)
	sqrt(&y, &g)
	return y
}

// fromMontgomery maps (x, y), scaled by K, to the Edwards curve.
func fromMontgomery(x, y *fr.Element) (p extended) {
	var s, t, plus, minus fr.Element
	s.Mul(x, &montgomeryK)
	t.Mul(y, &montgomeryK)
	plus.Add(&s, &fieldOne)
	minus.Sub(&s, &fieldOne)
	p.z.Mul(&plus, &t)
	if p.z.IsZero() {
		p.setIdentity()
		return p
	}
	// X = s/t and Y = (s−1)/(s+1), so T·Z = X·Y gives T = s·(s−1).
	p.x.Mul(&s, &plus)
	p.y.Mul(&minus, &t)
	p.t.Mul(&s, &minus)
	return p
}

// challenge hashes points and additional data to a scalar.
func challenge(points []byte, ad []byte) scalar {
	h := sha512.New()
	h.Write([]byte(suite))
	h.Write([]byte{forChallenge})
	h.Write(points)
	h.Write(ad)
	h.Write([]byte{0})
	var sum [sha512.Size]byte
	h.Sum(sum[:0])
	return scalarBE(sum[:32]).reduced()
}

// outputHash is the VRF output that an encoded output point stands for.
func outputHash(point []byte) [sha512.Size]byte {
	b := make([]byte, 0, len(suite)+len(point)+2)
	b = append(b, suite...)
	b = append(b, forOutput)
	b = append(b, point...)
	b = append(b, 0)
	return sha512.Sum512(b)
}

// nonce derives the secret nonce of a proof. The additional data must be part of extra: two proofs over one input with the
// same nonce and different challenges give the key away.
func nonce(secret *scalar, input []byte, extra ...[]byte) scalar {
	key := sha512.Sum512(secret.append(nil))
	h := sha512.New()
	h.Write(key[32:])
	h.Write(input)
	for _, e := range extra {
		h.Write(e)
	}
	var sum [sha512.Size]byte
	h.Sum(sum[:0])
	return scalarFrom512(scalarLE(sum[:32]), scalarLE(sum[32:]))
}

// blindingFactor derives the secret that hides a key in a Pedersen proof.
func blindingFactor(secret *scalar, input, ad []byte) scalar {
	h := sha512.New()
	h.Write([]byte(suite))
	h.Write([]byte{forBlinding})
	h.Write(secret.append(nil))
	h.Write(input)
	h.Write(ad)
	h.Write([]byte{0})
	var sum [sha512.Size]byte
	h.Sum(sum[:0])
	return scalarFrom512(scalarBE(sum[32:]), scalarBE(sum[:32]))
}
