package erasure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"damson/internal/impl"
)

// measure runs f for a benchmark on so many octets. It also reports the best rate, which a busy machine spoils least.
func measure(b *testing.B, octets int, f func()) {
	b.Helper()
	b.SetBytes(int64(octets))
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(octets)/1e6/best.Seconds(), "best-MB/s")
}

func BenchmarkEncode(b *testing.B) {
	for _, chain := range []string{"tiny", "full"} {
		c := coder(b, chain)
		for _, length := range []int{4104, 684 * 2048, 13_791_360} {
			if chain == "tiny" && length > 1<<20 {
				continue
			}
			data := random(rand.New(rand.NewPCG(1, 1)), length)
			b.Run(fmt.Sprintf("chain=%s/size=%d", chain, length), func(b *testing.B) {
				impl.TestAll(b, "erasure", func(b *testing.B) {
					room := new(Room)
					measure(b, length, func() { c.EncodeInto(room, data) })
				})
			})
		}
	}
}

func BenchmarkEncodeSegments(b *testing.B) {
	c := coder(b, "full")
	var segments [][]byte
	for range 64 {
		segments = append(segments, random(rand.New(rand.NewPCG(1, 1)), 4104))
	}
	impl.TestAll(b, "erasure", func(b *testing.B) {
		room := new(Room)
		measure(b, 64*4104, func() {
			if _, err := c.EncodeSegmentsInto(room, segments); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkRecover(b *testing.B) {
	c := coder(b, "full")
	for _, length := range []int{4104, 684 * 2048, 13_791_360} {
		data := random(rand.New(rand.NewPCG(1, 1)), length)
		shards := c.Encode(data)
		for name, first := range map[string]int{"near": 400, "far": c.shards - c.threshold} {
			var chosen []Shard
			for i := first; i < first+c.threshold; i++ {
				chosen = append(chosen, Shard{i, shards[i]})
			}
			b.Run(fmt.Sprintf("size=%d/shards=%s", length, name), func(b *testing.B) {
				impl.TestAll(b, "erasure", func(b *testing.B) {
					measure(b, length, func() {
						if _, err := c.Recover(chosen, length); err != nil {
							b.Fatal(err)
						}
					})
				})
			})
		}
	}
}
