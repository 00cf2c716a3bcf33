package jit

// halves is what is known of the upper halves of registers, by hardware number. The lower half is right in any case. An
// instruction of 32 bits is to extend its result, which lowering puts off until somebody asks for the upper half.
type halves[R ~uint8] struct {
	pending   uint16 // the upper half should be the sign of the lower, and holds anything
	canonical uint16 // the upper half is the sign of the lower
}

func bit[R ~uint8](r R) uint16 { return 1 << (r & 15) }

// wrote64 notes that r was written whole.
func (h *halves[R]) wrote64(r R) {
	h.pending &^= bit(r)
	h.canonical &^= bit(r)
}

// wrote32 notes that r was written by a 32-bit instruction and is to be sign-extended.
func (h *halves[R]) wrote32(r R) {
	h.pending |= bit(r)
	h.canonical &^= bit(r)
}

// wroteSigned notes that r was written and is sign-extended from 32 bits.
func (h *halves[R]) wroteSigned(r R) {
	h.pending &^= bit(r)
	h.canonical |= bit(r)
}

// wroteKnown notes a write of all of r, sign-extended or not.
func (h *halves[R]) wroteKnown(r R, signed bool) {
	known := uint16(0)
	if signed {
		known = bit(r)
	}
	h.pending &^= bit(r)
	h.canonical = h.canonical&^bit(r) | known
}

// signed reports whether r stands for a value that fits 32 bits with sign.
func (h *halves[R]) signed(r R) bool { return (h.pending|h.canonical)&bit(r) != 0 }
