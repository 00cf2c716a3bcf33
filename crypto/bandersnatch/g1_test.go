package bandersnatch

import (
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

func randomField(t *testing.T) (z fr.Element) {
	t.Helper()
	if _, err := z.SetRandom(); err != nil {
		t.Fatal(err)
	}
	return z
}

func randomG1(t *testing.T) (p bls12381.G1Affine) {
	t.Helper()
	k := randomField(t)
	return *p.ScalarMultiplicationBase(k.BigInt(new(big.Int)))
}

func TestSplitG1(t *testing.T) {
	seed, _ := new(big.Int).SetString("d201000000010000", 16)
	square := new(big.Int).Mul(seed, seed)
	q := fr.Modulus()
	cases := []*big.Int{
		new(big.Int), big.NewInt(1), new(big.Int).Sub(q, big.NewInt(1)), square,
		new(big.Int).Sub(square, big.NewInt(1)), new(big.Int).Sub(new(big.Int).Mul(square, square), square),
	}
	for range 2000 {
		k := randomField(t)
		cases = append(cases, k.BigInt(new(big.Int)))
	}
	for _, want := range cases {
		var k fr.Element
		k.SetBigInt(want)
		k1, minusK2 := splitG1(&k)
		got := new(big.Int).Mul(minusK2.big(), square)
		got.Sub(k1.big(), got)
		if got.Cmp(want) != 0 || k1.negative || k1.big().Cmp(square) >= 0 {
			t.Fatalf("%v is split in %v and %v", want, k1.big(), minusK2.big())
		}
	}
	_, _, g1, _ := bls12381.Generators()
	image, want := g1, bls12381.G1Affine{}
	image.X.Mul(&image.X, &rootOfUnity)
	if want.ScalarMultiplication(&g1, square.Neg(square)); !want.Equal(&image) {
		t.Error("the endomorphism does not multiply by −z²")
	}
}

// The sums must be right where points repeat or cancel, for a prover chooses them.
func TestProductsG1AgreeWithGnark(t *testing.T) {
	w := new(workspace)
	for _, count := range []int{1, 2, 3, 12, 40} {
		for variant := range 6 {
			points := make([]bls12381.G1Affine, count)
			scalars := make([]fr.Element, count)
			for i := range points {
				points[i], scalars[i] = randomG1(t), randomField(t)
				switch variant {
				case 1: // all the same
					points[i], scalars[i] = points[0], scalars[0]
				case 2: // all cancel
					points[i], scalars[i] = points[0], scalars[0]
					if i%2 == 1 {
						points[i].Neg(&points[0])
					}
				case 3: // infinity among them
					if i%3 == 0 {
						points[i].SetInfinity()
					}
				case 4: // small scalars
					scalars[i].SetUint64(uint64(i % 3))
				case 5: // multiples of one another, so that tables meet
					points[i].ScalarMultiplication(&points[0], big.NewInt(int64(2*i+1)))
					scalars[i] = scalars[0]
				}
			}
			var want bls12381.G1Jac
			if _, err := want.MultiExp(points, scalars, ecc.MultiExpConfig{NbTasks: 1}); err != nil {
				t.Fatal(err)
			}
			p := newProductG1(count)
			for i, m := range newMultiplesG1(w, variableWidthG1, points...) {
				p.add(&scalars[i], &m)
			}
			if got := p.sum(w); !got.Equal(&want) {
				t.Errorf("%d points, variant %d: wrong sum", count, variant)
			}
			weight := newWeight([]byte("sixteen octets.."))
			p = newProductG1(count)
			for i, m := range newMultiplesG1(w, fixedWidthG1, points...) {
				p.addWeight(weight, &m)
				scalars[i] = weight.value
			}
			if _, err := want.MultiExp(points, scalars, ecc.MultiExpConfig{NbTasks: 1}); err != nil {
				t.Fatal(err)
			}
			if got := p.sum(w); !got.Equal(&want) {
				t.Errorf("%d points, variant %d: wrong weighted sum", count, variant)
			}
		}
	}
}

func TestFieldFrom384(t *testing.T) {
	for i := range 2000 {
		var b [48]byte
		if _, err := rand.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			for j := 16; j < 16+i%33; j++ {
				b[j] = 0xff
			}
		}
		var want fr.Element
		want.SetBigInt(new(big.Int).SetBytes(b[:]))
		if got := fieldFrom384(&b); !got.Equal(&want) {
			t.Fatalf("%x is %v, want %v", b, &got, &want)
		}
	}
}
