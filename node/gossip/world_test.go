package gossip

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/loop/looptest"
	"damson/state"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// world has all authors of a small chain, a network, and nodes that share one clock.
type world struct {
	t       *testing.T
	params  *protocol.Params
	builder *devchain.Builder
	genesis *devchain.Tip
	header  *block.Header
	tips    map[protocol.Hash]*devchain.Tip
	octets  map[protocol.Hash][]byte
	slots   loop.Slots
	loop    *looptest.Loop
	net     *simnet.Net
	nodes   []*node
}

// node is a node, or what is left of it: its network, its chain and its gossip.
type node struct {
	*Gossip
	world    *world
	net      *simnet.Node
	worst    int // points of blame given at once
	progress []Progress
	epochs   []uint32
}

// clock is a simnet.Scheduler.
type clock struct{ *looptest.Loop }

func (c clock) After(d time.Duration, do func()) { c.Loop.After(d, do) }

// late is a handler that is given later.
type late struct{ jamnp.Handler }

// watched is a network that knows how badly peers were blamed.
type watched struct {
	*simnet.Node
	of *node
}

func (w watched) Blame(id jamnp.PeerID, points int, reason error) {
	w.of.worst = max(w.of.worst, points)
	w.Node.Blame(id, points, reason)
}

const firstSlot = 1000

func newWorld(t *testing.T, faults simnet.Faults) *world {
	t.Helper()
	return newWorldOf(t, faults, 1)
}

func newWorldOf(t *testing.T, faults simnet.Faults, seed uint64) *world {
	t.Helper()
	p := protocol.Tiny()
	w := &world{
		t: t, params: p, builder: devchain.New(devchain.Options{Params: p, Engine: interp.New()}),
		tips: make(map[protocol.Hash]*devchain.Tip), octets: make(map[protocol.Hash][]byte),
		slots: loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second},
	}
	var err error
	w.header, w.genesis, err = w.builder.Start(&devchain.Genesis{
		Params: p, Validators: w.builder.Validators(), Seed: t.Name(), AuthorizerHost: 1, Configurations: []string{"any"},
		Services: []devchain.Account{{
			ID: 1, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob},
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	})
	w.must(err)
	w.tips[w.genesis.Header] = w.genesis
	w.loop = looptest.New(w.slots.Start(firstSlot))
	w.net = simnet.New(clock{w.loop}, seed, simnet.Options{Faults: faults})
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// validators adds nodes of the first n validators.
func (w *world) validators(n int) {
	w.t.Helper()
	set := w.builder.Validators()
	for i := range n {
		w.add(set[i].Ed25519, keys.Address(&set[i]))
	}
}

// add starts a node.
func (w *world) add(id jamnp.PeerID, at netip.AddrPort, bootnodes ...Address) *node {
	w.t.Helper()
	s := w.store()
	w.must(chain.Start(s, w.header, w.genesis.State))
	return w.open(s, id, at, bootnodes...)
}

func (w *world) store() *store.Store {
	w.t.Helper()
	s, err := store.Open("db", store.Options{Params: w.params, FS: vfs.NewMem(), CacheBytes: 8 << 20, BlockSlots: 1 << 20})
	w.must(err)
	w.t.Cleanup(func() { w.must(s.Close()) })
	return s
}

func (w *world) open(s *store.Store, id jamnp.PeerID, at netip.AddrPort, bootnodes ...Address) *node {
	w.t.Helper()
	im, err := importer.New(importer.Options{Params: w.params, Engine: interp.New()})
	w.must(err)
	c, err := chain.New(chain.Options{Params: w.params, Store: s, Importer: im, Loop: w.loop, Slots: w.slots})
	w.must(err)
	h := new(late)
	n := &node{world: w, net: w.net.Node(id, at, h, w.loop)}
	n.Gossip = New(Options{
		Params: w.params, Chain: c, Store: s, Network: watched{n.net, n}, Loop: w.loop, Slots: w.slots, Self: id,
		Rand: rand.New(rand.NewPCG(1, uint64(len(w.nodes)))), Bootnodes: bootnodes,
		Events: Events{
			Progress:  func(p Progress) { n.progress = append(n.progress, p) },
			Connected: func(epoch uint32, _ *Sets) { n.epochs = append(n.epochs, epoch) },
		},
	})
	h.Handler = n.Gossip
	w.must(n.Start())
	w.nodes = append(w.nodes, n)
	return n
}

// author makes a block. Variants are different blocks.
func (w *world) author(parent protocol.Hash, slot protocol.Slot, variant int) protocol.Hash {
	w.t.Helper()
	d, err := w.builder.Draft(w.tips[parent], slot)
	w.must(err)
	for i := range variant {
		d.Assure([]protocol.Core{}, protocol.Validator(i))
	}
	octets, err := d.Seal()
	w.must(err)
	tip, err := w.builder.Apply(w.tips[parent], octets)
	w.must(err)
	w.tips[tip.Header], w.octets[tip.Header] = tip, octets
	return tip.Header
}

// grow authors a chain of blocks, one a slot.
func (w *world) grow(parent protocol.Hash, first protocol.Slot, n int) []protocol.Hash {
	w.t.Helper()
	out := make([]protocol.Hash, n)
	for i := range out {
		parent = w.author(parent, first+protocol.Slot(i), 0)
		out[i] = parent
	}
	return out
}

// take imports blocks that nobody sent.
func (n *node) take(hashes ...protocol.Hash) {
	n.world.t.Helper()
	for _, hash := range hashes {
		n.Chain.Import(n.world.octets[hash], func(_ *chain.Block, err error) { n.world.must(err) })
	}
	n.world.loop.Run()
}

func (n *node) finalize(hash protocol.Hash) {
	n.world.t.Helper()
	b := n.Chain.Block(hash)
	if b == nil {
		n.world.t.Fatalf("block %s is not in the tree", hash)
	}
	n.world.must(n.Chain.Finalize(b))
}

// agree fails unless all nodes have the same best block.
func (w *world) agree(want protocol.Hash) {
	w.t.Helper()
	for i, n := range w.nodes {
		if best := n.Chain.Best(); best.Hash != want {
			w.t.Errorf("node %d: best is of slot %d, want %d", i, best.Slot, w.slotOf(want))
		}
	}
}

func stranger(i int) (jamnp.PeerID, netip.AddrPort) {
	return jamnp.PeerID{0xaa, byte(i)}, netip.MustParseAddrPort(fmt.Sprintf("[::1]:%d", 50000+i))
}

var fast = simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 50 * time.Millisecond}

func (w *world) slotOf(hash protocol.Hash) protocol.Slot {
	slot, err := w.tips[hash].State.Slot()
	w.must(err)
	return slot
}
