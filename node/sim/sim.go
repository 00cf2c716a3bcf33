// Package sim runs whole nodes under one seed: their clock, network, disks and faults are simulated, all else is what runs
// elsewhere. A run follows from its seed alone, so that whatever goes wrong in it goes wrong again.
//
// A [World] has the nodes of all validators. clock.go makes time pass, disk.go forgets what a crash loses, and net/simnet is the
// network. faults.go plans what goes wrong and when it is over, byzantine.go makes a validator lie, and check.go looks at all
// that honest nodes do: no two of them may finalize what contradicts, none may say two things, and all must get on as soon
// as faults are over; locks.go notices votes that GRANDPA's safety rests on before they do harm. shared.go lets nodes share the work of executing blocks, which gives the same for all of them.
//
// With work in-core, work.go submits packages and has some validators do wrong with them, work_node.go sees what nodes say and
// hear about reports, and work_check.go holds that against GP §10 and §17.
//
// full.go has as many validators as the protocol, with nodes of fewer parts.
package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"time"

	"damson/internal/protocol"
	"damson/net/simnet"
	"damson/node"
	"damson/node/importer"
	"damson/node/loop"
)

// Options configures New. Base must be set.
type Options struct {
	Base  *Base
	Seed  uint64
	Slots protocol.Slot // how long the run is; 0 means 60
	Trace io.Writer     // optional: is told all that is in the log
	Work  bool          // cores get packages, of which all validators do the duties

	// Mistakes are made by all honest nodes.
	Mistakes  node.Mistakes
	Importing importer.Mistakes
}

// Report is what became of a run.
type Report struct {
	Seed       uint64
	Plan       string   // what was to go wrong
	Violations []string // of the rules that honest nodes must keep
	Log        string   // hash of the log
	Best       protocol.Slot
	Finalized  protocol.Slot // by all honest nodes
	Blocks     int           // different ones that honest nodes had
	Ticketed   int           // of those
	Crashes    int
	Messages   uint64
	Lag        time.Duration // mean, from the beginning of a slot until a node finalized its block
	Work       WorkReport
}

// World is a network of nodes under a seed.
type World struct {
	clock
	Options
	rand    *rand.Rand
	slots   loop.Slots
	net     *simnet.Net
	nodes   []*simNode
	plan    *plan
	shared  *shared
	checker *checker
	work    *work // nil without
	log     hash.Hash
	crashes int
}

// New makes a world. Run makes it go.
func New(o Options) *World {
	if o.Slots == 0 {
		o.Slots = 60
	}
	w := &World{
		Options: o, rand: rand.New(rand.NewPCG(o.Seed, 0x776f726c64)), log: sha256.New(),
		slots: loop.Slots{Era: loop.CommonEra, Duration: loop.ProtocolSlot},
	}
	w.now = w.slots.Start(0).Add(2 * time.Second)
	if w.plan = newPlan(w); o.Work {
		w.work = newWork(w)
	}
	w.net = simnet.New(w, w.rand.Uint64(), simnet.Options{Faults: calm})
	w.shared = newShared(w)
	w.checker = newChecker(w)
	for i := range o.Base.Keys {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	return w
}

// calm is a network that is well.
var calm = simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 150 * time.Millisecond}

// Run lets all slots pass and says what became of it.
func (w *World) Run() *Report {
	for _, n := range w.nodes {
		n.start(0)
	}
	w.plan.begin()
	if w.work != nil {
		w.work.begin()
	}
	for slot := protocol.Slot(1); slot <= w.Slots; slot++ {
		for part := range time.Duration(looks) {
			w.runUntil(w.slots.Start(slot).Add(part * w.slots.Duration / looks))
			w.checker.look(slot)
		}
	}
	w.runUntil(w.slots.Start(w.Slots + 1).Add(-time.Millisecond))
	w.checker.end()
	for _, n := range w.nodes {
		n.stop()
	}
	return w.report()
}

// looks is how often in a slot the checker looks at all nodes.
const looks = 4

func (w *World) report() *Report {
	c := w.checker
	r := &Report{
		Seed: w.Seed, Plan: w.plan.String(), Violations: c.violations, Blocks: len(c.blocks), Ticketed: c.ticketed,
		Crashes: w.crashes, Best: c.best, Finalized: c.finalized, Log: hex.EncodeToString(w.log.Sum(nil)),
	}
	if c.lags > 0 {
		r.Lag = c.lag / time.Duration(c.lags)
	}
	if w.work != nil {
		r.Work = w.work.report
		r.Plan = w.work.String() + ", " + r.Plan
	}
	for _, n := range w.nodes {
		sent, _ := w.net.Stats(n.id).Total()
		r.Messages += sent.Messages
	}
	return r
}

// say writes to the log.
func (w *World) say(format string, args ...any) {
	line := fmt.Sprintf("%9.3f ", w.now.Sub(w.slots.Era).Seconds()) + fmt.Sprintf(format, args...) + "\n"
	_, _ = io.WriteString(w.log, line)
	if w.Trace != nil {
		_, _ = io.WriteString(w.Trace, line)
	}
}

// between draws a time.
func (w *World) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rand.Int64N(int64(most-least)+1))
}
