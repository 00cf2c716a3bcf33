package bls

import (
	"math/big"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"golang.org/x/crypto/blake2b"
)

// Aggregate adds signatures of one message. Each must have been checked, or the sum be checked by VerifyAggregate.
func Aggregate(signatures []*Signature) (*Signature, error) {
	if len(signatures) == 0 {
		return nil, ErrNone
	}
	var sum bls12381.G1Jac
	for _, s := range signatures {
		sum.AddMixed(&s.point)
	}
	out := new(Signature)
	out.point.FromJacobian(&sum)
	return out, nil
}

// AggregateKey is the sum of the keys of those who signed one message: the half in G2 is all that a verifier needs who trusts that the
// half in G1 is the sum of keys that it knows.
type AggregateKey struct{ PublicKey }

// AggregateKeys adds keys. A key may be there more than once.
func AggregateKeys(list []*PublicKey) (*AggregateKey, error) {
	if len(list) == 0 {
		return nil, ErrNone
	}
	var one bls12381.G1Jac
	var two bls12381.G2Jac
	for _, p := range list {
		one.AddMixed(&p.g1)
		two.AddMixed(&p.g2)
	}
	out := new(AggregateKey)
	out.g1.FromJacobian(&one)
	out.g2.FromJacobian(&two)
	return out, nil
}

// VerifyAggregate says whether the sum of signatures is of a message and all the keys whose sum is given: the sum of the keys in G1
// is the verifier's, who need not trust that in G2. With r from a hash of all, e(S + r·A, g2) = e(H(m) + r·g1, B).
func VerifyAggregate(p *AggregateKey, message []byte, s *Signature) bool {
	if s.point.IsInfinity() || p.g1.IsInfinity() || p.g2.IsInfinity() {
		return false
	}
	_, _, one, generator := bls12381.Generators()
	h := hash(message)
	key, signature := p.Bytes(), s.Bytes()
	sum := blake2b.Sum512(append(append(append([]byte("damson_bls_aggregate"), key[:]...), signature[:]...), message...))
	var r fr.Element
	r.SetBytes(sum[:])
	var factor big.Int
	r.BigInt(&factor)

	var left, right bls12381.G1Affine
	left.ScalarMultiplication(&p.g1, &factor)
	left.Add(&left, &s.point)
	left.Neg(&left)
	right.ScalarMultiplication(&one, &factor)
	right.Add(&right, &h)
	ok, err := bls12381.PairingCheck([]bls12381.G1Affine{left, right}, []bls12381.G2Affine{generator, p.g2})
	return err == nil && ok
}
