// Package load keeps the cores of a chain busy: it makes packages for the example services, submits one to each core in each slot
// as far as the core keeps up, and says what became of them.
//
// Each package pays with the token and hands on the segments that an earlier one has exported; some also store a value and run a
// program in an inner machine. load.go makes packages, lane.go sees to it that segments are passed on, summary.go counts, and
// books.go checks the state that has come of it all. Everything belongs to the loop of the builder's node.
package load

import (
	"math/rand/v2"
	"strconv"
	"time"

	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/builder"
	"damson/node/loop"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Builder *builder.Builder
	Seed    uint64

	Transfers int // of the token, in each package; 0 means 64
	Segments  int // that each package exports, and imports of an earlier one; 0 means 4
	Data      int // octets of extrinsic data that each package brings along, for nothing but their weight
	Accounts  int // of the token; 0 means 1,000
	Backlog   int // packages that a core may have waiting for a guarantee; 0 means 2
}

// Bounds of what a package may have.
const (
	maxSegments = 512
	firstMint   = 1 << 50
)

// Load drives.
type Load struct {
	Options
	random *rand.Rand
	cores  []*core
	token  uint64 // of the last package
	timer  loop.Timer
	over   bool
	began  time.Time
	ended  time.Time
	first  protocol.Slot
	last   protocol.Slot

	runs []*run
	mint *run // the package that makes the money
	base services.Books
}

// core is one that is kept busy.
type core struct {
	index protocol.Core
	lanes []*lane
	open  []*run // that may still be guaranteed
}

// run is a package.
type run struct {
	*builder.Track
	lane    *lane // nil: it hands on no segments
	imports int
	pays    int // how many payments it has
	items   int
	at      protocol.Slot
}

// New makes a driver. It does nothing before Start. It must be called on the node's loop, as all its methods.
func New(o Options) *Load {
	set := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
	}
	set(&o.Transfers, 64)
	set(&o.Segments, 4)
	set(&o.Accounts, 1000)
	set(&o.Backlog, 2)
	o.Transfers, o.Segments = min(o.Transfers, services.MaxPayments), min(o.Segments, maxSegments)
	l := &Load{Options: o, random: rand.New(rand.NewPCG(o.Seed, 0x10ad))}
	for i := range o.Builder.Node.Params.Cores {
		l.cores = append(l.cores, &core{index: protocol.Core(i)})
	}
	return l
}

// Start begins with the next slot.
func (l *Load) Start() { l.wait() }

// into is when packages are sent, from the beginning of a slot: when its block has come.
const into = 4 // the part of a slot

func (l *Load) wait() {
	n := l.Builder.Node
	now := n.Loop.Now()
	at := n.Slots.Start(n.Slots.At(now)).Add(n.Slots.Duration / into)
	if !at.After(now) {
		at = at.Add(n.Slots.Duration)
	}
	l.timer = n.Loop.After(at.Sub(now), func() {
		if l.over {
			return
		}
		l.wait()
		l.slot(n.Slots.At(n.Loop.Now()))
	})
}

// Stop submits nothing any more.
func (l *Load) Stop() {
	if l.over {
		return
	}
	l.over = true
	l.ended = l.Builder.Node.Loop.Now()
	l.last = l.Builder.Node.Slots.At(l.ended)
	if l.timer != nil {
		l.timer.Stop()
	}
}

// fresh is how many slots old the best block may be to build on.
const fresh = 3

// slot submits a package to each core that keeps up.
func (l *Load) slot(now protocol.Slot) {
	n := l.Builder.Node
	if best := n.Chain.Best(); best.Slot == 0 || best.Slot+fresh < now || n.Gossip.Syncing() {
		return
	}
	if l.began.IsZero() {
		l.began, l.first = n.Loop.Now(), now
		l.base, _ = services.DecodeBooks(l.stored(services.TokenID, []byte(services.BooksKey)))
	}
	for _, c := range l.cores {
		c.sift(now, n.Params)
		if len(c.open) < l.Backlog {
			l.submit(c, now)
		}
	}
}

// sift leaves out the packages that no longer wait for a guarantee.
func (c *core) sift(now protocol.Slot, p *protocol.Params) {
	keep := c.open[:0]
	for _, r := range c.open {
		if !r.Has(builder.Guaranteed) && !r.lost(now, p) {
			keep = append(keep, r)
		}
	}
	c.open = keep
}

// lost says whether nothing will come of a package: nobody took it, its anchor is too old, or its data were not made available.
func (r *run) lost(now protocol.Slot, p *protocol.Params) bool {
	switch {
	case r.Track == nil: // it could not be made
		return true
	case r.Has(builder.Accumulated):
		return false
	case r.Err != nil && !r.Has(builder.Guaranteed):
		return true
	case r.Has(builder.Guaranteed):
		return now > r.Slots[builder.Guaranteed]+p.AvailabilityTimeout+2
	}
	return now > r.at+protocol.Slot(p.RecentBlocks)+2
}

// every is how often a package has the services besides.
const every = 4

// submit makes a package and sends it on its way.
func (l *Load) submit(c *core, now protocol.Slot) {
	r := &run{at: now}
	items := []builder.Item{l.payments(r)}
	if item, ok := l.leg(c, r, now); ok {
		items = append(items, item)
	}
	if l.token++; l.token%every == 0 {
		items = append(items, l.besides(now)...)
	}
	if l.Data > 0 {
		items[0].Extrinsics = l.weight()
	}
	r.items = len(items)
	b, err := l.Builder.Draft(l.token, items...)
	if err != nil {
		l.Builder.Node.Log.Error("no package can be made", "error", err)
		return
	}
	r.Track = l.Builder.Submit(c.index, b, nil)
	if r.lane != nil {
		r.lane.last = r
	}
	l.runs = append(l.runs, r)
	c.open = append(c.open, r)
}

// payments is an item for the token. The first one that comes to the chain makes the money.
func (l *Load) payments(r *run) builder.Item {
	var p services.Payments
	if l.mint == nil || l.mint.lost(r.at, l.Builder.Node.Params) {
		l.mint = r
		for i := range min(l.Accounts, services.MaxPayments-l.Transfers) {
			p.Pay(services.Mint, uint32(i), firstMint/uint64(l.Accounts))
		}
	}
	for range l.Transfers {
		p.Pay(uint32(l.random.IntN(l.Accounts)), uint32(l.random.IntN(l.Accounts)), 1+l.random.Uint64N(1000))
	}
	r.pays = p.Len()
	return builder.Item{
		Service: services.TokenID, Payload: p.Payload(), AccumulateGas: protocol.Gas(tokenGas + paymentGas*p.Len()), RefineGas: 1_000_000,
	}
}

// Gas that the services use for accumulation, and more.
const (
	tokenGas   = 100_000
	paymentGas = 300
	legGas     = 100_000
)

// besides are items for the store and the runner.
func (l *Load) besides(now protocol.Slot) []builder.Item {
	var c services.Commands
	c.Set("slot", strconv.Itoa(int(now)))
	inner := services.Inner{Gas: 100, Number: uint64(now), Program: services.Square()}
	return []builder.Item{
		{Service: services.StoreID, Payload: c.Payload(), AccumulateGas: legGas},
		{Service: services.RunnerID, Payload: inner.Payload(), AccumulateGas: legGas},
	}
}

// weight is an extrinsic of as many octets as are wanted.
func (l *Load) weight() [][]byte {
	b := make([]byte, l.Data)
	for i := range b {
		b[i] = byte(l.random.Uint32())
	}
	return [][]byte{b}
}
