package srs

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"damson/internal/vectors"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

func TestRead(t *testing.T) {
	file := vectors.Read(t, "bandersnatch/srs/zcash-srs-2-11-uncompressed.bin")
	s, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	_, _, g1, g2 := bls12381.Generators()
	if !s.G1[0].Equal(&g1) || !s.G2[0].Equal(&g2) {
		t.Error("the file does not begin with the generators")
	}
	// e(τ^i·g₁, g₂) = e(τ^(i−1)·g₁, τ·g₂) for the last power.
	last := []bls12381.G1Affine{s.G1[Powers-1], s.G1[Powers-2]}
	last[0].Neg(&last[0])
	if ok, err := bls12381.PairingCheck(last, s.G2[:]); err != nil || !ok {
		t.Errorf("the last power is not τ times the one before: %v", err)
	}

	changed := bytes.Clone(file)
	changed[len(changed)/2] ^= 1
	for name, r := range map[string]io.Reader{
		"changed": bytes.NewReader(changed),
		"short":   bytes.NewReader(file[:FileSize-1]),
		"long":    io.MultiReader(bytes.NewReader(file), bytes.NewReader([]byte{0})),
		"empty":   bytes.NewReader(nil),
	} {
		if _, err := Read(r); !errors.Is(err, ErrFile) {
			t.Errorf("%s file: %v", name, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	file := vectors.Read(b, "bandersnatch/srs/zcash-srs-2-11-uncompressed.bin")
	for b.Loop() {
		if _, err := Read(bytes.NewReader(file)); err != nil {
			b.Fatal(err)
		}
	}
}
