package guarantor_test

import (
	"slices"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/guarantor"
	"damson/node/keys"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crash stops a validator without a word, and starts it again with what was on disk.
func (w *world) crash(i int) {
	w.t.Helper()
	n := w.nodes[i]
	w.net.Crash(n.Self)
	w.must(n.Stop())
	w.loop.Run()
	after := n.fs.CrashClone(vfs.CrashCloneCfg{})
	w.must(n.store.Close())
	w.must(n.shelf.Close())
	w.nodes[i] = w.open(i, keys.Trivial(uint32(i)).Derive(), after)
}

// share asks a validator for its signature on a package, as another one on its core does. The validator asked must not see that
// the other one is still there.
func (w *world) share(from, to *validator, core protocol.Core, messages [][]byte) (refined *jamnp.Refined) {
	w.t.Helper()
	ended := false
	from.Network.Request(to.Self, jamnp.PackageSharing, messages, jamnp.RefinedLimit(w.params), time.Second, func(answer [][]byte, err error) {
		ended = true
		if err == nil {
			refined = new(jamnp.Refined)
			w.must(refined.Decode(answer[0], w.params))
		} else {
			w.t.Logf("core %d: %v", core, err)
		}
	})
	w.until(1, "answered", func() bool { return ended })
	return refined
}

// A guarantor does not sign a second report for a core and slot, whatever happens in between.
func TestNeverSignsTwice(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		w := newWorld(t, func(_ int, o *node.Options) { o.Mistakes.Guarantor.ForgetSignatures = forgets })
		for w.slots.At(w.loop.Now())%w.params.RotationPeriod != w.params.RotationPeriod-1 {
			w.run(1)
		}
		to := w.nodes[1]
		core, group := w.coreOf(to)
		from := w.nodes[group[0]]
		if from == to {
			from = w.nodes[group[1]]
		}
		w.run(1) // the next rotation has begun, and what is signed for the core is for the last slot of the one before
		package1, package2 := w.pack(set("one", "v")), w.pack(set("two", "v"))
		sharing := jamnp.Encode(&jamnp.Sharing{Core: core})
		if w.share(from, to, core, [][]byte{sharing, package1.AppendTo(nil)}) == nil {
			t.Fatal("the first one is not signed")
		}
		if w.share(from, to, core, [][]byte{sharing, package2.AppendTo(nil)}) != nil {
			t.Fatal("two are signed")
		}
		w.crash(1)
		w.run(2)
		again := w.share(from, w.nodes[1], core, [][]byte{sharing, package2.AppendTo(nil)}) != nil
		if again != forgets {
			t.Errorf("signed again after a crash: %v; forgets: %v", again, forgets)
		}
	}
}

// A validator that crashes goes on with the shards that it has, gets those that it has not, and gives them out.
func TestCrash(t *testing.T) {
	w := newWorld(t, nil)
	report, by := w.exported(3)
	w.crash(by.index)
	w.loop.Advance(w.slots.Duration / 2)
	for _, n := range w.nodes { // shards are made again
		if n.index == by.index {
			continue
		}
		request := jamnp.Encode(&jamnp.ShardRequest{ErasureRoot: report.Package.ErasureRoot, Shard: uint16(n.index)})
		given := false
		n.Network.Request(by.Self, jamnp.ShardDistribution, [][]byte{request}, 1<<20, time.Second, func(answer [][]byte, err error) {
			given = err == nil && len(answer) == 3
		})
		w.loop.Advance(time.Second)
		if !given {
			t.Fatal("no shards after a crash")
		}
	}
	kind, messages := guarantor.Messages(0, w.pack(set("key", "value")), nil)
	for _, n := range w.nodes {
		if core, _ := w.coreOf(n); core == 0 {
			w.request(n, kind, messages...)
		}
	}
	for _, n := range w.nodes { // while the package is on its way
		if n.index != 0 {
			w.crash(n.index)
			break
		}
	}
	w.until(8, "accumulated", func() bool { return w.stored("key") == "value" })
}

// guaranteed gives a guarantee of which nobody has heard but who made it.
func (w *world) guaranteed() (good block.Guarantee) {
	w.t.Helper()
	for _, n := range w.nodes {
		n.lie(jamnp.ReportDistribution, nil)
	}
	w.submit(0, w.pack(set("key", "value")))
	w.until(1, "guaranteed", func() bool {
		for _, n := range w.nodes {
			d, err := n.Pool.Candidates(n.Chain.Best(), w.slots.At(w.loop.Now())+1).Draft(w.im.Verifier().RingRoot, nil)
			w.must(err)
			if len(d.Extrinsic.Guarantees) > 0 {
				good = d.Extrinsic.Guarantees[0]
			}
		}
		return len(good.Credentials) > 0
	})
	return good
}

// Guarantees that are wrong on whatever block are refused, and their senders blamed; those that may be right elsewhere are not.
func TestWrongGuarantees(t *testing.T) {
	for name, tc := range map[string]struct {
		change        func(*block.Guarantee)
		taken, blamed bool
	}{
		"good":       {func(*block.Guarantee) {}, true, false},
		"signature":  {func(g *block.Guarantee) { g.Credentials[0].Signature[3]++ }, false, true},
		"order":      {func(g *block.Guarantee) { slices.Reverse(g.Credentials) }, false, true},
		"one":        {func(g *block.Guarantee) { g.Credentials = g.Credentials[:1] }, false, true},
		"anchor":     {func(g *block.Guarantee) { g.Report.Context.Anchor[0]++ }, false, false},
		"authorizer": {func(g *block.Guarantee) { g.Report.Authorizer[0]++ }, false, false},
		"early":      {func(g *block.Guarantee) { g.Slot += 9 }, false, false},
	} {
		w := newWorld(t, nil)
		g := w.guaranteed()
		to := w.nodes[0]
		if to.Status().Work.Guaranteed > 0 {
			to = w.nodes[1]
		}
		delete(to.lies, jamnp.ReportDistribution)
		tc.change(&g)
		taken := w.request(to, jamnp.ReportDistribution, jamnp.Encode(&jamnp.GuaranteedReport{Guarantee: g}))
		if blamed := to.net.blamed[w.builder.id] != nil; taken != tc.taken || blamed != tc.blamed {
			t.Errorf("%s: taken: %v, blamed: %v", name, taken, blamed)
		}
	}
}
