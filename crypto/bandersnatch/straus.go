package bandersnatch

// multiples holds odd multiples of a point P and of φ(P): 1, 3, 5 … times 2^(32·part), part after part.
type multiples struct {
	plain, mapped []cached
	width         uint // of the digits: 2^(width−2) multiples serve them
	parts         int  // 1, or 4 to save three quarters of the doublings
	unit          bool // the points have Z = 1
}

// partDigits is how many digits a part of a split table serves.
const partDigits = 32

const (
	variableWidth = 5 // for points used once
	keyWidth      = 5 // for the points of public keys
	fixedWidth    = 7 // for constants
)

// newMultiples prepares p for one product.
func newMultiples(p *affine) *multiples {
	const count = 1 << (variableWidth - 2)
	t := &multiples{width: variableWidth, parts: 1, plain: make([]cached, count), mapped: make([]cached, count)}
	var q [2]extended
	q[0].setAffine(p)
	q[1].endomorphic(&q[0])
	fillOdd(t.plain, &q[0])
	fillOdd(t.mapped, &q[1])
	return t
}

// newShortMultiples prepares p for scalars that are not split.
func newShortMultiples(p *affine, width uint) *multiples {
	t := &multiples{width: width, parts: 1, plain: make([]cached, 1<<(width-2))}
	var q extended
	q.setAffine(p)
	fillOdd(t.plain, &q)
	return t
}

// fillOdd fills the table with 1, 3, 5 … times p.
func fillOdd(table []cached, p *extended) {
	table[0] = p.cache()
	if len(table) == 1 {
		return
	}
	twice := *p
	twice.double(true)
	step := twice.cache()
	q := *p
	for i := 1; i < len(table); i++ {
		q.add(&step, false, false, true)
		table[i] = q.cache()
	}
}

// newSplitMultiples prepares p for many products: the table is split in four and has affine points.
func newSplitMultiples(p *affine, width uint) *multiples {
	const parts = 4
	count := 1 << (width - 2)
	points := make([]extended, 0, 2*parts*count)
	var start [2]extended
	start[0].setAffine(p)
	start[1].endomorphic(&start[0])
	for _, q := range start {
		for range parts {
			points = appendOdd(points, &q, count)
			for i := range partDigits {
				q.double(i == partDigits-1)
			}
		}
	}
	flat := make([]affine, len(points))
	normalise(flat, points)
	table := make([]cached, len(points))
	for i := range flat {
		c := &table[i]
		c.x, c.y, c.z = flat[i].X, flat[i].Y, fieldOne
		c.t.Mul(&c.x, &c.y)
		c.t.Mul(&c.t, &curveD)
	}
	return &multiples{
		plain: table[:parts*count], mapped: table[parts*count:],
		width: width, parts: parts, unit: true,
	}
}

func appendOdd(points []extended, p *extended, count int) []extended {
	twice := *p
	twice.double(true)
	step := twice.cache()
	q := *p
	points = append(points, q)
	for i := 1; i < count; i++ {
		q.add(&step, false, false, true)
		points = append(points, q)
	}
	return points
}

// product collects Σ sᵢ·Pᵢ. All points share the doublings (Straus), and all scalars are split in halves.
type product struct {
	rows []row
	top  int // the number of doublings
}

// row is one half scalar and the table that its digits select from.
type row struct {
	digits [digitCount]int8
	count  int
	table  []cached
	parts  int
	unit   bool
}

func newProduct(points int) *product { return &product{rows: make([]row, 0, 2*points)} }

// add adds s·P, given multiples of P.
func (p *product) add(s *scalar, t *multiples) {
	k1, k2 := s.split()
	p.addHalf(&k1, t, t.plain)
	p.addHalf(&k2, t, t.mapped)
}

// addShort adds s·P for a scalar of at most 128 bits, which is left unsplit.
func (p *product) addShort(s *scalar, t *multiples) {
	p.addHalf(&half{magnitude: [2]uint64{s[0], s[1]}}, t, t.plain)
}

func (p *product) addHalf(h *half, t *multiples, table []cached) {
	p.rows = append(p.rows, row{table: table, parts: t.parts, unit: t.unit})
	r := &p.rows[len(p.rows)-1]
	r.count = h.digits(t.width, &r.digits)
	if r.parts == 1 {
		p.top = max(p.top, r.count)
	} else {
		p.top = max(p.top, min(r.count, partDigits), r.count-3*partDigits)
	}
}

// selected is one addition of a column: digit d of a row.
type selected struct {
	point    *cached
	negative bool
	unit     bool
}

// column lists what the digits at a position select.
func (p *product) column(position int, out []selected) []selected {
	for i := range p.rows {
		r := &p.rows[i]
		if r.parts == 1 {
			if position < r.count && r.digits[position] != 0 {
				out = append(out, r.pick(r.digits[position], 0))
			}
			continue
		}
		size := len(r.table) / r.parts
		for part := range r.parts {
			at := part*partDigits + position
			if at >= r.count || position >= partDigits && part < r.parts-1 {
				continue
			}
			if d := r.digits[at]; d != 0 {
				out = append(out, r.pick(d, part*size))
			}
		}
	}
	return out
}

func (r *row) pick(d int8, offset int) selected {
	if d < 0 {
		return selected{point: &r.table[offset+int(-d)>>1], negative: true, unit: r.unit}
	}
	return selected{point: &r.table[offset+int(d)>>1], unit: r.unit}
}

// sum returns the product. The coordinate t of the result is not valid.
func (p *product) sum() extended {
	var acc extended
	acc.setIdentity()
	var space [32]selected
	begun := false
	for position := p.top - 1; position >= 0; position-- {
		picks := p.column(position, space[:0])
		if begun {
			acc.double(len(picks) > 0)
		}
		for i := range picks {
			s := &picks[i]
			acc.add(s.point, s.negative, s.unit, i < len(picks)-1)
		}
		begun = begun || len(picks) > 0
	}
	return acc
}
