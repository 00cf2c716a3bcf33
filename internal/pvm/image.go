package pvm

import (
	"fmt"

	"damson/internal/codec"
)

// The layout of a standard program. GP §A.7.
const (
	ZoneSize  = 1 << 16 // Z_Z
	InputSize = 1 << 24 // Z_I: the most that arguments can be

	stackTop  = memorySize - 2*ZoneSize - InputSize
	argsStart = memorySize - ZoneSize - InputSize
)

// Image is a standard program, decoded: code, and how registers and memory begin. It never changes,
// so that it can be kept for its code hash and started many times. GP §A.7.
type Image struct {
	Program *Program

	ro        []byte // o, padded to whole pages
	rw        []byte // w, not padded
	rwStart   uint32
	rwPages   uint32 // of w and the z pages behind it
	stackSize uint32 // P(s)
}

// DecodeImage reads a standard program blob. That is one condition for Y(p, a) to be something; the
// others are in Start. GP eq:conditions.
func DecodeImage(p []byte) (*Image, error) {
	d := codec.NewDecoder(p)
	roLen, rwLen := u24(&d), u24(&d)
	heapPages := d.U16()
	stack := u24(&d)
	ro := d.Bytes(int(roLen))
	rw := d.Bytes(int(rwLen))
	code := d.Bytes(int(d.U32()))
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrImage, err)
	}
	total := 5*ZoneSize + zones(uint64(roLen)) + zones(uint64(rwLen)+uint64(heapPages)*PageSize) + zones(uint64(stack)) + InputSize
	if total > memorySize {
		return nil, fmt.Errorf("%w: memory of %d octets", ErrImage, total)
	}
	program, err := Decode(code)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrImage, err)
	}
	img := &Image{
		Program:   program,
		ro:        make([]byte, wholePages(uint64(roLen))),
		rw:        rw,
		rwStart:   uint32(2*ZoneSize + zones(uint64(roLen))),
		rwPages:   uint32(wholePages(uint64(rwLen))/PageSize) + uint32(heapPages),
		stackSize: uint32(wholePages(uint64(stack))),
	}
	copy(img.ro, ro)
	return img, nil
}

// Start makes the machine ready to run the program with these arguments: registers and memory, Y of
// GP §A.7. It leaves counter and gas alone, and whatever the memory held before is gone.
func (img *Image) Start(m *Machine, args []byte) error {
	if len(args) > InputSize {
		return fmt.Errorf("%w: %d octets of arguments", ErrImage, len(args))
	}
	m.Regs = [Registers]uint64{0: HaltAddress, 1: stackTop, 7: argsStart, 8: uint64(len(args))}
	m.Mem.load(img, args)
	return nil
}

// Size is about how many octets the image holds, for caches with a bound.
func (img *Image) Size() int { return img.Program.Size() + len(img.ro) + len(img.rw) }

func u24(d *codec.Decoder) uint32 {
	low, high := d.U16(), d.U8()
	return uint32(low) | uint32(high)<<16
}

// wholePages is P, and zones is Q. GP §A.7.
func wholePages(x uint64) uint64 { return (x + PageSize - 1) &^ (PageSize - 1) }
func zones(x uint64) uint64      { return (x + ZoneSize - 1) &^ (ZoneSize - 1) }
