package bandersnatch

import (
	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// RingVerifier verifies signatures by members of a ring. It depends on the commitment and the size of the ring alone, takes
// a third of a millisecond to make, and is worth keeping. It is safe for concurrent use.
type RingVerifier struct {
	domain  *ringDomain
	pairing *pairingConstants
	columns [3]multiplesG1 // of the commitments to Px, Py and Sel
	start   transcript     // after what is the same for all proofs
}

// NewRingVerifier makes a verifier for the ring of the given number of keys behind a commitment, on the setup of [Zcash].
func NewRingVerifier(commitment [RingCommitmentSize]byte, ringSize int) (*RingVerifier, error) {
	return Zcash().NewRingVerifier(commitment, ringSize)
}

// NewRingVerifier makes a verifier on the setup.
func (s *Setup) NewRingVerifier(commitment [RingCommitmentSize]byte, ringSize int) (*RingVerifier, error) {
	d, err := s.domainFor(ringSize)
	if err != nil {
		return nil, err
	}
	var points [3]bls12381.G1Affine
	for i := range points {
		if err := decodeG1(&points[i], commitment[48*i:48*(i+1)]); err != nil {
			return nil, err
		}
	}
	v := &RingVerifier{domain: d, pairing: s.pairing(), start: ringTranscript(s.pairing(), &points)}
	v.columns = [3]multiplesG1(newMultiplesG1(new(workspace), fixedWidthG1, points[:]...))
	return v, nil
}

// decodeG1 reads a compressed point of the prime subgroup of G1. gnark-crypto refuses what it must refuse, and takes no
// uncompressed point from 48 octets.
func decodeG1(p *bls12381.G1Affine, b []byte) error {
	if _, err := p.SetBytes(b); err != nil {
		return ErrPoint
	}
	return nil
}

// RingClaim is a decoded ring signature, of which all is done that concerns it alone. What is left is to check the
// equations, which [VerifyClaims] does for many at once.
type RingClaim struct {
	verifier *RingVerifier
	input    *Input
	pedersen pedersenProof
	proof    ringProof

	zeta    fr.Element
	opening [openingCount]fr.Element // ν: the weights of the polynomials opened at ζ
	value   fr.Element               // what they open to, together
	linear  linearization
}

// ringProof is the ring part of a signature, decoded.
type ringProof struct {
	columns         [4]bls12381.G1Affine // the commitments to Bit, Ip, Ax, Ay
	quotient        bls12381.G1Affine
	atZeta, atShift bls12381.G1Affine // the opening proofs
	values          evaluations
	shifted         fr.Element
	rawValues       []byte // values and shifted as they enter the transcript
	rawShifted      []byte
}

// Offsets into a ring signature.
const (
	offsetColumns  = PublicKeySize + pedersenSize
	offsetValues   = offsetColumns + 4*48
	offsetQuotient = offsetValues + columnCount*fr.Bytes
	offsetShifted  = offsetQuotient + 48
	offsetOpenings = offsetShifted + fr.Bytes
)

// claimPoints is how many points of G1 a claim has, in the order of [ringProof.points].
const claimPoints = 7

// pointOffsets are where these points are in a signature.
var pointOffsets = [claimPoints]int{
	offsetColumns, offsetColumns + 48, offsetColumns + 2*48, offsetColumns + 3*48,
	offsetQuotient, offsetOpenings, offsetOpenings + 48,
}

// points lists the commitments to the columns and the quotient, and the two opening proofs.
func (p *ringProof) points() [claimPoints]*bls12381.G1Affine {
	return [claimPoints]*bls12381.G1Affine{
		&p.columns[0], &p.columns[1], &p.columns[2], &p.columns[3], &p.quotient, &p.atZeta, &p.atShift,
	}
}

// claimParts is in how many parts a claim is decoded: its points of G1, each with its costly subgroup check, and the rest.
const claimParts = claimPoints + 1

// decode decodes a part of a signature of the right length.
func (c *RingClaim) decode(part int, ad, sig []byte) (err error) {
	p := &c.proof
	if part < claimPoints {
		at := pointOffsets[part]
		return decodeG1(p.points()[part], sig[at:at+48])
	}
	if c.pedersen, err = decodePedersen(sig[:offsetColumns], c.input, ad); err != nil {
		return err
	}
	p.rawValues, p.rawShifted = sig[offsetValues:offsetQuotient], sig[offsetShifted:offsetOpenings]
	for i, value := range p.values.list() {
		if err := decodeField(value, p.rawValues[fr.Bytes*i:]); err != nil {
			return err
		}
	}
	return decodeField(&p.shifted, p.rawShifted)
}

func decodeField(e *fr.Element, b []byte) (err error) {
	if *e, err = fr.LittleEndian.Element((*[fr.Bytes]byte)(b)); err != nil {
		return ErrScalar
	}
	return nil
}

// Prepare decodes a ring signature and does the work that it does not share with others.
func (v *RingVerifier) Prepare(in *Input, ad, sig []byte) (*RingClaim, error) {
	if len(sig) != RingSignatureSize {
		return nil, ErrLength
	}
	c := &RingClaim{verifier: v, input: in}
	for part := range claimParts {
		if err := c.decode(part, ad, sig); err != nil {
			return nil, err
		}
	}
	if !c.interpret() {
		return nil, ErrSignature
	}
	return c, nil
}

// interpret replays the transcript and reduces the constraints to two openings.
func (c *RingClaim) interpret() bool {
	p := &c.proof
	t := c.verifier.start
	t.add("instance", fieldOctets(&c.pedersen.commitment.X, &c.pedersen.commitment.Y))
	t.add("committed_cols", appendRaw(nil, &p.columns[0], &p.columns[1], &p.columns[2], &p.columns[3]))
	var alpha [constraintCount]fr.Element
	for i := range alpha {
		alpha[i] = t.challenge("constraints_aggregation")
	}
	t.add("quotient", appendRaw(nil, &p.quotient))
	c.zeta = t.challenge("evaluation_point")
	t.add("register_evaluations", p.rawValues)
	t.add("shifted_linearization_evaluation", p.rawShifted)
	for i := range c.opening {
		c.opening[i] = t.challenge("kzg_aggregation")
	}
	var ok bool
	c.linear, ok = c.verifier.domain.linearize(&p.values, &c.pedersen.commitment, &alpha, &c.zeta, &p.shifted)
	if !ok {
		return false
	}
	c.value.Mul(&c.opening[columnCount], &c.linear.quotient)
	for i, value := range p.values.list() {
		var t fr.Element
		t.Mul(&c.opening[i], value)
		c.value.Add(&c.value, &t)
	}
	return true
}

// Verify checks one ring signature. [RingVerifier.VerifyBatch] is faster for many.
func (v *RingVerifier) Verify(input, ad, sig []byte) error {
	if len(sig) != RingSignatureSize {
		return ErrLength
	}
	claim, err := v.Prepare(NewInput(input), ad, sig)
	if err != nil {
		return err
	}
	if !checkClaims([]*RingClaim{claim}, 1) {
		return ErrSignature
	}
	return nil
}
