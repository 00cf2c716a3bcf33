package bandersnatch

import (
	"math/bits"
	"slices"
	"sync"

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

// workspace is memory for sums that would otherwise be garbage by the hundred kilobytes.
type workspace struct {
	points    []bls12381.G1Affine // of a product's columns
	additions []additionG1
	fields    []fp.Element
	lines     pairingLines
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// newMultiplesG1 prepares points, with an inversion for each bit of the width but one.
func newMultiplesG1(w *workspace, width uint, points ...bls12381.G1Affine) []multiplesG1 {
	count := 1 << (width - 2)
	flat := make([]bls12381.G1Affine, 2*count*len(points))
	plain, mapped := flat[:count*len(points)], flat[count*len(points):]
	powers := make([]bls12381.G1Affine, len(points)) // 2^level times each point
	copy(powers, points)
	for i := range points {
		plain[i*count] = points[i]
	}
	additions := w.additions
	for known := 1; known < count; known *= 2 {
		// 1, 3 … 2·known − 1 are there. Adding 2·known gives as many again.
		additions = additions[:0]
		for i := range powers {
			additions = append(additions, additionG1{&powers[i], &powers[i], &powers[i]})
		}
		w.addAll(additions)
		additions = additions[:0]
		for i := range powers {
			for j := range known {
				at := i*count + j
				additions = append(additions, additionG1{&plain[at], &powers[i], &plain[at+known]})
			}
		}
		w.addAll(additions)
	}
	w.additions = additions
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

// addWeight adds w·P.
func (p *productG1) addWeight(w *weight, t *multiplesG1) {
	p.addHalf(&half{magnitude: [2]uint64{w.plain}}, t.plain, t.width)
	p.addHalf(&half{magnitude: [2]uint64{w.mapped}}, t.mapped, t.width)
}

func (p *productG1) addHalf(h *half, table []bls12381.G1Affine, width uint) {
	p.rows = append(p.rows, rowG1{table: table})
	r := &p.rows[len(p.rows)-1]
	r.count = h.digits(width, &r.digits)
	p.top = max(p.top, r.count)
}

// sum returns the product. It first adds up what belongs to the same power of two, in affine coordinates with shared
// inversions, which makes an addition cost half, and then doubles and adds through the powers.
func (p *productG1) sum(w *workspace) (acc bls12381.G1Jac) {
	columns := p.columns(w)
	for w.reduce(columns) {
	}
	acc.X.SetOne()
	acc.Y.SetOne()
	for position := len(columns) - 1; position >= 0; position-- {
		acc.DoubleAssign()
		for i := range columns[position] {
			acc.AddMixed(&columns[position][i])
		}
	}
	return acc
}

// columns lists for every power of two the points that the digits select.
func (p *productG1) columns(w *workspace) [][]bls12381.G1Affine {
	var counts [digitCount]int
	total := 0
	for i := range p.rows {
		for position, d := range p.rows[i].digits[:p.rows[i].count] {
			if d != 0 {
				counts[position]++
				total++
			}
		}
	}
	w.points = slices.Grow(w.points[:0], total)
	space := w.points
	columns := make([][]bls12381.G1Affine, p.top)
	for position := range columns {
		columns[position] = space[:0:counts[position]]
		space = space[counts[position]:counts[position]]
	}
	for i := range p.rows {
		r := &p.rows[i]
		for position, d := range r.digits[:r.count] {
			switch {
			case d > 0:
				columns[position] = append(columns[position], r.table[d>>1])
			case d < 0:
				q := r.table[-d>>1]
				q.Y.Neg(&q.Y)
				columns[position] = append(columns[position], q)
			}
		}
	}
	return columns
}

// reduce adds the points of each column in pairs, and reports whether that was worth an inversion.
func (w *workspace) reduce(columns [][]bls12381.G1Affine) bool {
	const fewest = 14 // additions that save more than the inversion costs
	pairs := 0
	for _, column := range columns {
		pairs += len(column) / 2
	}
	if pairs < fewest {
		return false
	}
	additions := slices.Grow(w.additions[:0], pairs)
	for _, column := range columns {
		for i := range len(column) / 2 {
			additions = append(additions, additionG1{&column[2*i], &column[2*i+1], &column[i]})
		}
	}
	w.addAll(additions)
	w.additions = additions
	for position, column := range columns {
		n := len(column) / 2
		if len(column)%2 == 1 {
			column[n] = column[len(column)-1]
			n++
		}
		columns[position] = column[:n]
	}
	return true
}

// additionG1 is sum = a + b. The three may be the same, and sum may be an operand of an earlier addition.
type additionG1 struct{ a, b, sum *bls12381.G1Affine }

// denominator sets d to the denominator of the slope, and reports false if there is none because a, b or the sum is infinity.
func (o *additionG1) denominator(d *fp.Element) bool {
	if o.a.IsInfinity() || o.b.IsInfinity() {
		return false
	}
	d.Sub(&o.b.X, &o.a.X)
	if d.IsZero() {
		if !o.a.Y.Equal(&o.b.Y) {
			return false
		}
		d.Double(&o.a.Y) // not zero: no point of G1 has order two
	}
	return true
}

// addAll does additions in affine coordinates with one inversion.
func (w *workspace) addAll(additions []additionG1) {
	const lanes = 2 // chains of products, for the processor to overlap
	n := len(additions)
	w.fields = slices.Grow(w.fields[:0], 2*n)
	denominators, products := w.fields[:n], w.fields[n:2*n]
	accumulated := [lanes]fp.Element{fp.One(), fp.One()}
	for i := n - 1; i >= 0; i-- {
		d := &denominators[i]
		if additions[i].denominator(d) {
			products[i] = accumulated[i%lanes] // of the denominators behind
			accumulated[i%lanes].Mul(&accumulated[i%lanes], d)
		} else {
			d.SetZero()
		}
	}
	var inverse fp.Element
	inverse.Mul(&accumulated[0], &accumulated[1])
	inverse.Inverse(&inverse)
	accumulated[0], accumulated[1] = accumulated[1], accumulated[0]
	for i := range accumulated {
		accumulated[i].Mul(&accumulated[i], &inverse)
	}
	for i := range additions {
		if denominators[i].IsZero() {
			additions[i].trivial()
			continue
		}
		inverse.Mul(&accumulated[i%lanes], &products[i])
		accumulated[i%lanes].Mul(&accumulated[i%lanes], &denominators[i])
		additions[i].finish(&inverse)
	}
}

// trivial does an addition with infinity in it.
func (o *additionG1) trivial() {
	switch {
	case o.a.IsInfinity():
		*o.sum = *o.b
	case o.b.IsInfinity():
		*o.sum = *o.a
	default:
		o.sum.SetInfinity()
	}
}

// finish computes the sum, given the inverse of the denominator.
func (o *additionG1) finish(inverse *fp.Element) {
	var slope, x, y fp.Element
	if o.a.X.Equal(&o.b.X) {
		x.Square(&o.a.X)
		slope.Double(&x)
		slope.Add(&slope, &x)
	} else {
		slope.Sub(&o.b.Y, &o.a.Y)
	}
	slope.Mul(&slope, inverse)
	x.Square(&slope)
	x.Sub(&x, &o.a.X)
	x.Sub(&x, &o.b.X)
	y.Sub(&o.a.X, &x)
	y.Mul(&y, &slope)
	y.Sub(&y, &o.a.Y)
	o.sum.X, o.sum.Y = x, y
}
