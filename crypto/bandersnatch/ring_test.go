package bandersnatch

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"damson/internal/vectors"
)

func ringKeys(b []byte) (keys [][PublicKeySize]byte) {
	for chunk := range slices.Chunk(b, PublicKeySize) {
		keys = append(keys, [PublicKeySize]byte(chunk))
	}
	return keys
}

func ringSignature(v *proofVector) []byte {
	return bytes.Join([][]byte{v.Gamma, v.ProofPkCom, v.ProofR, v.ProofOk, v.ProofS, v.ProofSb, v.RingProof}, nil)
}

// ringClaims are the vectors of the ring: a verifier for each, what they sign, and the signature.
func ringClaims(tb testing.TB) (verifiers []*RingVerifier, signed []Signed) {
	tb.Helper()
	for _, set := range vectorFolders {
		for _, v := range *vectors.JSON[[]proofVector](tb, set.folder+"bandersnatch_sha-512_ell2_ring.json") {
			verifier, err := NewRingVerifier([RingCommitmentSize]byte(v.RingPksCom), len(v.RingPks)/PublicKeySize)
			if err != nil {
				tb.Fatal(err)
			}
			verifiers = append(verifiers, verifier)
			signed = append(signed, Signed{v.Alpha, v.AD, ringSignature(&v)})
		}
	}
	return verifiers, signed
}

func TestRingVectors(t *testing.T) {
	eachVector(t, "ring", func(t *testing.T, v *proofVector, _ bool) {
		keys := ringKeys(v.RingPks)
		commitment, err := RingCommitment(keys)
		if err != nil || !bytes.Equal(commitment[:], v.RingPksCom) {
			t.Fatalf("commitment %x, %v, want %x", commitment, err, v.RingPksCom)
		}
		verifier, err := NewRingVerifier(commitment, len(keys))
		if err != nil {
			t.Fatal(err)
		}
		sig := ringSignature(v)
		if err := verifier.Verify(v.Alpha, v.AD, sig); err != nil {
			t.Errorf("verify: %v", err)
		}
		if out, err := Output(sig); err != nil || !bytes.Equal(out[:], v.Beta[:32]) {
			t.Errorf("output %x, %v, want %x", out, err, v.Beta[:32])
		}
		if err := verifier.Verify(v.Alpha, append(v.AD, 0), sig); !errors.Is(err, ErrSignature) {
			t.Errorf("verify with other data: %v", err)
		}
		if err := verifier.Verify(append(v.Alpha, 0), v.AD, sig); !errors.Is(err, ErrSignature) {
			t.Errorf("verify with other input: %v", err)
		}
		for i := 0; i < len(sig); i += stride() {
			changed := bytes.Clone(sig)
			changed[i] ^= 1 << (i % 8)
			if err := verifier.Verify(v.Alpha, v.AD, changed); err == nil {
				t.Errorf("signature with octet %d changed is accepted", i)
			}
		}
	})
}

// stride is how many octets lie between those that the tests change: all take a second for each vector.
func stride() int {
	if vectors.Thorough() {
		return 1
	}
	return 7
}

// The halves of two signatures over the same input must not fit together.
func TestRingHalvesAreTied(t *testing.T) {
	verifiers, signed := ringClaims(t)
	for i := range signed {
		for j := range signed {
			if i == j {
				continue
			}
			mixed := append(bytes.Clone(signed[i].Signature[:offsetColumns]), signed[j].Signature[offsetColumns:]...)
			if bytes.Equal(mixed, signed[i].Signature) {
				continue
			}
			if err := verifiers[i].Verify(signed[i].Input, signed[i].AD, mixed); err == nil {
				// The two sets of vectors differ in nonces, so halves of the same vector do fit.
				if (i-j)%(len(signed)/2) != 0 {
					t.Errorf("the first half of %d with the second of %d is accepted", i, j)
				}
			}
		}
	}
}

func TestClaimsOfManyRings(t *testing.T) {
	verifiers, signed := ringClaims(t)
	prepare := func(bad ...int) (claims []*RingClaim) {
		for i, s := range signed {
			ad := s.AD
			if slices.Contains(bad, i) {
				ad = append(bytes.Clone(ad), 1)
			}
			claim, err := verifiers[i].Prepare(NewInput(s.Input), ad, s.Signature)
			if err != nil {
				t.Fatal(err)
			}
			claims = append(claims, claim)
		}
		return claims
	}
	for _, bad := range [][]int{nil, {0}, {3}, {13}, {2, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}} {
		err := VerifyClaims(prepare(bad...), 2)
		checkBad(t, err, bad)
	}
	claims := prepare(5)
	claims[5] = nil
	if err := VerifyClaims(claims, 1); err != nil {
		t.Errorf("without the bad one: %v", err)
	}
	if err := VerifyClaims(nil, 1); err != nil {
		t.Errorf("no claims: %v", err)
	}
}

func checkBad(t *testing.T, err error, bad []int) {
	t.Helper()
	var failed *BatchError
	switch {
	case len(bad) == 0 && err != nil:
		t.Errorf("valid batch: %v", err)
	case len(bad) > 0 && (!errors.As(err, &failed) || !slices.Equal(failed.Bad, bad)):
		t.Errorf("batch with %v invalid: %v", bad, err)
	}
}

// A batch of one ring, with every kind of fault: in what is signed, in the ring proof, and in the encoding.
func TestBatch(t *testing.T) {
	verifiers, all := ringClaims(t)
	half := len(all) / 2
	batch := []Signed{all[2], all[2+half], all[2], all[2+half], all[2]} // both sets have the same rings
	verifier := verifiers[2]
	if err := verifier.VerifyBatch(batch, 1); err != nil {
		t.Fatal(err)
	}
	if err := verifier.VerifyBatch(nil, 1); err != nil {
		t.Errorf("no signatures: %v", err)
	}
	change := func(i, at int) {
		batch[i].Signature = bytes.Clone(batch[i].Signature)
		batch[i].Signature[at] ^= 1
	}
	change(3, offsetValues)
	checkBad(t, verifier.VerifyBatch(batch, 1), []int{3})
	change(1, offsetQuotient+47)
	checkBad(t, verifier.VerifyBatch(batch, 3), []int{1, 3})
	batch[4].Signature = batch[4].Signature[:783]
	checkBad(t, verifier.VerifyBatch(batch, 1), []int{1, 3, 4})
	err := verifier.VerifyBatch(batch, 1)
	if !errors.Is(err, ErrLength) || !errors.Is(err, ErrSignature) {
		t.Errorf("reasons: %v", err)
	}
	batch[0].Input = []byte("another")
	checkBad(t, verifier.VerifyBatch(batch, 1), []int{0, 1, 3, 4})
}

func TestRingSizes(t *testing.T) {
	for _, c := range []struct{ keys, domain int }{
		{1, 512}, {6, 512}, {255, 512}, {256, 1024}, {767, 1024}, {768, 2048}, {1023, 2048}, {MaxRingSize, 2048},
	} {
		d, err := Zcash().domainFor(c.keys)
		if err != nil || d.size != c.domain || len(d.slots) != c.domain-hiddenRows-blindingLen {
			t.Errorf("%d keys: %v, %v", c.keys, d, err)
		}
	}
	for _, size := range []int{-1, 0, MaxRingSize + 1} {
		if _, err := NewRingVerifier([RingCommitmentSize]byte{}, size); !errors.Is(err, ErrRingSize) {
			t.Errorf("ring of %d: %v", size, err)
		}
	}
	if _, err := RingCommitment([][PublicKeySize]byte{}); !errors.Is(err, ErrRingSize) {
		t.Errorf("empty ring: %v", err)
	}
	if _, err := NewRingVerifier([RingCommitmentSize]byte{}, 6); !errors.Is(err, ErrPoint) {
		t.Errorf("zero commitment: %v", err)
	}
}

// Keys are used as they are unless they are no points: padding then, like zeros.
func TestRingCommitmentOfBadKeys(t *testing.T) {
	good := NewSecretKey([]byte("good")).Public().Bytes()
	notCanonical := [PublicKeySize]byte(bytes.Repeat([]byte{0xff}, PublicKeySize))
	padding := paddingPoint()
	commit := func(key [PublicKeySize]byte) [RingCommitmentSize]byte {
		c, err := RingCommitment([][PublicKeySize]byte{good, key, good})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := commit([PublicKeySize]byte(appendPoint(nil, &padding)))
	if commit([PublicKeySize]byte{}) != want || commit(notCanonical) != want {
		t.Error("a key that is no point does not count as padding")
	}
	if commit(good) == want || commit([PublicKeySize]byte(order2())) == want {
		t.Error("a point counts as padding")
	}
}

func FuzzRingSignature(f *testing.F) {
	verifiers, signed := ringClaims(f)
	f.Add(signed[0].Signature)
	f.Fuzz(func(t *testing.T, sig []byte) {
		s := signed[0]
		if err := verifiers[0].Verify(s.Input, s.AD, sig); err == nil && !bytes.Equal(sig, s.Signature) {
			// Only a signature that shares the secrets may differ; the fuzzer does not know them.
			t.Fatalf("%x is accepted", sig)
		}
		if _, err := Output(sig); (err == nil) != (len(sig) == SignatureSize || len(sig) == RingSignatureSize) {
			t.Fatalf("output of %d octets: %v", len(sig), err)
		}
	})
}

func FuzzSignature(f *testing.F) {
	secret := NewSecretKey([]byte("fuzz"))
	valid := secret.Sign([]byte("input"), []byte("ad"))
	f.Add(valid[:])
	public := secret.Public()
	in := NewInput([]byte("input"))
	f.Fuzz(func(t *testing.T, sig []byte) {
		// The challenge may have r added, which changes its 32 octets alone.
		err := public.VerifyInput(in, []byte("ad"), sig)
		same := bytes.Equal(sig[:min(32, len(sig))], valid[:32]) && bytes.Equal(sig[min(64, len(sig)):], valid[64:])
		if err == nil && !same {
			t.Fatalf("%x is accepted", sig)
		}
	})
}
