package erasure

// A kernel is what depends on the CPU: the layout of rows, and the arithmetic on them. Rows of one area have one
// length, a stride; slices handed to a kernel are whole rows.
type kernel interface {
	// stride returns the length that rows should have for shards of so many octets: that of whole shards, filled up, or as
	// much as is good to be taken at a time. It is no smaller than what it stands for.
	stride(octets int) int
	// load and store convert from and to the octets of a shard: words, the low octet first. A row that is stored holds
	// nothing of use any more.
	load(row, words []byte)
	store(words, row []byte)
	// inverse does y += x and then x += factor·y; forward does x += factor·y and then y += x. The factor is even.
	inverse(x, y []byte, factor int)
	forward(x, y []byte, factor int)
	// inverse8 does three levels of an inverse transform on blocks of eight parts, all that rows has, of which first is the
	// index at this width; forward8 does three of a forward one, on what from has, which may be the same as to.
	inverse8(rows []byte, part, first int)
	forward8(to, from []byte, part, first int)
	// scalers prepares for products with x^logs[i].
	scalers(logs []int) scaler
}

// A scaler multiplies a row by the factor at index i of those that it was prepared for.
type scaler interface{ scale(row []byte, i int) }

// A variant is a kernel that some CPUs can run.
type variant struct {
	enabled *bool
	build   func(positions int) kernel // for factors below positions
}

var always = true

// kernel returns the best one that is switched on.
func (c *Coder) kernel() kernel {
	for i, k := range kernels {
		if *k.enabled {
			return c.variants[i]()
		}
	}
	return c.variants[len(kernels)-1]()
}

// inverse8 is the method of that name for a kernel that has no better way.
func inverse8(k kernel, rows []byte, part, first int) {
	for block := first; len(rows) > 0; block++ {
		for level := range 3 {
			half := part << level
			for at := 0; at < 8*part; at += 2 * half {
				k.inverse(rows[at:at+half], rows[at+half:at+2*half], (8*block+at/part)>>level)
			}
		}
		rows = rows[8*part:]
	}
}

// forward8 is the method of that name for a kernel that has no better way.
func forward8(k kernel, to, from []byte, part, first int) {
	if &to[0] != &from[0] {
		copy(to, from)
	}
	for block := first; len(to) > 0; block++ {
		for level := 2; level >= 0; level-- {
			half := part << level
			for at := 0; at < 8*part; at += 2 * half {
				k.forward(to[at:at+half], to[at+half:at+2*half], (8*block+at/part)>>level)
			}
		}
		to = to[8*part:]
	}
}
