package bandersnatch

import (
	"math/bits"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Sums of few multiples of points of G1, where the buckets of a large multi-exponentiation do not pay. As in straus.go, all
// points share the doublings, and the endomorphism φ(x, y) = (β·x, y) halves their number: with the seed z of BLS12-381 it
// multiplies by −z², and every scalar is k₁ + k₂·z² with k₁ and k₂ below 2^128.

// rootOfUnity is β.
var rootOfUnity = func() (z fp.Element) {
	if _, err := z.SetString("793479390729215512621379701633421447060886740281060493010456487427281649075476305620758731620350"); err != nil {
		z.SetZero() // a test checks the endomorphism
	}
	return z
}()

// seedSquare is z²; seedReciprocal is 2^383/z², rounded down.
var (
	seedSquare     = [2]uint64{0x0000000100000000, 0xac45a4010001a402}
	seedReciprocal = [4]uint64{0xd0d4396b40c5f204, 0x01a75a5c93d6e013, 0xb1fb72917b67f717, 0xbe35f678f00fd56e}
)

// splitG1 returns k₁ and −k₂ for k = k₁ + k₂·z².
func splitG1(k *fr.Element) (k1, minusK2 half) {
	limbs := k.Bits()
	var t [8]uint64
	for i := range 4 {
		var carry uint64
		for j := range 4 {
			hi, lo := bits.Mul64(limbs[i], seedReciprocal[j])
			var c uint64
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			t[i+j], c = bits.Add64(t[i+j], lo, 0)
			carry = hi + c
		}
		t[i+4] = carry
	}
	// The quotient is the product over 2^383, or up to two more than that.
	quotient := [2]uint64{t[5]>>63 | t[6]<<1, t[6]>>63 | t[7]<<1}
	p := mul128(&quotient, &seedSquare)
	rest := sub256(&limbs, &p)
	for {
		lo, borrow := bits.Sub64(rest[0], seedSquare[0], 0)
		hi, borrow := bits.Sub64(rest[1], seedSquare[1], borrow)
		upper, borrow := bits.Sub64(rest[2], 0, borrow)
		if borrow != 0 {
			break
		}
		rest[0], rest[1], rest[2] = lo, hi, upper
		var carry uint64
		quotient[0], carry = bits.Add64(quotient[0], 1, 0)
		quotient[1] += carry
	}
	return half{magnitude: [2]uint64{rest[0], rest[1]}}, half{magnitude: quotient, negative: true}
}

// multiplesG1 holds odd multiples of a point and of its image under φ.
type multiplesG1 struct {
	plain, mapped []bls12381.G1Affine
	width         uint
}

const (
	variableWidthG1 = 5
	fixedWidthG1    = 7
)

// newMultiplesG1 prepares points, all with one inversion.
func newMultiplesG1(width uint, points ...bls12381.G1Affine) []multiplesG1 {
	count := 1 << (width - 2)
	all := make([]bls12381.G1Jac, 0, count*len(points))
	for i := range points {
		var p, twice bls12381.G1Jac
		p.FromAffine(&points[i])
		all = append(all, p)
		if count > 1 {
			twice.Double(&p)
		}
		for range count - 1 {
			p.AddAssign(&twice)
			all = append(all, p)
		}
	}
	flat := make([]bls12381.G1Affine, 2*len(all))
	plain, mapped := flat[:len(all)], flat[len(all):]
	normaliseG1(plain, all)
	for i := range plain {
		mapped[i].X.Mul(&plain[i].X, &rootOfUnity)
		mapped[i].Y = plain[i].Y
	}
	out := make([]multiplesG1, len(points))
	for i := range out {
		from, to := i*count, (i+1)*count
		out[i] = multiplesG1{plain: plain[from:to:to], mapped: mapped[from:to:to], width: width}
	}
	return out
}

// normaliseG1 returns points in affine coordinates with one inversion. Infinity becomes (0, 0).
func normaliseG1(out []bls12381.G1Affine, points []bls12381.G1Jac) {
	inverses := make([]fp.Element, len(points))
	accumulated := fp.One()
	for i := range points {
		if points[i].Z.IsZero() {
			continue
		}
		inverses[i] = accumulated
		accumulated.Mul(&accumulated, &points[i].Z)
	}
	accumulated.Inverse(&accumulated)
	for i := len(points) - 1; i >= 0; i-- {
		if points[i].Z.IsZero() {
			continue
		}
		var inverse, square fp.Element
		inverse.Mul(&inverses[i], &accumulated)
		accumulated.Mul(&accumulated, &points[i].Z)
		square.Square(&inverse)
		out[i].X.Mul(&points[i].X, &square)
		inverse.Mul(&inverse, &square)
		out[i].Y.Mul(&points[i].Y, &inverse)
	}
}

// productG1 collects Σ kᵢ·Pᵢ.
type productG1 struct {
	rows []rowG1
	top  int
}

type rowG1 struct {
	digits [digitCount]int8
	count  int
	table  []bls12381.G1Affine
}

func newProductG1(points int) *productG1 { return &productG1{rows: make([]rowG1, 0, 2*points)} }

// add adds k·P, given multiples of P.
func (p *productG1) add(k *fr.Element, t *multiplesG1) {
	k1, k2 := splitG1(k)
	p.addHalf(&k1, t.plain, t.width)
	p.addHalf(&k2, t.mapped, t.width)
}

// addShort adds k·P for k below 2^128, which is not split.
func (p *productG1) addShort(k *fr.Element, t *multiplesG1) {
	limbs := k.Bits()
	p.addHalf(&half{magnitude: [2]uint64{limbs[0], limbs[1]}}, t.plain, t.width)
}

func (p *productG1) addHalf(h *half, table []bls12381.G1Affine, width uint) {
	p.rows = append(p.rows, rowG1{table: table})
	r := &p.rows[len(p.rows)-1]
	r.count = h.digits(width, &r.digits)
	p.top = max(p.top, r.count)
}

func (p *productG1) sum() (acc bls12381.G1Jac) {
	acc.X.SetOne()
	acc.Y.SetOne()
	for position := p.top - 1; position >= 0; position-- {
		acc.DoubleAssign()
		for i := range p.rows {
			r := &p.rows[i]
			d := r.digits[position]
			switch {
			case d > 0:
				acc.AddMixed(&r.table[d>>1])
			case d < 0:
				q := r.table[-d>>1]
				q.Y.Neg(&q.Y)
				acc.AddMixed(&q)
			}
		}
	}
	return acc
}
