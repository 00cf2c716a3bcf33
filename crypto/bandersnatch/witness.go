package bandersnatch

import (
	"crypto/sha3"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// witnessColumns are Bit, Ip, Ax and Ay.
const witnessColumns = 4

// hidingRows are random: they hide what the other rows of the prover's columns hold.
type hidingRows [witnessColumns][hiddenRows - 1]fr.Element

// newHidingRows draws the rows. They depend on the secret and on all that is signed, too, so that a source of randomness that
// fails does not lay the prover bare.
func newHidingRows(key *SecretKey, in *Input, ad []byte, random *[32]byte) (rows hidingRows) {
	h := sha3.NewSHAKE256()
	for _, part := range [][]byte{[]byte(suite), []byte("hiding rows"), key.secret.append(nil), in.encoded[:], random[:], ad} {
		_, _ = h.Write(part)
	}
	var drawn [48]byte
	for i := range rows {
		for j := range rows[i] {
			_, _ = h.Read(drawn[:])
			rows[i][j] = fieldFrom384(&drawn)
		}
	}
	return rows
}

// witness is the prover's part of the proof: which key, and what hides it.
type witness struct {
	changes []int    // the rows with a set bit, ascending
	sums    []affine // the accumulator before the first of these and after each
	rows    *hidingRows
}

// newWitness makes the columns' contents for a key of the ring and a blinding. Its time depends on the digits of the
// blinding, which is new for every input.
func newWitness(d *provingDomain, index int, key *affine, blinding *scalar, rows *hidingRows) *witness {
	w := &witness{changes: []int{index}, rows: rows}
	powers := blindingPowers()
	points := []affine{*key}
	for i := range powers {
		if blinding[i/64]>>(i%64)&1 == 1 {
			w.changes, points = append(w.changes, d.keys()+i), append(points, powers[i])
		}
	}
	seed := accumulatorSeed()
	sums := make([]extended, len(points)+1)
	sums[0].setAffine(&seed)
	for i := range points {
		var next extended
		next.setAffine(&points[i])
		c := next.cache()
		sums[i+1] = sums[i]
		sums[i+1].add(&c, false, true, true)
	}
	w.sums = make([]affine, len(sums))
	normalise(w.sums, sums)
	return w
}

// fill writes the rows of the columns.
func (w *witness) fill(d *provingDomain) (columns [witnessColumns][]fr.Element) {
	for i := range columns {
		columns[i] = make([]fr.Element, d.size)
		copy(columns[i][d.size-len(w.rows[i]):], w.rows[i][:])
	}
	bits, product, ax, ay := columns[0], columns[1], columns[2], columns[3]
	for _, row := range w.changes {
		bits[row].SetOne()
	}
	done := 0
	for row := range d.size - len(w.rows[0]) {
		if done < len(w.changes) && w.changes[done] < row {
			done++
		}
		if done > 0 {
			product[row].SetOne() // the key's bit is the first, and the others are not selected
		}
		ax[row], ay[row] = w.sums[done].X, w.sums[done].Y
	}
	return columns
}

// commit commits to the columns. As the accumulator changes but where a bit is set, the commitment to it is a sum of its
// differences times the sums of all rows that follow.
func (w *witness) commit(d *provingDomain) (commitments [witnessColumns]bls12381.G1Affine) {
	hiding := d.rows[d.size-len(w.rows[0]):]
	bits, product := sumSlots(hiding, w.rows[0][:], w.rows[1][:])
	for _, row := range w.changes {
		bits.AddMixed(&d.rows[row])
	}
	product.AddMixed(&d.after[w.changes[0]+1])

	points := append([]bls12381.G1Affine{d.after[0]}, hiding...)
	xs, ys := append([]fr.Element{w.sums[0].X}, w.rows[2][:]...), append([]fr.Element{w.sums[0].Y}, w.rows[3][:]...)
	for i, row := range w.changes {
		var x, y fr.Element
		x.Sub(&w.sums[i+1].X, &w.sums[i].X)
		y.Sub(&w.sums[i+1].Y, &w.sums[i].Y)
		points, xs, ys = append(points, d.after[row+1]), append(xs, x), append(ys, y)
	}
	ax, ay := sumSlots(points, xs, ys)
	normaliseG1(commitments[:], []bls12381.G1Jac{bits, product, ax, ay})
	return commitments
}
