package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// ReadPackage reads a package from a peer, octet for octet no further than to the one that proves it over a limit: then
// the error says which, and nothing behind is waited for or kept. It returns the package and its encoding.
func ReadPackage(r io.Reader, p *protocol.Params) (*block.WorkPackage, []byte, error) {
	s := &source{from: r, params: p, limits: newLimits(p)}
	s.pkg()
	if s.err != nil {
		return nil, nil, s.err
	}
	w, err := block.DecodeWorkPackage(s.octets, p)
	if err != nil {
		return nil, nil, err
	}
	return w, s.octets, nil
}

// ReadExtrinsics reads the data that a package refers to, which is known to be within the limits, from a peer. Data with
// the wrong hash is refused before what follows is read.
func ReadExtrinsics(r io.Reader, w *block.WorkPackage) ([][][]byte, error) {
	b := New(w)
	for i, list := range b.Extrinsics {
		for j, x := range w.Items[i].Extrinsics {
			s := source{from: r}
			s.take(int(x.Length))
			if s.err != nil {
				return nil, s.err
			}
			list[j] = s.octets
			if !sameHash(s.octets, x.Hash) {
				return nil, fmt.Errorf("item %d: extrinsic %d: %w", i, j, ErrExtrinsic)
			}
		}
	}
	return b.Extrinsics, nil
}

// source reads the fields of a package one by one. Its first error sticks.
type source struct {
	from   io.Reader
	params *protocol.Params
	limits *limits
	octets []byte // read so far
	err    error
}

// chunkOctets is how much memory is taken before anything of it has arrived.
const chunkOctets = 64 << 10

// take reads the next n octets, and gives them until the next read.
func (s *source) take(n int) []byte {
	first := len(s.octets)
	for n > 0 && s.err == nil {
		chunk := min(n, chunkOctets)
		at := len(s.octets)
		s.octets = append(s.octets, make([]byte, chunk)...)
		if _, err := io.ReadFull(s.from, s.octets[at:]); err != nil {
			s.fail(short(err))
		}
		n -= chunk
	}
	if s.err != nil {
		return nil
	}
	return s.octets[first:]
}

// short tells the end of the input as decoders do; other errors are the peer's connection's.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return codec.ErrShort
	}
	return err
}

func (s *source) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// natural reads a number, octet by octet since only the first one tells its length.
func (s *source) natural() uint64 {
	first := s.take(1)
	if s.err != nil {
		return 0
	}
	b := bytes.Clone(first)
	for mask := byte(1 << 7); mask != 0 && b[0]&mask != 0; mask >>= 1 {
		b = append(b, s.take(1)...)
	}
	d := codec.NewDecoder(b)
	v := d.Natural()
	s.fail(d.Finish())
	return v
}

// count reads how many there are, as far as an int goes.
func (s *source) count() int { return int(min(s.natural(), 1<<31-1)) }

func (s *source) uint(n int) (v uint64) {
	for i, octet := range s.take(n) {
		v |= uint64(octet) << (8 * i)
	}
	return v
}

// blob reads a blob that counts for the size of a package.
func (s *source) blob() {
	n := s.natural()
	if s.err == nil {
		s.fail(s.limits.octets(n))
	}
	if s.err == nil {
		s.take(int(n))
	}
}

// within is what a limit says, or nothing where an error came before.
func (s *source) within(err error) bool {
	s.fail(err)
	return s.err == nil
}

func (s *source) pkg() {
	s.take(4 + 32)   // authorizer
	s.take(4*32 + 4) // context
	n := s.count()   // prerequisites
	if !s.within(s.limits.dependencies(n)) {
		return
	}
	s.take(32 * n)
	s.blob() // token
	s.blob() // configuration
	items := s.count()
	if s.err == nil && (items < 1 || items > s.params.MaxPackageItems) {
		s.fail(ErrItems)
	}
	for range items {
		if s.err != nil {
			return
		}
		s.item()
	}
}

func (s *source) item() {
	s.take(4 + 32)
	refine := protocol.Gas(s.uint(8))
	if !s.within(s.limits.gas(refine, 0)) || !s.within(s.limits.gas(0, protocol.Gas(s.uint(8)))) ||
		!s.within(s.limits.exported(int(s.uint(2)))) {
		return
	}
	s.blob() // payload
	n := s.count()
	if !s.within(s.limits.imported(n)) {
		return
	}
	for range n {
		var r block.Import
		copy(r.Root[:], s.take(32))
		r.ByPackage = s.uint(2)&(1<<15) != 0
		if !s.within(s.limits.importedFrom(&r)) {
			return
		}
	}
	n = s.count()
	if !s.within(s.limits.referred(n)) {
		return
	}
	for range n {
		s.take(32)
		if !s.within(s.limits.octets(s.uint(4))) {
			return
		}
	}
}
