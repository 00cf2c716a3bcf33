package bandersnatch

import "math/bits"

// The endomorphism φ of the curve multiplies a point of the prime subgroup by λ, a root of λ² = −2 mod r. A scalar k is
// split as k = k₁ + k₂·λ with halves of at most 127 bits, so that k·P = k₁·P + k₂·φ(P) needs half the doublings.
//
// The lattice of pairs (a, b) with a + b·λ = 0 mod r has the reduced basis (latticeA1, −latticeB1), (latticeB1, latticeB2).
var (
	latticeA1 = [2]uint64{0xf1c4b23447ac3e88, 0x102967ddcabd1ebb}
	latticeB1 = [2]uint64{0x4b02f94a9789181f, 0x555fe2004be6928e}
	latticeB2 = [2]uint64{0xf8e2591a23d61f44, 0x0814b3eee55e8f5d}
	// roundB1 and roundB2 are latticeB1 and latticeB2 times 2^384/r, rounded: they make a division a product.
	roundB1 = [5]uint64{0xa9a789475436dfba, 0xb896e1904deba64f, 0xdebac77a3f4747c1, 0xf21df5b0541cf632, 0x2}
	roundB2 = [5]uint64{0xdec972cf0a58cc2b, 0xbcb69f852dcabf60, 0x993b75e7547768aa, 0x4760f127d8767bde, 0x0}
)

// half is one part of a split scalar: a sign and a magnitude below 2^128.
type half struct {
	magnitude [2]uint64
	negative  bool
}

// split returns the halves k₁, k₂ of s.
func (s *scalar) split() (k1, k2 half) {
	c1 := mulRound(s, &roundB2)
	c2 := mulRound(s, &roundB1)
	// k₁ = s − c₁·A₁ − c₂·B₁ and k₂ = c₁·B₁ − c₂·B₂, in two's complement modulo 2^256.
	p := mul128(&c1, &latticeA1)
	q := mul128(&c2, &latticeB1)
	t := sub256((*[4]uint64)(s), &p)
	t = sub256(&t, &q)
	k1 = signed(&t)
	p = mul128(&c1, &latticeB1)
	q = mul128(&c2, &latticeB2)
	t = sub256(&p, &q)
	k2 = signed(&t)
	return k1, k2
}

// mulRound returns s·m/2^384, rounded down, which fits two limbs.
func mulRound(s *scalar, m *[5]uint64) (c [2]uint64) {
	var t [9]uint64
	for i := range 4 {
		var carry uint64
		for j := range 5 {
			hi, lo := bits.Mul64(s[i], m[j])
			var x uint64
			lo, x = bits.Add64(lo, carry, 0)
			hi += x
			t[i+j], x = bits.Add64(t[i+j], lo, 0)
			carry = hi + x
		}
		t[i+5] = carry
	}
	return [2]uint64{t[6], t[7]}
}

func mul128(a, b *[2]uint64) (z [4]uint64) {
	h00, l00 := bits.Mul64(a[0], b[0])
	h01, l01 := bits.Mul64(a[0], b[1])
	h10, l10 := bits.Mul64(a[1], b[0])
	h11, l11 := bits.Mul64(a[1], b[1])
	var c, d uint64
	z[0] = l00
	z[1], c = bits.Add64(h00, l01, 0)
	z[2], c = bits.Add64(h01, l11, c)
	z[3] = h11 + c
	z[1], d = bits.Add64(z[1], l10, 0)
	z[2], d = bits.Add64(z[2], h10, d)
	z[3] += d
	return z
}

func sub256(a, b *[4]uint64) (z [4]uint64) {
	var borrow uint64
	for i := range z {
		z[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return z
}

// signed reads a small value in two's complement.
func signed(t *[4]uint64) half {
	if t[3]>>63 == 0 {
		return half{magnitude: [2]uint64{t[0], t[1]}}
	}
	lo, borrow := bits.Sub64(0, t[0], 0)
	hi, _ := bits.Sub64(0, t[1], borrow)
	return half{magnitude: [2]uint64{lo, hi}, negative: true}
}

// digitCount bounds the signed digits of a half: 128 bits and a carry.
const digitCount = 130

// digits writes the width-w non-adjacent form of h: every digit is zero or odd and below 2^(w−1) in magnitude, and of w
// neighbours at most one is not zero. It returns how many digits there are.
func (h *half) digits(width uint, out *[digitCount]int8) int {
	lo, hi := h.magnitude[0], h.magnitude[1]
	window, top := uint64(1)<<width, uint64(1)<<(width-1)
	n := 0
	for position := 0; lo|hi != 0; {
		if zeros := bits.TrailingZeros64(lo); zeros > 0 {
			if lo == 0 {
				zeros = 64
				lo, hi = hi, 0
			} else {
				lo = lo>>zeros | hi<<(64-zeros)
				hi >>= zeros
			}
			position += zeros
			continue
		}
		d := lo & (window - 1)
		var digit int8
		if d < top {
			digit = int8(d)
			lo -= d
		} else {
			digit = int8(int64(d) - int64(window))
			var carry uint64
			lo, carry = bits.Add64(lo, window-d, 0)
			hi += carry
		}
		if h.negative {
			digit = -digit
		}
		out[position] = digit
		n = position + 1
	}
	return n
}
