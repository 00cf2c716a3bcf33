package erasure

// An area holds the rows that a transform works on: row i is the value at position i of as many polynomials as it
// has words, or their coefficient i. Rows lie one after another, so that a butterfly over many of them is one over long
// slices.
type area struct {
	kernel kernel
	stride int // octets of a row
	memory []byte
}

// area returns an area of so many rows, for shards of size octets.
func (c *Coder) area(k kernel, rows, size int) *area {
	a, ok := c.areas.Get().(*area)
	if !ok {
		a = new(area)
	}
	a.kernel = k
	a.stride = k.stride(size)
	if need := rows * a.stride; cap(a.memory) < need {
		a.memory = make([]byte, need)
	}
	a.memory = a.memory[:cap(a.memory)]
	return a
}

func (a *area) row(i int) []byte { return a.rows(i, i+1) }
func (a *area) rows(first, end int) []byte {
	return a.memory[first*a.stride : end*a.stride : end*a.stride]
}

// The transforms take three levels at a time: eight parts, each of which is transformed by itself, before (inverse) or after
// (forward) they are taken together. So what is at work at a time soon fits the first-level cache.
//
// The factor of a butterfly is the subspace polynomial of its level at the first position of its block, which over the
// Cantor basis is that position shifted right. Hence no table of factors but of products.

// inverse turns the values at size positions into coefficients. The positions are those of the rows from first on, moved by
// offset, a multiple of size. Rows from known on must be zero, and so must be those before from.
func (a *area) inverse(first, size, offset, from, known int) {
	switch {
	case first >= known || first+size <= from:
		return
	case size < 8:
		for level := 0; 1<<level < size; level++ {
			half := 1 << level
			for at := first; at < first+size; at += 2 * half {
				a.kernel.inverse(a.rows(at, at+half), a.rows(at+half, at+2*half), (offset+at)>>level)
			}
		}
		return
	case size == 64:
		at, end := max(first, from&^7), min(first+size, (known+7)&^7)
		a.kernel.inverse8(a.rows(at, end), a.stride, (offset+at)/8)
	default:
		for i := range 8 {
			a.inverse(first+i*size/8, size/8, offset, from, known)
		}
	}
	a.kernel.inverse8(a.rows(first, first+size), size/8*a.stride, (offset+first)/size)
}

// forward turns coefficients, which it takes from the rows of coefficients, into values, the reverse of inverse. Only the rows
// before wanted need be right.
func (a *area) forward(coefficients *area, first, size, offset, wanted int) {
	if first >= wanted {
		return
	}
	rows, from := a.rows(first, first+size), coefficients.rows(first, first+size)
	if size < 8 {
		copy(rows, from)
		for half := size / 2; half > 0; half /= 2 {
			for at := first; at < first+size; at += 2 * half {
				a.kernel.forward(a.rows(at, at+half), a.rows(at+half, at+2*half), (offset+at)/half)
			}
		}
		return
	}
	a.kernel.forward8(rows, from, size/8*a.stride, (offset+first)/size)
	if size == 64 {
		rows = a.rows(first, min(first+size, (wanted+7)&^7))
		a.kernel.forward8(rows, rows, a.stride, (offset+first)/8)
		return
	}
	for i := range 8 {
		a.forward(a, first+i*size/8, size/8, offset, wanted)
	}
}
