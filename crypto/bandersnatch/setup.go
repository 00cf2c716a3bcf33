package bandersnatch

import (
	"sync"

	"damson/crypto/bandersnatch/internal/tables"
	"damson/crypto/bandersnatch/srs"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Setup is what ring signatures rest on: figures of a structured reference string. A signature verifies under the setup that
// it was made with and no other. It is safe for concurrent use.
type Setup struct {
	reference *srs.SRS // nil: verify only
	pairing   func() *pairingConstants
	rings     []ringLoader // the smallest first
}

// ringLoader loads or makes the figures of a domain when they are first used.
type ringLoader struct {
	keys    int // how many there is room for
	verify  func() (*ringDomain, error)
	proving func() (*provingDomain, error)
}

// MaxRingSize is how many keys the largest ring may have.
const MaxRingSize = maxDomain - hiddenRows - blindingLen

const (
	minDomain = 512
	maxDomain = 2048
)

// zcash verifies by the figures that stand in the source.
var zcash = sync.OnceValue(func() *Setup { return newZcash(nil) })

// Zcash is the setup of the public chains, of the Zcash ceremony. It verifies; proving needs a setup with the file.
func Zcash() *Setup { return zcash() }

// NewSetup makes a setup that can prove. With the reference string of the ceremony it verifies as [Zcash] does; with another
// it first makes the figures that it needs, in some hundredths of a second for [srs.Development].
func NewSetup(reference *srs.SRS) *Setup {
	if !reference.Insecure() {
		return newZcash(reference)
	}
	s := &Setup{reference: reference}
	s.pairing = sync.OnceValue(func() *pairingConstants { return newPairingConstants(reference.G2) })
	for size := minDomain; size <= maxDomain; size *= 2 {
		s.addRing(size-hiddenRows-blindingLen, size, func() (*ringDomain, error) { return computeDomain(reference, size) })
	}
	return s
}

func newZcash(reference *srs.SRS) *Setup {
	s := &Setup{reference: reference, pairing: zcashPairing}
	for i, figures := range tables.Rings() {
		s.addRing(figures.Keys, figures.Domain, zcashDomains[i])
	}
	return s
}

func (s *Setup) addRing(keys, size int, verify func() (*ringDomain, error)) {
	s.rings = append(s.rings, ringLoader{
		keys: keys, verify: sync.OnceValues(verify),
		proving: sync.OnceValues(func() (*provingDomain, error) {
			if s.reference == nil {
				return nil, ErrNoReference
			}
			d, err := newDomain(size)
			if err != nil {
				return nil, err
			}
			return newProvingDomain(d, s.reference)
		}),
	})
}

// CanProve tells whether the setup has what proving needs.
func (s *Setup) CanProve() bool { return s.reference != nil }

// Insecure tells whether the secret of the setup is known: signatures show nothing then.
func (s *Setup) Insecure() bool { return s.reference != nil && s.reference.Insecure() }

// ring returns the smallest domain with room for a number of keys.
func (s *Setup) ring(size int) (*ringLoader, error) {
	for i := range s.rings {
		if size > 0 && size <= s.rings[i].keys {
			return &s.rings[i], nil
		}
	}
	return nil, ErrRingSize
}

func (s *Setup) domainFor(ringSize int) (*ringDomain, error) {
	r, err := s.ring(ringSize)
	if err != nil {
		return nil, err
	}
	return r.verify()
}

// zcashDomains load the figures of each domain, for all setups of the ceremony.
var zcashDomains = func() (loaders []func() (*ringDomain, error)) {
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

// computeDomain makes the figures that gentables writes for the ceremony.
func computeDomain(reference *srs.SRS, size int) (*ringDomain, error) {
	d, err := newDomain(size)
	if err != nil {
		return nil, err
	}
	lagrange, err := reference.Lagrange(size)
	if err != nil {
		return nil, err
	}
	r := &ringDomain{domain: *d, slots: lagrange[:d.keys()]}
	padding := paddingPoint()
	var keys bls12381.G1Jac
	for i := range r.slots {
		keys.AddMixed(&r.slots[i])
	}
	slots := make([]bls12381.G1Affine, 1, 1+blindingLen)
	normaliseG1(slots, []bls12381.G1Jac{keys})
	r.selector = slots[0]
	xs, ys := []fr.Element{padding.X}, []fr.Element{padding.Y}
	for i, p := range blindingPowers() {
		slots, xs, ys = append(slots, lagrange[d.keys()+i]), append(xs, p.X), append(ys, p.Y)
	}
	px, py := sumSlots(slots, xs, ys)
	var flat [2]bls12381.G1Affine
	normaliseG1(flat[:], []bls12381.G1Jac{px, py})
	r.paddedX, r.paddedY = flat[0], flat[1]
	return r, nil
}

// pairingConstants are the points that every proof is checked against.
type pairingConstants struct {
	generator multiplesG1 // g₁
	raw       []byte      // g₁, g₂, τ·g₂, as they enter the transcript
	lines     pairingLines
}

// pairingLines are the lines of the Miller loops for g₂ and τ·g₂.
type pairingLines [2][2][len(bls12381.LoopCounter) - 1]bls12381.LineEvaluationAff

var zcashPairing = sync.OnceValue(func() *pairingConstants {
	g2, tauG2 := tables.Tau()
	return newPairingConstants([2]bls12381.G2Affine{g2, tauG2})
})

func newPairingConstants(points [2]bls12381.G2Affine) *pairingConstants {
	c := new(pairingConstants)
	_, _, g1, _ := bls12381.Generators()
	c.generator = newMultiplesG1(new(workspace), fixedWidthG1, g1)[0]
	c.raw = appendRaw(nil, &g1)
	for i, p := range points {
		raw := p.RawBytes()
		c.raw = append(c.raw, raw[:]...)
		c.lines[i] = bls12381.PrecomputeLines(p)
	}
	return c
}

// check reports whether e(p₀, g₂)·e(p₁, τ·g₂) is one.
func (c *pairingConstants) check(w *workspace, points *[2]bls12381.G1Affine, workers int) bool {
	w.lines = c.lines // the Miller loops overwrite their argument
	if workers <= 1 {
		ok, err := bls12381.PairingCheckFixedQ(points[:], w.lines[:])
		return err == nil && ok
	}
	var loops [2]bls12381.GT
	var errs [2]error
	each(workers, len(loops), func(i int) {
		loops[i], errs[i] = bls12381.MillerLoopFixedQ(points[i:i+1], w.lines[i:i+1])
	})
	product := bls12381.FinalExponentiation(&loops[0], &loops[1])
	return errs[0] == nil && errs[1] == nil && product.IsOne()
}
