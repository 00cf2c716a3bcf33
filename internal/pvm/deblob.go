package pvm

import (
	"errors"
	"fmt"

	"damson/internal/codec"
)

// Why a program blob is refused. These are no faults of a block: a program that does not decode
// panics, or makes the host call machine answer HUH.
var (
	ErrBlob  = errors.New("pvm: malformed program blob")
	ErrImage = errors.New("pvm: malformed standard program")
)

// Blob is a program blob taken apart, and no more: nothing is decoded yet. It aliases the input.
type Blob struct {
	Code []byte // c
	Mask []byte // k, eight octets of code to the octet, least significant bit first

	jumps     []byte // E_z(j)
	jumpCount uint64 // |j|
	jumpSize  int    // z
}

// Deblob takes a program blob apart. It is strict: the parts must be the one and only reading of
// the blob. It allocates nothing. GP §A.1.
func Deblob(p []byte) (Blob, error) {
	var b Blob
	d := codec.NewDecoder(p)
	b.jumpCount = d.Natural()
	b.jumpSize = int(d.U8())
	size := d.Natural()
	if d.Err() != nil {
		return Blob{}, fmt.Errorf("%w: %w", ErrBlob, d.Err())
	}
	rest := d.Rest()
	left := uint64(len(rest))
	if b.jumpSize != 0 && b.jumpCount > left/uint64(b.jumpSize) {
		return Blob{}, fmt.Errorf("%w: %d jump table entries", ErrBlob, b.jumpCount)
	}
	jumpLen := b.jumpCount * uint64(b.jumpSize) // 0 when the size is: the count may then be anything
	maskLen := size/8 + (size%8+7)/8
	if size > left || jumpLen+size+maskLen != left {
		return Blob{}, fmt.Errorf("%w: %d octets for %d of jump table and %d of code", ErrBlob, left, jumpLen, size)
	}
	b.jumps = rest[:jumpLen:jumpLen]
	b.Code = rest[jumpLen : jumpLen+size : jumpLen+size]
	b.Mask = rest[jumpLen+size:]
	if size%8 != 0 && b.Mask[maskLen-1]>>(size%8) != 0 {
		return Blob{}, fmt.Errorf("%w: mask padding", ErrBlob)
	}
	for i := uint64(0); b.jumpSize > 8 && i < b.jumpCount; i++ { // an entry is a 64-bit number
		for _, octet := range b.entry(i)[8:] {
			if octet != 0 {
				return Blob{}, fmt.Errorf("%w: jump table entry %d", ErrBlob, i)
			}
		}
	}
	return b, nil
}

// Jumps is |j|. With entries of no octets at all it may be any number: every entry is then 0.
func (b *Blob) Jumps() uint64 { return b.jumpCount }

// Jump is entry i of the jump table.
func (b *Blob) Jump(i uint64) uint64 {
	if b.jumpSize == 0 {
		return 0
	}
	e := b.entry(i)
	var x uint64
	for k := min(len(e), 8) - 1; k >= 0; k-- {
		x = x<<8 | uint64(e[k])
	}
	return x
}

func (b *Blob) entry(i uint64) []byte {
	z := uint64(b.jumpSize)
	return b.jumps[i*z : i*z+z]
}

// starts reports whether an instruction begins at pc: k_pc.
func (b *Blob) starts(pc uint64) bool {
	return pc < uint64(len(b.Code)) && b.Mask[pc/8]>>(pc%8)&1 != 0
}
