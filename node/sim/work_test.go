package sim

import (
	"os"
	"sync"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
)

// workSlots is how long a run with work is.
const workSlots = protocol.Slot(36)

// wideEvery is how many seeds there are to one with more cores than everybody draws to audit at first.
const wideEvery = 4

// workBases are chains with three guarantors for each core, of 9 validators; and of 18 with 12 cores, half of which have two and
// half one.
var workBases = map[bool]func() (*Base, error){
	false: sync.OnceValues(func() (*Base, error) {
		p := protocol.Tiny()
		p.Validators, p.Cores, p.PieceOctets, p.SegmentPieces = 9, 3, 6, 684
		return NewBase(p, interp.New(), false)
	}),
	true: sync.OnceValues(func() (*Base, error) {
		p := protocol.Tiny()
		p.Validators, p.Cores, p.PieceOctets, p.SegmentPieces = 18, 12, 12, 342
		return NewBase(p, interp.New(), false)
	}),
}

// working are the options of a seed with work: they follow from it alone.
func working(t testing.TB, seed uint64) Options {
	t.Helper()
	b, err := workBases[seed%wideEvery == wideEvery-1]()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Base: b, Seed: seed, Slots: workSlots, Work: true}
	if *trace {
		o.Trace = os.Stdout
	}
	return o
}

// TestWorkReplay: one seed, one log.
func TestWorkReplay(t *testing.T) {
	first := vectors.Seed(t)
	reports := runAll(4, func(i int) Options { return working(t, first+uint64(i/2)) }, func(*Report) bool { return false })
	for i := 0; i < len(reports); i += 2 {
		if a, b := reports[i], reports[i+1]; a.Log != b.Log {
			t.Errorf("seed %d: two runs differ: %.16s and %.16s", a.Seed, a.Log, b.Log)
		}
	}
}

// TestWork: whatever less than a third of the validators do wrong with packages, what is wrong is judged and its guarantors are
// punished, nothing that is wrong becomes final, and nobody honest suffers.
func TestWork(t *testing.T) {
	first, n := which(t, 10, 500)
	start := time.Now()
	reports, bad := runMany(n, func(i int) Options { return working(t, first+uint64(i)) })
	var sum Report
	ran, wrong := len(reports), 0
	for _, r := range reports {
		sum.Blocks += r.Blocks
		sum.Crashes += r.Crashes
		sum.Messages += r.Messages
		sum.Lag += r.Lag
		if r.Work.Wrong > 0 {
			wrong++
		}
		for _, f := range []struct{ sum, of *int }{
			{&sum.Work.Packages, &r.Work.Packages},
			{&sum.Work.Reported, &r.Work.Reported},
			{&sum.Work.Available, &r.Work.Available},
			{&sum.Work.Accumulated, &r.Work.Accumulated},
			{&sum.Work.Wrong, &r.Work.Wrong},
			{&sum.Work.Doubted, &r.Work.Doubted},
			{&sum.Work.Verdicts, &r.Work.Verdicts},
			{&sum.Work.Offenders, &r.Work.Offenders},
			{&sum.Work.Tranches, &r.Work.Tranches},
			{&sum.Work.Unlucky, &r.Work.Unlucky},
		} {
			*f.sum += *f.of
		}
		fail(t, r, "SIM=TestWork ")
		if *seeds != 0 && *seeds <= 20 {
			t.Logf("seed %d: %s: best %d, final %d, %d crashes, lag %v, %+v, log %.16s",
				r.Seed, r.Plan, r.Best, r.Finalized, r.Crashes, r.Lag.Round(time.Millisecond), r.Work, r.Log)
		}
	}
	w := &sum.Work
	vectors.Figure(t, "work simulated", "%d seeds from %d, %d with violations: %d packages, %d reports, %d available, %d packages "+
		"accumulated; %d wrong reports in %d seeds, %d good ones doubted, %d verdicts, %d offenders, %d audits in later tranches, %d nodes "+
		"that wait for a draw; "+
		"%d blocks, %d crashes, %d messages, mean lag of finality %v; %.0f seeds/min", ran, first, bad, w.Packages, w.Reported,
		w.Available, w.Accumulated, w.Wrong, wrong, w.Doubted, w.Verdicts, w.Offenders, w.Tranches, w.Unlucky, sum.Blocks, sum.Crashes,
		sum.Messages, (sum.Lag / time.Duration(max(ran, 1))).Round(time.Millisecond), float64(ran)/time.Since(start).Minutes())
}
