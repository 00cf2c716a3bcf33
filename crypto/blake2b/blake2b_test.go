package blake2b

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	xblake2b "golang.org/x/crypto/blake2b"

	"damson/internal/impl"
)

// The hash of "abc" under BLAKE2b with 32 octets of output, and of nothing: published values.
func TestKnown(t *testing.T) {
	for _, tc := range []struct{ message, want string }{
		{"", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
		{"abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
	} {
		for name, got := range map[string][Size]byte{
			"whole": Sum256([]byte(tc.message)),
			"parts": Sum256Parts([]byte(tc.message)),
		} {
			if hex.EncodeToString(got[:]) != tc.want {
				t.Errorf("%s %q: %x, want %s", name, tc.message, got, tc.want)
			}
		}
	}
}

func TestPartsAgreeWithWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		message := random(rng, rng.IntN(700))
		want := xblake2b.Sum256(message)
		a := rng.IntN(len(message) + 1)
		b := a + rng.IntN(len(message)-a+1)
		if got := Sum256Parts(message[:a], message[a:b], message[b:]); got != want {
			t.Fatalf("length %d cut at %d and %d: %x, want %x", len(message), a, b, got, want)
		}
	}
}

func TestHasherGoesOnAfterSum(t *testing.T) {
	message := random(rand.New(rand.NewPCG(3, 4)), 1000)
	var h Hasher
	for i := range message {
		if got, want := h.Sum(), xblake2b.Sum256(message[:i]); got != want {
			t.Fatalf("after %d octets: %x, want %x", i, got, want)
		}
		h.Write(message[i : i+1])
	}
}

func TestMany(t *testing.T) {
	impl.TestAll(t, "blake2b", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for n := range 70 {
			nodes := make([][NodeSize]byte, n)
			for i := range nodes {
				copy(nodes[i][:], random(rng, NodeSize))
			}
			out := make([][Size]byte, n+1)
			SumNodes(out, nodes)
			for i, got := range out[:n] {
				if want := xblake2b.Sum256(nodes[i][:]); got != want {
					t.Fatalf("node %d of %d: %x, want %x", i, n, got, want)
				}
			}
			if out[n] != [Size]byte{} {
				t.Fatalf("%d nodes: wrote beyond the last", n)
			}
		}
		for size := range 300 {
			data := random(rng, 11*size)
			out := make([][Size]byte, 12)
			SumMany(out, data, size)
			for i, got := range out[:11] {
				if want := xblake2b.Sum256(data[i*size : (i+1)*size]); size > 0 && got != want {
					t.Fatalf("message %d of %d octets: %x, want %x", i, size, got, want)
				}
			}
			if out[11] != [Size]byte{} {
				t.Fatalf("messages of %d octets: wrote beyond the last", size)
			}
		}
	})
}

func TestEach(t *testing.T) {
	impl.TestAll(t, "blake2b", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for range 300 {
			messages := make([][]byte, rng.IntN(40))
			size := rng.IntN(400)
			for i := range messages {
				if rng.IntN(20) == 0 {
					size = rng.IntN(400)
				}
				messages[i] = random(rng, size)
				if rng.IntN(4) > 0 && size > 0 { // of as many blocks, mostly
					messages[i] = messages[i][:size-rng.IntN(min(size, 100))]
				}
			}
			out := make([][Size]byte, len(messages)+1)
			SumEach(out, messages)
			for i, message := range messages {
				if want := xblake2b.Sum256(message); out[i] != want {
					t.Fatalf("message %d of %d, %d octets: %x, want %x", i, len(messages), len(message), out[i], want)
				}
			}
			if out[len(messages)] != [Size]byte{} {
				t.Fatal("wrote beyond the last")
			}
		}
	})
}

func TestNoAllocation(t *testing.T) {
	a, b := make([]byte, 40), make([]byte, 4000)
	nodes, out := make([][NodeSize]byte, 19), make([][Size]byte, 19)
	for name, f := range map[string]func(){
		"Sum256":      func() { Sum256(b) },
		"Sum256Parts": func() { Sum256Parts(a, b, a) },
		"SumNodes":    func() { SumNodes(out, nodes) },
		"SumMany":     func() { SumMany(out, b, 68) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func FuzzMany(f *testing.F) {
	f.Add([]byte("some data"), uint8(3))
	f.Add(bytes.Repeat([]byte{7}, 1000), uint8(64))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		impl.TestAll(t, "blake2b", func(t *testing.T) {
			out := make([][Size]byte, 50)
			SumMany(out, data, int(size))
			for i := range out {
				if size == 0 || (i+1)*int(size) > len(data) {
					break
				}
				if want := xblake2b.Sum256(data[i*int(size) : (i+1)*int(size)]); out[i] != want {
					t.Fatalf("message %d: %x, want %x", i, out[i], want)
				}
			}
		})
	})
}

func BenchmarkSum256(b *testing.B) {
	for _, size := range []int{64, 128, 129, 4104, 1 << 20} {
		data := make([]byte, size)
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Sum256(data)
			}
		})
	}
}

func BenchmarkSum256Parts(b *testing.B) {
	for _, size := range []int{64, 4104} {
		data := make([]byte, size)
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Sum256Parts(data[:20], data[20:])
			}
		})
	}
}

func BenchmarkSumMany(b *testing.B) {
	for _, size := range []int{68, 4108} {
		const n = 1023
		data, out := make([]byte, n*size), make([][Size]byte, n)
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			impl.TestAll(b, "blake2b", func(b *testing.B) {
				b.SetBytes(int64(n * size))
				for b.Loop() {
					SumMany(out, data, size)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/message")
			})
		})
	}
}

func BenchmarkSumNodes(b *testing.B) {
	const n = 1024
	nodes, out := make([][NodeSize]byte, n), make([][Size]byte, n)
	impl.TestAll(b, "blake2b", func(b *testing.B) {
		b.SetBytes(n * NodeSize)
		for b.Loop() {
			SumNodes(out, nodes)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/node")
	})
}

func random(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}
