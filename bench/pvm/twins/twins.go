// Package twins holds the programs of bench/programs once more, in Go: what the same algorithm costs where no machine
// is emulated. They are written as the C is, statement by statement; bigcode, whose C is generated, has none.
package twins

import "math/bits"

// All are the twins by the name of their program. Each takes the program's n and returns its checksum.
var All = map[string]func(n uint64) uint64{
	"bytevm":   bytevm,
	"fib":      fib,
	"hostping": hostping,
	"matmul":   matmul,
	"memops":   memops,
	"ptrchase": ptrchase,
	"qsort":    qsort,
	"sha256":   sha256,
	"sieve":    sieve,
}

func xorshift(s *uint64) uint64 {
	x := *s
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*s = x
	return x
}

func fib(n uint64) uint64 {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

// ping is called through a variable, as a host is.
var ping = func(x uint64) uint64 { return x + 1 }

func hostping(n uint64) uint64 {
	x := uint64(0)
	for range n {
		x = ping(x)
	}
	return x
}

const sieveSize = 1_000_000

func sieve(n uint64) uint64 {
	composite := make([]byte, sieveSize)
	sum := uint64(0)
	for r := range n {
		c := composite[:sieveSize-r&63]
		clear(c)
		count, last := uint64(0), uint64(0)
		for i := uint64(2); i < uint64(len(c)); i++ {
			if c[i] != 0 {
				continue
			}
			count++
			last = i
			for j := i * i; j < uint64(len(c)); j += i {
				c[j] = 1
			}
		}
		sum = bits.RotateLeft64(sum, 7) + count*31 + last
	}
	return sum
}

const matrix = 120

func matmul(n uint64) uint64 {
	var a, b, c [matrix][matrix]uint64
	s := uint64(12345)
	for i := range a {
		for j := range a {
			a[i][j] = xorshift(&s) >> 40
			b[i][j] = xorshift(&s) >> 40
		}
	}
	for range n {
		for i := range a {
			for j := range a {
				sum := uint64(0)
				for k := range a {
					sum += a[i][k] * b[k][j]
				}
				c[i][j] = sum
			}
		}
		for i := range a {
			for j := range a {
				a[i][j] = c[i][j]>>7 ^ b[j][i]
			}
		}
	}
	h := uint64(0)
	for i := range c {
		for _, x := range c[i] {
			h = bits.RotateLeft64(h, 5) ^ x
		}
	}
	return h
}

const (
	nodes = 65536
	chase = 100_000
)

func ptrchase(n uint64) uint64 {
	type node struct {
		next, value uint32
		_           [14]uint32
	}
	all := make([]node, nodes)
	perm := make([]uint32, nodes)
	for i := range perm {
		perm[i] = uint32(i)
	}
	s := uint64(0xdeadbeefcafe)
	for i := uint32(nodes - 1); i > 0; i-- {
		j := uint32(xorshift(&s)>>16) % i
		perm[i], perm[j] = perm[j], perm[i]
	}
	for i := range perm {
		all[perm[i]].next = perm[(i+1)%nodes]
		all[i].value = uint32(i) * 7
	}
	at, sum := uint32(0), uint64(0)
	for range n {
		for k := range uint32(chase) {
			at = all[at].next
			sum += uint64(all[at].value ^ k)
		}
	}
	return sum + uint64(at)
}

const words = 100_000

func qsort(n uint64) uint64 {
	v := make([]uint32, words)
	s, h := uint64(88172645463325252), uint64(0)
	for range n {
		for i := range v {
			v[i] = uint32(xorshift(&s))
		}
		quicksort(v, 0, words-1)
		for i := 1; i < words; i++ {
			if v[i-1] > v[i] {
				return ^uint64(0)
			}
		}
		for i := 0; i < words; i += 997 {
			h = bits.RotateLeft64(h, 3) + uint64(v[i])
		}
	}
	return h
}

// quicksort sorts a[lo:hi+1]: median of three, the shorter half by recursion, short stretches by insertion.
func quicksort(a []uint32, lo, hi int) {
	for hi-lo > 12 {
		mid := lo + (hi-lo)/2
		if a[mid] < a[lo] {
			a[mid], a[lo] = a[lo], a[mid]
		}
		if a[hi] < a[lo] {
			a[hi], a[lo] = a[lo], a[hi]
		}
		if a[hi] < a[mid] {
			a[hi], a[mid] = a[mid], a[hi]
		}
		p, i, j := a[mid], lo, hi
		for {
			for i++; a[i] < p; i++ {
			}
			for j--; a[j] > p; j-- {
			}
			if i >= j {
				break
			}
			a[i], a[j] = a[j], a[i]
		}
		if j-lo < hi-j {
			quicksort(a, lo, j)
			lo = j + 1
		} else {
			quicksort(a, j+1, hi)
			hi = j
		}
	}
	for i := lo + 1; i <= hi; i++ {
		x, j := a[i], i-1
		for ; j >= lo && a[j] > x; j-- {
			a[j+1] = a[j]
		}
		a[j+1] = x
	}
}
