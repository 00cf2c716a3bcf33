package bandersnatch

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Signed is a ring signature and what it signs.
type Signed struct{ Input, AD, Signature []byte }

// BatchError tells which signatures of a batch are invalid.
type BatchError struct {
	Bad  []int   // their indices, ascending
	Errs []error // why, in the same order
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("signature %d: %v (%d invalid)", e.Bad[0], e.Errs[0], len(e.Bad))
}

// Unwrap returns the reasons.
func (e *BatchError) Unwrap() []error { return e.Errs }

// VerifyBatch checks many ring signatures at the price of one pairing, on up to the given number of goroutines. A failure is
// a [*BatchError].
func (v *RingVerifier) VerifyBatch(batch []Signed, workers int) error {
	claims := make([]*RingClaim, len(batch))
	errs := make([]error, claimParts*len(batch))
	inputs := make(map[string]*Input, 2)
	for i := range batch {
		if len(batch[i].Signature) != RingSignatureSize {
			errs[claimParts*i] = ErrLength
			continue
		}
		in := inputs[string(batch[i].Input)]
		if in == nil {
			in = NewInput(batch[i].Input)
			inputs[string(batch[i].Input)] = in
		}
		claims[i] = &RingClaim{verifier: v, input: in}
	}
	each(workers, len(errs), func(task int) {
		i, part := task/claimParts, task%claimParts
		if claims[i] != nil {
			errs[task] = claims[i].decode(part, batch[i].AD, batch[i].Signature)
		}
	})
	results := make([]error, len(batch))
	each(workers, len(batch), func(i int) {
		for _, err := range errs[claimParts*i : claimParts*(i+1)] {
			if results[i] == nil {
				results[i] = err
			}
		}
		if results[i] == nil && !claims[i].interpret() {
			results[i] = ErrSignature
		}
		if results[i] != nil {
			claims[i] = nil
		}
	})
	verifyClaims(claims, results, workers)
	return batchError(results)
}

// VerifyClaims checks claims together, of one ring or of several, on up to the given number of goroutines. A failure is a
// [*BatchError].
func VerifyClaims(claims []*RingClaim, workers int) error {
	results := make([]error, len(claims))
	verifyClaims(claims, results, workers)
	return batchError(results)
}

func batchError(results []error) error {
	var failed BatchError
	for i, err := range results {
		if err != nil {
			failed.Bad, failed.Errs = append(failed.Bad, i), append(failed.Errs, err)
		}
	}
	if len(failed.Bad) == 0 {
		return nil
	}
	return &failed
}

// verifyClaims checks the claims that are not nil, and notes which fail.
func verifyClaims(claims []*RingClaim, results []error, workers int) {
	kept := make([]*RingClaim, 0, len(claims))
	index := make([]int, 0, len(claims))
	for i, c := range claims {
		if c != nil {
			kept, index = append(kept, c), append(index, i)
		}
	}
	findInvalid(kept, index, results, workers)
}

// findInvalid halves a batch that fails until the culprits are single.
func findInvalid(claims []*RingClaim, index []int, results []error, workers int) {
	if len(claims) == 0 || checkClaims(claims, workers) {
		return
	}
	if len(claims) == 1 {
		results[index[0]] = ErrSignature
		return
	}
	middle := len(claims) / 2
	findInvalid(claims[:middle], index[:middle], results, workers)
	findInvalid(claims[middle:], index[middle:], results, workers)
}

// checkClaims checks the equations of all claims in one sum, in which each has a random weight. If one is false, the sum
// holds with a probability of 2^−128.
//
// Claims on different setups are not checked together: the sum fails, and the caller halves the batch.
func checkClaims(claims []*RingClaim, workers int) bool {
	constants := claims[0].verifier.pairing
	for _, c := range claims {
		if c.verifier.pairing != constants {
			return false
		}
	}
	weights := make([]byte, 4*16*len(claims))
	if _, err := rand.Read(weights); err != nil {
		return false
	}
	spaces := [2]*workspace{workspaces.Get().(*workspace), workspaces.Get().(*workspace)}
	for _, w := range spaces {
		defer workspaces.Put(w)
	}
	o := newOpenings(spaces[0], claims, weights[:2*16*len(claims)])
	var sums [2]bls12381.G1Jac
	var holds bool
	each(workers, 3, func(task int) {
		switch task {
		case 0:
			sums[0] = o.left.sum(spaces[0])
		case 1:
			holds = checkPedersen(claims, weights[2*16*len(claims):])
		case 2:
			sums[1] = o.right.sum(spaces[1])
		}
	})
	if !holds {
		return false
	}
	var points [2]bls12381.G1Affine
	normaliseG1(points[:], sums[:])
	points[0].Neg(&points[0])
	return constants.check(spaces[0], &points, workers)
}

// checkPedersen checks Σ z·(Oₖ + c·O − s·I) + z′·(R + c·Ȳ − s·G − s_b·B) = 0.
func checkPedersen(claims []*RingClaim, weights []byte) bool {
	p := newProduct(5*len(claims) + 2)
	var onBase, onBlinding scalar
	onInput := make(map[*Input]scalar, 1)
	for i, c := range claims {
		z, z2, widthR := shortScalar(weights[32*i:]), shortScalar(weights[32*i+16:]), uint(variableWidth)
		if i == 0 {
			z2, widthR = scalar{1}, 2 // one weight may be left out
		}
		proof := &c.pedersen
		p.addShort(&z, newShortMultiples(&proof.ok, variableWidth))
		p.addShort(&z2, newShortMultiples(&proof.r, widthR))
		weighted := z.mul(&proof.challenge)
		p.add(&weighted, newMultiples(&proof.output))
		weighted = z2.mul(&proof.challenge)
		p.add(&weighted, newMultiples(&proof.commitment))

		weighted = z.mul(&proof.s)
		sum := onInput[c.input]
		onInput[c.input] = sum.add(&weighted)
		weighted = z2.mul(&proof.s)
		onBase = onBase.add(&weighted)
		weighted = z2.mul(&proof.sb)
		onBlinding = onBlinding.add(&weighted)
	}
	for in, sum := range onInput {
		sum = sum.neg()
		p.add(&sum, in.tables())
	}
	onBase, onBlinding = onBase.neg(), onBlinding.neg()
	p.add(&onBase, baseTables())
	p.add(&onBlinding, blindingTables())
	sum := p.sum()
	return sum.isIdentity()
}

func shortScalar(b []byte) scalar {
	return scalar{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

// weight is plain − mapped·z² modulo q, one of 2^128 values. Multiplied with a point it needs but 64 doublings, for −z² is
// what the endomorphism of G1 multiplies by.
type weight struct {
	plain, mapped uint64
	value         fr.Element
}

// minusSeedSquare is −z².
var minusSeedSquare = func() (z fr.Element) {
	z.SetUint64(0xd201000000010000)
	z.Square(&z)
	z.Neg(&z)
	return z
}()

func newWeight(b []byte) *weight {
	return makeWeight(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
}

func makeWeight(plain, mapped uint64) *weight {
	w := &weight{plain: plain, mapped: mapped}
	var t fr.Element
	t.SetUint64(mapped)
	t.Mul(&t, &minusSeedSquare)
	w.value.SetUint64(plain)
	w.value.Add(&w.value, &t)
	return w
}

// openings are the two sides of the pairing equation for all KZG openings. With C the commitment, y the value at x and π the
// proof, each says that e(C − y·g₁ + x·π, g₂) = e(π, τ·g₂).
type openings struct {
	left, right *productG1
	shared      map[*RingVerifier]*[3]fr.Element // what multiplies the columns of each ring
	onGenerator fr.Element                       // what multiplies −g₁
}

// newOpenings gives each of the two openings of a claim its weight.
func newOpenings(w *workspace, claims []*RingClaim, weights []byte) *openings {
	points := make([]bls12381.G1Affine, 0, claimPoints*len(claims))
	for _, c := range claims {
		for _, p := range c.proof.points() {
			points = append(points, *p)
		}
	}
	prepared := newMultiplesG1(w, variableWidthG1, points...)
	o := &openings{
		left: newProductG1(len(points) + 4), right: newProductG1(2 * len(claims)),
		shared: make(map[*RingVerifier]*[3]fr.Element, 1),
	}
	for i, c := range claims {
		first, second := newWeight(weights[32*i:]), newWeight(weights[32*i+16:])
		if i == 0 {
			first = makeWeight(1, 0) // one weight may be left out
		}
		o.add(c, prepared[claimPoints*i:], first, second)
	}
	for v, shared := range o.shared {
		for i := range shared {
			o.left.add(&shared[i], &v.columns[i])
		}
	}
	o.onGenerator.Neg(&o.onGenerator)
	o.left.add(&o.onGenerator, &claims[0].verifier.pairing.generator)
	return o
}

// add adds the two openings of a claim: first times the one at ζ, second times the one at ζω.
func (o *openings) add(c *RingClaim, m []multiplesG1, first, second *weight) {
	l := &c.linear
	shared := o.shared[c.verifier]
	if shared == nil {
		shared = new([3]fr.Element)
		o.shared[c.verifier] = shared
	}
	var t, u fr.Element
	for i := range shared {
		t.Mul(&first.value, &c.opening[i])
		shared[i].Add(&shared[i], &t)
	}
	t.Mul(&first.value, &c.value)
	u.Mul(&second.value, &l.shifted)
	t.Add(&t, &u)
	o.onGenerator.Add(&o.onGenerator, &t)

	shifts := [4]fr.Element{{}, l.product, l.ax, l.ay}
	for i := range shifts {
		t.Mul(&first.value, &c.opening[len(shared)+i])
		u.Mul(&second.value, &shifts[i])
		t.Add(&t, &u)
		o.left.add(&t, &m[i])
	}
	t.Mul(&first.value, &c.opening[columnCount])
	o.left.add(&t, &m[4])
	t.Mul(&first.value, &c.zeta)
	o.left.add(&t, &m[5])
	t.Mul(&second.value, &l.shiftPoint)
	o.left.add(&t, &m[6])
	o.right.addWeight(first, &m[5])
	o.right.addWeight(second, &m[6])
}
