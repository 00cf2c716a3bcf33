package bandersnatch

import (
	"github.com/consensys/gnark-crypto/ecc/bls12-381/bandersnatch"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// affine is a point (x, y) of −5·x² + y² = 1 + d·x²·y². The zero value is not on the curve.
type affine = bandersnatch.PointAffine

// extended is a point in extended coordinates: x = X/Z, y = Y/Z, X·Y = Z·T.
type extended struct{ x, y, z, t fr.Element }

// cached is a point ready to be added: t is d·T, and z is left out of the product when it is known to be one.
type cached struct{ x, y, z, t fr.Element }

var (
	curveD   = bandersnatch.GetEdwardsCurve().D
	base     = bandersnatch.GetEdwardsCurve().Base // G
	fieldOne = fr.One()
	curveA   = func() (a fr.Element) { a.SetInt64(-5); return a }()
	// endomorphism holds e₀ and e₁ of φ.
	endomorphism = [2]fr.Element{
		fieldElement("37446463827641770816307242315180085052603635617490163568005256780843403514036"),
		fieldElement("49199877423542878313146170939139662862850515542392585932876811575731455068989"),
	}
)

// fieldElement reads a decimal constant of this package.
func fieldElement(decimal string) (z fr.Element) {
	if _, err := z.SetString(decimal); err != nil {
		z.SetZero() // the tests compare the constants that matter
	}
	return z
}

func (p *extended) setIdentity() {
	p.x.SetZero()
	p.y.SetOne()
	p.z.SetOne()
	p.t.SetZero()
}

func (p *extended) setAffine(a *affine) {
	p.x, p.y = a.X, a.Y
	p.z.SetOne()
	p.t.Mul(&a.X, &a.Y)
}

// isIdentity holds for (0, 1), and for no other point of odd order.
func (p *extended) isIdentity() bool { return p.x.IsZero() && p.y.Equal(&p.z) }

// double sets p to 2·p. The coordinate t is only computed if it is wanted: a doubling does not read it.
func (p *extended) double(wantT bool) {
	var a, b, c, e, f, g, h fr.Element
	a.Square(&p.x)
	b.Square(&p.y)
	c.Square(&p.z)
	c.Double(&c)
	e.Add(&p.x, &p.y)
	e.Square(&e)
	e.Sub(&e, &a)
	e.Sub(&e, &b)
	fr.MulBy5(&a)
	g.Sub(&b, &a) // b + (−5)·a
	f.Sub(&g, &c)
	h.Add(&a, &b)
	h.Neg(&h) // (−5)·a − b
	p.x.Mul(&e, &f)
	p.y.Mul(&g, &h)
	p.z.Mul(&f, &g)
	if wantT {
		p.t.Mul(&e, &h)
	}
}

// add sets p to p + q, or to p − q if negative. unit says that q.z is one.
func (p *extended) add(q *cached, negative, unit, wantT bool) {
	var a, b, c, d, e, f, g, h, s fr.Element
	a.Mul(&p.x, &q.x)
	b.Mul(&p.y, &q.y)
	c.Mul(&p.t, &q.t)
	if unit {
		d = p.z
	} else {
		d.Mul(&p.z, &q.z)
	}
	e.Add(&p.x, &p.y)
	if negative {
		// −q is (−x, y) with −t: a and c change their sign.
		s.Sub(&q.y, &q.x)
		e.Mul(&e, &s)
		e.Add(&e, &a)
		e.Sub(&e, &b)
		f.Add(&d, &c)
		g.Sub(&d, &c)
		fr.MulBy5(&a)
		h.Sub(&b, &a)
	} else {
		s.Add(&q.x, &q.y)
		e.Mul(&e, &s)
		e.Sub(&e, &a)
		e.Sub(&e, &b)
		f.Sub(&d, &c)
		g.Add(&d, &c)
		fr.MulBy5(&a)
		h.Add(&b, &a)
	}
	p.x.Mul(&e, &f)
	p.y.Mul(&g, &h)
	p.z.Mul(&f, &g)
	if wantT {
		p.t.Mul(&e, &h)
	}
}

// cache returns p ready to be added.
func (p *extended) cache() (c cached) {
	c.x, c.y, c.z = p.x, p.y, p.z
	c.t.Mul(&p.t, &curveD)
	return c
}

// endomorphic sets p to φ(q).
func (p *extended) endomorphic(q *extended) {
	if q.x.IsZero() { // the formulas do not hold for the identity
		p.setIdentity()
		return
	}
	var zz, yy, xy, f, g, h fr.Element
	zz.Square(&q.z)
	yy.Square(&q.y)
	xy.Mul(&q.x, &q.y)
	f.Sub(&zz, &yy)
	f.Mul(&f, &endomorphism[1])
	zz.Mul(&zz, &endomorphism[0])
	g.Add(&yy, &zz)
	g.Mul(&g, &endomorphism[0])
	h.Sub(&yy, &zz)
	p.x.Mul(&f, &h)
	p.y.Mul(&g, &xy)
	p.z.Mul(&h, &xy)
	p.t.Mul(&f, &g)
}

// normalise returns the points in affine coordinates, at the price of one inversion.
func normalise(out []affine, points []extended) {
	inverses := make([]fr.Element, len(points))
	accumulated := fieldOne
	for i := range points {
		inverses[i] = accumulated
		accumulated.Mul(&accumulated, &points[i].z)
	}
	accumulated.Inverse(&accumulated)
	for i := len(points) - 1; i >= 0; i-- {
		inverses[i].Mul(&inverses[i], &accumulated)
		accumulated.Mul(&accumulated, &points[i].z)
		out[i].X.Mul(&points[i].x, &inverses[i])
		out[i].Y.Mul(&points[i].y, &inverses[i])
	}
}

// appendPoint appends the 32 octets of p: y in little-endian order, and the sign of x in the top bit.
func appendPoint(b []byte, p *affine) []byte {
	var y [32]byte
	fr.LittleEndian.PutElement(&y, p.Y)
	if p.X.LexicographicallyLargest() {
		y[31] |= 0x80
	}
	return append(b, y[:]...)
}

// decodeOnCurve reads a point of the curve, whatever its order.
func decodeOnCurve(b []byte) (p affine, err error) {
	if len(b) != PublicKeySize {
		return affine{}, ErrLength
	}
	var octets [32]byte
	copy(octets[:], b)
	largest := octets[31]&0x80 != 0
	octets[31] &^= 0x80
	if p.Y, err = fr.LittleEndian.Element(&octets); err != nil {
		return affine{}, ErrPoint
	}
	var numerator, denominator, w fr.Element
	w.Square(&p.Y)
	numerator.Sub(&fieldOne, &w)
	denominator.Mul(&w, &curveD)
	denominator.Sub(&curveA, &denominator)
	if denominator.IsZero() {
		return affine{}, ErrPoint
	}
	w.Div(&numerator, &denominator)
	if !sqrt(&p.X, &w) {
		return affine{}, ErrPoint
	}
	if p.X.LexicographicallyLargest() != largest {
		p.X.Neg(&p.X)
	}
	return p, nil
}

// decodePoint reads a point of the prime subgroup.
func decodePoint(b []byte) (affine, error) {
	p, err := decodeOnCurve(b)
	if err != nil {
		return affine{}, err
	}
	if !p.IsInSubGroup() {
		return affine{}, ErrSubgroup
	}
	return p, nil
}
