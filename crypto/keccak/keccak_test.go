package keccak

import (
	"encoding/hex"
	"testing"
)

// Published values, among them the hash of nothing that every Ethereum client knows.
func TestKnown(t *testing.T) {
	for _, tc := range []struct{ message, want string }{
		{"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
		{"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
		{"The quick brown fox jumps over the lazy dog", "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"},
	} {
		if got := Sum256([]byte(tc.message)); hex.EncodeToString(got[:]) != tc.want {
			t.Errorf("%q: %x, want %s", tc.message, got, tc.want)
		}
	}
}

func TestPartsAgreeWithWhole(t *testing.T) {
	message := make([]byte, 300)
	for i := range message {
		message[i] = byte(i * i)
	}
	for a := range message {
		for b := a; b < len(message); b += 7 {
			if got := Sum256Parts(message[:a], message[a:b], message[b:]); got != Sum256(message) {
				t.Fatalf("cut at %d and %d: %x", a, b, got)
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var a [68]byte
	if n := testing.AllocsPerRun(100, func() { Sum256(a[:]); Sum256Parts(a[:], a[:]) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkSum256(b *testing.B) {
	data := make([]byte, 68)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Sum256(data)
	}
}
