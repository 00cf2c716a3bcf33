package guarantor_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
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

// development is a setup for proofs that everybody can make. It is made once.
var development = bandersnatch.NewSetup(srs.Development())

// The services of the tests.
const (
	theStore    protocol.ServiceID = 1
	theExporter protocol.ServiceID = 2
	theImporter protocol.ServiceID = 3
)

// world is a network of all validators, and a builder.
type world struct {
	t       testing.TB
	params  *protocol.Params
	slots   loop.Slots
	loop    *looptest.Loop
	net     *simnet.Net
	im      *importer.Importer
	header  *block.Header
	genesis *state.State
	nodes   []*validator
	builder *builder
	codes   map[protocol.ServiceID]protocol.Hash
	config  func(i int, o *node.Options)
	random  *rand.Rand
}

type validator struct {
	*node.Node
	index  int
	fs     *vfs.MemFS
	store  *store.Store
	shelf  *shelf.Shelf
	net    *watched
	stages map[protocol.Hash][]guarantor.Stage
	// lies changes what the validator answers on streams of a kind; nil refuses them.
	lies map[jamnp.Kind]func(answer [][]byte) [][]byte
}

// liar is a handler that lies where it is told to.
type liar struct {
	jamnp.Handler
	of *validator
}

func (l liar) Serve(x jamnp.Exchange) {
	lie, ok := l.of.lies[x.Kind()]
	switch {
	case !ok:
		l.Handler.Serve(x)
	case lie == nil:
		x.Reject(jamnp.ErrBusy)
	default:
		l.Handler.Serve(lying{x, lie})
	}
}

type lying struct {
	jamnp.Exchange
	lie func([][]byte) [][]byte
}

func (x lying) Answer(messages ...[]byte) { x.Exchange.Answer(x.lie(messages)...) }

// spoil changes the first octet of the first message.
func spoil(messages [][]byte) [][]byte {
	out := append([][]byte{}, messages...)
	out[0] = append([]byte{}, out[0]...)
	out[0][0] ^= 1
	return out
}

// lie lets a validator lie on streams of a kind.
func (n *validator) lie(kind jamnp.Kind, how func([][]byte) [][]byte) { n.lies[kind] = how }

// watched is a network that remembers whom we blamed.
type watched struct {
	*simnet.Node
	blamed map[jamnp.PeerID]error
}

func (w *watched) Blame(id jamnp.PeerID, points int, reason error) {
	w.blamed[id] = reason
	w.Node.Blame(id, points, reason)
}

// clock is what the network needs of the loop.
type clock struct{ *looptest.Loop }

func (c clock) After(d time.Duration, do func()) { c.Loop.After(d, do) }

// builder is a node that just asks.
type builder struct {
	*simnet.Node
	id jamnp.PeerID
}

func (*builder) Connected(jamnp.Peer)                      {}
func (*builder) Disconnected(jamnp.PeerID, error)          {}
func (*builder) Handshake(jamnp.PeerID, jamnp.Kind) []byte { return nil }
func (*builder) Opened(jamnp.PeerID, jamnp.Kind, []byte)   {}
func (*builder) Received(jamnp.PeerID, jamnp.Kind, []byte) {}
func (*builder) Serve(x jamnp.Exchange)                    { x.Reject(jamnp.ErrClosed) }

// exporter exports as many segments as its payload's first octet says, each beginning with its number from the end.
const exporter = `
.heap 16
.equ BUFFER, 0x20000
.equ FETCH, 1
.equ EXPORT, 7
.equ PAYLOAD, 13
	jump refine
	jump accumulate
accumulate:
	jump_ind r0, 0
refine:
	load_imm r7, BUFFER
	load_imm r8, 0
	load_imm r9, 1
	load_imm r10, PAYLOAD
	load_imm r11, 0
	ecalli FETCH
	load_u8 r2, BUFFER
	fallthrough
export:
	branch_eq_imm r2, 0, done
	store_u64 r2, BUFFER
	load_imm r7, BUFFER
	load_imm r8, 5000
	ecalli EXPORT
	add_imm_64 r2, r2, -1
	jump export
done:
	load_imm r8, 0
	jump_ind r0, 0
`

// importerText gives back eight octets of its first import.
const importerText = `
.heap 16
.equ BUFFER, 0x20000
.equ FETCH, 1
	jump refine
	jump accumulate
accumulate:
	jump_ind r0, 0
refine:
	load_imm r7, BUFFER
	load_imm r8, 0
	load_imm r9, 8
	load_imm r10, 6
	load_imm r11, 0
	ecalli FETCH
	load_imm r7, BUFFER
	load_imm r8, 8
	jump_ind r0, 0
`

func assemble(t testing.TB, name, text string) *services.Code {
	t.Helper()
	o, err := asm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	blob := asm.Service(name, o.Image())
	return &services.Code{Name: name, Blob: blob, Hash: blake2b.Sum256(blob)}
}

func newWorld(t testing.TB, config func(i int, o *node.Options)) *world {
	t.Helper()
	return newWorldOf(t, config, 6*time.Second, 1, simnet.Faults{MinLatency: 5 * time.Millisecond, MaxLatency: 40 * time.Millisecond})
}

func newWorldOf(t testing.TB, config func(i int, o *node.Options), slot time.Duration, seed uint64, faults simnet.Faults) *world {
	t.Helper()
	p := protocol.Tiny()
	w := &world{t: t, params: p, slots: loop.Slots{Era: loop.CommonEra, Duration: slot}, config: config}
	w.random = rand.New(rand.NewPCG(seed, 1))
	w.loop = looptest.New(w.slots.Start(0).Add(slot / 6))
	w.net = simnet.New(clock{w.loop}, seed, simnet.Options{Faults: faults})
	var err error
	w.im, err = importer.New(importer.Options{Params: p, Engine: interp.New(), Claims: claim.Options{Setup: development}})
	w.must(err)
	exports, imports := assemble(t, "exporter", exporter), assemble(t, "importer", importerText)
	w.codes = map[protocol.ServiceID]protocol.Hash{
		theStore: services.Store().Hash, theExporter: exports.Hash, theImporter: imports.Hash,
	}
	g := &devchain.Genesis{
		Params: p, Seed: "guarantor", AuthorizerHost: theStore, Configurations: []string{"any"},
		Services: []devchain.Account{
			{ID: theStore, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob}},
			{ID: theExporter, Code: exports, Balance: 1 << 40},
			{ID: theImporter, Code: imports, Balance: 1 << 40},
		},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	}
	secrets := make([]*keys.Validator, p.Validators)
	for i := range secrets {
		secrets[i] = keys.Trivial(uint32(i)).Derive()
		g.Validators = append(g.Validators, secrets[i].Public(addressOf(40000+i)))
	}
	w.genesis, err = g.State(w.im.Verifier().RingRoot)
	w.must(err)
	w.header = g.Header()
	for i := range secrets {
		w.nodes = append(w.nodes, w.open(i, secrets[i], vfs.NewCrashableMem()))
	}
	b := &builder{id: jamnp.PeerID{0xbb}}
	b.Node = w.net.Node(b.id, addressOf(50000), b, w.loop)
	for i := range secrets {
		b.Connect(secrets[i].Ed25519.Public(), addressOf(40000+i))
	}
	w.builder = b
	t.Cleanup(func() {
		for _, n := range w.nodes {
			w.must(n.store.Close())
			w.must(n.shelf.Close())
		}
	})
	for w.loop.Now().Before(w.slots.Era.Add(7*time.Second)) || w.best().Slot < 2 { // all are connected, whoever had to dial
		w.run(1)
	}
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// open starts a validator.
func (w *world) open(i int, secrets *keys.Validator, fs *vfs.MemFS) *validator {
	w.t.Helper()
	n := &validator{index: i, fs: fs, stages: make(map[protocol.Hash][]guarantor.Stage), lies: make(map[jamnp.Kind]func([][]byte) [][]byte)}
	var err error
	n.store, err = store.Open("db", store.Options{Params: w.params, FS: fs, CacheBytes: 8 << 20})
	w.must(err)
	n.shelf, err = shelf.Open("work", shelf.Options{Params: w.params, FS: fs})
	w.must(err)
	o := node.Options{
		Params: w.params, Genesis: w.header, State: w.genesis, Store: n.store, Importer: w.im, Loop: w.loop, Slots: w.slots,
		Rand: rand.New(rand.NewPCG(7, uint64(i))), Self: secrets.Ed25519.Public(), Keys: []*keys.Validator{secrets},
		Network: func(h jamnp.Handler) (jamnp.Network, error) {
			n.net = &watched{
				w.net.Node(secrets.Ed25519.Public(), addressOf(40000+i), liar{h, n}, w.loop),
				make(map[jamnp.PeerID]error),
			}
			return n.net, nil
		},
		Shelf: n.shelf,
		Events: node.Events{Stage: func(hash protocol.Hash, stage guarantor.Stage, err error) {
			if testing.Verbose() {
				w.t.Logf("%v: node %d: package %v: stage %d %v", w.loop.Now().Sub(w.slots.Era), i, hash, stage, err)
			}
			n.stages[hash] = append(n.stages[hash], stage)
		}},
	}
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", i)
	}
	if w.config != nil {
		w.config(i, &o)
	}
	n.Node, err = node.New(o)
	w.must(err)
	w.must(n.Start())
	return n
}

// run lets some slots pass.
func (w *world) run(slots int) {
	w.t.Helper()
	w.loop.Advance(time.Duration(slots) * w.slots.Duration)
}

// until runs until something is so, for at most some slots.
func (w *world) until(slots int, what string, so func() bool) {
	w.t.Helper()
	for range slots * 12 {
		if so() {
			return
		}
		w.loop.Advance(w.slots.Duration / 12)
	}
	w.t.Fatalf("after %d slots: not yet %s", slots, what)
}

func (w *world) best() *chain.Block { return w.nodes[0].Chain.Best() }

// pack makes a package whose anchor is the best block.
func (w *world) pack(items ...block.WorkItem) *bundle.Bundle {
	w.t.Helper()
	best := w.best()
	recent, err := best.State.Recent()
	w.must(err)
	p := &block.WorkPackage{
		AuthCodeHost: theStore, AuthCodeHash: services.Anyone().Hash, AuthConfig: []byte("any"),
		AuthToken: codec.AppendU32(nil, w.random.Uint32()),
		Context: block.RefinementContext{
			Anchor: best.Hash, AnchorStateRoot: best.StateRoot, AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
			LookupAnchor: best.Hash, LookupAnchorSlot: best.Slot,
		},
	}
	for _, item := range items {
		item.CodeHash = w.codes[item.Service]
		item.RefineGas, item.AccumulateGas = 1_000_000, 100_000
		p.Items = append(p.Items, item)
	}
	return bundle.New(p)
}

// set is an item that stores a value.
func set(key, value string) block.WorkItem {
	var c services.Commands
	c.Set(key, value)
	return block.WorkItem{Service: theStore, Payload: c.Payload()}
}

// submit sends a package to a core, and demands that somebody takes it.
func (w *world) submit(core protocol.Core, b *bundle.Bundle) *validator {
	w.t.Helper()
	var taker *validator
	var err error
	w.send(core, b, func(taken jamnp.PeerID, why error) {
		err = why
		for _, n := range w.nodes {
			if n.Self == taken {
				taker = n
			}
		}
	})
	w.until(2, "taken", func() bool { return taker != nil || err != nil })
	w.must(err)
	return taker
}

func (w *world) send(core protocol.Core, b *bundle.Bundle, done func(jamnp.PeerID, error)) {
	w.t.Helper()
	duties, err := roster.At(w.params, w.best().State, w.slots.At(w.loop.Now()))
	w.must(err)
	guarantor.Submit(w.builder, w.random, duties, core, b, nil, 2*time.Second, done)
}

// stored gives what the store has under a key, as all nodes see it.
func (w *world) stored(key string) string {
	value, _ := w.best().State.Get(state.StorageKey(theStore, []byte(key)))
	return string(value)
}

// nobodyBlamed demands that no validator was blamed.
func (w *world) nobodyBlamed() {
	w.t.Helper()
	for _, n := range w.nodes {
		for id, why := range n.net.blamed {
			w.t.Errorf("node %d blames %s: %v", n.index, id.PeerName(), why)
		}
	}
}

func addressOf(port int) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("[::1]:%d", port))
}
