package bandersnatch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"damson/internal/vectors"
)

func BenchmarkVerify(b *testing.B) {
	secret := NewSecretKey([]byte("benchmark"))
	input, ad := []byte("input"), make([]byte, 300)
	sig := secret.Sign(input, ad)
	encoded := secret.Public().Bytes()
	b.Run("key=kept", func(b *testing.B) {
		public := secret.Public()
		for b.Loop() {
			if err := public.Verify(input, ad, sig[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("key=kept,input=kept", func(b *testing.B) {
		public, in := secret.Public(), NewInput(input)
		for b.Loop() {
			if err := public.VerifyInput(in, ad, sig[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("key=new", func(b *testing.B) {
		for b.Loop() {
			public, err := ParsePublicKey(encoded[:])
			if err != nil {
				b.Fatal(err)
			}
			if err := public.Verify(input, ad, sig[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	secret := NewSecretKey([]byte("benchmark"))
	input, ad := []byte("input"), make([]byte, 300)
	for b.Loop() {
		secret.Sign(input, ad)
	}
}

func BenchmarkNewInput(b *testing.B) {
	input := []byte("input")
	for b.Loop() {
		NewInput(input)
	}
}

func BenchmarkDecodePoint(b *testing.B) {
	encoded := NewSecretKey([]byte("benchmark")).Public().Bytes()
	b.Run("subgroup=checked", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodePoint(encoded[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("subgroup=any", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeOnCurve(encoded[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmarkRing(b *testing.B) (*RingVerifier, []Signed) {
	cases := *vectors.JSON[[]proofVector](b, "bandersnatch/bandersnatch_sha-512_ell2_ring.json")
	v := &cases[2]
	var signed []Signed
	for i := range cases {
		if bytes.Equal(cases[i].RingPksCom, v.RingPksCom) {
			signed = append(signed, Signed{cases[i].Alpha, cases[i].AD, ringSignature(&cases[i])})
		}
	}
	for len(signed) < 16 {
		signed = append(signed, signed...)
	}
	verifier, err := NewRingVerifier([RingCommitmentSize]byte(v.RingPksCom), 8)
	if err != nil {
		b.Fatal(err)
	}
	return verifier, signed
}

func BenchmarkRingVerify(b *testing.B) {
	verifier, signed := benchmarkRing(b)
	for _, count := range []int{1, 3, 16} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("batch=%d/workers=%d", count, workers), func(b *testing.B) {
				for b.Loop() {
					if err := verifier.VerifyBatch(signed[:count], workers); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/signature")
			})
		}
	}
	b.Run("part=prepare", func(b *testing.B) {
		in := NewInput(signed[0].Input)
		for b.Loop() {
			if _, err := verifier.Prepare(in, signed[0].AD, signed[0].Signature); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("part=claims", func(b *testing.B) {
		claim, err := verifier.Prepare(NewInput(signed[0].Input), signed[0].AD, signed[0].Signature)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := VerifyClaims([]*RingClaim{claim}, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRingCommitment(b *testing.B) {
	for _, count := range []int{6, 1023} {
		b.Run(fmt.Sprintf("keys=%d", count), func(b *testing.B) {
			keys := make([][PublicKeySize]byte, count)
			for i := range keys {
				keys[i] = NewSecretKey(binary.LittleEndian.AppendUint32(nil, uint32(i))).Public().Bytes()
			}
			for b.Loop() {
				if _, err := RingCommitment(keys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewRingVerifier(b *testing.B) {
	commitment, err := RingCommitment(make([][PublicKeySize]byte, 6))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := NewRingVerifier(commitment, 6); err != nil {
			b.Fatal(err)
		}
	}
}
