package bandersnatch

import (
	"crypto/rand"
	"fmt"
	"io"
	"runtime"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr/fft"
	"github.com/consensys/gnark-crypto/utils"
)

// RingProver signs for members of a ring. It depends on the ring alone, takes some milliseconds to make, and is worth
// keeping. It is safe for concurrent use.
type RingProver struct {
	domain     *provingDomain
	commitment [RingCommitmentSize]byte
	start      transcript                  // after what is the same for all proofs
	members    map[[PublicKeySize]byte]int // where each key is first in the ring
	px, py     polynomial
	random     io.Reader
	workers    int
}

// ProverOptions configures NewRingProver. The zero value is fit for production.
type ProverOptions struct {
	Workers int       // how many goroutines may prove one signature; 0 means one for each processor
	Random  io.Reader // nil means that of the operating system; read by many goroutines. Its quality is not vital
}

// NewRingProver makes a prover for a ring of keys. The setup must have its reference string; the first prover of a size takes
// up to a second on that of the ceremony.
func (s *Setup) NewRingProver(keys [][PublicKeySize]byte, o ProverOptions) (*RingProver, error) {
	ring, err := s.ring(len(keys))
	if err != nil {
		return nil, fmt.Errorf("ring of %d: %w", len(keys), err)
	}
	d, err := ring.proving()
	if err != nil {
		return nil, err
	}
	verifying, err := ring.verify()
	if err != nil {
		return nil, err
	}
	p := &RingProver{domain: d, members: make(map[[PublicKeySize]byte]int, len(keys)), random: o.Random, workers: o.Workers}
	if p.random == nil {
		p.random = rand.Reader
	}
	if p.workers == 0 {
		p.workers = runtime.GOMAXPROCS(0)
	}
	points := make([]affine, len(keys))
	for i := len(keys) - 1; i >= 0; i-- {
		points[i] = ringPoint(keys[i][:])
		p.members[keys[i]] = i
	}
	columns := verifying.commit(points)
	b := p.commitment[:0]
	for i := range columns {
		octets := columns[i].Bytes()
		b = append(b, octets[:]...)
	}
	p.start = ringTranscript(s.pairing(), &columns)
	p.px, p.py = d.keyColumns(points)
	return p, nil
}

// keyColumns are Px and Py.
func (p *provingDomain) keyColumns(keys []affine) (px, py polynomial) {
	xs, ys := make([]fr.Element, p.size), make([]fr.Element, p.size)
	padding := paddingPoint()
	for i := range p.keys() {
		point := &padding
		if i < len(keys) {
			point = &keys[i]
		}
		xs[i], ys[i] = point.X, point.Y
	}
	for i, power := range blindingPowers() {
		xs[p.keys()+i], ys[p.keys()+i] = power.X, power.Y
	}
	return p.interpolate(xs), p.interpolate(ys)
}

// Commitment returns the commitment to the ring, which a verifier needs.
func (p *RingProver) Commitment() [RingCommitmentSize]byte { return p.commitment }

// Prove signs the input and the additional data as a member of the ring. Only the hiding rows are random: the output and the
// Pedersen part are always the same.
func (p *RingProver) Prove(key *SecretKey, input, ad []byte) ([RingSignatureSize]byte, error) {
	var random [32]byte
	if _, err := io.ReadFull(p.random, random[:]); err != nil {
		return [RingSignatureSize]byte{}, fmt.Errorf("bandersnatch: randomness: %w", err)
	}
	in := NewInput(input)
	rows := newHidingRows(key, in, ad, &random)
	blinding := blindingFactor(&key.secret, in.encoded[:], ad)
	pedersen := key.provePedersen(in, ad)
	return p.prove(key, &pedersen, &blinding, &rows)
}

// prove adds the ring proof to a Pedersen proof with a blinding.
func (p *RingProver) prove(key *SecretKey, pedersen *pedersenProof, blinding *scalar, rows *hidingRows) (sig [RingSignatureSize]byte, err error) {
	index, ok := p.members[key.public.encoded]
	if !ok {
		return sig, ErrNotInRing
	}
	d := p.domain
	w := newWitness(d, index, &key.public.point, blinding, rows)
	var proof ringProof
	var columns [witnessColumns]polynomial
	contents := w.fill(d)
	each(p.workers, 1+len(columns), func(task int) {
		if task == 0 {
			proof.columns = w.commit(d)
		} else {
			columns[task-1] = d.interpolate(contents[task-1])
		}
	})
	t := p.start
	t.add("instance", fieldOctets(&pedersen.commitment.X, &pedersen.commitment.Y))
	t.add("committed_cols", appendRaw(nil, &proof.columns[0], &proof.columns[1], &proof.columns[2], &proof.columns[3]))
	var alpha [constraintCount]fr.Element
	for i := range alpha {
		alpha[i] = t.challenge("constraints_aggregation")
	}
	quotient, err := p.quotient(&columns, &pedersen.commitment, &alpha)
	if err != nil {
		return sig, err
	}
	if proof.quotient, err = d.commit(quotient, p.workers); err != nil {
		return sig, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if err := p.open(&proof, &t, &columns, quotient, &alpha); err != nil {
		return sig, err
	}
	proof.append(pedersen.append(sig[:0]))
	return sig, nil
}

// quotient divides the sum of the constraints by what vanishes on all rows but the hiding ones.
func (p *RingProver) quotient(columns *[witnessColumns]polynomial, instance *affine, alpha *[constraintCount]fr.Element) ([]fr.Element, error) {
	d := p.domain
	sums := make([]fr.Element, cosetFactor*d.size)
	var end affine
	seed := accumulatorSeed()
	end.Add(&seed, instance)
	chunk := len(sums) / 8
	each(p.workers, 8, func(task int) {
		for i := task * chunk; i < (task+1)*chunk; i++ {
			p.constraints(&sums[i], i, columns, &seed, &end, alpha)
		}
	})
	utils.BitReverse(sums)
	d.coset.FFTInverse(sums, fft.DIT, fft.OnCoset(), fft.WithNbTasks(p.workers))
	length := 3*d.size + 1
	for i := length; i < len(sums); i++ {
		if !sums[i].IsZero() {
			return nil, ErrProof // a constraint does not hold in some row
		}
	}
	return sums[:length], nil
}

// constraints sums the constraints at a place of the coset, in the order of [constraintConstants].
func (p *RingProver) constraints(sum *fr.Element, i int, columns *[witnessColumns]polynomial, seed, end *affine, alpha *[constraintCount]fr.Element) {
	d := p.domain
	next := (i + cosetFactor) & (len(d.scale) - 1)
	px, py, selector := &p.px.values[i], &p.py.values[i], &d.selector.values[i]
	bit, product, ax, ay := &columns[0].values[i], &columns[1].values[i], &columns[2].values[i], &columns[3].values[i]
	nextProduct, nextX, nextY := &columns[1].values[next], &columns[2].values[next], &columns[3].values[next]
	var t, u, f, onNotLast, notBit, xy, pxy fr.Element
	notBit.Sub(&fieldOne, bit)

	// Ip′ − Ip − Bit·Sel
	t.Mul(bit, selector)
	f.Sub(nextProduct, product)
	f.Sub(&f, &t)
	onNotLast.Mul(&f, &alpha[0])

	// Bit·(Ax′·(Ay·Py − 5·Ax·Px) − (Ax·Ay + Px·Py)) + (1−Bit)·(Ax′ − Ax)
	xy.Mul(ax, ay)
	pxy.Mul(px, py)
	t.Mul(ay, py)
	u.Mul(ax, px)
	fr.MulBy5(&u)
	t.Sub(&t, &u)
	t.Mul(&t, nextX)
	u.Add(&xy, &pxy)
	f.Sub(&t, &u)
	f.Mul(&f, bit)
	t.Sub(nextX, ax)
	t.Mul(&t, &notBit)
	f.Add(&f, &t)
	f.Mul(&f, &alpha[1])
	onNotLast.Add(&onNotLast, &f)

	// Bit·(Ay′·(Ax·Py − Px·Ay) − (Ax·Ay − Px·Py)) + (1−Bit)·(Ay′ − Ay)
	t.Mul(ax, py)
	u.Mul(px, ay)
	t.Sub(&t, &u)
	t.Mul(&t, nextY)
	u.Sub(&xy, &pxy)
	f.Sub(&t, &u)
	f.Mul(&f, bit)
	t.Sub(nextY, ay)
	t.Mul(&t, &notBit)
	f.Add(&f, &t)
	f.Mul(&f, &alpha[2])
	onNotLast.Add(&onNotLast, &f)

	// Bit·(1−Bit)
	f.Mul(bit, &notBit)
	f.Mul(&f, &alpha[3])
	sum.Mul(&f, &d.scale[i])
	t.Mul(&onNotLast, &d.notLast[i])
	sum.Add(sum, &t)

	// The accumulator and the product, at both ends.
	var onFirst, onLast, zero fr.Element
	for j, ends := range [3]struct{ value, first, last *fr.Element }{
		{ax, &seed.X, &end.X}, {ay, &seed.Y, &end.Y}, {product, &zero, &fieldOne},
	} {
		t.Sub(ends.value, ends.first)
		t.Mul(&t, &alpha[4+j])
		onFirst.Add(&onFirst, &t)
		t.Sub(ends.value, ends.last)
		t.Mul(&t, &alpha[4+j])
		onLast.Add(&onLast, &t)
	}
	t.Mul(&onFirst, &d.first[i])
	u.Mul(&onLast, &d.last[i])
	t.Add(&t, &u)
	sum.Add(sum, &t)
}

// open evaluates the columns at ζ, and proves these values and that of the linearization at ζω.
func (p *RingProver) open(proof *ringProof, t *transcript, columns *[witnessColumns]polynomial, quotient []fr.Element, alpha *[constraintCount]fr.Element) error {
	d := p.domain
	t.add("quotient", appendRaw(nil, &proof.quotient))
	zeta := t.challenge("evaluation_point")
	opened := [openingCount][]fr.Element{
		p.px.coefficients, p.py.coefficients, d.selector.coefficients,
		columns[0].coefficients, columns[1].coefficients, columns[2].coefficients, columns[3].coefficients, quotient,
	}
	values := proof.values.list()
	each(p.workers, columnCount, func(i int) { *values[i] = evaluate(opened[i], &zeta) })
	proof.rawValues = fieldOctets(values[:]...)
	t.add("register_evaluations", proof.rawValues)

	var l linearization
	var notLast, shiftPoint fr.Element
	notLast.Sub(&zeta, &d.domain.last[3])
	l.factors(&proof.values, alpha, &notLast)
	shifted := make([]fr.Element, d.size)
	addMultiple(shifted, &l.product, columns[1].coefficients)
	addMultiple(shifted, &l.ax, columns[2].coefficients)
	addMultiple(shifted, &l.ay, columns[3].coefficients)
	shiftPoint.Mul(&zeta, &d.omega)
	proof.shifted = evaluate(shifted, &shiftPoint)
	proof.rawShifted = fieldOctets(&proof.shifted)
	t.add("shifted_linearization_evaluation", proof.rawShifted)

	together := make([]fr.Element, len(quotient))
	for i := range opened {
		factor := t.challenge("kzg_aggregation")
		addMultiple(together, &factor, opened[i])
	}
	var errs [2]error
	each(p.workers, 2, func(task int) {
		if task == 0 {
			proof.atZeta, errs[0] = d.commit(divide(together, &zeta), max(1, p.workers-1))
		} else {
			proof.atShift, errs[1] = d.commit(divide(shifted, &shiftPoint), 1)
		}
	})
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProof, err)
		}
	}
	return nil
}

// append appends the 592 octets of the proof.
func (p *ringProof) append(b []byte) []byte {
	point := func(q *bls12381.G1Affine) {
		octets := q.Bytes()
		b = append(b, octets[:]...)
	}
	for i := range p.columns {
		point(&p.columns[i])
	}
	b = append(b, p.rawValues...)
	point(&p.quotient)
	b = append(b, p.rawShifted...)
	point(&p.atZeta)
	point(&p.atShift)
	return b
}
