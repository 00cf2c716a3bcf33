// Package codec reads and writes the primitives of GP Appendix C: naturals, fixed-width integers,
// octet strings and optional values.
//
// Reading copies nothing: octet strings alias the input. It is strict: a natural has one encoding,
// a discriminator is 0 or 1, nothing may follow the last field, and no count is believed before the
// octets that it promises are seen to be there.
package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"damson/internal/protocol"
)

// The rules that an encoding can break.
const (
	ErrShort     = protocol.Invalid("codec/ends_too_early")
	ErrTrailing  = protocol.Invalid("codec/octets_after_the_end")
	ErrNatural   = protocol.Invalid("codec/natural_not_shortest_form")
	ErrTooLarge  = protocol.Invalid("codec/number_out_of_range")
	ErrCount     = protocol.Invalid("codec/count_over_limit")
	ErrSelector  = protocol.Invalid("codec/unknown_discriminator")
	ErrEmptyList = protocol.Invalid("codec/list_must_not_be_empty")
)

// Error says where in the input which field broke which rule. Unwrap gives the rule.
type Error struct {
	Offset int    // octets from the start of the input
	Field  string // the field being read
	Rule   error
}

func (e *Error) Error() string { return fmt.Sprintf("offset %d: %s: %v", e.Offset, e.Field, e.Rule) }

// Unwrap gives the rule broken.
func (e *Error) Unwrap() error { return e.Rule }

// Decoder reads GP App. C. Its first error sticks and later reads return zero: check Err once, at the end.
type Decoder struct {
	rest  []byte
	size  int
	field string
	err   error
}

// NewDecoder reads from b, which must not change while what was read is in use.
func NewDecoder(b []byte) Decoder { return Decoder{rest: b, size: len(b)} }

// Err is the first rule broken, an *Error, or nil.
func (d *Decoder) Err() error { return d.err }

// Finish is Err, or ErrTrailing if octets are left.
func (d *Decoder) Finish() error {
	if d.err == nil && len(d.rest) > 0 {
		d.field = "end"
		d.Fail(ErrTrailing)
	}
	return d.err
}

// Field names what is read next, for errors.
func (d *Decoder) Field(name string) { d.field = name }

// Offset is how many octets have been read.
func (d *Decoder) Offset() int { return d.size - len(d.rest) }

// Rest gives what has not been read. It aliases the input.
func (d *Decoder) Rest() []byte { return d.rest }

// Fail records that a rule is broken here, if none was before.
func (d *Decoder) Fail(rule error) {
	if d.err == nil {
		d.err = &Error{Offset: d.Offset(), Field: d.field, Rule: rule}
	}
	d.rest = nil
	d.size = 0
}

// Bytes returns the next n octets. They alias the input.
func (d *Decoder) Bytes(n int) []byte {
	if uint(n) > uint(len(d.rest)) {
		d.Fail(ErrShort)
		return nil
	}
	p := d.rest[:n:n] // capped: append cannot reach the next field
	d.rest = d.rest[n:]
	return p
}

// Copy fills dst from the input; an array's fixed length needs no prefix.
func (d *Decoder) Copy(dst []byte) {
	if len(dst) > len(d.rest) {
		d.Fail(ErrShort)
		clear(dst)
		return
	}
	copy(dst, d.rest)
	d.rest = d.rest[len(dst):]
}

// Hash reads 32 octets.
func (d *Decoder) Hash() (h protocol.Hash) {
	d.Copy(h[:])
	return h
}

// U8 reads one octet.
func (d *Decoder) U8() uint8 {
	if len(d.rest) < 1 {
		d.Fail(ErrShort)
		return 0
	}
	v := d.rest[0]
	d.rest = d.rest[1:]
	return v
}

// U16 reads two octets, the least first.
func (d *Decoder) U16() uint16 {
	if len(d.rest) < 2 {
		d.Fail(ErrShort)
		return 0
	}
	v := binary.LittleEndian.Uint16(d.rest)
	d.rest = d.rest[2:]
	return v
}

// U32 reads four octets, the least first.
func (d *Decoder) U32() uint32 {
	if len(d.rest) < 4 {
		d.Fail(ErrShort)
		return 0
	}
	v := binary.LittleEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return v
}

// U64 reads eight octets, the least first.
func (d *Decoder) U64() uint64 {
	if len(d.rest) < 8 {
		d.Fail(ErrShort)
		return 0
	}
	v := binary.LittleEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return v
}

// Natural reads a number of one to nine octets, which must be in its shortest form. GP §C.1.1.
func (d *Decoder) Natural() uint64 {
	if len(d.rest) == 0 {
		d.Fail(ErrShort)
		return 0
	}
	first := d.rest[0]
	if first < 0x80 {
		d.rest = d.rest[1:]
		return uint64(first)
	}
	return d.longNatural(first)
}

func (d *Decoder) longNatural(first byte) uint64 {
	extra := bits.LeadingZeros8(^first) // ones before the first zero
	if len(d.rest) < 1+extra {
		d.Fail(ErrShort)
		return 0
	}
	var word [8]byte
	copy(word[:], d.rest[1:1+extra])
	v := binary.LittleEndian.Uint64(word[:])
	if extra < 8 {
		high := uint64(first) & (1<<(7-extra) - 1)
		v |= high << (8 * extra)
	}
	if v < 1<<(7*extra) {
		d.Fail(ErrNatural)
		return 0
	}
	d.rest = d.rest[1+extra:]
	return v
}

// NaturalUpTo reads a natural that must not be over limit.
func (d *Decoder) NaturalUpTo(limit uint64) uint64 {
	v := d.Natural()
	if v > limit {
		d.Fail(ErrTooLarge)
		return 0
	}
	return v
}

// Count reads the length of a list of at most limit elements, each at least minSize octets long.
// A count that the octets left cannot hold is refused, so that the caller may allocate for it.
func (d *Decoder) Count(limit, minSize int) int {
	v := d.Natural()
	if v > uint64(limit) {
		d.Fail(ErrCount)
		return 0
	}
	if v*uint64(minSize) > uint64(len(d.rest)) {
		d.Fail(ErrShort)
		return 0
	}
	return int(v)
}

// Blob reads an octet string with its length before it. It aliases the input.
func (d *Decoder) Blob() []byte {
	n := d.Natural()
	if n > uint64(len(d.rest)) {
		d.Fail(ErrShort)
		return nil
	}
	return d.Bytes(int(n))
}

// Bool reads one octet that is 0 or 1; so is an optional value's discriminator.
func (d *Decoder) Bool() bool {
	switch d.U8() {
	case 0:
		return false
	case 1:
		return true
	}
	d.Fail(ErrSelector)
	return false
}

// Resize gives a slice of n elements, reusing s where it is large enough. Elements keep what they had,
// so that their own slices can be reused too: the caller must set every field.
func Resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	grown := make([]T, n)
	copy(grown, s[:cap(s)])
	return grown
}
