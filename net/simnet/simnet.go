// Package simnet is a network in memory, for simulations of whole nodes: jamnp.Network with latency, loss, partitions and
// crashes, in which everything follows from the order of a scheduler and from a seed.
//
// It is as reliable as QUIC is: what is lost is sent again, so that loss shows as latency, the messages of a UP stream stay in
// order, and a connection breaks when nothing has gone through for the idle timeout. Time passes by the scheduler alone, and a
// message costs one event and no allocation.
package simnet

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"damson/net/jamnp"
)

// Scheduler is the clock of a simulation. Functions that are due at the same time run in the order in which they were given.
type Scheduler interface {
	Now() time.Time
	After(d time.Duration, do func())
}

// Loop is where a node's handler is called: that of a node/loop.Loop will do.
type Loop interface{ Post(do func()) }

// Faults is how bad the network is. It can change while it runs.
type Faults struct {
	MinLatency, MaxLatency time.Duration // one way; each message takes something between
	Loss                   float64       // the chance that a message must be sent again, each time that it is sent
	Duplicate              float64       // the chance that a message comes twice
	Reorder                float64       // the chance that a CE stream is held up for some latencies, so that others overtake it
}

// Options configures New. A zero duration means what is said.
type Options struct {
	Faults
	Retransmit  time.Duration // before the first repetition of what was lost, doubled for each further; 0: 2 MaxLatency + 25 ms
	IdleTimeout time.Duration // after which a connection breaks through which nothing passes; 0: 30 s
	DialTimeout time.Duration // 0: 5 s
	PreferWait  time.Duration // how long who is not the preferred initiator waits to be connected; 0: 5 s
	MinBackoff  time.Duration // before a second dial, doubled for each further; 0: 500 ms
	MaxBackoff  time.Duration // 0: 30 s
	Ban         time.Duration // for which a peer with too many points of blame is refused; 0: 10 min
	MaxStreams  int           // of requests open at a time, each way of each connection; 0: 256
	MaxHeld     int           // messages that wait for a partition to heal, each way of each connection; 0: 4096
}

// BlameLimit is with how many points of blame a peer is disconnected.
const BlameLimit = 100

// halfLife is how long it takes until half of the points are forgotten.
const halfLife = 10 * time.Minute

func (o *Options) fill() {
	orElse := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	orElse(&o.Retransmit, 2*o.MaxLatency+25*time.Millisecond)
	orElse(&o.IdleTimeout, 30*time.Second)
	orElse(&o.DialTimeout, 5*time.Second)
	orElse(&o.PreferWait, 5*time.Second)
	orElse(&o.MinBackoff, 500*time.Millisecond)
	orElse(&o.MaxBackoff, 30*time.Second)
	orElse(&o.Ban, 10*time.Minute)
	if o.MaxStreams == 0 {
		o.MaxStreams = 256
	}
	if o.MaxHeld == 0 {
		o.MaxHeld = 4096
	}
}

// Net connects nodes. All of it is for the goroutine of the scheduler.
type Net struct {
	clock  Scheduler
	opts   Options
	rng    *rand.Rand
	nodes  map[jamnp.PeerID]*Node // by whoever has the key now
	order  []*Node                // in the order in which they came
	groups map[jamnp.PeerID]int   // during a partition
	cuts   int                    // how many partitions there have been
	pool   *parcel                // parcels for use again
}

// New makes a network without nodes.
func New(clock Scheduler, seed uint64, o Options) *Net {
	o.fill()
	return &Net{clock: clock, opts: o, rng: rand.New(rand.NewPCG(seed, 0x73696d6e6574)), nodes: make(map[jamnp.PeerID]*Node)}
}

// Node adds a node, or the next life of one that has crashed or is closed. Its handler is called on the loop, or by the
// scheduler itself if there is none.
func (net *Net) Node(id jamnp.PeerID, address netip.AddrPort, h jamnp.Handler, loop Loop) *Node {
	if before := net.nodes[id]; before != nil {
		before.crash()
	}
	n := &Node{net: net, id: id, address: address, handler: h, loop: loop, group: net.groups[id]}
	n.links = make(map[jamnp.PeerID]*link)
	n.wishes = make(map[jamnp.PeerID]*wish)
	net.nodes[id] = n
	for i := range net.order {
		if net.order[i].id == id {
			n.stats = net.order[i].stats
			net.order[i] = n
			return n
		}
	}
	net.order = append(net.order, n)
	return n
}

// SetFaults makes the network better or worse.
func (net *Net) SetFaults(f Faults) { net.opts.Faults = f }

// Partition cuts the network: nodes reach each other only within a group. Those that are in no group form one.
func (net *Net) Partition(groups ...[]jamnp.PeerID) {
	net.groups = make(map[jamnp.PeerID]int)
	for i, group := range groups {
		for _, id := range group {
			net.groups[id] = i + 1
		}
	}
	net.regroup()
}

// Heal ends a partition. What waited goes on its way.
func (net *Net) Heal() {
	net.groups = nil
	net.regroup()
}

func (net *Net) regroup() {
	net.cuts++
	for _, n := range net.order {
		n.group = net.groups[n.id]
	}
	for _, n := range net.order {
		for _, l := range n.sorted {
			if l.sides[0].node == n { // each link once
				l.regroup()
			}
		}
	}
}

// Crash ends a node without a word: it hears nothing any more, and its peers find out by and by. Node begins its next life.
func (net *Net) Crash(id jamnp.PeerID) {
	if n := net.nodes[id]; n != nil {
		n.crash()
	}
}

// latency samples how long a message takes, with repetitions.
func (net *Net) latency() time.Duration {
	f := &net.opts.Faults
	d := f.MinLatency
	if spread := f.MaxLatency - f.MinLatency; spread > 0 {
		d += time.Duration(net.rng.Int64N(int64(spread) + 1))
	}
	if f.Loss > 0 {
		again := net.opts.Retransmit
		for tries := 0; tries < maxTries && net.rng.Float64() < f.Loss; tries++ {
			d += again
			again *= 2
		}
	}
	return d
}

// maxTries bounds how often a message is lost: the link is not cut.
const maxTries = 8

func (net *Net) chance(p float64) bool { return p > 0 && net.rng.Float64() < p }
