package erasure

// A kernel is what depends on the CPU: the layout of rows, and the arithmetic on them. Rows of one area have one
// length, a stride; slices handed to a kernel are whole rows.
type kernel interface {
	// stride returns the length that rows should have for shards of so many octets: that of whole shards, filled up, or as
	// much as is good to be taken at a time. It is no smaller than what it stands for.
	stride(octets int) int
	// load and store convert from and to the octets of a shard: words, the low octet first.
	load(row, words []byte)
	store(words, row []byte)
	// inverse does y += x and then x += factor·y; forward does x += factor·y and then y += x. The factor is even.
	inverse(x, y []byte, factor int)
	forward(x, y []byte, factor int)
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
