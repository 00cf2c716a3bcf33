package erasure

import "sync"

// The field is GF(2)[x] modulo x^16 + x^5 + x^3 + x^2 + 1. A word of 16 bits stands for the sum of those elements of the
// Cantor basis whose bits are set. GP §H.2.
const (
	polynomial = 0x1002D
	order      = 1<<16 - 1 // of the multiplicative group; x generates it
)

// cantorBasis is v of GP §H.2; bit t is the coefficient of x^t.
var cantorBasis = [16]uint16{
	0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
	0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E,
}

// field multiplies words. log[0] means nothing and is zero; exp is defined up to order-1.
type field struct {
	log, exp [1 << 16]uint16
}

// gf returns the field's tables, computed when first wanted.
var gf = sync.OnceValue(func() *field {
	f := new(field)
	var toPolynomial, logOfPolynomial [1 << 16]uint16
	for j, v := range cantorBasis {
		for w := range 1 << j {
			toPolynomial[1<<j|w] = toPolynomial[w] ^ v
		}
	}
	element := uint32(1)
	for i := range order {
		logOfPolynomial[element] = uint16(i)
		if element <<= 1; element>>16 != 0 {
			element ^= polynomial
		}
	}
	for w := 1; w < 1<<16; w++ {
		f.log[w] = logOfPolynomial[toPolynomial[w]]
		f.exp[f.log[w]] = uint16(w)
	}
	return f
})

// times returns a·x^log.
func (f *field) times(a uint16, log int) uint16 {
	if a == 0 {
		return 0
	}
	sum := int(f.log[a]) + log
	if sum >= order {
		sum -= order
	}
	return f.exp[sum]
}

// products returns what a product with a comes to for each bit of the other factor: all that is linear
// follows from it.
func (f *field) products(a uint16) (p [16]uint16) {
	if a == 0 {
		return p
	}
	for j := range p {
		p[j] = f.times(1<<j, int(f.log[a]))
	}
	return p
}
