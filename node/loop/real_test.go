package loop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("DAMSON_LOOP_PANIC") != "" {
		l := New(Options{})
		l.Go("", func() func() { panic("of the work") })
		_ = l.Run(context.Background())
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// start runs a loop until the test ends.
func start(t testing.TB) *Real {
	t.Helper()
	l := New(Options{Work: 2})
	done := make(chan error, 1)
	go func() { done <- l.Run(context.Background()) }()
	t.Cleanup(func() {
		l.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestHammer posts from many goroutines, with work and timers: everything runs once, in the poster's order, alone.
func TestHammer(t *testing.T) {
	l := New(Options{Work: 3})
	const posters, posts = 16, 500
	var (
		last              [posters]int
		ran, worked, rung int // of the loop: the race detector tells if they are not
		busy              [3]atomic.Int32
		all               atomic.Int32
	)
	done := make(chan error, 1)
	go func() { done <- l.Run(t.Context()) }()
	var posting sync.WaitGroup
	for p := range posters {
		posting.Go(func() {
			for i := range posts {
				l.Post(func() {
					if last[p] != i {
						t.Errorf("poster %d: %d after %d", p, i, last[p])
					}
					last[p]++
					ran++
					q := i % 3
					l.Go([]string{"", "disk", "proofs"}[q], func() func() {
						if n := busy[q].Add(1); q > 0 && n > 1 || n > 3 {
							t.Errorf("%d works of queue %d at once", n, q)
						}
						all.Add(1)
						busy[q].Add(-1)
						return func() { worked++ }
					})
					if i%5 == 0 {
						l.After(time.Duration(i)*time.Microsecond, func() { rung++ })
						l.After(time.Duration(i)*time.Microsecond, func() { t.Error("a stopped timer rang") }).Stop()
					}
				})
			}
		})
	}
	posting.Wait()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		got := make(chan int)
		l.Post(func() { got <- rung })
		if <-got == posters*posts/5 {
			break
		}
	}
	l.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if ran != posters*posts || worked != ran || rung != ran/5 || int(all.Load()) != ran {
		t.Fatalf("%d ran, %d works, %d results, %d timers", ran, all.Load(), worked, rung)
	}
}

// TestQueueOrder: work of one queue is done in order, and results come in that order.
func TestQueueOrder(t *testing.T) {
	l := start(t)
	got := make(chan int, 100)
	l.Post(func() {
		for i := range 100 {
			l.Go("one", func() func() { return func() { got <- i } })
		}
	})
	for i := range 100 {
		if n := <-got; n != i {
			t.Fatalf("%d, want %d", n, i)
		}
	}
}

// TestQueuesApart: a queue that is busy keeps no other waiting.
func TestQueuesApart(t *testing.T) {
	l := start(t)
	held, done := make(chan struct{}), make(chan struct{})
	l.Post(func() {
		l.Go("slow", func() func() { <-held; return nil })
		l.Go("quick", func() func() { close(held); return func() { close(done) } })
	})
	<-done
}

// TestDrain: work that was begun is finished, and what it returns runs; timers are not waited for; then all is forgotten.
func TestDrain(t *testing.T) {
	l := New(Options{})
	var steps []string
	release := make(chan struct{})
	l.Post(func() {
		l.After(time.Hour, func() { t.Error("rang") })
		l.Go("q", func() func() {
			<-release
			return func() {
				steps = append(steps, "worked")
				l.Go("q", func() func() { return func() { steps = append(steps, "worked again") } })
			}
		})
		l.Stop()
		l.Post(func() { steps = append(steps, "posted") })
	})
	done := make(chan error, 1)
	go func() { done <- l.Run(context.Background()) }()
	select {
	case err := <-done:
		t.Fatal("did not wait for the work", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps, ", "); got != "posted, worked, worked again" {
		t.Fatal(got)
	}
	l.Post(func() { t.Error("posted after the end") })
	l.Go("", func() func() { t.Error("worked after the end"); return nil })
	if err := l.Run(context.Background()); !errors.Is(err, ErrRan) {
		t.Fatal(err)
	}
}

func TestContextStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := New(Options{})
	l.Post(func() {
		var again func()
		again = func() { l.After(time.Millisecond, again) }
		again()
		l.After(5*time.Millisecond, cancel)
	})
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestPanic: a panic in work ends the process.
func TestPanic(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "DAMSON_LOOP_PANIC=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: of the work") {
		t.Fatalf("%v: %s", err, out)
	}
}

func BenchmarkPost(b *testing.B) {
	for _, posters := range []int{1, 8} {
		b.Run(fmt.Sprintf("posters=%d", posters), func(b *testing.B) {
			l := start(b)
			b.ReportAllocs()
			b.SetParallelism(posters)
			b.RunParallel(func(pb *testing.PB) {
				answer := make(chan struct{}, 1)
				do := func() { answer <- struct{}{} }
				for pb.Next() {
					l.Post(do)
					<-answer
				}
			})
		})
	}
}
