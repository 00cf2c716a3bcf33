package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
)

// A run is turns of faults and of calm. After each end of faults all honest nodes must get on within patience.
const (
	firstFaults = protocol.Slot(3)
	turnSlots   = protocol.Slot(30)
	faultSlots  = protocol.Slot(15)
	patience    = protocol.Slot(10)
)

// plan is what goes wrong in a world.
type plan struct {
	world  *World
	rand   *rand.Rand
	faults simnet.Faults // of the network while it is bad
	liars  map[int]kind

	splits, crashes, blackouts, skews float64 // chances in a slot; of skews, in a restart

	absent *absence // of a world without liars; may be nil

	bad    bool          // now
	healed protocol.Slot // when faults ended; 0 while there are some
	down   map[int]bool  // will be started again
}

// absence is a node that is off for so long that it must catch up in order when it is back.
type absence struct {
	node int
	back protocol.Slot
}

const (
	absentFrom  = protocol.Slot(4)
	absentSlots = protocol.Slot(28)
)

// newPlan draws how bad a world is.
func newPlan(w *World) *plan {
	r := rand.New(rand.NewPCG(w.Seed, 0x706c616e))
	p := &plan{world: w, rand: r, liars: make(map[int]kind), down: make(map[int]bool)}
	if w.Work {
		p.mild()
		return p
	}
	p.faults = simnet.Faults{
		MinLatency: 5 * time.Millisecond, MaxLatency: []time.Duration{
			200 * time.Millisecond, time.Second, 3 * time.Second, 2 * w.slots.Duration,
		}[r.IntN(4)],
		Loss: float64(r.IntN(3)) * 0.1, Duplicate: float64(r.IntN(3)) * 0.1, Reorder: float64(r.IntN(3)) * 0.2,
	}
	p.splits = float64(r.IntN(3)) * 0.2
	p.crashes = float64(r.IntN(4)) * 0.03
	p.blackouts = float64(r.IntN(3)) * 0.05
	p.skews = float64(r.IntN(3)) * 0.25
	validators := len(w.Base.Keys)
	for _, i := range r.Perm(validators)[:(validators-1)/3] {
		if k := kind(r.IntN(int(kinds))); k != honest {
			p.liars[i] = k
		}
	}
	if len(p.liars) == 0 && w.Slots > absentFrom+absentSlots+turnSlots/2 {
		p.absent = &absence{r.IntN(validators), absentFrom + absentSlots + protocol.Slot(r.IntN(8))}
	}
	return p
}

// String names the faults.
func (p *plan) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "latency to %v, loss %.0f %%", p.faults.MaxLatency, p.faults.Loss*100)
	for _, f := range []struct {
		name   string
		chance float64
	}{{"splits", p.splits}, {"crashes", p.crashes}, {"blackouts", p.blackouts}, {"skews", p.skews}} {
		if f.chance > 0 {
			fmt.Fprintf(&s, ", %s %.2f", f.name, f.chance)
		}
	}
	for i := range p.world.Base.Keys {
		if k := p.liars[i]; k != honest {
			fmt.Fprintf(&s, ", node %d %s", i, k)
		}
	}
	if p.absent != nil {
		fmt.Fprintf(&s, ", node %d absent until slot %d", p.absent.node, p.absent.back)
	}
	return s.String()
}

// mild is how bad a world with work is, where it is for reports to go wrong.
func (p *plan) mild() {
	r := p.rand
	p.faults = simnet.Faults{
		MinLatency: 5 * time.Millisecond, MaxLatency: []time.Duration{150 * time.Millisecond, 400 * time.Millisecond, time.Second}[r.IntN(3)],
		Loss: float64(r.IntN(3)) * 0.05, Duplicate: float64(r.IntN(3)) * 0.1, Reorder: float64(r.IntN(3)) * 0.1,
	}
	p.splits = float64(r.IntN(3)) * 0.05
	p.crashes = float64(r.IntN(3)) * 0.01
}

// begin lets all turns come.
func (p *plan) begin() {
	w := p.world
	if a := p.absent; a != nil {
		n := w.nodes[a.node]
		w.After(w.slots.Start(absentFrom).Sub(w.now), func() {
			n.crash()
			delete(p.down, a.node)
		})
		w.After(w.slots.Start(a.back).Sub(w.now), func() { p.revive(n) })
	}
	for from := firstFaults; from+faultSlots+patience < w.Slots; from += turnSlots {
		w.After(w.slots.Start(from).Sub(w.now), p.spoil)
		w.After(w.slots.Start(from+faultSlots).Sub(w.now), p.heal)
	}
}

// spoil begins faults.
func (p *plan) spoil() {
	p.world.say("faults begin")
	p.bad, p.healed = true, 0
	p.world.net.SetFaults(p.faults)
	p.slot()
}

// slot makes what goes wrong in a slot.
func (p *plan) slot() {
	w := p.world
	if !p.bad {
		return
	}
	w.After(w.slots.Duration, p.slot)
	if p.chance(p.splits) {
		w.After(p.upTo(w.slots.Duration), p.split)
	}
	if p.chance(0.3) {
		w.After(p.upTo(w.slots.Duration), func() {
			if p.bad {
				w.say("the network is whole")
				w.net.Heal()
			}
		})
	}
	blackout := p.chance(p.blackouts)
	for _, n := range w.nodes {
		if blackout || p.chance(p.crashes) {
			p.crashIn(n, p.upTo(w.slots.Duration))
		}
	}
}

// split cuts the network in two or three.
func (p *plan) split() {
	if !p.bad {
		return
	}
	groups := make([][]jamnp.PeerID, 1+p.rand.IntN(2))
	var of []int
	for _, n := range p.world.nodes {
		g := p.rand.IntN(len(groups) + 1)
		of = append(of, g)
		if g > 0 {
			groups[g-1] = append(groups[g-1], n.id)
		}
	}
	p.world.say("the network is split: %v", of)
	p.world.net.Partition(groups...)
}

// crashIn lets a node crash in a while and come back later.
func (p *plan) crashIn(n *simNode, d time.Duration) {
	w := p.world
	w.After(d, func() {
		if !p.bad || n.life == nil {
			return
		}
		n.crash()
		p.down[n.index] = true
		w.After(p.upTo([]time.Duration{time.Second, 20 * time.Second}[p.rand.IntN(2)]), func() {
			if p.down[n.index] {
				p.revive(n)
			}
		})
	})
}

// atWork may let a node crash while it puts something on disk that must not be forgotten, or just after it.
func (p *plan) atWork(n *simNode, queue string, d time.Duration) {
	if p.bad && p.chance(map[string]float64{"author": p.crashes, "finality": p.crashes / 4}[queue]) {
		p.crashIn(n, p.upTo(2*d))
	}
}

// revive starts a node again, whose clock may be wrong until the faults are over.
func (p *plan) revive(n *simNode) {
	delete(p.down, n.index)
	if n.life != nil {
		return
	}
	skew := p.upTo(400*time.Millisecond) - 200*time.Millisecond
	if p.bad && p.chance(p.skews) {
		skew = -p.upTo(p.world.slots.Duration * 3 / 2)
	}
	n.start(skew)
}

// heal ends all faults of the network, the machines and the clocks. Liars go on.
func (p *plan) heal() {
	w := p.world
	w.say("faults end")
	p.bad, p.healed = false, w.slots.At(w.now)
	w.net.SetFaults(calm)
	w.net.Heal()
	for _, n := range w.nodes {
		if p.down[n.index] {
			p.revive(n)
		}
		if n.life != nil {
			n.life.skew = min(max(n.life.skew, -200*time.Millisecond), 200*time.Millisecond)
		}
	}
	healed := p.healed
	w.After(time.Duration(patience)*w.slots.Duration, func() { w.checker.gotOn(healed) })
}

// away says whether a node is absent now.
func (p *plan) away(n *simNode) bool {
	return p.absent != nil && p.absent.node == n.index && n.life == nil && p.world.slots.At(p.world.now) < p.absent.back
}

func (p *plan) chance(c float64) bool { return p.rand.Float64() < c }

func (p *plan) upTo(d time.Duration) time.Duration { return time.Duration(p.rand.Int64N(int64(d) + 1)) }

// kind is how a validator is dishonest.
type kind uint8

// The kinds. Of a world's validators less than a third are liars.
const (
	honest     kind = iota
	silent          // takes connections and says nothing
	twoBlocks       // seals two blocks for each of its slots and shows different peers different ones
	twoVotes        // votes for what each peer would like to hear
	garbage         // sends octets of no meaning, and real messages with some octets changed
	forger          // announces blocks whose seals are not good
	everything      // does all that
	kinds
)

var kindNames = [...]string{"honest", "silent", "seals twice", "votes twice", "sends garbage", "forges", "does all that is bad"}

// String names the kind.
func (k kind) String() string { return kindNames[k] }

func (k kind) is(other kind) bool { return k == other || k == everything && other != silent }

// among gives one of several.
func among[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// flip changes an octet.
func flip(r *rand.Rand, octets []byte) []byte {
	octets = slices.Clone(octets)
	if len(octets) > 0 {
		octets[r.IntN(len(octets))] ^= 1 << r.IntN(8)
	}
	return octets
}
