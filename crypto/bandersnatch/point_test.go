package bandersnatch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/bandersnatch"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

func randomScalar(rng *rand.Rand) scalar {
	s := scalar{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64()}
	switch rng.IntN(8) {
	case 0:
		s = scalar{rng.Uint64N(4)}
	case 1:
		s = scalar{rng.Uint64N(4)}
		s = s.neg()
	}
	return s.reduced()
}

func (s scalar) big() *big.Int {
	b := s.append(nil)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func TestScalars(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := order.big()
	if curve := bandersnatch.GetEdwardsCurve(); curve.Order.Cmp(r) != 0 {
		t.Fatalf("order %v, want %v", r, &curve.Order)
	}
	reduce := func(x *big.Int) *big.Int { return x.Mod(x, r) }
	check := func(what string, got scalar, want *big.Int) {
		t.Helper()
		if got.big().Cmp(want) != 0 {
			t.Fatalf("%s: %v, want %v", what, got.big(), want)
		}
	}
	lambda, _ := new(big.Int).SetString("8913659658109529928382530854484400854125314752504019737736543920008458395397", 10)
	for range 2000 {
		a, b := randomScalar(rng), randomScalar(rng)
		x, y := a.big(), b.big()
		check("sum", a.add(&b), reduce(new(big.Int).Add(x, y)))
		check("product", a.mul(&b), reduce(new(big.Int).Mul(x, y)))
		check("negative", a.neg(), reduce(new(big.Int).Neg(x)))
		wide := scalar{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64() | 1<<63}
		check("remainder", wide.reduced(), reduce(wide.big()))
		check("remainder of 512 bits", scalarFrom512(a, wide),
			reduce(new(big.Int).Add(x, new(big.Int).Lsh(wide.big(), 256))))

		k1, k2 := a.split()
		sum := new(big.Int).Mul(k2.big(), lambda)
		check("split", a, reduce(sum.Add(sum, k1.big())))
		for _, k := range []half{k1, k2} {
			if k.big().BitLen() > 127 {
				t.Fatalf("half of %d bits", k.big().BitLen())
			}
			for width := uint(2); width <= 8; width++ {
				checkDigits(t, &k, width)
			}
		}
	}
}

func (h half) big() *big.Int {
	z := scalar{h.magnitude[0], h.magnitude[1]}.big()
	if h.negative {
		z.Neg(z)
	}
	return z
}

func checkDigits(t *testing.T, k *half, width uint) {
	t.Helper()
	var digits [digitCount]int8
	count := k.digits(width, &digits)
	sum := new(big.Int)
	for i := digitCount - 1; i >= 0; i-- {
		d := int64(digits[i])
		if d != 0 && (i >= count || d%2 == 0 || d >= 1<<(width-1) || -d >= 1<<(width-1)) {
			t.Fatalf("digit %d is %d, width %d, count %d", i, d, width, count)
		}
		sum.Add(sum.Lsh(sum, 1), big.NewInt(d))
	}
	if sum.Cmp(k.big()) != 0 {
		t.Fatalf("digits make %v, want %v", sum, k.big())
	}
}

func TestProductsAgreeWithGnark(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var want affine
		want.Y.SetOne()
		p := newProduct(4)
		for i := range 4 {
			point, k := hashToCurve([]byte{byte(rng.Uint32()), byte(i)}), randomScalar(rng)
			switch i {
			case 0:
				p.add(&k, newSplitMultiples(&point, fixedWidth))
			case 1:
				k = scalar{k[0], k[1]}
				p.addShort(&k, newMultiples(&point))
			case 2:
				p.add(&k, newSplitMultiples(&point, keyWidth))
			default:
				p.add(&k, newMultiples(&point))
			}
			var term affine
			term.ScalarMultiplication(&point, k.big())
			want.Add(&want, &term)
			if got := multiplyAll(&k, &point)[0]; !got.Equal(&term) {
				t.Fatalf("secret product of %v is wrong", k.big())
			}
		}
		var got [1]affine
		normalise(got[:], []extended{p.sum()})
		if !got[0].Equal(&want) {
			t.Fatal("sum of products is wrong")
		}
	}
}

func TestSquareRoots(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	z := fr.NewElement(nonSquare)
	// Elements of the group of order 2^32 drive the logarithm through all of its octets.
	generator, err := new(fr.Element).SetString("10238227357739495823651030575849232062558860180284477541189508159991286009131")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		var x, root, square fr.Element
		if i%2 == 0 {
			x.Exp(*generator, big.NewInt(int64(rng.Uint32())>>rng.IntN(32)))
		} else {
			x.SetUint64(rng.Uint64())
			x.Mul(&x, generator)
		}
		isSquare := x.Legendre() == 1
		if sqrt(&root, &x) != isSquare {
			t.Fatalf("%v: square %v", &x, !isSquare)
		}
		if !isSquare {
			x.Mul(&x, &z)
		}
		if square.Square(&root); !square.Equal(&x) {
			t.Fatalf("root of %v is wrong", &x)
		}
	}
	var zero, root fr.Element
	if !sqrt(&root, &zero) || !root.IsZero() {
		t.Error("zero has no root")
	}
}

func TestConstants(t *testing.T) {
	for _, c := range []struct {
		name, encoded string
		point         affine
	}{
		{"G", "664197ccb667315e6064e4ee81ad8c3586d5dcba508b7d150f3e12da9e666c2a", base},
		{"B", "e93da06b869766b158d20b843ec648cc68e0b7ba2f7083acf0f154205d04e23e", pedersenBlinding()},
		{"S", "6e5574f9077fb76c885c36196a832dbadd64142d305be5487724967acf9595a0", accumulatorSeed()},
		{"padding", "92ca79e61dd90c1573a8693f199bf6e1e86835cc715cdcf93f5ef222560023aa", paddingPoint()},
	} {
		if got := hex.EncodeToString(appendPoint(nil, &c.point)); got != c.encoded {
			t.Errorf("%s is %s, want %s", c.name, got, c.encoded)
		}
		if !c.point.IsInSubGroup() {
			t.Errorf("%s is outside the subgroup", c.name)
		}
	}
	var p, q extended
	p.setAffine(&base)
	q.endomorphic(&p)
	var image [1]affine
	normalise(image[:], []extended{q})
	lambda, _ := new(big.Int).SetString("8913659658109529928382530854484400854125314752504019737736543920008458395397", 10)
	var want affine
	if want.ScalarMultiplication(&base, lambda); !want.Equal(&image[0]) {
		t.Error("the endomorphism does not multiply by λ")
	}
}

// Elligator's exceptional inputs: u = 0, and 1 + Z·u² = 0.
func TestElligatorExceptions(t *testing.T) {
	var minusFifth, u, one fr.Element
	minusFifth.SetInt64(-5)
	minusFifth.Inverse(&minusFifth)
	inputs := []fr.Element{{}}
	if u.Sqrt(&minusFifth) != nil {
		inputs = append(inputs, u)
	}
	one.SetOne()
	for i := range inputs {
		p := elligator(&inputs[i], &one)
		var out [1]affine
		normalise(out[:], []extended{p})
		if !out[0].IsOnCurve() {
			t.Errorf("input %d maps outside the curve", i)
		}
	}
}

func TestDecodePoints(t *testing.T) {
	var offSubgroup affine // a point of the curve times 1, found by trying
	for y := uint64(2); ; y++ {
		b := make([]byte, PublicKeySize)
		b[0] = byte(y)
		p, err := decodeOnCurve(b)
		if err == nil && !p.IsInSubGroup() {
			offSubgroup = p
			break
		}
	}
	q := order2()
	for _, c := range []struct {
		name, encoded             string
		onCurve, prime, canonical bool
	}{
		{"generator", "664197ccb667315e6064e4ee81ad8c3586d5dcba508b7d150f3e12da9e666c2a", true, true, true},
		{"negative generator", "664197ccb667315e6064e4ee81ad8c3586d5dcba508b7d150f3e12da9e666caa", true, true, true},
		{"identity", "0100000000000000000000000000000000000000000000000000000000000000", true, true, true},
		{"identity with a sign", "0100000000000000000000000000000000000000000000000000000000000080", true, true, false},
		{"order two", hex.EncodeToString(q), true, false, true},
		{"outside the subgroup", hex.EncodeToString(appendPoint(nil, &offSubgroup)), true, false, true},
		{"zeros", "0000000000000000000000000000000000000000000000000000000000000000", false, false, false},
		{"y = q", "01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73", false, false, false},
		{"y = q + 1", "02000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73", false, false, false},
		{"ones", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false, false, false},
		{"short", "6641", false, false, false},
		{"long", "664197ccb667315e6064e4ee81ad8c3586d5dcba508b7d150f3e12da9e666c2a00", false, false, false},
	} {
		b, err := hex.DecodeString(c.encoded)
		if err != nil {
			t.Fatal(err)
		}
		p, err := decodeOnCurve(b)
		if (err == nil) != c.onCurve {
			t.Errorf("%s: on the curve: %v, want %v", c.name, err, c.onCurve)
		}
		if err == nil && bytes.Equal(appendPoint(nil, &p), b) != c.canonical {
			t.Errorf("%s: encoded again: %x", c.name, appendPoint(nil, &p))
		}
		_, err = ParsePublicKey(b)
		if (err == nil) != c.prime {
			t.Errorf("%s: as a key: %v, want %v", c.name, err, c.prime)
		}
		if c.onCurve && !c.prime && !errors.Is(err, ErrSubgroup) {
			t.Errorf("%s: as a key: %v", c.name, err)
		}
	}
}

// order2 encodes (0, −1).
func order2() []byte {
	p := affine{}
	p.Y.SetInt64(-1)
	return appendPoint(nil, &p)
}

func FuzzDecodePoint(f *testing.F) {
	f.Add(order2())
	b := base
	f.Add(appendPoint(nil, &b))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeOnCurve(b)
		if err != nil {
			return
		}
		if !p.IsOnCurve() {
			t.Fatalf("%x decodes to a point outside the curve", b)
		}
		again, err := decodeOnCurve(appendPoint(nil, &p))
		if err != nil || !again.Equal(&p) {
			t.Fatalf("%x: encoded and decoded again: %v", b, err)
		}
		var r affine
		r.ScalarMultiplication(&p, order.big())
		if _, err := decodePoint(b); (err == nil) != r.IsZero() {
			t.Fatalf("%x: subgroup check: %v", b, err)
		}
	})
}

// The map, step by step as RFC 9380 has it, without the shortcuts of elligator.
func TestElligatorAgreesWithItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	five, one := fr.NewElement(5), fr.One()
	g := func(x *fr.Element) (y fr.Element) {
		var square, t fr.Element
		square.Square(x)
		y.Mul(&square, x)
		t.Mul(&square, &ratioJK)
		y.Add(&y, &t)
		t.Mul(x, &inverseKK)
		return *y.Add(&y, &t)
	}
	for range 500 {
		var u, d, inverse, x, y fr.Element
		u.SetUint64(rng.Uint64())
		u.Square(&u)
		u.Mul(&u, &montgomeryK)
		d.Square(&u)
		d.Mul(&d, &five)
		d.Add(&d, &one)
		inverse.Inverse(&d)
		x.Mul(&inverse, &negRatioJK)
		odd := uint64(1)
		if value := g(&x); value.Legendre() != 1 {
			x.Neg(&x)
			x.Sub(&x, &ratioJK)
			odd = 0
		}
		value := g(&x)
		if y.Sqrt(&value) == nil {
			t.Fatal("neither of the two is a square")
		}
		if y.Bits()[0]&1 != odd {
			y.Neg(&y)
		}
		want, got := fromMontgomery(&x, &y), elligator(&u, &inverse)
		var flat [2]affine
		normalise(flat[:], []extended{want, got})
		if !flat[0].Equal(&flat[1]) || !flat[0].IsOnCurve() {
			t.Fatalf("%v maps to another point", &u)
		}
	}
}
