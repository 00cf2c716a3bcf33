package bandersnatch

import (
	"damson/crypto/bandersnatch/srs"

	"github.com/consensys/gnark-crypto/ecc"
	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr/fft"
	"github.com/consensys/gnark-crypto/utils"
)

// provingDomain is what all provers whose columns have the same length share. The quotient has four times as many
// coefficients as a column, and is computed from the values of all columns on a coset of the 4N-th roots of unity: there a
// step to the next row is one of four places.
type provingDomain struct {
	domain
	columns, coset *fft.Domain         // of N and 4N elements
	powers         []bls12381.G1Affine // 3N + 1 powers of τ
	rows           []bls12381.G1Affine // Lᵢ: the commitment to the polynomial that is 1 in row i
	after          []bls12381.G1Affine // the sum of Lⱼ for i ≤ j ≤ N−4
	selector       polynomial

	// What the constraints are multiplied with on the coset, all times the vanishing polynomial of the hiding rows over
	// that of all rows: 1, X − ω^(N−4), L₀ and L_{N−4}.
	scale, notLast, first, last []fr.Element
}

// polynomial is a column: its coefficients, and its values on the coset.
type polynomial struct{ coefficients, values []fr.Element }

const cosetFactor = 4

func newProvingDomain(d *domain, reference *srs.SRS) (*provingDomain, error) {
	p := &provingDomain{
		domain:  *d,
		columns: fft.NewDomain(uint64(d.size)),
		coset:   fft.NewDomain(uint64(cosetFactor * d.size)),
	}
	var err error
	if p.powers, err = reference.Powers(3*d.size + 1); err != nil {
		return nil, err
	}
	if p.rows, err = reference.Lagrange(d.size); err != nil {
		return nil, err
	}
	sums := make([]bls12381.G1Jac, d.size-hiddenRows+1)
	var sum bls12381.G1Jac
	for i := len(sums) - 1; i >= 0; i-- {
		sum.AddMixed(&p.rows[i])
		sums[i] = sum
	}
	p.after = make([]bls12381.G1Affine, len(sums))
	normaliseG1(p.after, sums)
	selector := make([]fr.Element, d.size)
	for i := range d.keys() {
		selector[i].SetOne()
	}
	p.selector = p.interpolate(selector)
	p.factors()
	return p, nil
}

// factors computes what the constraints are multiplied with. L₀ = (X^N−1)/(N·(X−1)), and so on.
func (p *provingDomain) factors() {
	n := cosetFactor * p.size
	points := make([]fr.Element, n)
	point := p.coset.FrMultiplicativeGen
	for i := range points {
		points[i] = point
		point.Mul(&point, &p.coset.Generator)
	}
	inverses := make([]fr.Element, 2*n)
	p.notLast = make([]fr.Element, n)
	for i := range points {
		p.notLast[i].Sub(&points[i], &p.domain.last[3])
		inverses[i].Sub(&points[i], &fieldOne)
		inverses[n+i] = p.notLast[i]
	}
	inverses = fr.BatchInvert(inverses)
	var vanishing [cosetFactor]fr.Element // X^N − 1 takes but four values
	for i := range vanishing {
		v := points[i]
		for m := p.size; m > 1; m >>= 1 {
			v.Square(&v)
		}
		vanishing[i].Sub(&v, &fieldOne)
	}
	inverseVanishing := fr.BatchInvert(vanishing[:])
	p.scale, p.first, p.last = make([]fr.Element, n), make([]fr.Element, n), make([]fr.Element, n)
	for i := range points {
		var hidden, t fr.Element
		hidden.SetOne()
		for row := range 3 {
			t.Sub(&points[i], &p.domain.last[row])
			hidden.Mul(&hidden, &t)
		}
		p.scale[i].Mul(&hidden, &inverseVanishing[i%cosetFactor])
		p.notLast[i].Mul(&p.notLast[i], &p.scale[i])
		hidden.Mul(&hidden, &p.sizeInvert)
		p.first[i].Mul(&hidden, &inverses[i])
		p.last[i].Mul(&hidden, &inverses[n+i])
		p.last[i].Mul(&p.last[i], &p.domain.last[3]) // L_k is ω^k·(X^N−1)/(N·(X−ω^k))
	}
}

// interpolate makes a polynomial of the rows of a column, which it takes over.
func (p *provingDomain) interpolate(rows []fr.Element) polynomial {
	p.columns.FFTInverse(rows, fft.DIF, fft.WithNbTasks(1))
	utils.BitReverse(rows)
	values := make([]fr.Element, cosetFactor*p.size)
	copy(values, rows)
	p.coset.FFT(values, fft.DIF, fft.OnCoset(), fft.WithNbTasks(1))
	utils.BitReverse(values)
	return polynomial{rows, values}
}

// commit commits to a polynomial of at most 3N + 1 coefficients.
func (p *provingDomain) commit(coefficients []fr.Element, workers int) (c bls12381.G1Affine, err error) {
	_, err = c.MultiExp(p.powers[:len(coefficients)], coefficients, ecc.MultiExpConfig{NbTasks: workers})
	return c, err
}

// evaluate returns the value of a polynomial.
func evaluate(coefficients []fr.Element, at *fr.Element) (y fr.Element) {
	for i := len(coefficients) - 1; i >= 0; i-- {
		y.Mul(&y, at)
		y.Add(&y, &coefficients[i])
	}
	return y
}

// divide returns the quotient of a polynomial by X − x, in place of it.
func divide(coefficients []fr.Element, x *fr.Element) []fr.Element {
	var t fr.Element
	for i := len(coefficients) - 2; i >= 0; i-- {
		t.Mul(&coefficients[i+1], x)
		coefficients[i].Add(&coefficients[i], &t)
	}
	return coefficients[1:]
}

// addMultiple adds factor·other to a polynomial that is not shorter.
func addMultiple(coefficients []fr.Element, factor *fr.Element, other []fr.Element) {
	var t fr.Element
	for i := range other {
		t.Mul(factor, &other[i])
		coefficients[i].Add(&coefficients[i], &t)
	}
}
