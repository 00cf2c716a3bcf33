package erasure

import (
	"crypto/subtle"
	"fmt"
	"math/bits"
)

// Recover returns the first length octets of the data that shards belong to: ℛ of GP eq:erasurecodinginv. Of more than
// enough shards it takes those with the lowest indices, which cost least. It cannot tell a false shard from a true one: the
// caller compares the result with what it trusts.
func (c *Coder) Recover(shards []Shard, length int) ([]byte, error) {
	if length < 0 {
		return nil, ErrLength
	}
	size := c.ShardSize(length)
	given, err := c.accept(shards, size)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size*c.threshold)
	for i, row := range c.complete(given, size, data) {
		if p := data[i*size : (i+1)*size]; size > 0 && &p[0] != &row[0] {
			copy(p, row)
		}
	}
	return data[:length:length], nil
}

// RecoverSegments is the reverse of EncodeSegments: each shard is the concatenation of the shards of count segments, all
// of length octets.
func (c *Coder) RecoverSegments(shards []Shard, count, length int) ([][]byte, error) {
	part := c.ShardSize(length)
	if count < 0 || length <= 0 || part*c.threshold != length {
		return nil, errSegment
	}
	if len(shards) > 0 && (len(shards[0].Data)/part != count || len(shards[0].Data)%part != 0) {
		return nil, ErrLength // before count is multiplied
	}
	given, err := c.accept(shards, part*count)
	if err != nil {
		return nil, err
	}
	rows := c.complete(given, part*count, make([]byte, length*count))
	segments, data := make([][]byte, count), make([]byte, length*count)
	for j := range segments {
		segments[j] = data[j*length : (j+1)*length : (j+1)*length]
		for i, row := range rows {
			copy(segments[j][i*part:], row[j*part:(j+1)*part])
		}
	}
	return segments, nil
}

// accept sorts shards by their index, if they are enough and all of size octets.
func (c *Coder) accept(shards []Shard, size int) ([][]byte, error) {
	given := make([][]byte, c.shards)
	count := 0
	for _, s := range shards {
		switch {
		case s.Index < 0 || s.Index >= c.shards || given[s.Index] != nil:
			return nil, fmt.Errorf("%w: %d", ErrIndex, s.Index)
		case len(s.Data) != size:
			return nil, fmt.Errorf("%w: %d octets, want %d", ErrLength, len(s.Data), size)
		}
		given[s.Index] = s.Data
		if s.Data == nil {
			given[s.Index] = []byte{}
		}
		count++
	}
	if count < c.threshold {
		return nil, fmt.Errorf("%w: %d of %d", ErrTooFew, count, c.threshold)
	}
	return given, nil
}

// complete returns the data shards: those that are given, and the others computed, each at its place in data.
func (c *Coder) complete(given [][]byte, size int, data []byte) [][]byte {
	p := c.plan(given)
	for _, i := range p.missing {
		given[i] = data[i*size : (i+1)*size : (i+1)*size]
	}
	if len(p.missing) > 0 && size > 0 {
		c.interpolate(&p, given, size)
	}
	return given[:c.threshold]
}

// plan says which shards are used and which are wanted.
type plan struct {
	known   []int // indices of the k shards that are used, ascending
	missing []int // indices of the data shards that are wanted, ascending
}

func (c *Coder) plan(given [][]byte) (p plan) {
	for i, data := range given {
		if data != nil && len(p.known) < c.threshold {
			p.known = append(p.known, i)
		}
		if data == nil && i < c.threshold {
			p.missing = append(p.missing, i)
		}
	}
	return p
}

// interpolate computes the missing data shards.
//
// With e the polynomial that is zero at all erased positions, the product of e and p is known everywhere: zero where
// p is not. Its derivative at an erased position is e′·p there, hence p.
//
// The values of each coset of padded positions are transformed by themselves. What the coefficients of a coset come to in
// those of the derivative that play a part below padded is a factor, see weight.
func (c *Coder) interpolate(p *plan, rows [][]byte, size int) {
	domain := c.domain(p.known[len(p.known)-1])
	logs := c.locator(p, domain)
	k := c.kernel()
	into, outOf := make([]int, len(p.known)), make([]int, len(p.missing))
	cosets := make([][]int, domain/c.padded) // the known shards in each, by their place in the plan
	for i, index := range p.known {
		position := c.position(index)
		into[i] = logs[position]
		coset := position / c.padded
		if coset > 0 {
			into[i] = (into[i] + int(gf().log[weight(coset, len(cosets))])) % order
		}
		cosets[coset] = append(cosets[coset], i)
	}
	for i, index := range p.missing {
		outOf[i] = (order - logs[c.position(index)]) % order
	}
	scaleIn, scaleOut := k.scalers(into), k.scalers(outOf)
	wanted := p.missing[len(p.missing)-1] + 1

	a, b := c.area(k, c.padded, size), c.area(k, c.padded, size)
	defer c.areas.Put(a)
	defer c.areas.Put(b)
	for at := 0; at < size; at += a.stride {
		end := min(at+a.stride, size)
		all := a.rows(0, c.padded)
		if len(cosets[0]) == 0 {
			clear(all)
		}
		for coset, known := range cosets {
			if len(known) == 0 {
				continue
			}
			to := b
			if coset == 0 {
				to = a
			}
			next := 0 // row that is not yet set
			for _, i := range known {
				row := c.position(p.known[i]) % c.padded
				clear(to.rows(next, row))
				k.load(to.row(row), rows[p.known[i]][at:end])
				scaleIn.scale(to.row(row), i)
				next = row + 1
			}
			clear(to.rows(next, c.padded))
			to.inverse(0, c.padded, coset*c.padded, c.position(p.known[known[0]])%c.padded, next)
			if coset == 0 {
				c.differentiate(a)
			} else {
				subtle.XORBytes(all, all, b.rows(0, c.padded))
			}
		}
		a.forward(a, 0, c.padded, 0, wanted)
		for i, index := range p.missing {
			scaleOut.scale(a.row(index), i)
			k.store(rows[index][at:end], a.row(index))
		}
	}
}

// differentiate adds to each coefficient those of its derivative; the sum will do, since the polynomial itself is zero
// where it is going to be evaluated.
func (c *Coder) differentiate(a *area) {
	for i := 1; i < c.padded; i++ {
		width := i & -i
		to := a.rows(i-width, i)
		subtle.XORBytes(to, to, a.rows(i, i+width))
	}
}

// weight returns the factor with which the coefficients of a coset, transformed by itself, stand in the derivative below
// padded. There the derivative has the sum of the coefficients that are padded times a power of two above; and how they
// come out of the coefficients of cosets, the upper levels of the inverse transform say. It is never zero.
func weight(coset, cosets int) uint16 {
	f := gf()
	v := make([]uint16, cosets)
	v[coset] = 1
	for level := 0; 1<<level < cosets; level++ {
		half := 1 << level
		for first := 0; first < cosets; first += 2 * half {
			for i := first; i < first+half; i++ {
				v[i+half] ^= v[i]
				if factor := first >> level; factor != 0 {
					v[i] ^= f.times(v[i+half], int(f.log[factor]))
				}
			}
		}
	}
	sum := uint16(0)
	for i := 1; i < cosets; i *= 2 {
		sum ^= v[i]
	}
	return sum
}

// locator returns, for each position of the domain, the logarithm of the product of its differences from all erased
// positions other than itself. That is a convolution over exclusive or, hence two Walsh-Hadamard transforms.
func (c *Coder) locator(p *plan, domain int) []int {
	erased := make([]int32, domain)
	for i := range erased {
		if i < c.threshold || i >= c.padded {
			erased[i] = 1
		}
	}
	for _, index := range p.known {
		erased[c.position(index)] = 0
	}
	walshHadamard(erased)
	level := bits.Len(uint(domain)) - 1
	for i, l := range c.locators[level]() {
		erased[i] = int32(modOrder(int64(erased[i]) * int64(l)))
	}
	walshHadamard(erased)
	logs := make([]int, domain)
	for i, sum := range erased {
		// 2^16 is 1 modulo the order, so this divides by the size of the domain.
		logs[i] = int(modOrder(modOrder(int64(sum)) << (16 - level)))
	}
	return logs
}

// transformedLogs returns the transform of the logarithms of the positions of a domain.
func transformedLogs(domain int) []int32 {
	logs := make([]int32, domain)
	for i := range logs {
		logs[i] = int32(gf().log[i])
	}
	walshHadamard(logs)
	for i, l := range logs {
		logs[i] = int32(modOrder(int64(l)))
	}
	return logs
}

// maxDomain bounds the transforms, so that sums of as many values below 2^16 stay in 31 bits.
const (
	maxLevel  = 14
	maxDomain = 1 << maxLevel
)

// walshHadamard transforms v in place.
func walshHadamard(v []int32) {
	for half := 1; half < len(v); half *= 2 {
		for first := 0; first < len(v); first += 2 * half {
			x, y := v[first:first+half], v[first+half:first+2*half]
			for i, a := range x {
				x[i], y[i] = a+y[i], a-y[i]
			}
		}
	}
}

func modOrder(v int64) int64 {
	if v %= order; v < 0 {
		v += order
	}
	return v
}
