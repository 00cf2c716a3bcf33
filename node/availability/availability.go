// Package availability keeps the data of packages available, as all validators do: GP §11.2, §15, §16.
//
// What stands in a block is learned in learn.go; fetch.go gets this validator's shards of it, which the shelf keeps on disk, and
// assure.go says so to all who may author the next block. serve.go gives out what we have: shards to assurers and auditors, and
// packages that we guaranteed. collect.go, segments.go and bundles.go get what others have: segments for guarantors, bundles for
// auditors. All of it belongs to the goroutine of the node's loop.
package availability

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability/shelf"
	"damson/node/chain"
	"damson/node/loop"
	"damson/node/pool"
	"damson/state/store"
)

// Key is who assures.
type Key struct {
	Public protocol.Ed25519Key
	Sign   func(message []byte) protocol.Ed25519Signature
}

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params  *protocol.Params
	Chain   *chain.Chain
	Store   *store.Store // has the blocks
	Shelf   *shelf.Shelf
	Pool    *pool.Pool
	Coder   *bundle.Coder
	Network jamnp.Network
	Loop    loop.Loop
	Slots   loop.Slots
	Rand    *rand.Rand
	Key     Key
	Log     *slog.Logger // nil: nobody wants to know

	// Ready says whether the chain is near its head, so that it makes sense to assure; nil means always.
	Ready func() bool

	Mistakes Mistakes
}

// Mistakes are made on purpose, by simulations that must notice them.
type Mistakes struct {
	Withhold  bool // nobody is given anything
	AssureAll bool // data is assured that is not held
	Spoil     bool // auditors are given shards with a wrong bit
}

// Data is what has been done since the start.
type Data struct {
	Shards         uint64 // fetched and kept, one for each report
	BadShards      uint64 // refused by their proof
	Rebuilt        uint64 // of the shards, made from what others hold
	Assurances     uint64 // made
	Served         uint64 // requests of others answered
	Segments       uint64 // imported segments fetched
	SegmentRetries uint64 // that had to be fetched again with proofs
	Bundles        uint64 // fetched for auditors
}

// Keeper does the duty.
type Keeper struct {
	Options
	log    *slog.Logger
	counts Data

	reports   map[protocol.Hash]*shelf.Report // by erasure root: those that are not final for long
	order     []*shelf.Report                 // the same, oldest first
	epochs    map[uint32]bool                 // whose validators are on the shelf
	held      map[place]protocol.Slot         // shards on the shelf, with the slot of the report
	heldOrder []place
	fetches   map[place]*fetch
	own       packages

	timer      loop.Timer
	assured    protocol.Hash // the last block that we assured on
	assuring   protocol.Slot // the slot for which assurances are due; 0 before the first
	rebuilds   int           // requests that wait for packages to be encoded again
	rebuilding map[protocol.Hash][]rebuild
	giving     int // answers that are being looked for
	stopped    bool
}

// place names shards: by whose proof, and by which index.
type place struct {
	root  protocol.Hash
	index uint16
}

// Queues of the loop.
const (
	learnQueue   = "availability/learn"
	shelfQueue   = "availability/shelf"
	rebuildQueue = "availability/rebuild"
)

// Bounds, and what is waited for, for slots of six seconds.
const (
	maxReports       = 1 << 14  // remembered in memory
	maxRebuilds      = 64       // packages that wait to be encoded again
	maxPackageOctets = 64 << 20 // of the shards of our own packages that are at hand
	maxGiving        = 256      // answers that are being looked for
	assureBefore     = 2 * time.Second
	requestTime      = 4 * time.Second
	leastTime        = time.Second // of any request, however short slots are
	retryTime        = time.Second
)

// Points by which a peer's score is lowered.
const (
	blameMalformed = 10 // for a stream that breaks a rule
	blameData      = 25 // for data that is not what was asked for
)

var errStopped = errors.New("availability: stopped")

// New makes a keeper. It does nothing before Start.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{
		Options: o, log: o.Log, reports: make(map[protocol.Hash]*shelf.Report), epochs: make(map[uint32]bool),
		held: make(map[place]protocol.Slot), fetches: make(map[place]*fetch), rebuilding: make(map[protocol.Hash][]rebuild),
	}
	o.Chain.Watch(chain.Events{
		Imported:  k.learn,
		Best:      func(_, _ *chain.Block) { k.changed() },
		Finalized: k.finalized,
	})
	return k
}

// Start begins the duty: of what stands in the chain already, too.
func (k *Keeper) Start() {
	for b := k.Chain.Best(); b != nil; b = k.Chain.Parent(b) {
		k.learn(b)
	}
	k.wait(k.Slots.At(k.Loop.Now().Add(k.lead())) + 1)
}

// Stop ends the duty.
func (k *Keeper) Stop() {
	k.stopped = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// Counts gives what has been done.
func (k *Keeper) Counts() Data { return k.counts }

// finalized forgets what is final for long, and lets the shelf do so.
func (k *Keeper) finalized(b *chain.Block) {
	keep := k.Params.AvailabilityTimeout + 2*k.Params.RotationPeriod
	for len(k.order) > 0 && (len(k.order) > maxReports || k.order[0].Slot+keep < b.Slot) {
		delete(k.reports, k.order[0].Spec.ErasureRoot)
		k.order = k.order[1:]
	}
	for len(k.heldOrder) > 0 && k.held[k.heldOrder[0]]+keep < b.Slot {
		delete(k.held, k.heldOrder[0])
		k.heldOrder = k.heldOrder[1:]
	}
	k.Loop.Go(shelfQueue, func() func() {
		if err := k.Shelf.Finalized(b.Slot); err != nil {
			return func() { k.log.Error("what is final stays on the shelf", "error", err) }
		}
		return nil
	})
}

// patience is how long a request may take.
func (k *Keeper) patience() time.Duration { return max(k.Slots.Scale(requestTime), leastTime) }

func (k *Keeper) blame(id jamnp.PeerID, points int, err error) {
	k.log.Info("a peer is blamed", "peer", id.PeerName(), "reason", err)
	k.Network.Blame(id, points, err)
}
