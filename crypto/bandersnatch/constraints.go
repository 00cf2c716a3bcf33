package bandersnatch

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr/fft"
)

// The ring proof speaks about columns of N field elements, each a polynomial over the N-th roots of unity ωⁱ. Public: the
// points P (keys, then the powers of two times B) and the selector of the rows with keys. The prover's: bits that pick a
// key and the binary digits of the blinding b, the inner product of bits and selector, and the accumulator A, which starts
// at S, adds Pᵢ where bit i is set, and so ends at S + Ȳ. Seven constraints say just that. The last three rows are random.

const (
	hiddenRows  = 4   // rows at the end: the result, and three that hide the column
	blindingLen = 253 // rows for the digits of b

	columnCount     = 7 // Px, Py, Sel, Bit, Ip, Ax, Ay
	constraintCount = 7
	openingCount    = columnCount + 1 // the columns and the quotient
)

// accumulatorSeed is S.
var accumulatorSeed = sync.OnceValue(func() affine {
	return hashToCurve([]byte("substratum accumulatoris quod in silentio temporis arcanum absconditum custodit"))
})

// paddingPoint stands for a key that is no point, and fills the rows without a key.
var paddingPoint = sync.OnceValue(func() affine {
	return hashToCurve([]byte("umbra quae vacuum implet ab animabus perditis relictum inter tenebras resonans"))
})

// domain holds what verification needs to know of the N-th roots of unity.
type domain struct {
	size       int
	omega      fr.Element    // ω
	omega4     fr.Element    // ω⁴
	last       [4]fr.Element // ω^(N−1) … ω^(N−4)
	sizeInvert fr.Element    // 1/N
}

// keys is how many rows there are for keys.
func (d *domain) keys() int { return d.size - hiddenRows - blindingLen }

func newDomain(size int) (*domain, error) {
	d := &domain{size: size}
	var err error
	if d.omega, err = fft.Generator(uint64(size)); err != nil {
		return nil, err
	}
	var inverse fr.Element
	inverse.Inverse(&d.omega)
	power := fieldOne
	for i := range d.last {
		power.Mul(&power, &inverse)
		d.last[i] = power
	}
	d.omega4.Inverse(&d.last[3])
	d.sizeInvert.SetUint64(uint64(size))
	d.sizeInvert.Inverse(&d.sizeInvert)
	return d, nil
}

// evaluations are the values that the prover claims for the columns at ζ.
type evaluations struct {
	px, py, selector, bit, product, ax, ay fr.Element
}

func (e *evaluations) list() [columnCount]*fr.Element {
	return [columnCount]*fr.Element{&e.px, &e.py, &e.selector, &e.bit, &e.product, &e.ax, &e.ay}
}

// linearization is what is left of the constraints once the columns at ζ are known: the value of the quotient at ζ, and the
// factors of the shifted columns Ip, Ax, Ay in the polynomial that is opened at ζω.
type linearization struct {
	quotient            fr.Element
	product, ax, ay     fr.Element
	shifted, shiftPoint fr.Element // Lin(ζω) as claimed, ζω
}

// linearize evaluates the constraints at ζ for the given aggregation challenges α. It reports false if ζ is one of the roots
// of unity that it must not be, which an honest proof meets once in 2^244 times.
func (d *domain) linearize(e *evaluations, instance *affine, alpha *[constraintCount]fr.Element, zeta, shifted *fr.Element) (linearization, bool) {
	var notLast, blinded, t fr.Element
	notLast.Sub(zeta, &d.last[3]) // ζ − ω^(N−4)
	blinded.SetOne()              // the product of ζ − ω^(N−i) for i = 1, 2, 3
	for i := range 3 {
		t.Sub(zeta, &d.last[i])
		blinded.Mul(&blinded, &t)
	}
	vanishing, first, last, ok := d.lagrange(zeta)
	if !ok {
		return linearization{}, false
	}
	var l linearization
	constants := constraintConstants(e, instance, &notLast, &first, &last)
	sum := *shifted
	for i := range constants {
		t.Mul(&alpha[i], &constants[i])
		sum.Add(&sum, &t)
	}
	l.quotient.Mul(&sum, &blinded)
	l.quotient.Mul(&l.quotient, &vanishing)
	l.shifted = *shifted
	l.shiftPoint.Mul(zeta, &d.omega)
	l.factors(e, alpha, &notLast)
	return l, true
}

// lagrange returns 1/(ζ^N − 1) and the Lagrange polynomials of the first and of the last row but three, at ζ.
func (d *domain) lagrange(zeta *fr.Element) (inverseVanishing, first, last fr.Element, ok bool) {
	vanishing := *zeta
	for n := d.size; n > 1; n >>= 1 {
		vanishing.Square(&vanishing)
	}
	vanishing.Sub(&vanishing, &fieldOne)
	var a, b fr.Element
	a.Sub(zeta, &fieldOne)
	b.Mul(zeta, &d.omega4)
	b.Sub(&b, &fieldOne)
	if vanishing.IsZero() {
		return vanishing, first, last, false // ζ is a root of unity; a and b are not zero otherwise
	}
	var ab, all fr.Element
	ab.Mul(&a, &b)
	all.Mul(&ab, &vanishing)
	all.Inverse(&all)
	inverseVanishing.Mul(&all, &ab)
	var scaled fr.Element // (ζ^N − 1)/N divided by (ζ − 1)(ω⁴ζ − 1)
	scaled.Mul(&all, &vanishing)
	scaled.Mul(&scaled, &vanishing)
	scaled.Mul(&scaled, &d.sizeInvert)
	first.Mul(&scaled, &b)
	last.Mul(&scaled, &a)
	return inverseVanishing, first, last, true
}

// constraintConstants returns the parts of the constraints that do not depend on the shifted columns.
func constraintConstants(e *evaluations, instance *affine, notLast, first, last *fr.Element) (c [constraintCount]fr.Element) {
	var t, u, notBit fr.Element
	notBit.Sub(&fieldOne, &e.bit)
	var sumXY, differenceXY fr.Element // x₁y₁ ± x₂y₂
	t.Mul(&e.ax, &e.ay)
	u.Mul(&e.px, &e.py)
	sumXY.Add(&t, &u)
	differenceXY.Sub(&t, &u)

	// The inner product: −(ip + s·b).
	t.Mul(&e.selector, &e.bit)
	c[0].Add(&e.product, &t)
	// The addition, in x and in y: −(b·(x₁y₁ ± x₂y₂) + (1−b)·A).
	t.Mul(&e.bit, &sumXY)
	u.Mul(&notBit, &e.ax)
	c[1].Add(&t, &u)
	t.Mul(&e.bit, &differenceXY)
	u.Mul(&notBit, &e.ay)
	c[2].Add(&t, &u)
	for i := range 3 {
		c[i].Mul(&c[i], notLast)
		c[i].Neg(&c[i])
	}
	// Bits are bits.
	c[3].Mul(&e.bit, &notBit)
	// The accumulator starts at S and ends at S + Ȳ.
	seed := accumulatorSeed()
	var end affine
	end.Add(&seed, instance)
	c[4] = between(&e.ax, &seed.X, &end.X, first, last)
	c[5] = between(&e.ay, &seed.Y, &end.Y, first, last)
	// The inner product starts at 0 and ends at 1.
	var zero fr.Element
	c[6] = between(&e.product, &zero, &fieldOne, first, last)
	return c
}

// between is (value − start)·L₀ + (value − end)·L_{N−4}.
func between(value, start, end, first, last *fr.Element) (c fr.Element) {
	var t fr.Element
	t.Sub(value, start)
	c.Mul(&t, first)
	t.Sub(value, end)
	t.Mul(&t, last)
	c.Add(&c, &t)
	return c
}

// factors sets the factors of the shifted columns.
func (l *linearization) factors(e *evaluations, alpha *[constraintCount]fr.Element, notLast *fr.Element) {
	var t, u, notBit fr.Element
	notBit.Sub(&fieldOne, &e.bit)
	l.product.Mul(&alpha[0], notLast)
	// b·(y₁y₂ − 5·x₁x₂) + 1 − b
	t.Mul(&e.ay, &e.py)
	u.Mul(&e.ax, &e.px)
	fr.MulBy5(&u)
	t.Sub(&t, &u)
	t.Mul(&t, &e.bit)
	t.Add(&t, &notBit)
	l.ax.Mul(&alpha[1], notLast)
	l.ax.Mul(&l.ax, &t)
	// b·(x₁y₂ − x₂y₁) + 1 − b
	t.Mul(&e.ax, &e.py)
	u.Mul(&e.px, &e.ay)
	t.Sub(&t, &u)
	t.Mul(&t, &e.bit)
	t.Add(&t, &notBit)
	l.ay.Mul(&alpha[2], notLast)
	l.ay.Mul(&l.ay, &t)
}
