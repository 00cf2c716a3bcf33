package quic

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"damson/net/jamnp"
)

func quiet(_ *node, o *Options) { o.Log = slog.New(slog.DiscardHandler) }

// BenchmarkExchange makes CE requests, so many at a time.
func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{100, 40 << 10, 1 << 20} {
		for _, flying := range []int{1, 16} {
			b.Run(fmt.Sprintf("answer=%d/flying=%d", size, flying), func(b *testing.B) {
				asks, serves := pair(b, quiet)
				answer := make([]byte, size)
				serves.loop.call(func() {
					serves.serve = func(x jamnp.Exchange) {
						x.Next(100, func([]byte, error) { x.Answer(answer) })
					}
				})
				b.SetBytes(int64(size))
				b.ReportAllocs()
				left := make(chan struct{}, flying)
				var all sync.WaitGroup
				for b.Loop() {
					left <- struct{}{}
					all.Add(1)
					asks.loop.Post(func() {
						asks.Request(serves.self, 128, [][]byte{answer[:37]}, 2<<20, time.Minute, func(_ [][]byte, err error) {
							if err != nil {
								b.Error(err)
							}
							<-left
							all.Done()
						})
					})
					if flying == 1 {
						all.Wait()
					}
				}
				all.Wait()
			})
		}
	}
}

// BenchmarkAnnounce sends a block announcement to 100 peers in one process: how long until each has it. Issue 5, A7.
func BenchmarkAnnounce(b *testing.B) {
	const peers, size = 100, 400 // a header without marks is 3·32 + 4 + … + 96 + 96 octets
	hub := start(b, 0, quiet)
	var all sync.WaitGroup
	var mu sync.Mutex
	var begin time.Time
	var took, last []time.Duration
	heard := func(jamnp.PeerID, []byte) {
		mu.Lock()
		took = append(took, time.Since(begin))
		mu.Unlock()
		all.Done()
	}
	for i := range peers {
		n := start(b, 1+i, quiet, func(n *node, _ *Options) { n.heard = heard })
		n.connect(hub)
		n.await(b, "opened")
	}
	message := make([]byte, size)
	for b.Loop() {
		all.Add(peers)
		hub.loop.Post(func() {
			mu.Lock()
			begin = time.Now()
			mu.Unlock()
			for _, p := range hub.Peers() {
				hub.Send(p.ID, 0, message)
			}
		})
		all.Wait()
		last = append(last, slices.Max(took[len(took)-peers:]))
		time.Sleep(5 * time.Millisecond) // acknowledgements and garbage of one are not the next one's matter
	}
	for name, times := range map[string][]time.Duration{"peer": took, "all": last} {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50-"+name)
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms-p99-"+name)
	}
}

// BenchmarkConnect opens connections and tells what each costs to keep, both ends together.
func BenchmarkConnect(b *testing.B) {
	hub := start(b, 0, quiet, func(_ *node, o *Options) { o.MaxPeers = 1 << 20 })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	routines := runtime.NumGoroutine()
	opened := 0
	for b.Loop() {
		n := start(b, 1+opened, quiet)
		n.connect(hub)
		n.await(b, "opened")
		opened++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := float64(after.HeapAlloc+after.StackInuse) - float64(before.HeapAlloc+before.StackInuse)
	b.ReportMetric(held/1024/float64(opened), "KiB/node")
	b.ReportMetric(float64(runtime.NumGoroutine()-routines)/float64(opened), "goroutines/node")
}
