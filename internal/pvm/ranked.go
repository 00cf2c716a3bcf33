package pvm

import (
	"encoding/binary"
	"math/bits"
)

// ranked is a set of places in the code, which knows how many lie before each.
type ranked struct {
	words  []uint64
	before []uint32 // members in the words before
}

func newRanked(size uint64) ranked { return ranked{words: make([]uint64, (size+63)/64)} }

func (r ranked) set(pc uint64) { r.words[pc/64] |= 1 << (pc % 64) }

func (r ranked) has(pc uint64) bool {
	return pc/64 < uint64(len(r.words)) && r.words[pc/64]>>(pc%64)&1 != 0
}

// count readies the set for rank, and gives its size.
func (r *ranked) count() int {
	r.before = make([]uint32, len(r.words))
	n := 0
	for i, w := range r.words {
		r.before[i] = uint32(n)
		n += bits.OnesCount64(w)
	}
	return n
}

// rank is how many members lie before pc.
func (r ranked) rank(pc uint32) uint32 {
	w := r.words[pc/64] & (1<<(pc%64) - 1)
	return r.before[pc/64] + uint32(bits.OnesCount64(w))
}

// copyMask fills words from the octets of a mask.
func copyMask(words []uint64, mask []byte) {
	for len(mask) >= 8 {
		words[0] = binary.LittleEndian.Uint64(mask)
		words, mask = words[1:], mask[8:]
	}
	if len(mask) > 0 {
		var last [8]byte
		copy(last[:], mask)
		words[0] = binary.LittleEndian.Uint64(last[:])
	}
}
