package bundle

import (
	"errors"
	"fmt"
	"io"
	"math/bits"

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

// Read reads a bundle from a peer, no further than to the octet that proves it over a limit, or to the end of the first
// extrinsic that is not what the package commits to. What else the data is, only Verify tells.
func Read(r io.Reader, p *protocol.Params) (*Bundle, error) {
	w, _, err := ReadPackage(r, p)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Package: w}
	if b.Extrinsics, err = ReadExtrinsics(r, w); err != nil {
		return nil, err
	}
	if b.Imports, err = ReadImports(r, w, p); err != nil {
		return nil, err
	}
	if b.Proofs, err = ReadProofs(r, w, p); err != nil {
		return nil, err
	}
	return b, nil
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

// ReadImports reads the segments that a package imports from a peer.
func ReadImports(r io.Reader, w *block.WorkPackage, p *protocol.Params) ([][][]byte, error) {
	b := New(w)
	for _, list := range b.Imports {
		for j := range list {
			s := source{from: r}
			s.take(p.SegmentOctets())
			if s.err != nil {
				return nil, s.err
			}
			list[j] = s.octets
		}
	}
	return b.Imports, nil
}

// ReadProofs reads the proofs of the segments that a package imports from a peer. A proof that is longer than any can be is
// refused before any of it is read.
func ReadProofs(r io.Reader, w *block.WorkPackage, p *protocol.Params) ([][][]protocol.Hash, error) {
	b := New(w)
	depth := uint64(maxDepth(p))
	for _, list := range b.Proofs {
		for j := range list {
			s := source{from: r}
			path := make([]protocol.Hash, min(s.natural(depth, codec.ErrCount), depth))
			for k := range path {
				copy(path[k][:], s.take(len(path[k])))
			}
			if s.err != nil {
				return nil, s.err
			}
			list[j] = path
		}
	}
	return b.Proofs, nil
}

// ProofsOctets bounds what ReadProofs reads for so many imports.
func ProofsOctets(imports int, p *protocol.Params) int {
	depth := maxDepth(p)
	return imports * (codec.NaturalSize(uint64(depth)) + len(protocol.Hash{})*depth)
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

// natural reads a number that may be at most room. It is refused at the first octet after which none that could follow would
// let it be so.
func (s *source) natural(room uint64, why error) uint64 {
	first := s.take(1)
	if s.err != nil {
		return 0
	}
	extra := bits.LeadingZeros8(^first[0])
	var v, least uint64 // numbers in fewer octets than they could have are none: GP §C.1
	if extra > 0 {
		least = 1 << (7 * extra)
	}
	if extra < 8 {
		v = uint64(first[0]) & (1<<(7-extra) - 1) << (8 * extra)
	}
	for i := range extra {
		bound := v
		if v < least {
			bound += least
		}
		if bound > room {
			s.fail(why)
		}
		if next := s.take(1); s.err == nil {
			v |= uint64(next[0]) << (8 * i)
		}
	}
	switch {
	case v < least:
		s.fail(codec.ErrNatural)
	case v > room:
		s.fail(why)
	}
	return v
}

// fixed reads a number in n octets that may be at most room, and refuses it as natural does.
func (s *source) fixed(n int, room uint64, why error) (v uint64) {
	for i := range n {
		if next := s.take(1); s.err == nil {
			v |= uint64(next[0]) << (8 * i)
		}
		if v > room {
			s.fail(why)
		}
	}
	return v
}

// blob reads a blob that counts for the size of a package.
func (s *source) blob() {
	n := s.natural(s.limits.size, ErrTooBig)
	if s.err == nil {
		s.fail(s.limits.octets(n))
	}
	s.take(int(n))
}

// count reads how many there are of something of which there may be so many more.
func (s *source) count(left *int, why error) int {
	n := int(s.natural(uint64(*left), why))
	if s.err != nil {
		return 0
	}
	*left -= n
	return n
}

func (s *source) pkg() {
	l := s.limits
	s.take(4 + 32)   // authorizer
	s.take(4*32 + 4) // context
	s.take(32 * s.count(&l.deps, ErrDependencies))
	s.blob() // token
	s.blob() // configuration
	items := s.natural(uint64(s.params.MaxPackageItems), ErrItems)
	if s.err == nil && items == 0 {
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
	l := s.limits
	s.take(4 + 32)
	refine := protocol.Gas(s.fixed(8, uint64(l.refineGas), ErrRefineGas))
	accumulate := protocol.Gas(s.fixed(8, uint64(l.accumulateGas), ErrAccumulateGas))
	exports := int(s.fixed(2, uint64(l.exports), ErrExports))
	if s.err == nil {
		s.fail(errors.Join(l.gas(refine, accumulate), l.exported(exports)))
	}
	s.blob() // payload
	s.imports()
	for range s.count(&l.extrinsics, ErrExtrinsics) {
		s.take(32)
		n := s.fixed(4, l.size, ErrTooBig)
		if s.err != nil {
			return
		}
		s.fail(l.octets(n))
	}
}

func (s *source) imports() {
	l := s.limits
	room, why := uint64(l.imports), error(ErrImports)
	if most := l.size / l.footprint; most < room {
		room, why = most, ErrTooBig
	}
	n := int(s.natural(room, why))
	if s.err == nil {
		s.fail(l.imported(n))
	}
	for range n {
		var r block.Import
		copy(r.Root[:], s.take(32))
		r.ByPackage = s.fixed(2, 1<<16-1, nil)&(1<<15) != 0
		if s.err != nil {
			return
		}
		s.fail(l.importedFrom(&r))
	}
}
