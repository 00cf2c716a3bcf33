package bls

import (
	"errors"
	"testing"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

func key(i byte) *SecretKey { return NewKey([SeedSize]byte{i}) }

var message = []byte("a message")

func TestSign(t *testing.T) {
	k := key(1)
	s := k.Sign(message)
	if !Verify(k.Public(), message, s) {
		t.Error("a signature is refused")
	}
	if Verify(k.Public(), []byte("another"), s) || Verify(key(2).Public(), message, s) {
		t.Error("a wrong signature is taken")
	}
	octets := s.Bytes()
	back, err := DecodeSignature(octets[:])
	if err != nil || !back.point.Equal(&s.point) {
		t.Errorf("signature decoded: %v", err)
	}
}

func TestKeys(t *testing.T) {
	one, two := key(1).Public().Bytes(), key(2).Public().Bytes()
	p, err := DecodePublicKey(one[:])
	if err != nil || p.Bytes() != one {
		t.Fatalf("key decoded: %v", err)
	}
	mixed := append(append([]byte{}, one[:48]...), two[48:]...)
	infinity := make([]byte, PublicKeySize)
	infinity[0], infinity[48] = 0xc0, 0xc0
	flipped := append([]byte{}, one[:]...)
	flipped[50] ^= 1
	for name, b := range map[string][]byte{
		"halves of two keys": mixed, "zeros": make([]byte, PublicKeySize), "infinity": infinity, "short": one[:143], "changed": flipped,
		"not compressed": append([]byte{one[0] & 0x1f}, one[1:]...),
	} {
		if _, err := DecodePublicKey(b); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAggregate(t *testing.T) {
	var signatures []*Signature
	var keys []*PublicKey
	for i := range byte(5) {
		signatures = append(signatures, key(i).Sign(message))
		keys = append(keys, key(i).Public())
	}
	sum, err := Aggregate(signatures)
	if err != nil {
		t.Fatal(err)
	}
	all, err := AggregateKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	if !VerifyAggregate(all, message, sum) {
		t.Error("an aggregate is refused")
	}
	some, _ := AggregateKeys(keys[:4])
	if VerifyAggregate(some, message, sum) || VerifyAggregate(all, []byte("another"), sum) {
		t.Error("a wrong aggregate is taken")
	}
	// Halves whose sums are of different secrets are found by the aggregate's equation.
	false2 := &AggregateKey{PublicKey{g1: some.g1, g2: all.g2}}
	if VerifyAggregate(false2, message, sum) {
		t.Error("an aggregate of other keys in G1 is taken")
	}
	if _, err := Aggregate(nil); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestProven(t *testing.T) {
	k := key(3)
	s := k.Prove(message)
	if !s.Verify(k.Public(), message) || !Verify(k.Public(), message, &s.Signature) {
		t.Fatal("a proof is refused")
	}
	if s.Verify(key(4).Public(), message) || s.Verify(k.Public(), []byte("another")) {
		t.Error("a wrong proof is taken")
	}
	octets := s.Bytes()
	back, err := DecodeProven(octets[:])
	if err != nil || !back.Verify(k.Public(), message) {
		t.Errorf("proof decoded: %v", err)
	}
	octets[ProofSize-1] ^= 1
	if back, err = DecodeProven(octets[:]); err != nil || back.Verify(k.Public(), message) {
		t.Errorf("a changed proof: %v", err)
	}
}

// What is in the curve and not in its group of prime order is no signature.
func TestSubgroup(t *testing.T) {
	s := key(1).Sign(message)
	var x bls12381.G1Affine
	for b := s.Bytes(); ; b[47]++ { // another point of the curve, almost never of the group
		if _, err := x.SetBytes(b[:]); err == nil && b != s.Bytes() {
			t.Skip("the group was hit")
		} else if err != nil && b[47] != 0 {
			if _, err := DecodeSignature(b[:]); err == nil {
				t.Error("taken")
			}
			return
		}
	}
}

func FuzzDecode(f *testing.F) {
	public, proof := key(1).Public().Bytes(), key(1).Prove(message).Bytes()
	f.Add(public[:])
	f.Add(proof[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodePublicKey(b); err == nil {
			if again := p.Bytes(); string(again[:]) != string(b) {
				t.Errorf("%x becomes %x", b, again)
			}
		}
		if s, err := DecodeProven(b); err == nil {
			if again := s.Bytes(); string(again[:]) != string(b) {
				t.Errorf("%x becomes %x", b, again)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k := key(1)
	for b.Loop() {
		k.Sign(message)
	}
}

func BenchmarkProvenVerify(b *testing.B) {
	k := key(1)
	s := k.Prove(message)
	for b.Loop() {
		s.Verify(k.Public(), message)
	}
}

func BenchmarkVerifyAggregate(b *testing.B) {
	s := key(1).Sign(message)
	p, _ := AggregateKeys([]*PublicKey{key(1).Public()})
	for b.Loop() {
		VerifyAggregate(p, message, s)
	}
}
