// Package guarantor takes in packages from builders and makes guaranteed reports of them, as those validators do who are assigned
// to a core: GP §14, §15.
//
// admit.go reads a package no further than it must to know that it is none of ours, by the rules in check.go. prepare.go gets what
// it imports. When its turn has come (turns.go), work.go refines it, while the others on the core are asked to do the same
// (share.go); guard.go sees to it that nothing is signed that should not be; distribute.go sends the guaranteed report to all, and
// takes in those of others. submit.go is the other end: how a package gets to who can guarantee it. All of it but what is
// computed belongs to the goroutine of the node's loop.
package guarantor

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability"
	"damson/node/availability/shelf"
	"damson/node/chain"
	"damson/node/loop"
	"damson/node/pool"
	"damson/node/roster"
	"damson/state/store"
	"damson/state/workreport"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params   *protocol.Params
	Chain    *chain.Chain
	Store    *store.Store // keeps what was signed
	Shelf    *shelf.Shelf // keeps what was guaranteed
	Pool     *pool.Pool
	Keeper   *availability.Keeper
	Computer *workreport.Computer
	Network  jamnp.Network
	Loop     loop.Loop
	Slots    loop.Slots
	Rand     *rand.Rand
	Key      availability.Key // who guarantees
	Log      *slog.Logger     // nil: nobody wants to know

	// Ready says whether the chain is near its head, so that it makes sense to guarantee; nil means always.
	Ready func() bool
	// Stage is told how far a package has come here, with why it goes no further; nil leaves it out.
	Stage func(packageHash protocol.Hash, stage Stage, err error)
	// Events are told more; optional.
	Events Events

	Mistakes Mistakes
}

// Mistakes are made on purpose, by simulations that must notice them.
type Mistakes struct {
	WrongResult      bool // reports say that the first item panicked
	ForgetSignatures bool // what was signed is not kept on disk
}

// Stage is how far a package has come.
type Stage uint8

// The stages of a package at a guarantor. What comes after them is seen on chain.
const (
	Admitted   Stage = iota // authorized, with its extrinsics
	Ready                   // with its imports
	Refined                 // by us
	Guaranteed              // by enough of us, and sent to all
	Dropped                 // it goes no further here
)

// Counts is what has been done since the start.
type Counts struct {
	Received   uint64 // packages that were begun to be read, from builders
	Admitted   uint64 // of these
	Refused    uint64
	Shared     uint64 // packages of others on the core that were worked on
	Refined    uint64
	Signed     uint64
	Guaranteed uint64 // reports that we sent to all
	Dropped    uint64 // packages that were admitted and came to nothing
	Taken      uint64 // guarantees of others
}

// Guarantor does the duty.
type Guarantor struct {
	Options
	log    *slog.Logger
	counts Counts
	guard  *guard

	admitting map[jamnp.PeerID]int // packages that are being read
	reading   int                  // all of these
	jobs      []*job               // in the order in which they came
	octets    int                  // of all jobs
	working   *work
	helping   []*help // packages of others that are being worked on

	duties struct { // of the last that was asked for
		best   protocol.Hash
		roster *roster.Roster
		banned []protocol.Ed25519Key // ψ_O: whoever offended guarantees no more
	}
	tick    loop.Timer
	turn    loop.Timer
	stopped bool
}

// Queues of the loop.
const (
	authorizeQueue = "guarantor/authorize"
	refineQueue    = "refine"
	signQueue      = "guarantor/sign"
)

// Bounds.
const (
	maxReading     = 64  // packages that are being read
	maxReadingEach = 8   // of one peer
	maxJobs        = 128 // packages that wait
	maxJobOctets   = 512 << 20
	maxHelping     = 2 // at the end of a rotation there may be one for each core of ours
	maxTries       = 4 // times that a package is worked on
)

// How long things take, for slots of six seconds.
const (
	rankTime  = 700 * time.Millisecond // between the turns of those on a core
	thirdTime = 2 * time.Second        // that the third guarantor has. JAMNP-S, CE 135
	shareTime = 12 * time.Second       // that the others have
	sendTime  = 4 * time.Second
	maxEarly  = 2 * time.Second // by which the guarantees of others may come before their slots
	leastTime = time.Second     // of any request, however short slots are
)

// Points by which a peer's score is lowered.
const (
	blameMalformed    = 20 // for what breaks a rule that everybody can know
	blameUnauthorized = 15 // for a package that costs us time and cannot be reported
)

// New makes a guarantor that remembers what its key has signed. It does nothing before Start.
func New(o Options) (*Guarantor, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stage == nil {
		o.Stage = func(protocol.Hash, Stage, error) {}
	}
	o.Events.setDefaults()
	guard, err := openGuard(&o)
	if err != nil {
		return nil, err
	}
	g := &Guarantor{Options: o, log: o.Log, guard: guard, admitting: make(map[jamnp.PeerID]int)}
	o.Chain.Watch(chain.Events{Best: func(_, _ *chain.Block) { g.changed() }})
	return g, nil
}

// Start begins the duty.
func (g *Guarantor) Start() { g.wait(g.slot() + 1) }

// Stop ends the duty. What is being refined is finished, and forgotten.
func (g *Guarantor) Stop() {
	g.stopped = true
	for _, t := range [...]loop.Timer{g.tick, g.turn} {
		if t != nil {
			t.Stop()
		}
	}
}

// Counts gives what has been done.
func (g *Guarantor) Counts() Counts { return g.counts }

// Waiting gives how many packages wait here.
func (g *Guarantor) Waiting() int { return len(g.jobs) }

// slot is the one of now.
func (g *Guarantor) slot() protocol.Slot { return g.Slots.At(g.Loop.Now()) }

// wait waits for a slot to begin.
func (g *Guarantor) wait(slot protocol.Slot) {
	g.tick = g.Loop.After(g.Slots.Start(slot).Sub(g.Loop.Now()), func() {
		if g.stopped {
			return
		}
		g.wait(max(slot, g.slot()) + 1)
		g.changed()
	})
}

// changed looks at all packages again: the slot or the best block is another one.
func (g *Guarantor) changed() {
	if g.stopped {
		return
	}
	g.sift()
	g.next()
}

// roster gives who does what now.
func (g *Guarantor) roster() (*roster.Roster, error) {
	best, slot := g.Chain.Best(), g.slot()
	if d := &g.duties; d.roster == nil || d.best != best.Hash || d.roster.Slot != slot {
		r, err := roster.At(g.Params, best.State, slot)
		if err != nil {
			return nil, err
		}
		disputes, err := best.State.Disputes()
		if err != nil {
			return nil, err
		}
		d.best, d.roster, d.banned = best.Hash, r, disputes.Offenders
	}
	return g.duties.roster, nil
}

// rotation gives the rotation in which we guarantee for a core: this one, or for as long as first says into it the one before.
// It also gives the slot that a guarantee may have. It is nil if we do not.
func (g *Guarantor) rotation(core protocol.Core, late protocol.Slot) (*roster.Rotation, protocol.Slot) {
	r, err := g.roster()
	if err != nil {
		g.log.Error("the guarantors are not known", "error", err)
		return nil, 0
	}
	if slices.Contains(g.duties.banned, g.Key.Public) {
		return nil, 0
	}
	if of, _, ok := r.Now().Core(g.Key.Public); ok && of == core {
		return r.Now(), r.Slot
	}
	before := r.Before()
	if before == nil || r.Slot >= r.Now().First+late {
		return nil, 0
	}
	if of, _, ok := before.Core(g.Key.Public); ok && of == core {
		return before, before.Last
	}
	return nil, 0
}

func (g *Guarantor) patience(d time.Duration) time.Duration { return max(g.Slots.Scale(d), leastTime) }

func (g *Guarantor) blame(id jamnp.PeerID, points int, err error) {
	g.log.Info("a peer is blamed", "peer", id.PeerName(), "reason", err)
	g.Network.Blame(id, points, err)
}
