// Package srs has the structured reference string of the KZG commitments behind ring signatures: the powers of a secret τ
// in the groups of BLS12-381. [Read] reads that of the Zcash ceremony, whose τ nobody knows. Proving needs the file.
// Verification needs a few sums of it, which the ring tables hold as figures.
//
// [Development] makes one whose τ everybody can know, for networks that are not to be trusted.
package srs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/kzg"
)

const (
	// Powers is how many powers of τ there are in G1: enough for rings of 1791 keys, 3·2048 + 1.
	Powers = 6145
	// FileSize is the length of the uncompressed file, zcash-srs-2-11-uncompressed.bin.
	FileSize = 8 + Powers*pointSize + 8 + 2*2*pointSize
	// FileHash is its SHA-256.
	FileHash = "1d7d27e4f5f3c6190989bea58803180d3e19f725a57069392a405ac78b233c7d"

	pointSize = 2 * fp.Bytes
)

var (
	// ErrFile means that the octets read are not those of the one file.
	ErrFile = errors.New("srs: not the uncompressed file of the Zcash ceremony")
	// ErrPowers means that more powers are wanted than there are.
	ErrPowers = errors.New("srs: more powers wanted than there are")
)

// SRS holds τ⁰·g₁, τ¹·g₁ … and g₂, τ·g₂. It never changes.
type SRS struct {
	G2 [2]bls12381.G2Affine

	powers []bls12381.G1Affine // nil if τ is known
	tau    *fr.Element         // nil if it is not
}

// Insecure tells whether τ is known, so that whoever wants can prove what is not so.
func (s *SRS) Insecure() bool { return s.tau != nil }

// Powers returns the first n powers of τ times the generator of G1.
func (s *SRS) Powers(n int) ([]bls12381.G1Affine, error) {
	if n < 1 || n > Powers {
		return nil, ErrPowers
	}
	if s.tau == nil {
		return s.powers[:n:n], nil
	}
	return s.developmentPowers(n), nil
}

// Lagrange returns the commitments to the polynomials that are 1 at one of the n-th roots of unity and 0 at the others. n is
// a power of two.
func (s *SRS) Lagrange(n int) ([]bls12381.G1Affine, error) {
	if s.tau != nil {
		return s.developmentLagrange(n)
	}
	powers, err := s.Powers(n)
	if err != nil {
		return nil, err
	}
	return kzg.ToLagrangeG1(powers)
}

// Read reads the uncompressed file and compares its hash. The hash makes checks of the points needless.
func Read(r io.Reader) (*SRS, error) {
	file, err := io.ReadAll(io.LimitReader(r, FileSize+1))
	if err != nil {
		return nil, fmt.Errorf("srs: %w", err)
	}
	if len(file) != FileSize {
		return nil, ErrFile
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != FileHash {
		return nil, ErrFile
	}
	return parse(file)
}

func parse(file []byte) (*SRS, error) {
	const second = 8 + Powers*pointSize
	if binary.LittleEndian.Uint64(file) != Powers || binary.LittleEndian.Uint64(file[second:]) != 2 {
		return nil, ErrFile
	}
	s := &SRS{powers: make([]bls12381.G1Affine, Powers)}
	rest := reader{octets: file[8:second]}
	for i := range s.powers {
		rest.read(&s.powers[i].X)
		rest.read(&s.powers[i].Y)
	}
	rest.octets = file[second+8:]
	for i := range s.G2 {
		p := &s.G2[i]
		for _, e := range []*fp.Element{&p.X.A1, &p.X.A0, &p.Y.A1, &p.Y.A0} {
			rest.read(e)
		}
	}
	return s, rest.err
}

// reader reads field elements. Its first error sticks.
type reader struct {
	octets []byte
	err    error
}

func (r *reader) read(e *fp.Element) {
	if err := e.SetBytesCanonical(r.octets[:fp.Bytes]); err != nil {
		r.err = ErrFile
	}
	r.octets = r.octets[fp.Bytes:]
}
