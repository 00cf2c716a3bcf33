package bandersnatch

import (
	"fmt"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// ringDomain is what all rings whose columns have the same length share.
type ringDomain struct {
	domain
	slots            []bls12381.G1Affine // Lᵢ for the rows of keys
	paddedX, paddedY bls12381.G1Affine   // the commitments to Px and Py where all keys are padding
	selector         bls12381.G1Affine   // the commitment to Sel
}

// RingCommitment commits to a ring of keys on the setup of [Zcash]. A key that is no point of the curve counts as the padding
// point; the subgroup of the others is not checked. GP calls it O.
func RingCommitment[Key ~[PublicKeySize]byte](keys []Key) ([RingCommitmentSize]byte, error) {
	return CommitRing(Zcash(), keys)
}

// CommitRing is [RingCommitment] on a setup.
func CommitRing[Key ~[PublicKeySize]byte](s *Setup, keys []Key) ([RingCommitmentSize]byte, error) {
	d, err := s.domainFor(len(keys))
	if err != nil {
		return [RingCommitmentSize]byte{}, fmt.Errorf("ring of %d: %w", len(keys), err)
	}
	points := make([]affine, len(keys))
	for i := range keys {
		points[i] = ringPoint(keys[i][:])
	}
	var out [RingCommitmentSize]byte
	b := out[:0]
	for _, p := range d.commit(points) {
		octets := p.Bytes()
		b = append(b, octets[:]...)
	}
	return out, nil
}

// ringPoint is what stands for a key in a ring.
func ringPoint(key []byte) affine {
	p, err := decodeOnCurve(key)
	if err != nil {
		return paddingPoint()
	}
	return p
}

// commit returns the commitments to Px, Py and Sel.
func (d *ringDomain) commit(keys []affine) [3]bls12381.G1Affine {
	padding := paddingPoint()
	var slots []bls12381.G1Affine
	var xs, ys []fr.Element // what the keys differ by from the padding
	for i, p := range keys {
		if p == padding {
			continue
		}
		p.X.Sub(&p.X, &padding.X)
		p.Y.Sub(&p.Y, &padding.Y)
		slots, xs, ys = append(slots, d.slots[i]), append(xs, p.X), append(ys, p.Y)
	}
	px, py := sumSlots(slots, xs, ys)
	px.AddMixed(&d.paddedX)
	py.AddMixed(&d.paddedY)
	points := [3]bls12381.G1Affine{2: d.selector}
	normaliseG1(points[:2], []bls12381.G1Jac{px, py})
	return points
}

// sumSlots returns Σ xᵢ·Pᵢ and Σ yᵢ·Pᵢ.
func sumSlots(points []bls12381.G1Affine, xs, ys []fr.Element) (x, y bls12381.G1Jac) {
	const chunk = 128 // bounds the memory, and keeps it in the cache
	x.X.SetOne()
	x.Y.SetOne()
	y = x
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	for len(points) > 0 {
		n := min(chunk, len(points))
		multiples := newMultiplesG1(w, variableWidthG1, points[:n]...)
		productX, productY := newProductG1(n), newProductG1(n)
		for i := range multiples {
			productX.add(&xs[i], &multiples[i])
			productY.add(&ys[i], &multiples[i])
		}
		sumX, sumY := productX.sum(w), productY.sum(w)
		x.AddAssign(&sumX)
		y.AddAssign(&sumY)
		points, xs, ys = points[n:], xs[n:], ys[n:]
	}
	return x, y
}
