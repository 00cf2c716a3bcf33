package erasure

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/reedsolomon"

	"damson/internal/impl"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

func coder(tb testing.TB, chain string) *Coder {
	tb.Helper()
	p, ok := protocol.Named(chain)
	if !ok {
		tb.Fatalf("no chain %q", chain)
	}
	return newCoder(tb, p.RecoveryThreshold(), p.Validators)
}

func newCoder(tb testing.TB, threshold, shards int) *Coder {
	tb.Helper()
	c, err := New(threshold, shards)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestVectors(t *testing.T) {
	coders := map[string]*Coder{"tiny": coder(t, "tiny"), "full": coder(t, "full")}
	impl.TestAll(t, "erasure", func(t *testing.T) {
		vectors.Each(t, "erasure", ".json", func(t *testing.T, v *vectors.File) {
			c := coders[v.Chain]
			data, want := decodeVector(t, v)
			if len(want) != c.shards {
				t.Fatalf("%d shards, want %d", len(want), c.shards)
			}
			got := c.Encode(data)
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("shard %d is %x, want %x", i, got[i], want[i])
				}
			}
			checkRecovery(t, c, data, want)
		})
	})
}

// checkRecovery recovers data from 200 random sets of k shards, from the sets at both ends, and not from one too few.
func checkRecovery(t *testing.T, c *Coder, data []byte, shards [][]byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(len(data))))
	first, last := make([]int, c.threshold), make([]int, c.threshold)
	for i := range first {
		first[i], last[i] = i, c.shards-1-i
	}
	sets := [][]int{first, last}
	if c.shards > c.threshold {
		sets = append(sets, append(slices.Clone(first[1:]), c.shards-1), append(slices.Clone(last[1:]), 0))
	}
	for range 200 {
		sets = append(sets, rng.Perm(c.shards)[:c.threshold])
	}
	for _, set := range sets {
		chosen := make([]Shard, 0, len(set))
		for _, i := range set {
			chosen = append(chosen, Shard{i, shards[i]})
		}
		got, err := c.Recover(chosen, len(data))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d octets from shards %v: %v", len(data), set, err)
		}
		if _, err := c.Recover(chosen[1:], len(data)); !errors.Is(err, ErrTooFew) {
			t.Fatalf("%d octets from one too few: %v", len(data), err)
		}
	}
}

func decodeVector(t *testing.T, v *vectors.File) (data []byte, shards [][]byte) {
	t.Helper()
	var plain struct {
		Data   string   `json:"data"`
		Shards []string `json:"shards"`
	}
	v.JSON(t, &plain)
	for i, text := range append(plain.Shards, plain.Data) {
		octets, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil {
			t.Fatal(err)
		}
		if i < len(plain.Shards) {
			shards = append(shards, octets)
		} else {
			data = octets
		}
	}
	return data, shards
}

// Other rates than the two of the chains, against the polynomial evaluated term by term.
func TestLagrange(t *testing.T) {
	impl.TestAll(t, "erasure", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 3))
		for _, rate := range [][2]int{{1, 1}, {1, 2}, {1, 5}, {2, 6}, {3, 4}, {3, 14}, {4, 4}, {4, 9}, {5, 8}, {6, 21}, {17, 60}} {
			c := newCoder(t, rate[0], rate[1])
			data := random(rng, rng.IntN(1500*rate[0])) // shards longer than the rows of any kernel
			shards := c.Encode(data)
			for i, got := range shards {
				if want := evaluate(c, data, i); !bytes.Equal(got, want) {
					t.Fatalf("%v, %d octets: shard %d is %x, want %x", rate, len(data), i, got, want)
				}
			}
			checkRecovery(t, c, data, shards)
		}
	})
}

// evaluate computes shard index from the definition, by Lagrange's formula over all c positions.
func evaluate(c *Coder, data []byte, index int) []byte {
	f := gf()
	y, size := c.position(index), c.ShardSize(len(data))
	padded := append(slices.Clone(data), make([]byte, size*c.threshold-len(data))...)
	shard := make([]byte, size)
	for i := range c.threshold {
		log, zero := 0, false
		for j := range c.padded {
			if j != i {
				zero = zero || y == j
				log += int(f.log[y^j]) + order - int(f.log[i^j])
			}
		}
		if zero {
			continue
		}
		for w := 0; w < size; w += 2 {
			word := uint16(padded[i*size+w]) | uint16(padded[i*size+w+1])<<8
			product := f.times(word, log%order)
			shard[w] ^= byte(product)
			shard[w+1] ^= byte(product >> 8)
		}
	}
	return shard
}

func TestField(t *testing.T) {
	f := gf()
	for i := 1; i < 16; i++ {
		v := uint16(1 << i)
		if square := f.times(v, int(f.log[v])); square^v != v>>1 {
			t.Errorf("v_%d squared and added to itself is %04x", i, square^v)
		}
	}
	for a := 1; a < 1<<16; a++ {
		if got := f.times(uint16(a), (order-int(f.log[a]))%order); got != 1 {
			t.Fatalf("%04x by its inverse is %04x", a, got)
		}
	}
}

// The recovery shards of full against klauspost/reedsolomon, an independent implementation of the same family of codes: its
// parity for data of which the first shards are zero is our next coset.
func TestAgainstLeopard(t *testing.T) {
	c := coder(t, "full")
	rng := rand.New(rand.NewPCG(4, 5))
	for _, blocks := range []int{1, 3, 9, 20} {
		size := 64 * blocks
		data := random(rng, size*c.threshold)
		impl.TestAll(t, "erasure", func(t *testing.T) {
			shards := c.Encode(data)
			for _, i := range []int{0, 341} {
				if !bytes.Equal(shards[i], data[i*size:(i+1)*size]) {
					t.Errorf("shard %d is not the data", i)
				}
			}
			for coset, parity := range leopardParity(t, c, shards, size) {
				for i := range parity {
					index := c.threshold + coset*c.padded + i
					if index < c.shards && !bytes.Equal(shards[index], parity[i]) {
						t.Fatalf("shard %d of %d octets differs", index, size)
					}
				}
			}
			checkSome(t, c, data, shards, rng)
		})
	}
}

func leopardParity(t *testing.T, c *Coder, data [][]byte, size int) (cosets [][][]byte) {
	t.Helper()
	for skipped := 0; skipped < c.shards-c.threshold; skipped += c.padded {
		leopard, err := reedsolomon.New(skipped+c.threshold, c.padded, reedsolomon.WithLeopardGF16(true))
		if err != nil {
			t.Fatal(err)
		}
		rows := make([][]byte, skipped+c.threshold+c.padded)
		for i := range rows {
			rows[i] = make([]byte, size)
		}
		for i, shard := range data[:c.threshold] {
			for w := 0; w < size; w += 2 {
				at := w/64*64 + w%64/2
				rows[skipped+i][at], rows[skipped+i][at+32] = shard[w], shard[w+1]
			}
		}
		if err := leopard.Encode(rows); err != nil {
			t.Fatal(err)
		}
		parity := make([][]byte, c.padded)
		for i, row := range rows[skipped+c.threshold:] {
			parity[i] = make([]byte, size)
			for w := 0; w < size; w += 2 {
				at := w/64*64 + w%64/2
				parity[i][w], parity[i][w+1] = row[at], row[at+32]
			}
		}
		cosets = append(cosets, parity)
	}
	return cosets
}

func checkSome(t *testing.T, c *Coder, data []byte, shards [][]byte, rng *rand.Rand) {
	t.Helper()
	for range 10 {
		var chosen []Shard
		for _, i := range rng.Perm(c.shards)[:c.threshold+rng.IntN(5)] {
			chosen = append(chosen, Shard{i, shards[i]})
		}
		if got, err := c.Recover(chosen, len(data)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d octets: not recovered: %v", len(data), err)
		}
	}
}

// The largest transforms that are allowed, where sums come nearest to what they have room for.
func TestLargeCode(t *testing.T) {
	c := newCoder(t, 2000, 9000)
	rng := rand.New(rand.NewPCG(9, 9))
	data := random(rng, 4000*3)
	checkSome(t, c, data, c.Encode(data), rng)
}

func TestSegments(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	for _, chain := range []string{"tiny", "full"} {
		c := coder(t, chain)
		impl.TestAll(t, "erasure", func(t *testing.T) {
			for _, count := range []int{0, 1, 2, 11, 64} {
				var segments [][]byte
				for range count {
					segments = append(segments, random(rng, 4104))
				}
				shards, err := c.EncodeSegments(segments)
				if err != nil {
					t.Fatal(err)
				}
				part := c.ShardSize(4104)
				for j, segment := range segments {
					for i, want := range c.Encode(segment) {
						if !bytes.Equal(shards[i][j*part:(j+1)*part], want) {
							t.Fatalf("%s: shard %d of segment %d of %d differs", chain, i, j, count)
						}
					}
				}
				var chosen []Shard
				for _, i := range rng.Perm(c.shards)[:c.threshold] {
					chosen = append(chosen, Shard{i, shards[i]})
				}
				got, err := c.RecoverSegments(chosen, count, 4104)
				if err != nil || !slices.EqualFunc(got, segments, bytes.Equal) {
					t.Fatalf("%s: %d segments not recovered: %v", chain, count, err)
				}
			}
		})
		if _, err := c.EncodeSegments([][]byte{make([]byte, 4104), make([]byte, 4103)}); err == nil {
			t.Errorf("%s: segments of two lengths encoded", chain)
		}
		if _, err := c.EncodeSegments([][]byte{make([]byte, 4103)}); err == nil {
			t.Errorf("%s: a segment of part of a piece encoded", chain)
		}
	}
}

// What was in a room before plays no part.
func TestRoom(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11))
	impl.TestAll(t, "erasure", func(t *testing.T) {
		room := new(Room)
		for range 60 {
			c := coder(t, []string{"tiny", "full"}[rng.IntN(2)])
			data := random(rng, rng.IntN(3000)*rng.IntN(30))
			if !slices.EqualFunc(c.EncodeInto(room, data), c.Encode(data), bytes.Equal) {
				t.Fatalf("%d octets: shards differ", len(data))
			}
			segments := make([][]byte, rng.IntN(5))
			for i := range segments {
				segments[i] = random(rng, 4104)
			}
			got, err := c.EncodeSegmentsInto(room, segments)
			want, err2 := c.EncodeSegments(segments)
			if err != nil || err2 != nil || !slices.EqualFunc(got, want, bytes.Equal) {
				t.Fatalf("%d segments: shards differ: %v %v", len(segments), err, err2)
			}
		}
	})
}

// No coset is without weight, or recovery could not tell what it says.
func TestWeights(t *testing.T) {
	for cosets := 2; cosets <= 512; cosets *= 2 {
		for i := 1; i < cosets; i++ {
			if weight(i, cosets) == 0 {
				t.Fatalf("coset %d of %d has no weight", i, cosets)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	c := coder(t, "tiny")
	two := []byte{1, 2}
	for _, tc := range []struct {
		name   string
		shards []Shard
		length int
		want   error
	}{
		{"nothing", nil, 4, ErrTooFew},
		{"one", []Shard{{0, two}}, 4, ErrTooFew},
		{"twice the same", []Shard{{3, two}, {3, two}}, 4, ErrIndex},
		{"negative index", []Shard{{-1, two}, {3, two}}, 4, ErrIndex},
		{"index too high", []Shard{{6, two}, {3, two}}, 4, ErrIndex},
		{"short shard", []Shard{{1, two[:1]}, {3, two}}, 4, ErrLength},
		{"empty shard", []Shard{{1, nil}, {3, two}}, 4, ErrLength},
		{"longer data", []Shard{{1, two}, {3, two}}, 5, ErrLength},
		{"negative length", []Shard{{1, two}, {3, two}}, -1, ErrLength},
		{"huge length", []Shard{{1, two}, {3, two}}, 1<<63 - 1, ErrLength},
		{"no data", []Shard{{1, nil}, {1, nil}}, 0, ErrIndex},
	} {
		if _, err := c.Recover(tc.shards, tc.length); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if _, err := c.RecoverSegments(tc.shards, tc.length, 4104); err == nil {
			t.Errorf("%s: segments recovered", tc.name)
		}
	}
	if data, err := c.Recover([]Shard{{1, nil}, {5, nil}}, 0); err != nil || len(data) != 0 {
		t.Errorf("no data: %x, %v", data, err)
	}
	for _, rate := range [][2]int{{0, 3}, {-1, 3}, {4, 3}, {300, 17000}, {16000, 16001}, {1 << 40, 1 << 41}} {
		if _, err := New(rate[0], rate[1]); err == nil {
			t.Errorf("a code of rate %v", rate)
		}
	}
}

func random(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}
