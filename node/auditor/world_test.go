package auditor_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/auditor"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/loop/looptest"
	"damson/node/pool"
	"damson/state"
	"damson/state/invoke"
	"damson/state/store"
	"damson/state/workreport"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// storeID is the service that does the work.
const storeID = 1

// world has all validators of a small chain as nodes that audit, and somebody who makes blocks of what the pool of one of them
// has.
type world struct {
	t        *testing.T
	params   *protocol.Params
	builder  *devchain.Builder
	computer *workreport.Computer
	importer *importer.Importer
	header   *block.Header
	genesis  *devchain.Tip
	tips     map[protocol.Hash]*devchain.Tip
	slots    loop.Slots
	loop     *looptest.Loop
	net      *simnet.Net
	nodes    []*validator
	bundles  map[protocol.Hash]*bundle.Bundle // by erasure root
	withheld map[protocol.Hash]bool
	packages int
	last     protocol.Slot // of which there is a block
	absent   int           // who gets no blocks now; 0: nobody
}

type validator struct {
	*auditor.Auditor
	world   *world
	index   int
	id      jamnp.PeerID
	keys    *keys.Validator
	mistake auditor.Mistake
	fs      vfs.FS
	store   *store.Store
	chain   *chain.Chain
	pool    *pool.Pool
	net     *simnet.Node
	blamed  map[jamnp.PeerID]int
	judged  map[protocol.Hash][]bool
	drawn   map[uint8]int // reports announced, by tranche
}

type clock struct{ *looptest.Loop }

func (c clock) After(d time.Duration, do func()) { c.Loop.After(d, do) }

// watched counts blame.
type watched struct {
	*simnet.Node
	of *validator
}

func (w watched) Blame(id jamnp.PeerID, points int, reason error) {
	w.of.blamed[id] += points
	w.of.world.t.Logf("%d blames: %v", w.of.index, reason)
	w.Node.Blame(id, points, reason)
}

// handler is what a node does besides its duty: nothing.
type handler struct{ n *validator }

func (h handler) Connected(p jamnp.Peer) { h.n.Connected(p) }

func (h handler) Disconnected(jamnp.PeerID, error) {}

func (h handler) Handshake(jamnp.PeerID, jamnp.Kind) []byte { return nil }

func (h handler) Opened(jamnp.PeerID, jamnp.Kind, []byte) {}

func (h handler) Received(jamnp.PeerID, jamnp.Kind, []byte) {}

func (h handler) Serve(x jamnp.Exchange) {
	if !h.n.Serve(x) {
		x.Reject(auditor.ErrNotAuditor)
	}
}

// wide are parameters with more cores than anybody draws at first.
func wide() *protocol.Params {
	p := protocol.Tiny()
	p.Cores, p.Validators = 12, 36
	p.PieceOctets, p.SegmentPieces = 24, 171
	return p
}

func newWorld(t *testing.T, p *protocol.Params) *world {
	t.Helper()
	w := &world{
		t: t, params: p, builder: devchain.New(devchain.Options{Params: p, Engine: interp.New()}),
		tips: make(map[protocol.Hash]*devchain.Tip), bundles: make(map[protocol.Hash]*bundle.Bundle),
		withheld: make(map[protocol.Hash]bool), slots: loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second},
	}
	coder, err := bundle.NewCoder(p)
	w.must(err)
	w.computer = workreport.New(workreport.Options{
		Params: p, Coder: coder, Invoker: invoke.New(invoke.Options{Engine: interp.New(), Params: p}),
	})
	w.header, w.genesis, err = w.builder.Start(&devchain.Genesis{
		Params: p, Validators: w.builder.Validators(), Seed: t.Name(), AuthorizerHost: storeID, Configurations: []string{"any"},
		Services: []devchain.Account{{
			ID: storeID, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob},
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	})
	w.must(err)
	w.tips[w.genesis.Header] = w.genesis
	w.importer, err = importer.New(importer.Options{Params: p, Engine: interp.New()})
	w.must(err)
	w.loop = looptest.New(w.slots.Start(1))
	w.net = simnet.New(clock{w.loop}, 1, simnet.Options{
		Faults: simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 80 * time.Millisecond}, PreferWait: time.Second,
	})
	return w
}

// start starts all validators, of whom some make mistakes.
func (w *world) start(mistakes map[int]auditor.Mistake) *world {
	w.t.Helper()
	for i, v := range devchain.Validators(w.params.Validators) {
		n := &validator{
			world: w, index: i, id: v.Keys.Ed25519, keys: &keys.Validator{Ed25519: v.Ed25519, Bandersnatch: v.Bandersnatch},
			mistake: mistakes[i], fs: vfs.NewMem(), blamed: make(map[jamnp.PeerID]int),
			judged: make(map[protocol.Hash][]bool), drawn: make(map[uint8]int),
		}
		w.nodes = append(w.nodes, n)
		n.open()
		w.t.Cleanup(func() { w.must(n.store.Close()) })
	}
	w.loop.Advance(2 * time.Second)
	return w
}

// address is where a node is.
func (n *validator) address() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n.index)}), 1)
}

// open begins a life of the node.
func (n *validator) open() {
	w := n.world
	var err error
	n.store, err = store.Open("db", store.Options{Params: w.params, FS: n.fs})
	w.must(err)
	w.must(chain.Start(n.store, w.header, w.genesis.State))
	n.chain, err = chain.New(chain.Options{
		Params: w.params, Store: n.store, Importer: w.importer, Loop: w.loop, Slots: w.slots,
		Audited: func(b *chain.Block) bool { return n.Audited(b) },
	})
	w.must(err)
	n.pool = pool.New(pool.Options{
		Params: w.params, Chain: n.chain, Loop: w.loop, Slots: w.slots, Verifier: w.importer.Verifier(),
	})
	n.net = w.net.Node(n.id, n.address(), handler{n}, w.loop)
	n.Auditor, err = auditor.New(auditor.Options{
		Params: w.params, Chain: n.chain, Store: n.store, Pool: n.pool, Network: watched{n.net, n}, Loop: w.loop, Slots: w.slots,
		Verifier: w.importer.Verifier(), Key: n.keys, Bundle: w.bundle, Compute: w.computer.Compute, Mistake: n.mistake,
		Events: auditor.Events{
			Judged: func(r protocol.Hash, valid bool) { n.judged[r] = append(n.judged[r], valid) },
			Announced: func(_ protocol.Hash, tranche uint8, list []jamnp.AuditedReport) {
				n.drawn[tranche] += len(list)
			},
		},
	})
	w.must(err)
	for _, other := range w.nodes {
		if other != n {
			n.net.Connect(other.id, other.address())
			other.net.Connect(n.id, n.address())
		}
	}
	n.Start()
}

// restart ends the node's life and begins another.
func (n *validator) restart() {
	n.Stop()
	n.world.net.Crash(n.id)
	n.world.loop.Run()
	n.world.must(n.store.Close())
	n.open()
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// bundle gives what was made of a package, after a while.
func (w *world) bundle(r *block.Report, done func(*bundle.Bundle, error)) {
	w.loop.After(100*time.Millisecond, func() {
		b := w.bundles[r.Package.ErasureRoot]
		if b == nil || w.withheld[r.Package.ErasureRoot] {
			done(nil, errNotGiven)
			return
		}
		done(b, nil)
	})
}

// report makes a report for a core, on the best block; a wrong one is about work that was not done so.
func (w *world) report(core protocol.Core, wrong bool) *block.Report {
	w.t.Helper()
	tip := w.tips[w.nodes[0].chain.Best().Hash]
	recent, err := tip.State.Recent()
	w.must(err)
	slot, err := tip.State.Slot()
	w.must(err)
	account, _, err := tip.State.Account(storeID)
	w.must(err)
	w.packages++
	var c services.Commands
	c.Set("number", string(rune('a'+w.packages)))
	b := bundle.New(&block.WorkPackage{
		AuthCodeHost: storeID, AuthCodeHash: services.Anyone().Hash, AuthConfig: []byte("any"),
		AuthToken: codec.AppendU16(nil, uint16(w.packages)),
		Context: block.RefinementContext{
			Anchor: tip.Header, AnchorStateRoot: tip.State.Root(), AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
			LookupAnchor: tip.Header, LookupAnchorSlot: slot,
		},
		Items: []block.WorkItem{{
			Service: storeID, CodeHash: account.CodeHash, Payload: c.Payload(), RefineGas: 1_000_000, AccumulateGas: 1_000_000,
		}},
	})
	out, err := w.computer.Compute(&workreport.Input{Core: core, Bundle: b, State: tip.State})
	w.must(err)
	w.bundles[out.Report.Package.ErasureRoot] = b
	if wrong {
		out.Report.Digests[0].Result.Output = append([]byte{1}, out.Report.Digests[0].Result.Output...)
	}
	return out.Report
}

// next makes a block of the next slot of what a node's pool has and what fill adds, and gives it to all nodes.
func (w *world) next(fill func(d *devchain.Draft)) *chain.Block {
	w.t.Helper()
	author := w.nodes[0]
	parent := author.chain.Best()
	slot := max(w.slots.At(w.loop.Now()), w.last+1)
	w.last = slot
	w.loop.AdvanceTo(w.slots.Start(slot).Add(10 * time.Millisecond))
	got, err := author.pool.Candidates(parent, slot).Draft(w.importer.Verifier().RingRoot, nil)
	w.must(err)
	d, err := w.builder.Draft(w.tips[parent.Hash], slot)
	w.must(err)
	d.Extrinsic = got.Extrinsic
	if fill != nil {
		fill(d)
	}
	octets, err := d.Seal()
	w.must(err)
	tip, err := w.builder.Apply(w.tips[parent.Hash], octets)
	w.must(err)
	w.tips[tip.Header] = tip
	for _, i := range rand.New(rand.NewPCG(uint64(slot), 1)).Perm(len(w.nodes)) {
		if i == w.absent && i != 0 {
			continue
		}
		w.nodes[i].chain.Import(octets, func(_ *chain.Block, err error) { w.must(err) })
	}
	w.loop.Advance(time.Millisecond)
	b := author.chain.Block(tip.Header)
	if b == nil {
		w.t.Fatal("the block is not there")
	}
	return b
}

// available guarantees reports in a block and makes them available in the next, which it gives.
func (w *world) available(reports ...*block.Report) *chain.Block {
	w.t.Helper()
	w.next(func(d *devchain.Draft) {
		for _, r := range reports {
			d.Guarantee(r)
		}
	})
	return w.next(func(d *devchain.Draft) { d.Assure(d.Engaged()) })
}

// candidates counts the nodes that would vote for a block or a descendant of it.
func (w *world) candidates(b *chain.Block) (n int) {
	for _, node := range w.nodes {
		own := node.chain.Block(b.Hash)
		if own != nil && node.chain.IsAncestor(own, node.chain.Candidate()) {
			n++
		}
	}
	return n
}
