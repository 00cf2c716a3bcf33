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

// inverse turns the values at size positions from offset on, a multiple of size, into coefficients. Rows from
// known on must be zero.
//
// The factor of a butterfly is the subspace polynomial of its level at the first position of its block, which over the
// Cantor basis is that position shifted right. Hence no table of factors but of products.
func (a *area) inverse(size, offset, known int) {
	for level := 0; 1<<level < size; level++ {
		half := 1 << level
		for first := 0; first < known; first += 2 * half {
			x, y := a.rows(first, first+half), a.rows(first+half, first+2*half)
			a.kernel.inverse(x, y, (offset+first)>>level)
		}
	}
}

// forward turns coefficients into values, the reverse of inverse. Only the first wanted rows need be right.
func (a *area) forward(size, offset, wanted int) {
	level := 0
	for 1<<level < size {
		level++
	}
	for level--; level >= 0; level-- {
		half := 1 << level
		for first := 0; first < wanted; first += 2 * half {
			x, y := a.rows(first, first+half), a.rows(first+half, first+2*half)
			a.kernel.forward(x, y, (offset+first)>>level)
		}
	}
}
