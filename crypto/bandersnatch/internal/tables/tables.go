// Package tables holds the figures that stand for the SRS when a ring signature is verified. They are written by
// internal/gentables from the file of the Zcash ceremony.
package tables

//go:generate go run damson/crypto/bandersnatch/internal/gentables

import (
	"encoding/base64"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
)

// Ring holds the figures of a domain, as uncompressed points in base64.
type Ring struct {
	Domain int    // N, a power of two
	Keys   int    // how many keys there is room for
	fixed  string // the commitments to an all-padding ring, Px and Py, and the one to the selector
	slots  string // Lᵢ for the rows of the keys: the commitment to the polynomial that is 1 in row i, 0 elsewhere
}

// Rings are the domains that there are figures for, the smallest first.
func Rings() []*Ring { return []*Ring{&ring512, &ring1024, &ring2048} }

// Commitments returns the commitments to the columns Px and Py of a ring of padding, and to the selector.
func (r *Ring) Commitments() (px, py, selector bls12381.G1Affine) {
	points := decode(r.fixed)
	return points[0], points[1], points[2]
}

// Slots returns Lᵢ for each key.
func (r *Ring) Slots() []bls12381.G1Affine { return decode(r.slots) }

// Tau returns g₂ and τ·g₂.
func Tau() (g2, tauG2 bls12381.G2Affine) {
	c := coordinates(secondGroup)
	return point2(c[:4]), point2(c[4:])
}

// point2 takes the coordinates in the order of the SRS file: the part with the imaginary unit first.
func point2(c []fp.Element) (p bls12381.G2Affine) {
	p.X.A1, p.X.A0, p.Y.A1, p.Y.A0 = c[0], c[1], c[2], c[3]
	return p
}

func decode(figures string) []bls12381.G1Affine {
	c := coordinates(figures)
	points := make([]bls12381.G1Affine, len(c)/2)
	for i := range points {
		points[i].X, points[i].Y = c[2*i], c[2*i+1]
	}
	return points
}

// coordinates decodes big-endian field elements. Our own figures do not fail to decode; the tests compare them.
func coordinates(figures string) []fp.Element {
	octets, _ := base64.StdEncoding.DecodeString(figures) // skips the line ends
	elements := make([]fp.Element, len(octets)/fp.Bytes)
	for i := range elements {
		elements[i].SetBytes(octets[i*fp.Bytes : (i+1)*fp.Bytes])
	}
	return elements
}
