package jit

// halves is what is known of the upper halves of registers, by hardware number. The lower half is right in any case. An
// instruction of 32 bits is to extend its result, which lowering puts off until somebody asks for the upper half.
type halves[R ~uint8 | ~uint32] struct {
	// By register, of both at most one bit: in the low half that the upper half of the register should be the sign of the
	// lower, and holds anything (it is pending); in the high half that it is that sign (it is canonical).
	known uint32
}

func bit[R ~uint8 | ~uint32](r R) uint16 { return 1 << (r & 15) }

// canonical is how far the bits of canonical registers are from those of pending ones.
const canonical = 16

func bits[R ~uint8 | ~uint32](r R) uint32 { return (1 | 1<<canonical) << (r & 15) }

// others are the bits of all registers but one.
var others = func() (t [16]uint32) {
	for r := range t {
		t[r] = ^bits(uint32(r))
	}
	return t
}()

// pending is the registers that are.
func (h *halves[R]) pending() uint16 { return uint16(h.known) }

// forget is what a block begins with.
func (h *halves[R]) forget() { h.known = 0 }

// wrote64 notes that r was written whole.
func (h *halves[R]) wrote64(r R) { h.known &= others[r&15] }

// wrote32 notes that r was written by a 32-bit instruction and is to be sign-extended.
func (h *halves[R]) wrote32(r R) { h.known = h.known&others[r&15] | uint32(bit(r)) }

// wroteSigned notes that r was written and is sign-extended from 32 bits.
func (h *halves[R]) wroteSigned(r R) { h.known = h.known&others[r&15] | uint32(bit(r))<<canonical }

// wroteKnown notes a write of all of r, sign-extended or not.
func (h *halves[R]) wroteKnown(r R, signed bool) {
	known := uint32(0)
	if signed {
		known = uint32(bit(r)) << canonical
	}
	h.known = h.known&others[r&15] | known
}

// signed reports whether r stands for a value that fits 32 bits with sign.
func (h *halves[R]) signed(r R) bool { return h.known&bits(r) != 0 }
