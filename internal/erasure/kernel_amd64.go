//go:build !purego

package erasure

import (
	"crypto/subtle"

	"golang.org/x/sys/cpu"

	"damson/internal/impl"
)

var (
	useGFNI = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512GFNI
	useAVX2 = cpu.X86.HasAVX2
)

func init() {
	impl.Register("erasure", "gfni", &useGFNI)
	impl.Register("erasure", "avx2", &useAVX2)
}

// kernels are all variants in order of preference; the last one runs everywhere.
var kernels = [...]variant{
	{&useGFNI, func(positions int) kernel {
		return newVector(positions, bitMatrices, vectorOps[[4]uint64]{inverse512, forward512, scale512, load512, store512})
	}},
	{&useAVX2, func(positions int) kernel {
		return newVector(positions, nibbleTables, vectorOps[[16]uint64]{inverse256, forward256, scale256, load256, store256})
	}},
	{&always, newGeneric},
}

// SAFETY: the assembly reads and writes whole rows of rowOctets, as many as rows says and at least one, and as many
// octets of words. It keeps no pointer.

//go:noescape
func inverse512(x, y *byte, rows int, factor *[4]uint64)

//go:noescape
func forward512(x, y *byte, rows int, factor *[4]uint64)

//go:noescape
func scale512(row *byte, factor *[4]uint64)

//go:noescape
func load512(row, words *byte)

//go:noescape
func store512(words, row *byte)

//go:noescape
func inverse256(x, y *byte, rows int, factor *[16]uint64)

//go:noescape
func forward256(x, y *byte, rows int, factor *[16]uint64)

//go:noescape
func scale256(row *byte, factor *[16]uint64)

//go:noescape
func load256(row, words *byte)

//go:noescape
func store256(words, row *byte)

// rowOctets is the length of a row in a vector kernel: the low octets of 64 words, then their high octets.
const rowOctets = 128

// vector is a kernel whose assembly wants a factor as M, which depends on it linearly.
type vector[M [4]uint64 | [16]uint64] struct {
	ops      vectorOps[M]
	field    *field
	products [2][256]M // for the low and for the high octet of a factor
	factors  []M       // by half the factor
}

type vectorOps[M any] struct {
	inverse, forward func(x, y *byte, rows int, factor *M)
	scale            func(row *byte, factor *M)
	load             func(row, words *byte)
	store            func(words, row *byte)
}

// newVector prepares factors below positions. form makes an M of what a factor makes of each bit.
func newVector[M [4]uint64 | [16]uint64](positions int, form func(*[16]uint16) M, ops vectorOps[M]) *vector[M] {
	v := &vector[M]{ops: ops, field: gf(), factors: make([]M, positions/2)}
	for octet := range v.products {
		for bit := range 8 {
			bits := v.field.products(1 << (8*octet + bit))
			m := form(&bits)
			for i := range 1 << bit {
				v.products[octet][1<<bit|i] = add(m, v.products[octet][i])
			}
		}
	}
	for i := range v.factors {
		v.factors[i] = v.factor(uint16(2 * i))
	}
	return v
}

func (v *vector[M]) factor(f uint16) M { return add(v.products[0][f&0xff], v.products[1][f>>8]) }

func add[M [4]uint64 | [16]uint64](a, b M) M {
	for i := range len(a) {
		a[i] ^= b[i]
	}
	return a
}

func (v *vector[M]) stride(int) int { return rowOctets }

func (v *vector[M]) load(row, words []byte) {
	if len(words) < rowOctets {
		clear(row[copy(row, words):])
		words = row // the assembly reads all before it writes
	}
	v.ops.load(&row[:rowOctets][0], &words[:rowOctets][0])
}

func (v *vector[M]) store(words, row []byte) {
	if len(words) < rowOctets {
		v.ops.store(&row[:rowOctets][0], &row[0]) // the row is not wanted any more
		copy(words, row)
		return
	}
	v.ops.store(&words[:rowOctets][0], &row[:rowOctets][0])
}

func (v *vector[M]) inverse(x, y []byte, factor int) {
	if factor == 0 {
		subtle.XORBytes(y, y, x)
		return
	}
	v.ops.inverse(&x[0], &y[:len(x)][0], len(x)/rowOctets, &v.factors[factor/2])
}

func (v *vector[M]) forward(x, y []byte, factor int) {
	if factor == 0 {
		subtle.XORBytes(y, y, x)
		return
	}
	v.ops.forward(&x[0], &y[:len(x)][0], len(x)/rowOctets, &v.factors[factor/2])
}

func (v *vector[M]) scalers(logs []int) scaler {
	s := &vectorScaler[M]{v.ops.scale, make([]M, len(logs))}
	for i, log := range logs {
		s.factors[i] = v.factor(v.field.exp[log])
	}
	return s
}

type vectorScaler[M any] struct {
	op      func(row *byte, factor *M)
	factors []M
}

func (s *vectorScaler[M]) scale(row []byte, i int) { s.op(&row[:rowOctets][0], &s.factors[i]) }

// bitMatrices gives a product as GFNI computes it, one matrix each for low to low octets, high to low, low to high and
// high to high. bits are the products with each bit. Octet 7-i of a matrix has the input bits that sum up to output bit i.
func bitMatrices(bits *[16]uint16) (m [4]uint64) {
	for j, product := range bits {
		for i := range 16 {
			if product>>i&1 != 0 {
				m[i/8*2+j/8] |= 1 << (8*(7-i%8) + j%8)
			}
		}
	}
	return m
}

// nibbleTables gives a product as sums of table entries: for each nibble of a word the low octets of sixteen products, then
// the high octets in the same way.
func nibbleTables(bits *[16]uint16) (m [16]uint64) {
	for nibble := range 4 {
		for value := range 16 {
			product := uint16(0)
			for j := range 4 {
				if value>>j&1 != 0 {
					product ^= bits[4*nibble+j]
				}
			}
			m[2*nibble+value/8] |= uint64(product&0xff) << (8 * (value % 8))
			m[8+2*nibble+value/8] |= uint64(product>>8) << (8 * (value % 8))
		}
	}
	return m
}
