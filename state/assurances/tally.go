package assurances

import (
	"encoding/binary"

	"damson/state"
)

// tally counts the assurers of every core. It keeps the counts sliced: plane k of a word of 64 cores holds bit k of
// the count of each, so that a bitfield is added to 64 counts with a few operations.
type tally struct {
	engaged []uint64 // a bit for each core that has a report
	planes  [][planes]uint64
}

// planes is enough for as many assurers as there can be indices.
const planes = 17

func newTally(reports state.Reports) *tally {
	words := (len(reports) + 63) / 64
	t := &tally{make([]uint64, words), make([][planes]uint64, words)}
	for core, pending := range reports {
		if pending != nil {
			t.engaged[core/64] |= 1 << (core % 64)
		}
	}
	return t
}

// add counts a bitfield, and says whether it names only cores that have a report. A bit beyond the cores names none that has.
func (t *tally) add(bitfield []byte) bool {
	var padded [8]byte
	for w := range t.engaged {
		octets := bitfield[8*w:]
		if len(octets) < 8 {
			copy(padded[:], octets)
			octets = padded[:]
		}
		carry := binary.LittleEndian.Uint64(octets)
		if carry&^t.engaged[w] != 0 {
			return false
		}
		counts := &t.planes[w]
		for k := 0; carry != 0; k++ {
			counts[k], carry = counts[k]^carry, counts[k]&carry
		}
	}
	return true
}

// count gives the assurers of a core.
func (t *tally) count(core int) (n int) {
	for k, plane := range t.planes[core/64] {
		n |= int(plane>>(core%64)&1) << k
	}
	return n
}
