// Package erasure is the erasure code of GP §H: it makes n shards out of data, of which any k suffice to get
// the data back.
//
// It is the code that the network speaks, which in full is not the one that the words of GP §H.3 describe. The k
// words of a message are filled up with zero words to a power of two, c = 512 for k = 342; p is the polynomial of degree
// below c through them at the positions 0 to c-1; and recovery shard k+j is p(c+j). For tiny, where k is a power of two,
// both readings agree.
//
// Read field.go for the field, transform.go for the additive Fourier transform by which all is computed, recover.go for
// the way back. What a CPU does by itself stands in kernel_*.go.
package erasure

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
)

// Why shards cannot be recovered. They come from other validators, who may send anything.
var (
	ErrTooFew  = errors.New("erasure: too few shards")
	ErrIndex   = errors.New("erasure: shard index out of range or given twice")
	ErrLength  = errors.New("erasure: shard length does not fit the data")
	errRate    = errors.New("erasure: no such code")
	errSegment = errors.New("erasure: segments must be of one length, a multiple of the piece")
)

// Coder encodes and recovers for one pair of parameters. It is safe for concurrent use.
type Coder struct {
	threshold int // k, the shards that suffice
	shards    int // n
	padded    int // c, the least power of two not below k
	variants  [len(kernels)]func() kernel
	areas     sync.Pool // of *area
	locators  [maxLevel + 1]func() []int32
}

// Shard is one of the n parts of encoded data.
type Shard struct {
	Index int
	Data  []byte
}

// New returns a coder that makes the given number of shards, of which threshold suffice: 342 of 1023 or, in
// tiny, 2 of 6.
func New(threshold, shards int) (*Coder, error) {
	c := &Coder{threshold: threshold, shards: shards}
	if threshold < 1 || shards < threshold || shards > maxDomain {
		return nil, fmt.Errorf("%w: %d of %d", errRate, threshold, shards)
	}
	c.padded = powerOfTwo(threshold)
	domain := c.domain(shards - 1)
	if domain > maxDomain {
		return nil, fmt.Errorf("%w: %d of %d", errRate, threshold, shards)
	}
	for i, k := range kernels {
		c.variants[i] = sync.OnceValue(func() kernel { return k.build(domain) })
	}
	for i := range c.locators {
		c.locators[i] = sync.OnceValue(func() []int32 { return transformedLogs(1 << i) })
	}
	return c, nil
}

// PieceSize is the number of octets that one word for each data shard makes: W_E.
func (c *Coder) PieceSize() int { return 2 * c.threshold }

// ShardSize returns the length of the shards of so many octets of data.
func (c *Coder) ShardSize(length int) int {
	return 2 * ((length + 2*c.threshold - 1) / (2 * c.threshold))
}

// Room is memory for shards, to be used again. The zero value is ready; what was made in it lasts until it is next used.
type Room struct {
	shards [][]byte
	memory []byte
}

// Encode returns the shards of data, which it takes as filled up with zeros to whole pieces: 𝒞 of
// GP eq:erasurecoding. The first shards are the data itself and alias it, as far as it reaches.
func (c *Coder) Encode(data []byte) [][]byte { return c.EncodeInto(new(Room), data) }

// EncodeInto is Encode with memory that the caller has; a node codes megabytes each slot.
func (c *Coder) EncodeInto(room *Room, data []byte) [][]byte {
	size := c.ShardSize(len(data))
	whole := 0 // data shards that the data fills
	if size > 0 {
		whole = len(data) / size
	}
	shards := room.take(c, size, whole)
	for i := range c.threshold {
		if i < whole {
			shards[i] = data[i*size : (i+1)*size : (i+1)*size]
		} else {
			clear(shards[i][copy(shards[i], data[min(i*size, len(data)):]):])
		}
	}
	c.encodeRows(shards, size)
	return shards
}

// EncodeSegments encodes segments of equal length, a multiple of the piece: 𝒞₆ mapped over them. Shard i
// is the concatenation of the shards i of all segments, in order.
func (c *Coder) EncodeSegments(segments [][]byte) ([][]byte, error) {
	return c.EncodeSegmentsInto(new(Room), segments)
}

// EncodeSegmentsInto is EncodeSegments with memory that the caller has.
func (c *Coder) EncodeSegmentsInto(room *Room, segments [][]byte) ([][]byte, error) {
	if len(segments) == 0 {
		return room.take(c, 0, 0), nil
	}
	length := len(segments[0])
	part := c.ShardSize(length)
	if part*c.threshold != length {
		return nil, errSegment
	}
	for _, segment := range segments {
		if len(segment) != length {
			return nil, errSegment
		}
	}
	shards := room.take(c, part*len(segments), 0)
	for i := range c.threshold {
		for j, segment := range segments {
			copy(shards[i][j*part:(j+1)*part], segment[i*part:(i+1)*part])
		}
	}
	c.encodeRows(shards, part*len(segments))
	return shards, nil
}

// lineOctets is where shards begin at a multiple of it in memory, so that they share no cache lines.
const lineOctets = 64

// take returns n shards of size octets, with memory for those from skipped on.
func (r *Room) take(c *Coder, size, skipped int) [][]byte {
	pitch := (size + lineOctets - 1) &^ (lineOctets - 1)
	if need := pitch * (c.shards - skipped); cap(r.memory) < need {
		r.memory = make([]byte, need)
	}
	if cap(r.shards) < c.shards {
		r.shards = make([][]byte, c.shards)
	}
	r.shards = r.shards[:c.shards]
	memory := r.memory[:cap(r.memory)]
	for i := skipped; i < c.shards; i++ {
		r.shards[i], memory = memory[:size:size], memory[pitch:]
	}
	return r.shards
}

// encodeRows computes the recovery shards from the data shards, all of them size octets.
func (c *Coder) encodeRows(shards [][]byte, size int) {
	if c.shards == c.threshold {
		return
	}
	k := c.kernel()
	a, b := c.area(k, c.padded, size), c.area(k, c.padded, size)
	defer c.areas.Put(a)
	defer c.areas.Put(b)
	for at := 0; at < size; at += a.stride {
		end := min(at+a.stride, size)
		for i := range c.threshold {
			k.load(a.row(i), shards[i][at:end])
		}
		clear(a.rows(c.threshold, c.padded))
		a.inverse(0, c.padded, 0, 0, c.threshold)
		for first := c.threshold; first < c.shards; first += c.padded {
			wanted := min(c.padded, c.shards-first)
			b.forward(a, 0, c.padded, c.position(first), wanted)
			for i := range wanted {
				k.store(shards[first+i][at:end], b.row(i))
			}
		}
	}
}

// position returns where the polynomial takes the value that shard index is.
func (c *Coder) position(index int) int {
	if index < c.threshold {
		return index
	}
	return c.padded + index - c.threshold
}

// domain returns the size of the least transform in which the shards up to index can be recovered.
func (c *Coder) domain(index int) int { return max(2*c.padded, powerOfTwo(c.position(index)+1)) }

// powerOfTwo returns the least one that is not below n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }
