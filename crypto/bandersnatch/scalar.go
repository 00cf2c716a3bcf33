package bandersnatch

import (
	"encoding/binary"
	"math/bits"
)

// scalar is an integer modulo r, the order of the prime subgroup: four limbs, least significant first.
// Arithmetic keeps values below r. Nothing here depends on the value in its running time except [scalar.split]
// and what is built upon it.
type scalar [4]uint64

var (
	// order is r.
	order = scalar{0x74fd06b52876e7e1, 0xff8f870074190471, 0x0cce760202687600, 0x1cfb69d4ca675f52}
	// montgomerySquare is 2^512 mod r, which carries a product into and out of Montgomery form.
	montgomerySquare = scalar{0xdbb4f5d658db47cb, 0x40fa7ca27fecb938, 0xaa9e6daec0055cea, 0x0ae793ddb14aec7d}
)

// negInverse is −1/r mod 2^64.
const negInverse = 0xf19f22295cc063df

// reduceOnce subtracts r from the value with the given carry limb unless that goes below zero.
func (s *scalar) reduceOnce(carry uint64) {
	var t scalar
	var borrow uint64
	for i := range t {
		t[i], borrow = bits.Sub64(s[i], order[i], borrow)
	}
	_, borrow = bits.Sub64(carry, 0, borrow)
	keep := -borrow // all ones if s < r
	for i := range s {
		s[i] = s[i]&keep | t[i]&^keep
	}
}

// scalarLE reads 32 little-endian octets without reducing them.
func scalarLE(b []byte) (s scalar) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s
}

// scalarBE reads 32 big-endian octets without reducing them.
func scalarBE(b []byte) (s scalar) {
	for i := range s {
		s[3-i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return s
}

// canonical tells whether s is below r.
func (s *scalar) canonical() bool {
	var borrow uint64
	for i := range s {
		_, borrow = bits.Sub64(s[i], order[i], borrow)
	}
	return borrow == 1
}

// reduced returns a 256-bit value modulo r, which it exceeds less than nine times.
func (s scalar) reduced() scalar {
	for range 8 {
		s.reduceOnce(0)
	}
	return s
}

// scalarFrom512 returns lo + 2^256·hi modulo r.
func scalarFrom512(lo, hi scalar) scalar {
	high := montgomeryMul(&hi, &montgomerySquare)
	low := lo.reduced()
	return low.add(&high)
}

// append appends the 32 little-endian octets of s.
func (s *scalar) append(b []byte) []byte {
	for _, limb := range s {
		b = binary.LittleEndian.AppendUint64(b, limb)
	}
	return b
}

func (s *scalar) isZero() bool { return s[0]|s[1]|s[2]|s[3] == 0 }

func (s *scalar) add(t *scalar) (sum scalar) {
	var carry uint64
	for i := range sum {
		sum[i], carry = bits.Add64(s[i], t[i], carry)
	}
	sum.reduceOnce(carry)
	return sum
}

func (s *scalar) neg() (n scalar) {
	var borrow uint64
	for i := range n {
		n[i], borrow = bits.Sub64(order[i], s[i], borrow)
	}
	n.reduceOnce(0) // r − 0 is r
	return n
}

// mul returns s·t mod r.
func (s *scalar) mul(t *scalar) scalar {
	u := montgomeryMul(s, t)
	return montgomeryMul(&u, &montgomerySquare)
}

// montgomeryMul returns a·b/2^256 mod r. One of the two must be below r, the other may be any 256-bit value.
func montgomeryMul(a, b *scalar) (z scalar) {
	var t [5]uint64
	for i := range 4 {
		// t += a·b[i]
		var carry uint64
		for j := range 4 {
			hi, lo := bits.Mul64(a[j], b[i])
			var c uint64
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			t[j], c = bits.Add64(t[j], lo, 0)
			carry = hi + c
		}
		var top uint64
		t[4], top = bits.Add64(t[4], carry, 0)
		// t = (t + m·r)/2^64
		m := t[0] * negInverse
		hi, lo := bits.Mul64(m, order[0])
		_, c := bits.Add64(t[0], lo, 0)
		carry = hi + c
		for j := 1; j < 4; j++ {
			hi, lo = bits.Mul64(m, order[j])
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			t[j-1], c = bits.Add64(t[j], lo, 0)
			carry = hi + c
		}
		t[3], c = bits.Add64(t[4], carry, 0)
		t[4] = top + c
	}
	copy(z[:], t[:4])
	z.reduceOnce(t[4])
	return z
}
