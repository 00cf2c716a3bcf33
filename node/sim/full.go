package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/chain"
	"damson/node/finality"
	"damson/node/gossip"
	"damson/node/importer"
	"damson/node/loop"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FullOptions configures NewFull. Base must be set.
type FullOptions struct {
	Base    *Base
	Seed    uint64
	Voters  int // how many validators are sampled for GRANDPA; 0 means 12
	Proofs  int // how many tickets have real ring proofs
	Latency time.Duration

	Progress func(slot protocol.Slot) // optional: is told of each slot that is over
}

// Full is a network of as many validators as the protocol has, in one process.
//
// Each validator has a chain, a best block and finality of its own, connects to all others, announces blocks to its
// neighbours in the grid, asks for them and imports them, by node/chain and node/gossip as they are. Thinned are:
//   - the store, which all share, and with it states: what one node has committed is there for the next that imports the same;
//   - the execution of blocks, which is done once for each block, with all its claims verified; whoever imports it again
//     decodes it, finds that it knows what comes of it, and takes that;
//   - authors: a simulated one makes the block of each slot with the secrets of whose turn it is, and has that node import it;
//   - tickets, which that author has at once: CE 131 and CE 132 are left out. All but a few have a VRF signature that names
//     their signer in place of a ring proof (see NewBase);
//   - GRANDPA: a sample of the validators are the voters, with real voters and signatures; whoever is not of the sample hears
//     of what they have made final a moment later from the simulator.
type Full struct {
	clock
	FullOptions
	rand    *rand.Rand
	slots   loop.Slots
	net     *simnet.Net
	store   *store.Store
	shared  *shared
	nodes   []*thin
	tickets []*entry // of the contest, the best first
	offered int

	blocks map[protocol.Hash]*spread
	final  protocol.Slot // by the sample
	made   int
}

// spread is how a block came to all.
type spread struct {
	slot     protocol.Slot
	ticketed bool
	hops     []int8 // by node: how many times it was handed on until it came; -1 before
	late     []time.Duration
	imported int
}

// thin is a validator of Full.
type thin struct {
	full    *Full
	index   int
	id      jamnp.PeerID
	network *simnet.Node
	chain   *chain.Chain
	gossip  *gossip.Gossip
	voter   *finality.Voter // nil if it is not of the sample
}

// NewFull makes the network. Run lets it live.
func NewFull(o FullOptions) (*Full, error) {
	if o.Voters == 0 {
		o.Voters = 12
	}
	f := &Full{
		FullOptions: o, rand: rand.New(rand.NewPCG(o.Seed, 0x66756c6c)), blocks: make(map[protocol.Hash]*spread),
		slots: loop.Slots{Era: loop.CommonEra, Duration: loop.ProtocolSlot},
	}
	f.now = f.slots.Start(0)
	f.net = simnet.New(f, f.rand.Uint64(), simnet.Options{
		Faults: simnet.Faults{MinLatency: 10 * time.Millisecond, MaxLatency: max(o.Latency, 11*time.Millisecond)},
	})
	f.shared = newShared(&World{Options: Options{Base: o.Base}})
	var err error
	f.store, err = store.Open(folder, store.Options{Params: o.Base.Params, FS: vfs.NewMem(), Archive: true})
	if err != nil {
		return nil, err
	}
	if err := chain.Start(f.store, o.Base.Header, o.Base.genesis()); err != nil {
		return nil, err
	}
	if err := f.draw(); err != nil {
		return nil, err
	}
	for i := range o.Base.Keys {
		n, err := f.add(i)
		if err != nil {
			return nil, fmt.Errorf("sim: validator %d: %w", i, err)
		}
		f.nodes = append(f.nodes, n)
	}
	return f, nil
}

// add makes a validator.
func (f *Full) add(i int) (*thin, error) {
	p := f.Base.Params
	n := &thin{full: f, index: i, id: f.Base.Keys[i].Ed25519.Public()}
	n.network = f.net.Node(n.id, addressOf(i), n, nil)
	im := f.Base.importer.Simulate(importer.Simulation{Share: f.shared.shareAll})
	var err error
	n.chain, err = chain.New(chain.Options{Params: p, Store: f.store, Importer: im, Loop: n, Slots: f.slots})
	if err != nil {
		return nil, err
	}
	n.gossip = gossip.New(gossip.Options{
		Params: p, Chain: n.chain, Store: f.store, Network: counted{n.network, n}, Loop: n, Slots: f.slots, Self: n.id,
		Rand: rand.New(rand.NewPCG(f.Seed, uint64(i))),
	})
	n.chain.Watch(chain.Events{Imported: n.imported})
	if !f.sampled(i) {
		return n, nil
	}
	key := &f.Base.Keys[i].Ed25519
	n.voter, err = finality.New(finality.Options{
		Params: p, Chain: sampleChain{finality.OnChain(n.chain), f}, Notes: notes{}, Network: sampleNetwork{n.network, f}, Loop: n, Slots: f.slots,
		Rand: rand.New(rand.NewPCG(f.Seed, uint64(i)<<32)), Request: n.gossip.Want, Verify: f.shared.verify,
		Key: &finality.Key{Public: n.id, Sign: func(message []byte) protocol.Ed25519Signature {
			return key.Sign(message)
		}},
		Events: finality.Events{Finalized: func(c *jamnp.Commit) { f.finalized(c) }},
	})
	return n, err
}

// sampled says whether a validator is a voter: they are spread over the grid.
func (f *Full) sampled(i int) bool {
	step := len(f.Base.Keys) / f.Voters
	return i%step == 0 && i/step < f.Voters
}

// sampleChain is a chain whose voters are the sample.
type sampleChain struct {
	finality.Chain
	full *Full
}

// Active implements finality.Chain.
func (c sampleChain) Active() (keys []protocol.Ed25519Key, err error) {
	for i, k := range c.full.Base.Keys {
		if c.full.sampled(i) {
			keys = append(keys, k.Ed25519.Public())
		}
	}
	return keys, nil
}

// sampleNetwork is the network of a voter, whose peers are the others of the sample.
type sampleNetwork struct {
	*simnet.Node
	full *Full
}

// Peers implements jamnp.Network.
func (s sampleNetwork) Peers() []jamnp.Peer {
	return slices.DeleteFunc(s.Node.Peers(), func(p jamnp.Peer) bool { return !s.full.sampled(s.full.indexOf(p.ID)) })
}

// notes are kept in memory: nobody crashes.
type notes map[string][]byte

// SetNote implements finality.Notes.
func (n notes) SetNote(name string, value []byte) error { n[name] = value; return nil }

// Note implements finality.Notes.
func (n notes) Note(name string) ([]byte, bool, error) { v, ok := n[name]; return v, ok, nil }

// finalized tells those who are not of the sample, after about as long as votes and commits take over the grid.
func (f *Full) finalized(c *jamnp.Commit) {
	if c.Target.Slot <= f.final {
		return
	}
	f.final = c.Target.Slot
	for _, n := range f.nodes {
		if n.voter != nil {
			continue
		}
		f.After(2*f.Latency+time.Duration(f.rand.Int64N(int64(time.Second))), func() {
			if b := n.chain.Block(c.Target.Header); b != nil && b.Slot > n.chain.Finalized().Slot {
				_ = n.chain.Finalize(b) // it is a descendant: all is one chain
			}
		})
	}
}

// Loop of a thin node: work takes as long as in a node with nothing else to do.

// Now implements loop.Loop.
func (n *thin) Now() time.Time { return n.full.now }

// Post implements loop.Loop.
func (n *thin) Post(do func()) { n.full.After(0, do) }

// After implements loop.Loop.
func (n *thin) After(d time.Duration, do func()) loop.Timer {
	t := new(timer)
	n.full.After(d, func() {
		if !t.stopped {
			do()
		}
	})
	return t
}

// thinWork is how long each work takes beside the loop.
const thinWork = 10 * time.Millisecond

// Go implements loop.Loop: all work takes the same time, so that it stays in order.
func (n *thin) Go(_ string, work func() func()) {
	n.full.After(thinWork, func() {
		if then := work(); then != nil {
			then()
		}
	})
}

// Handler of a thin node.

// Connected implements jamnp.Handler.
func (n *thin) Connected(p jamnp.Peer) {
	n.gossip.Connected(p)
	if n.voter != nil && n.full.sampled(n.full.indexOf(p.ID)) {
		n.voter.Connected(p)
	}
}

// Disconnected implements jamnp.Handler.
func (n *thin) Disconnected(id jamnp.PeerID, why error) { n.gossip.Disconnected(id, why) }

// Handshake implements jamnp.Handler.
func (n *thin) Handshake(id jamnp.PeerID, kind jamnp.Kind) []byte {
	return n.gossip.Handshake(id, kind)
}

// Opened implements jamnp.Handler.
func (n *thin) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	n.gossip.Opened(id, kind, handshake)
}

// Received implements jamnp.Handler.
func (n *thin) Received(id jamnp.PeerID, kind jamnp.Kind, message []byte) {
	n.gossip.Received(id, kind, message)
}

// Serve implements jamnp.Handler.
func (n *thin) Serve(x jamnp.Exchange) {
	if n.voter != nil && n.voter.Serve(x) {
		return
	}
	n.gossip.Serve(x)
}

// counted is the network of a thin node, by which we see from whom it has its blocks.
type counted struct {
	*simnet.Node
	of *thin
}

// Request implements jamnp.Network.
func (c counted) Request(
	id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error),
) {
	c.Node.Request(id, kind, messages, limit, timeout, func(answer [][]byte, err error) {
		if err == nil && kind == jamnp.BlockRequest {
			c.of.fetched(protocol.Hash(messages[0][:32]), id)
		}
		done(answer, err)
	})
}

func (n *thin) fetched(hash protocol.Hash, from jamnp.PeerID) {
	if s := n.full.blocks[hash]; s != nil {
		s.hops[n.index] = s.hops[n.full.indexOf(from)] + 1
	}
}

func (n *thin) imported(b *chain.Block) {
	s := n.full.blocks[b.Hash]
	if s == nil { // it is the author
		s = &spread{slot: b.Slot, ticketed: b.Ticketed, hops: make([]int8, len(n.full.nodes))}
		n.full.blocks[b.Hash] = s
	}
	s.imported++
	s.late = append(s.late, n.full.now.Sub(n.full.slots.Start(b.Slot)))
}
