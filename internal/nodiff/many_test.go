package nodiff

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"damson/internal/vectors"
)

// amount is how many cases a test tries, or for how long it tries cases.
type amount struct {
	cases uint64
	time  time.Duration
}

// String implements flag.Value.
func (a *amount) String() string {
	if a.time > 0 {
		return a.time.String()
	}
	return strconv.FormatUint(a.cases, 10)
}

// Set implements flag.Value.
func (a *amount) Set(text string) error {
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		*a = amount{cases: n}
		return nil
	}
	d, err := time.ParseDuration(text)
	*a = amount{time: d}
	return err
}

var (
	wanted = amount{cases: 20_000}
	insts  = flag.Int64("nodiff.insts", 0, "go on with cases until so many instructions were executed")
)

func init() {
	flag.Var(&wanted, "nodiff.n", "how many cases each test tries, or how long, like 10m")
}

// What many cases must have come to.
const (
	fullSize        = 5_000_000
	leastOfAnOpcode = 100_000
	leastOfAnExit   = 0.01
)

// sideBySide checks cases on all processors, until there were as many as asked for or one fails, and says what they
// came to.
func sideBySide(t *testing.T, check func(p *Pair, seed uint64) error) *Tally {
	t.Helper()
	enough := wanted
	if testing.Short() {
		enough.cases = min(enough.cases, 2000)
	}
	var sum Tally
	var mu sync.Mutex // guards sum and failed
	var failed error
	var next, executed, bad atomic.Int64
	start := time.Now()
	done := func(n int64) bool {
		if enough.time > 0 {
			return time.Since(start) > enough.time
		}
		return uint64(n) >= enough.cases && executed.Load() >= *insts
	}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		p := pair(t)
		wg.Go(func() {
			for before := int64(0); bad.Load() == 0; before = p.Tally.Insts {
				n := next.Add(1) - 1
				if done(n) {
					break
				}
				if err := check(p, *seed+uint64(n)); err != nil {
					mu.Lock()
					failed = fmt.Errorf("seed %d: %w", *seed+uint64(n), err)
					mu.Unlock()
					bad.Store(1)
				}
				executed.Add(p.Tally.Insts - before)
				if n%250_000 == 249_999 {
					fmt.Fprintf(os.Stdout, "progress %s: %d cases, %d million instructions, %v\n", t.Name(), n+1, executed.Load()/1e6, time.Since(start).Round(time.Second))
				}
			}
			mu.Lock()
			sum.Add(&p.Tally)
			mu.Unlock()
		})
	}
	wg.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	vectors.Figure(t, t.Name(), "%v", &sum)
	return &sum
}

// difference is what the engines make of a case, as an error.
func difference(p *Pair, c *Case) error {
	if d := p.Check(c); d != nil {
		return fmt.Errorf("%w\n%v\n%s", d, c, List(c.Blob))
	}
	return nil
}
