package auditor_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node"
	"damson/node/availability/shelf"
	"damson/node/chain"
	"damson/node/guarantor"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/loop/looptest"
	"damson/node/roster"
	"damson/state"
	"damson/state/claim"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// network is a network of whole nodes, with somebody who has work for them.
type network struct {
	t       *testing.T
	params  *protocol.Params
	slots   loop.Slots
	loop    *looptest.Loop
	nodes   []*node.Node
	blamed  map[jamnp.PeerID]bool
	builder *simnet.Node
	bad     []protocol.Hash // blocks that a node condemned
	final   map[protocol.Hash]bool
}

// asker is a handler that answers nothing.
type asker struct{}

func (asker) Connected(jamnp.Peer)                      {}
func (asker) Disconnected(jamnp.PeerID, error)          {}
func (asker) Handshake(jamnp.PeerID, jamnp.Kind) []byte { return nil }
func (asker) Opened(jamnp.PeerID, jamnp.Kind, []byte)   {}
func (asker) Received(jamnp.PeerID, jamnp.Kind, []byte) {}
func (asker) Serve(x jamnp.Exchange)                    { x.Reject(jamnp.ErrClosed) }

type blaming struct {
	*simnet.Node
	of *network
}

func (b blaming) Blame(id jamnp.PeerID, points int, reason error) {
	b.of.blamed[id] = true
	b.Node.Blame(id, points, reason)
}

func port(i int) netip.AddrPort { return netip.AddrPortFrom(netip.IPv6Loopback(), uint16(40000+i)) }

func newNetwork(t *testing.T, mistakes func(i int) node.Mistakes) *network {
	t.Helper()
	p := protocol.Tiny()
	w := &network{
		t: t, params: p, slots: loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second},
		blamed: make(map[jamnp.PeerID]bool), final: make(map[protocol.Hash]bool),
	}
	w.loop = looptest.New(w.slots.Start(0).Add(time.Second))
	net := simnet.New(clock{w.loop}, 1, simnet.Options{Faults: simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 40 * time.Millisecond}})
	im, err := importer.New(importer.Options{
		Params: p, Engine: interp.New(), Claims: claim.Options{Setup: bandersnatch.NewSetup(srs.Development())},
	})
	w.must(err)
	g := &devchain.Genesis{
		Params: p, Seed: "auditor", AuthorizerHost: storeID, Configurations: []string{"any"},
		Services:   []devchain.Account{{ID: storeID, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob}}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	}
	secrets := make([]*keys.Validator, p.Validators)
	for i := range secrets {
		secrets[i] = keys.Trivial(uint32(i)).Derive()
		g.Validators = append(g.Validators, secrets[i].Public(port(i)))
	}
	genesis, err := g.State(im.Verifier().RingRoot)
	w.must(err)
	for i := range secrets {
		w.open(i, net, im, g.Header(), genesis, secrets[i], mistakes(i))
	}
	w.builder = net.Node(jamnp.PeerID{0xbb}, port(100), asker{}, w.loop)
	for i := range secrets {
		w.builder.Connect(secrets[i].Ed25519.Public(), port(i))
	}
	w.run(2)
	return w
}

func (w *network) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

func (w *network) open(i int, net *simnet.Net, im *importer.Importer, header *block.Header, genesis *state.State, secrets *keys.Validator, m node.Mistakes) {
	w.t.Helper()
	fs := vfs.NewMem()
	s, err := store.Open("db", store.Options{Params: w.params, FS: fs, CacheBytes: 8 << 20})
	w.must(err)
	data, err := shelf.Open("work", shelf.Options{Params: w.params, FS: fs})
	w.must(err)
	o := node.Options{
		Params: w.params, Genesis: header, State: genesis, Store: s, Importer: im, Loop: w.loop, Slots: w.slots,
		Rand: rand.New(rand.NewPCG(7, uint64(i))), Self: secrets.Ed25519.Public(), Keys: []*keys.Validator{secrets},
		Network: func(h jamnp.Handler) (jamnp.Network, error) {
			return blaming{net.Node(secrets.Ed25519.Public(), port(i), h, w.loop), w}, nil
		},
		Shelf: data, Mistakes: m,
	}
	o.Events.Audits.Condemned = func(b *chain.Block) { w.bad = append(w.bad, b.Hash) }
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", i)
	}
	n, err := node.New(o)
	w.must(err)
	n.Chain.Watch(chain.Events{Finalized: func(b *chain.Block) {
		for ; b != nil; b = n.Chain.Parent(b) {
			w.final[b.Hash] = true
		}
	}})
	w.must(n.Start())
	w.nodes = append(w.nodes, n)
	w.t.Cleanup(func() {
		w.must(s.Close())
		w.must(data.Close())
	})
}

func (w *network) run(slots int) { w.loop.Advance(time.Duration(slots) * w.slots.Duration) }

// submit sends a package that sets a key to one of the guarantors that may be chosen, and gives those of its core.
func (w *network) submit(key string, choose func(v protocol.Validator, group []protocol.Validator) bool) []protocol.Validator {
	w.t.Helper()
	best := w.nodes[0].Chain.Best()
	recent, err := best.State.Recent()
	w.must(err)
	var c services.Commands
	c.Set(key, "done")
	b := bundle.New(&block.WorkPackage{
		AuthCodeHost: storeID, AuthCodeHash: services.Anyone().Hash, AuthConfig: []byte("any"), AuthToken: []byte(key),
		Context: block.RefinementContext{
			Anchor: best.Hash, AnchorStateRoot: best.StateRoot, AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
			LookupAnchor: best.Hash, LookupAnchorSlot: best.Slot,
		},
		Items: []block.WorkItem{{
			Service: storeID, CodeHash: services.Store().Hash, Payload: c.Payload(), RefineGas: 1_000_000, AccumulateGas: 100_000,
		}},
	})
	duties, err := roster.At(w.params, best.State, w.slots.At(w.loop.Now()))
	w.must(err)
	for core := range protocol.Core(w.params.Cores) {
		group := duties.Now().Group(core)
		for _, v := range group {
			if choose(v, group) {
				kind, messages := guarantor.Messages(core, b, nil)
				w.builder.Request(w.nodes[v].Self, kind, messages, 0, time.Second, func(_ [][]byte, err error) { w.must(err) })
				return group
			}
		}
	}
	w.t.Fatal("nobody may be chosen")
	return nil
}

func (w *network) stored(key string) bool {
	value, _ := w.nodes[0].Chain.Best().State.Get(state.StorageKey(storeID, []byte(key)))
	return string(value) == "done"
}

// TestWholeNodes has good work done and audited, and its blocks made final.
func TestWholeNodes(t *testing.T) {
	w := newNetwork(t, func(int) node.Mistakes { return node.Mistakes{} })
	const packages = 15 // over more than an epoch
	for i := range packages {
		w.submit(fmt.Sprint(i), func(v protocol.Validator, _ []protocol.Validator) bool { return int(v)%3 == i%3 })
		w.run(1)
	}
	w.run(5)
	for i := range packages {
		if !w.stored(fmt.Sprint(i)) {
			t.Errorf("%d is not done", i)
		}
	}
	for i, n := range w.nodes {
		s := n.Status()
		c := s.Work.Audits
		if s.Finalized.Slot+4 < s.Best.Slot || c.Valid != packages || c.Invalid+c.Against+c.NoShows+c.Refused+c.Condemned != 0 {
			t.Errorf("node %d: best %d, final %d, %+v", i, s.Best.Slot, s.Finalized.Slot, c)
		}
	}
	if len(w.blamed) != 0 {
		t.Errorf("%d are blamed", len(w.blamed))
	}
}

// TestWrongGuarantors has guarantors of one core guarantee what was not the result of work. GP §17, from the guarantee to the
// verdict.
func TestWrongGuarantors(t *testing.T) {
	for _, wait := range []int{0, 6, 7, 8, 9, 10} { // so that what follows is in one epoch, or not
		t.Run(fmt.Sprint(wait), func(t *testing.T) { wrongGuarantors(t, wait) })
	}
}

func wrongGuarantors(t *testing.T, wait int) {
	wrong := func(v protocol.Validator) bool { return v < 3 }
	w := newNetwork(t, func(i int) (m node.Mistakes) {
		m.Guarantor.WrongResult = wrong(protocol.Validator(i))
		return m
	})
	w.run(wait)
	group := w.submit("bad", func(v protocol.Validator, group []protocol.Validator) bool {
		n := 0
		for _, other := range group {
			if wrong(other) {
				n++
			}
		}
		return wrong(v) && n >= 2
	})
	w.run(10)
	if len(w.bad) == 0 {
		t.Fatal("no block is condemned")
	}
	for _, hash := range w.bad {
		if w.final[hash] {
			t.Errorf("a bad block became final: %s", hash)
		}
	}
	best := w.nodes[0].Chain.Best()
	disputes, err := best.State.Disputes()
	w.must(err)
	if len(disputes.Bad) != 1 || len(disputes.Good)+len(disputes.Wonky) != 0 || len(disputes.Offenders) < 2 {
		t.Errorf("disputes %+v", disputes)
	}
	for i, n := range w.nodes {
		v := protocol.Validator(i)
		if slices.Contains(disputes.Offenders, n.Self) && (!wrong(v) || !slices.Contains(group, v)) {
			t.Errorf("validator %d is no offender", i)
		}
		s := n.Status()
		if s.Finalized.Slot+4 < s.Best.Slot || s.Best.Slot+2 < s.Slot || s.Work.Audits.Valid != 0 || s.Work.Audits.Invalid == 0 {
			t.Errorf("node %d at slot %d: best %d, final %d, %+v", i, s.Slot, s.Best.Slot, s.Finalized.Slot, s.Work.Audits)
		}
	}
	w.submit("good", func(v protocol.Validator, group []protocol.Validator) bool {
		n := 0
		for _, other := range group {
			if !wrong(other) {
				n++
			}
		}
		return !wrong(v) && n >= 2
	})
	if w.run(6); !w.stored("good") {
		t.Error("good work is not done any more")
	}
}
