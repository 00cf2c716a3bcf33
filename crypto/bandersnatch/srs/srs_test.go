package srs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"testing"

	"damson/internal/vectors"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/kzg"
)

func TestRead(t *testing.T) {
	file := vectors.Read(t, "bandersnatch/srs/zcash-srs-2-11-uncompressed.bin")
	s, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	checkPowers(t, s)
	if s.Insecure() {
		t.Error("the SRS of the ceremony counts as insecure")
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

// checkPowers checks that the powers begin with the generators and go on with one τ.
func checkPowers(t *testing.T, s *SRS) {
	t.Helper()
	powers, err := s.Powers(Powers)
	if err != nil {
		t.Fatal(err)
	}
	_, _, g1, g2 := bls12381.Generators()
	if !powers[0].Equal(&g1) || !s.G2[0].Equal(&g2) {
		t.Error("the powers do not begin with the generators")
	}
	// e(τ^i·g₁, g₂) = e(τ^(i−1)·g₁, τ·g₂) for the last power.
	last := []bls12381.G1Affine{powers[Powers-1], powers[Powers-2]}
	last[0].Neg(&last[0])
	if ok, err := bls12381.PairingCheck(last, s.G2[:]); err != nil || !ok {
		t.Errorf("the last power is not τ times the one before: %v", err)
	}
	for _, n := range []int{-1, 0, Powers + 1} {
		if _, err := s.Powers(n); !errors.Is(err, ErrPowers) {
			t.Errorf("%d powers: %v", n, err)
		}
	}
}

func TestDevelopment(t *testing.T) {
	s := Development()
	checkPowers(t, s)
	if !s.Insecure() {
		t.Error("the development SRS counts as secure")
	}
	// A change of these octets makes every chain on this SRS another one.
	const tau = "98a721e2766d696b7314823f62dfd88a"
	if raw := s.G2[1].Bytes(); hex.EncodeToString(raw[:16]) != tau {
		t.Errorf("τ·g₂ is %x", raw)
	}
	// The shortcut for the Lagrange points gives what the transform of the powers does.
	powers, err := s.Powers(64)
	if err != nil {
		t.Fatal(err)
	}
	want, err := kzg.ToLagrangeG1(powers)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Lagrange(64)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the Lagrange points differ, %v", err)
	}
	if _, err := s.Lagrange(8192); !errors.Is(err, ErrPowers) {
		t.Errorf("8192 Lagrange points: %v", err)
	}
}

func BenchmarkDevelopment(b *testing.B) {
	for b.Loop() {
		if _, err := Development().Lagrange(512); err != nil {
			b.Fatal(err)
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
