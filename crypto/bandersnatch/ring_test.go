package bandersnatch

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func ringKeys(t *testing.T, b []byte) (keys [][PublicKeySize]byte) {
	for chunk := range slices.Chunk(b, PublicKeySize) {
		keys = append(keys, [PublicKeySize]byte(chunk))
	}
	return keys
}

func ringSignature(v *proofVector) []byte {
	return bytes.Join([][]byte{v.Gamma, v.ProofPkCom, v.ProofR, v.ProofOk, v.ProofS, v.ProofSb, v.RingProof}, nil)
}

func TestRingVectors(t *testing.T) {
	eachVector(t, "ring", func(t *testing.T, v *proofVector, boundAD bool) {
		keys := ringKeys(t, v.RingPks)
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
		for i := range sig {
			changed := bytes.Clone(sig)
			changed[i] ^= 1 << (i % 8)
			if err := verifier.Verify(v.Alpha, v.AD, changed); err == nil {
				t.Errorf("signature with octet %d changed is accepted", i)
			}
		}
	})
}
