package author

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/loop/looptest"
	"damson/node/pool"
	"damson/state"
	"damson/state/claim"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// development is a setup for proofs that everybody can make. It is made once.
var development = bandersnatch.NewSetup(srs.Development())

// world has some nodes that hear of each other's blocks at once.
type world struct {
	t       testing.TB
	params  *protocol.Params
	slots   loop.Slots
	loop    *looptest.Loop
	im      *importer.Importer
	header  *block.Header
	genesis *state.State
	nodes   []*node
	final   protocol.Slot // how many slots finality lags behind; 0: nothing is finalized
	apart   bool          // the nodes do not hear of each other
}

// node is an author with some of the keys.
type node struct {
	*world
	fs     *vfs.MemFS
	keys   []*keys.Validator
	store  *store.Store
	chain  *chain.Chain
	pool   *pool.Pool
	author *Author
	set    func(*Options)
	offers func(n *node, epoch uint32, id protocol.Hash, proof *block.TicketProof)
	all    []*chain.Block // that it has authored
	down   bool
}

func newWorld(t testing.TB, nodes int, set func(*Options)) *world {
	t.Helper()
	p := protocol.Tiny()
	w := &world{t: t, params: p, slots: loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second}}
	w.loop = looptest.New(w.slots.Start(0).Add(time.Second))
	var err error
	w.im, err = importer.New(importer.Options{Params: p, Engine: interp.New(), Claims: claim.Options{Setup: development}})
	w.must(err)
	g := &devchain.Genesis{
		Params: p, Seed: t.Name(), AuthorizerHost: 1, Configurations: []string{"any"},
		Services: []devchain.Account{{
			ID: 1, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob},
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	}
	secrets := make([]*keys.Validator, p.Validators)
	for i := range secrets {
		secrets[i] = keys.Trivial(uint32(i)).Derive()
		g.Validators = append(g.Validators, secrets[i].Public(netip.AddrPort{}))
	}
	w.genesis, err = g.State(w.im.Verifier().RingRoot)
	w.must(err)
	w.header = g.Header()
	for i := range nodes {
		n := &node{world: w, fs: vfs.NewCrashableMem(), set: set}
		for j := i; j < len(secrets); j += nodes {
			n.keys = append(n.keys, secrets[j])
		}
		w.nodes = append(w.nodes, n)
		n.open()
	}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			w.must(n.store.Close())
		}
	})
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// open starts a node.
func (n *node) open() {
	n.t.Helper()
	var err error
	n.store, err = store.Open("db", store.Options{Params: n.params, FS: n.fs})
	n.must(err)
	n.must(chain.Start(n.store, n.header, n.genesis))
	n.chain, err = chain.New(chain.Options{Params: n.params, Store: n.store, Importer: n.im, Loop: n.loop, Slots: n.slots})
	n.must(err)
	n.pool = pool.New(pool.Options{Params: n.params, Chain: n.chain, Loop: n.loop, Slots: n.slots, Verifier: n.im.Verifier()})
	o := Options{
		Params: n.params, Keys: n.keys, Chain: n.chain, Pool: n.pool, Store: n.store, Loop: n.loop, Slots: n.slots,
		Verifier: n.im.Verifier(), Random: randomness{rand.New(rand.NewPCG(1, 2))}, Authored: n.authored,
		Tickets: func(epoch uint32, id protocol.Hash, proof *block.TicketProof) {
			if n.offers != nil {
				n.offers(n, epoch, id, proof)
			}
		},
	}
	if n.set != nil {
		n.set(&o)
	}
	n.author, err = New(o)
	n.must(err)
	n.author.Start()
	n.down = false
}

// crash stops a node without a word; what was not synced is lost.
func (n *node) crash() {
	n.author.Stop()
	n.down = true
	n.loop.Run()
	after := n.fs.CrashClone(vfs.CrashCloneCfg{})
	n.must(n.store.Close())
	n.fs = after
}

// authored tells the others.
func (n *node) authored(b *chain.Block) {
	n.all = append(n.all, b)
	octets, err := n.store.Block(b.Hash)
	n.must(err)
	for _, other := range n.nodes {
		if other != n && !other.down && !n.apart {
			other.chain.Import(bytes.Clone(octets), func(_ *chain.Block, err error) { n.must(err) })
		}
	}
}

// run lets some slots pass, with finality behind the head.
func (w *world) run(slots int) {
	w.t.Helper()
	for range slots {
		w.loop.Advance(w.slots.Duration)
		for _, n := range w.nodes {
			if n.down || w.final == 0 {
				continue
			}
			b := n.chain.Best()
			for b.Slot+w.final > n.chain.Best().Slot && n.chain.Parent(b) != nil {
				b = n.chain.Parent(b)
			}
			w.must(n.chain.Finalize(b))
			w.loop.Run()
		}
	}
}

// agree demands that all nodes have the same best block, and gives it.
func (w *world) agree() *chain.Block {
	w.t.Helper()
	for _, n := range w.nodes {
		if n.chain.Best().Hash != w.nodes[0].chain.Best().Hash {
			w.t.Fatalf("nodes disagree: slots %d and %d", w.nodes[0].chain.Best().Slot, n.chain.Best().Slot)
		}
	}
	return w.nodes[0].chain.Best()
}

// randomness is a reader of random octets.
type randomness struct{ *rand.Rand }

func (r randomness) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return len(b), nil
}

var _ io.Reader = randomness{}
