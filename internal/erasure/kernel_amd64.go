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
		return newVector(positions, bitMatrices, vectorOps[[4]uint64]{
			inverse512, forward512, inverse8x512, forward8x512, scale512, load512, store512,
		})
	}},
	{&useAVX2, func(positions int) kernel {
		return newVector(positions, nibbleTables, vectorOps[[16]uint64]{
			inverse256, forward256, nil, nil, scale256, load256, store256,
		})
	}},
	{&always, newGeneric},
}

// SAFETY: the assembly reads and writes as many groups of groupOctets as groups says, at least one, and as many octets of
// words; the functions for eight parts do so many blocks of eight times part octets, a multiple of groupOctets. It keeps no
// pointer.

//go:noescape
func inverse512(x, y *byte, groups int, factor *[4]uint64)

//go:noescape
func forward512(x, y *byte, groups int, factor *[4]uint64)

//go:noescape
func inverse8x512(rows *byte, part, blocks int, factors *[4]uint64, first int)

//go:noescape
func forward8x512(to, from *byte, part, blocks int, factors *[4]uint64, first int)

//go:noescape
func scale512(row *byte, groups int, factor *[4]uint64)

//go:noescape
func load512(row, words *byte, groups int)

//go:noescape
func store512(words, row *byte, groups int)

//go:noescape
func inverse256(x, y *byte, groups int, factor *[16]uint64)

//go:noescape
func forward256(x, y *byte, groups int, factor *[16]uint64)

//go:noescape
func scale256(row *byte, groups int, factor *[16]uint64)

//go:noescape
func load256(row, words *byte, groups int)

//go:noescape
func store256(words, row *byte, groups int)

// A row of a vector kernel is made of groups: the low octets of 64 words, then their high octets. The more groups a row has,
// the less it matters that the shards lie far apart; but 1024 rows should fit the second-level cache.
const (
	groupOctets = 128
	maxStride   = 512
)

// vector is a kernel whose assembly wants a factor as M, which depends on it linearly.
type vector[M [4]uint64 | [16]uint64] struct {
	ops      vectorOps[M]
	field    *field
	products [2][256]M // for the low and for the high octet of a factor
	factors  []M       // by half the factor
}

type vectorOps[M any] struct {
	inverse, forward func(x, y *byte, groups int, factor *M)
	inverse8         func(rows *byte, part, blocks int, factors *M, first int) // or nil
	forward8         func(to, from *byte, part, blocks int, factors *M, first int)
	scale            func(row *byte, groups int, factor *M)
	load             func(row, words *byte, groups int)
	store            func(words, row *byte, groups int)
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

func (v *vector[M]) stride(octets int) int {
	groups := (octets + groupOctets - 1) / groupOctets
	times := (octets + maxStride - 1) / maxStride
	if times > 1 {
		groups = (groups + times - 1) / times
	}
	return groups * groupOctets
}

func (v *vector[M]) load(row, words []byte) {
	if groups := len(words) / groupOctets; groups > 0 {
		v.ops.load(&row[:groups*groupOctets][0], &words[0], groups)
		row, words = row[groups*groupOctets:], words[groups*groupOctets:]
	}
	if len(row) > 0 {
		clear(row[copy(row, words):])
		v.ops.load(&row[0], &row[0], len(row)/groupOctets) // of a group it reads all before it writes
	}
}

func (v *vector[M]) store(words, row []byte) {
	if groups := len(words) / groupOctets; groups > 0 {
		v.ops.store(&words[0], &row[:groups*groupOctets][0], groups)
		words, row = words[groups*groupOctets:], row[groups*groupOctets:]
	}
	if len(words) > 0 {
		v.ops.store(&row[0], &row[:groupOctets][0], 1)
		copy(words, row)
	}
}

func (v *vector[M]) inverse(x, y []byte, factor int) {
	if factor == 0 {
		subtle.XORBytes(y, y, x)
		return
	}
	v.ops.inverse(&x[0], &y[:len(x)][0], len(x)/groupOctets, &v.factors[factor/2])
}

func (v *vector[M]) forward(x, y []byte, factor int) {
	if factor == 0 {
		subtle.XORBytes(y, y, x)
		return
	}
	v.ops.forward(&x[0], &y[:len(x)][0], len(x)/groupOctets, &v.factors[factor/2])
}

func (v *vector[M]) inverse8(rows []byte, part, first int) {
	if v.ops.inverse8 == nil {
		inverse8(v, rows, part, first)
		return
	}
	blocks := len(rows) / (8 * part)
	_ = v.factors[4*(first+blocks)-1]
	v.ops.inverse8(&rows[0], part, blocks, &v.factors[0], first)
}

func (v *vector[M]) forward8(to, from []byte, part, first int) {
	if v.ops.forward8 == nil {
		forward8(v, to, from, part, first)
		return
	}
	blocks := len(to) / (8 * part)
	_ = v.factors[4*(first+blocks)-1]
	v.ops.forward8(&to[0], &from[:len(to)][0], part, blocks, &v.factors[0], first)
}

func (v *vector[M]) scalers(logs []int) scaler {
	s := &vectorScaler[M]{v.ops.scale, make([]M, len(logs))}
	for i, log := range logs {
		s.factors[i] = v.factor(v.field.exp[log])
	}
	return s
}

type vectorScaler[M any] struct {
	op      func(row *byte, groups int, factor *M)
	factors []M
}

func (s *vectorScaler[M]) scale(row []byte, i int) {
	s.op(&row[0], len(row)/groupOctets, &s.factors[i])
}

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
