package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
)

var (
	firstSeed = flag.Uint64("sim.seed", 0, "the first seed; 0 means that of the test run")
	seeds     = flag.Int("sim.n", 0, "how many seeds; 0 means 20, or 1,000 in a thorough run")
	fullSlots = flag.Int("sim.full", 0, "how many slots of the full set; 0 means two epochs")
	trace     = flag.Bool("sim.trace", false, "print the log of each run")
)

// realEvery is how many seeds there are to one whose tickets have real ring proofs, which take most of its time.
const realEvery = 50

var bases = map[bool]func() (*Base, error){
	false: sync.OnceValues(func() (*Base, error) { return NewBase(protocol.Tiny(), interp.New(), false) }),
	true:  sync.OnceValues(func() (*Base, error) { return NewBase(protocol.Tiny(), interp.New(), true) }),
}

func base(t testing.TB, realProofs bool) *Base {
	t.Helper()
	b, err := bases[realProofs]()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// usual are the options of a seed: they follow from it alone.
func usual(t testing.TB, seed uint64) Options {
	o := Options{Base: base(t, seed%realEvery == 0), Seed: seed}
	if *trace {
		o.Trace = os.Stdout
	}
	return o
}

// runAll runs worlds, as many at a time as there are processors, and gives the reports in their order. It begins no more when
// enough says that it has seen enough.
func runAll(n int, options func(i int) Options, enough func(*Report) bool) []*Report {
	reports := make([]*Report, n)
	var next atomic.Int64
	var done atomic.Bool
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !done.Load(); i = int(next.Add(1)) - 1 {
				reports[i] = New(options(i)).Run()
				if enough(reports[i]) {
					done.Store(true)
				}
			}
		})
	}
	workers.Wait()
	return reports
}

// TestSim: whatever goes wrong, honest nodes never contradict each other or themselves, and get on when it is over.
func TestSim(t *testing.T) {
	first, n := which(t, 20, 1000)
	start := time.Now()
	reports, bad := runMany(n, func(i int) Options { return usual(t, first+uint64(i)) })
	var sum Report
	ran := len(reports)
	for _, r := range reports {
		sum.Blocks += r.Blocks
		sum.Ticketed += r.Ticketed
		sum.Crashes += r.Crashes
		sum.Messages += r.Messages
		sum.Lag += r.Lag
		fail(t, r, "")
		if *seeds != 0 && *seeds <= 20 {
			t.Logf("seed %d: %s: %d blocks, %d with tickets, best %d, final %d, %d crashes, log %.16s",
				r.Seed, r.Plan, r.Blocks, r.Ticketed, r.Best, r.Finalized, r.Crashes, r.Log)
		}
	}
	vectors.Figure(t, "simulations", "%d seeds from %d, %d with violations: %d blocks, %d with tickets, %d crashes, %d messages, "+
		"mean lag of finality %v; %.0f seeds/min", ran, first, bad, sum.Blocks, sum.Ticketed, sum.Crashes, sum.Messages,
		(sum.Lag / time.Duration(max(ran, 1))).Round(time.Millisecond), float64(ran)/time.Since(start).Minutes())
}

// which says what seeds a test runs: so many in short or thoroughly, unless the flags say others.
func which(t *testing.T, short, thorough int) (first uint64, n int) {
	t.Helper()
	first, n = vectors.Seed(t), short
	if vectors.Thorough() {
		n = thorough
	}
	if *firstSeed != 0 {
		first = *firstSeed
	}
	if *seeds != 0 {
		n = *seeds
	}
	return first, n
}

// runMany runs seeds until some are bad, and gives what ran, and how many are.
func runMany(n int, options func(i int) Options) (reports []*Report, bad int64) {
	var count atomic.Int64
	reports = runAll(n, options, func(r *Report) bool { return len(r.Violations) > 0 && count.Add(1) >= 5 })
	return slices.DeleteFunc(reports, func(r *Report) bool { return r == nil }), count.Load()
}

// fail fails if a run was bad, and says how to see it again: what more make wants for that.
func fail(t *testing.T, r *Report, more string) {
	t.Helper()
	for _, v := range r.Violations {
		t.Errorf("seed %d: %s", r.Seed, v)
	}
	if len(r.Violations) > 0 {
		t.Errorf("seed %d: %s: replay it with: make sim %sSEED=%d N=1", r.Seed, r.Plan, more, r.Seed)
	}
}

// TestReplay: one seed, one log.
func TestReplay(t *testing.T) {
	first := vectors.Seed(t)
	logs := make(map[uint64]string)
	for i, r := range runAll(8, func(i int) Options { return usual(t, first+uint64(i/2)) }, func(*Report) bool { return false }) {
		if i%2 == 1 && logs[r.Seed] != r.Log {
			t.Errorf("seed %d: two runs differ: %s", r.Seed, fmt.Sprintf("%.16s and %.16s", logs[r.Seed], r.Log))
		}
		logs[r.Seed] = r.Log
	}
}
