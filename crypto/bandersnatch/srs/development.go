package srs

import (
	"crypto/sha512"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr/fft"
)

// developmentSecret is what τ of [Development] is derived from. A change makes other chains of all that rest on it.
const developmentSecret = "damson development SRS: its secret is public, and so its proofs prove nothing"

// Development makes an SRS whose τ is the hash of a text in this file. It stands in for that of the ceremony where proofs
// are wanted, the file is missing, and nobody is to be kept from cheating.
func Development() *SRS {
	sum := sha512.Sum512([]byte(developmentSecret))
	tau := new(fr.Element).SetBytes(sum[:]) // reduces
	s := &SRS{tau: tau}
	_, _, _, g2 := bls12381.Generators()
	s.G2 = [2]bls12381.G2Affine(bls12381.BatchScalarMultiplicationG2(&g2, []fr.Element{fr.One(), *tau}))
	return s
}

func (s *SRS) developmentPowers(n int) []bls12381.G1Affine {
	scalars := make([]fr.Element, n)
	scalars[0].SetOne()
	for i := range n - 1 {
		scalars[i+1].Mul(&scalars[i], s.tau)
	}
	_, _, g1, _ := bls12381.Generators()
	return bls12381.BatchScalarMultiplicationG1(&g1, scalars)
}

// developmentLagrange evaluates the Lagrange polynomials at τ: ωⁱ·(τⁿ − 1)/(n·(τ − ωⁱ)).
func (s *SRS) developmentLagrange(n int) ([]bls12381.G1Affine, error) {
	if n > Powers {
		return nil, ErrPowers
	}
	omega, err := fft.Generator(uint64(n))
	if err != nil {
		return nil, err
	}
	roots, denominators := make([]fr.Element, n), make([]fr.Element, n)
	var size, scale, vanishing fr.Element
	size.SetUint64(uint64(n))
	vanishing.SetOne()
	for range n {
		vanishing.Mul(&vanishing, s.tau)
	}
	one := fr.One()
	vanishing.Sub(&vanishing, &one)
	root := one
	for i := range roots {
		roots[i] = root
		denominators[i].Sub(s.tau, &root)
		denominators[i].Mul(&denominators[i], &size)
		root.Mul(&root, &omega)
	}
	scalars := fr.BatchInvert(denominators)
	for i := range scalars {
		scale.Mul(&roots[i], &vanishing)
		scalars[i].Mul(&scalars[i], &scale)
	}
	_, _, g1, _ := bls12381.Generators()
	return bls12381.BatchScalarMultiplicationG1(&g1, scalars), nil
}
