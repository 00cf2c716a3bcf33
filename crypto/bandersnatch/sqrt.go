package bandersnatch

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Square roots in the base field, where q − 1 = 2^32·m with m odd.
//
// With v = x^((m−1)/2), the power x^m = x·v² is g^e for a generator g of the group of order 2^32. If e is even then
// x·v·g^(−e/2) is a root of x; else x is no square, but Z·x is one for every non-square Z. e is read eight bits at a time.

// nonSquare is Z of the Elligator map, 5.
const nonSquare = 5

type rootTables struct {
	inverse   [4][256]fr.Element // inverse[j][i] is g^(−i·2^(8j))
	logarithm map8               // of the elements of order 256
	powerZ    fr.Element         // Z^((m−1)/2)·Z, what turns a root's x·v into that of Z·x
	exponentZ uint32             // Z^m is g^exponentZ
}

// map8 finds the exponent of an element of order 256 by the low bits of its first limb, which tell them apart.
type map8 struct {
	mask  uint64
	shift uint
	slots []uint8
}

func (m *map8) slot(x *fr.Element) *uint8 { return &m.slots[x[0]>>m.shift&m.mask] }

var roots = sync.OnceValue(newRootTables)

func newRootTables() *rootTables {
	t := new(rootTables)
	// Z^m generates the group, being the odd part of a non-square.
	var z, g fr.Element
	z.SetUint64(nonSquare)
	t.powerZ.ExpBySqrtExp(z)
	t.powerZ.Mul(&t.powerZ, &z)
	var half fr.Element
	half.ExpBySqrtExp(z)
	g.Mul(&t.powerZ, &half)
	t.exponentZ = 1
	var step fr.Element
	step.Inverse(&g)
	for j := range t.inverse {
		row := &t.inverse[j]
		row[0].SetOne()
		for i := 1; i < len(row); i++ {
			row[i].Mul(&row[i-1], &step)
		}
		step.Mul(&row[255], &step)
	}
	// g^(2^24) has order 256; its powers are found among the inverses.
	t.logarithm.fill(&t.inverse[3])
	return t
}

// fill looks for bits of the first limb in which the 256 values differ.
func (m *map8) fill(inverses *[256]fr.Element) {
	for size := uint(12); ; size++ {
		for shift := uint(0); shift+size <= 64; shift++ {
			*m = map8{mask: 1<<size - 1, shift: shift, slots: make([]uint8, 1<<size)}
			if m.place(inverses) {
				return
			}
		}
	}
}

func (m *map8) place(inverses *[256]fr.Element) bool {
	used := make([]bool, len(m.slots))
	for i := range inverses {
		index := inverses[i][0] >> m.shift & m.mask
		if used[index] {
			return false
		}
		used[index] = true
		m.slots[index] = uint8(-i) // g^(−i·2^24) is g^((256−i)·2^24)
	}
	return true
}

// sqrt sets z to a square root of x and reports true, or, if x is not a square, to a root of Z·x and reports false.
func sqrt(z, x *fr.Element) bool {
	if x.IsZero() {
		z.SetZero()
		return true
	}
	t := roots()
	var v, root, power fr.Element
	v.ExpBySqrtExp(*x)
	root.Mul(&v, x)
	power.Mul(&root, &v)
	e := t.exponent(&power)
	square := e&1 == 0
	if !square {
		root.Mul(&root, &t.powerZ)
		e += t.exponentZ
	}
	e >>= 1 // an overflow of e + 1 to 2^32 leaves 0, and g^(−2^31) = −1 only changes the sign
	for j := range t.inverse {
		if b := e >> (8 * j) & 0xff; b != 0 {
			root.Mul(&root, &t.inverse[j][b])
		}
	}
	*z = root
	return square
}

// exponent returns e with power = g^e.
func (t *rootTables) exponent(power *fr.Element) uint32 {
	var raised [4]fr.Element // raised[k] is power^(2^(24−8k))
	raised[3] = *power
	for k := 2; k >= 0; k-- {
		raised[k] = raised[k+1]
		for range 8 {
			raised[k].Square(&raised[k])
		}
	}
	var e uint32
	for k := range raised {
		// raised[k] is g^(e·2^(24−8k)); the known low bits of e are divided out and leave the k-th octet.
		x := raised[k]
		for j := range k {
			x.Mul(&x, &t.inverse[3-k+j][e>>(8*j)&0xff])
		}
		e |= uint32(*t.logarithm.slot(&x)) << (8 * k)
	}
	return e
}
