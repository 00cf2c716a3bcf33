package bandersnatch

import (
	"fmt"
	"sync"

	"damson/crypto/bandersnatch/internal/tables"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// MaxRingSize is how many keys the largest ring may have.
const MaxRingSize = 2048 - hiddenRows - blindingLen

// ringDomain is what all rings whose columns have the same length share.
type ringDomain struct {
	domain
	slots            []bls12381.G1Affine // Lᵢ for the rows of keys
	paddedX, paddedY bls12381.G1Affine   // the commitments to Px and Py where all keys are padding
	selector         bls12381.G1Affine   // the commitment to Sel
}

// ringDomains loads the figures of each domain when it is first used.
var ringDomains = func() (loaders []func() (*ringDomain, error)) {
	for _, figures := range tables.Rings() {
		loaders = append(loaders, sync.OnceValues(func() (*ringDomain, error) {
			d, err := newDomain(figures.Domain)
			if err != nil {
				return nil, err
			}
			r := &ringDomain{domain: *d, slots: figures.Slots()}
			r.paddedX, r.paddedY, r.selector = figures.Commitments()
			return r, nil
		}))
	}
	return loaders
}()

// domainFor returns the smallest domain with room for a number of keys.
func domainFor(ringSize int) (*ringDomain, error) {
	for i, figures := range tables.Rings() {
		if ringSize > 0 && ringSize <= figures.Keys {
			return ringDomains[i]()
		}
	}
	return nil, ErrRingSize
}

// RingCommitment commits to a ring of keys. A key that is no point of the curve counts as the padding point; the subgroup of
// the others is not checked. GP calls it O.
func RingCommitment[Key ~[PublicKeySize]byte](keys []Key) ([RingCommitmentSize]byte, error) {
	d, err := domainFor(len(keys))
	if err != nil {
		return [RingCommitmentSize]byte{}, fmt.Errorf("ring of %d: %w", len(keys), err)
	}
	padding := paddingPoint()
	var slots []bls12381.G1Affine
	var xs, ys []fr.Element // what the keys differ by from the padding
	for i := range keys {
		p, err := decodeOnCurve(keys[i][:])
		if err != nil || p == padding {
			continue
		}
		p.X.Sub(&p.X, &padding.X)
		p.Y.Sub(&p.Y, &padding.Y)
		slots, xs, ys = append(slots, d.slots[i]), append(xs, p.X), append(ys, p.Y)
	}
	px, py := sumSlots(slots, xs, ys)
	px.AddMixed(&d.paddedX)
	py.AddMixed(&d.paddedY)
	var flat [2]bls12381.G1Affine
	normaliseG1(flat[:], []bls12381.G1Jac{px, py})
	var out [RingCommitmentSize]byte
	b := out[:0]
	for _, p := range []*bls12381.G1Affine{&flat[0], &flat[1], &d.selector} {
		octets := p.Bytes()
		b = append(b, octets[:]...)
	}
	return out, nil
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
