package asm_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"damson/bench/programs"
	"damson/internal/asm"
	"damson/internal/codec"
	"damson/internal/services"
	"damson/internal/vectors"
)

// roundTrip assembles the listing of a program, and wants the program.
func roundTrip(tb testing.TB, octets []byte) {
	tb.Helper()
	o, err := asm.Open(octets)
	if err != nil {
		tb.Fatal(err)
	}
	for _, options := range []asm.Options{{}, {Comments: true, Names: func(uint32) string { return "a\nname" }}} {
		text, err := asm.Disassemble(o, options)
		if err != nil {
			tb.Fatal(err)
		}
		again, err := asm.Assemble(text)
		if err != nil {
			tb.Fatalf("%v in\n%.2000s", err, text)
		}
		if !bytes.Equal(again.Octets(), octets) {
			tb.Fatalf("not the same octets from\n%.2000s", text)
		}
	}
}

func TestRoundTripPrograms(t *testing.T) {
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) { roundTrip(t, p.Blob) })
	}
	for _, code := range []*services.Code{services.Store(), services.Counter(), services.Anyone()} {
		t.Run(code.Name, func(t *testing.T) { roundTrip(t, code.Blob) })
	}
}

// TestRoundTripShared: the programs beside the vectors, which may be others than those of this repository.
func TestRoundTripShared(t *testing.T) {
	folder := filepath.Join(vectors.Root(t), "..", "bench", "programs")
	files, err := filepath.Glob(filepath.Join(folder, "*.pvm"))
	if err != nil || len(files) == 0 {
		t.Skipf("no programs in %s: %v", folder, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			blob, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, blob)
		})
	}
	vectors.Figure(t, "programs", "%d, each assembled from its listing", len(files))
}

// TestRoundTripRandom: programs of all kinds of octets.
func TestRoundTripRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(vectors.Seed(t), 7))
	for range 200 {
		roundTrip(t, asm.Random(r, 100, 0x20000))
	}
	for range 2000 {
		roundTrip(t, randomBlob(r))
	}
}

// randomBlob is a program blob of random octets.
func randomBlob(r *rand.Rand) []byte {
	octets := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
			if r.IntN(3) == 0 {
				b[i] = 0
			}
		}
		return b
	}
	size, z, jumps := r.IntN(100), r.IntN(12), r.IntN(6)
	b := codec.AppendNatural(nil, uint64(jumps))
	b = append(b, byte(z))
	b = codec.AppendNatural(b, uint64(size))
	for range jumps {
		e := octets(z)
		for i := 8; i < z; i++ {
			e[i] = 0
		}
		b = append(b, e...)
	}
	b = append(b, octets(size)...)
	mask := octets((size + 7) / 8)
	if size%8 != 0 {
		mask[len(mask)-1] &= 1<<(size%8) - 1
	}
	return append(b, mask...)
}

func FuzzDisassemble(f *testing.F) {
	all, err := programs.All()
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range all {
		if len(p.Blob) < 4096 {
			f.Add(p.Blob)
		}
	}
	f.Add(services.Counter().Blob)
	r := rand.New(rand.NewPCG(1, 7))
	for range 8 {
		f.Add(randomBlob(r))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		if o, err := asm.Open(octets); err == nil && (o.Kind != asm.ServiceCode || len(o.Metadata) < 1<<16) {
			roundTrip(t, octets)
		}
	})
}
