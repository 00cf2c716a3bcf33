package invoke

import "math/bits"

// pageSet is a set of pages of an inner machine: by blocks of blockPages, each a set of bits.
type pageSet map[uint64]*[blockPages / 64]uint64

const blockPages = 1024

// add makes pages members, and tells how many of them were none.
func (s *pageSet) add(first, count uint64) (added uint64) {
	if *s == nil && count > 0 {
		*s = make(pageSet)
	}
	for page, end := first, first+count; page < end; {
		block := (*s)[page/blockPages]
		if block == nil {
			block = new([blockPages / 64]uint64)
			(*s)[page/blockPages] = block
		}
		word := &block[page%blockPages/64]
		n := min(end-page, 64-page%64)
		mask := (^uint64(0) >> (64 - n)) << (page % 64)
		added += uint64(bits.OnesCount64(mask &^ *word))
		*word |= mask
		page += n
	}
	return added
}
