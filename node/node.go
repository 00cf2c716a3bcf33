// Package node makes a node of its parts: the chain that it keeps, the peers that it keeps it with, and the duties of the
// validators whose keys it has.
//
// New puts the parts together, dispatch.go hands what peers send to the duty that wants it, status.go says how it goes. All of
// it belongs to the goroutine of the node's loop. Time, network and disk come in by Options, so that a simulation can run
// whole nodes: see node/sim.
package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/auditor"
	"damson/node/author"
	"damson/node/availability"
	"damson/node/availability/shelf"
	"damson/node/beefy"
	"damson/node/chain"
	"damson/node/finality"
	"damson/node/gossip"
	"damson/node/guarantor"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/pool"
	"damson/node/preimages"
	"damson/state"
	"damson/state/store"
	"damson/state/workreport"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params   *protocol.Params
	Genesis  *block.Header
	State    *state.State // that follows the genesis
	Store    *store.Store // of this chain, or empty
	Importer *importer.Importer
	Loop     loop.Loop
	Slots    loop.Slots
	Rand     *rand.Rand
	Log      *slog.Logger // nil: nobody wants to know

	Self      jamnp.PeerID      // this node's key among its peers
	Keys      []*keys.Validator // of the validators that it is; none: it follows the chain
	Network   func(jamnp.Handler) (jamnp.Network, error)
	Bootnodes []gossip.Address // optional

	// Shelf is where validators keep the data of packages. Without one they do no work in-core. It belongs to who opened it.
	Shelf *shelf.Shelf
	// NoAudits has a validator vote for blocks whose reports nobody has audited. With audits only blocks are voted for that
	// are audited as far as this node knows, and those with bad reports are not built on: GP §17.
	NoAudits bool

	Setup   *bandersnatch.Setup // what tickets are made with; see author.Options
	Random  io.Reader           // see author.Options
	Proving sync.Locker         // see author.Options
	Prover  author.Prover       // see author.Options
	Events  Events
	Observe Observe

	Verify   func([]finality.Claim) (bad []int) // see finality.Options
	Mistakes Mistakes
}

// Events are functions that are called on the loop; those that are nil are left out. Those of the chain are had by Chain.Watch.
type Events struct {
	Authored  func(*chain.Block)
	Finalized func(*jamnp.Commit)
	Progress  func(gossip.Progress)
	Stage     func(packageHash protocol.Hash, stage guarantor.Stage, err error) // see guarantor.Options
	Audits    auditor.Events
}

// Observe are functions of those who look closer, at duties: see the packages.
type Observe struct {
	Executing func(hash protocol.Hash, v *block.View, octets int) // see chain.Options
	Author    author.Events
	Guarantor guarantor.Events
}

// Mistakes are made on purpose, by simulations that must notice them.
type Mistakes struct {
	Chain    chain.Mistakes
	Author   author.Mistakes
	Finality finality.Mistake

	Guarantor guarantor.Mistakes
	Auditor   auditor.Mistake
	Keeper    availability.Mistakes
}

// Node is a running node.
type Node struct {
	Options
	Chain   *chain.Chain
	Pool    *pool.Pool
	Network jamnp.Network
	Gossip  *gossip.Gossip
	Voter   *finality.Voter
	Author  *author.Author // nil without keys
	Proxy   *author.Proxy  // nil without keys

	Beefy     *beefy.Beefy
	Preimages *preimages.Preimages
	Keeper    *availability.Keeper // nil, as what follows, without keys or a shelf
	Guarantor *guarantor.Guarantor
	Computer  *workreport.Computer
	Auditor   *auditor.Auditor // nil if audits are off, too

	counts  Counts
	clock   clock
	started protocol.Slot
	heard   bool // from a peer, since it was started
}

// New makes a node. It does nothing before Start.
func New(o Options) (*Node, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := chain.Start(o.Store, o.Genesis, o.State); err != nil {
		return nil, err
	}
	n := &Node{Options: o}
	n.clock = clock{node: n}
	var err error
	n.Chain, err = chain.New(chain.Options{
		Params: o.Params, Store: o.Store, Importer: o.Importer, Loop: o.Loop, Slots: o.Slots, Log: o.Log,
		Mistakes: o.Mistakes.Chain, Audited: n.audited(), Executing: o.Observe.Executing,
	})
	if err != nil {
		return nil, err
	}
	n.Pool = pool.New(pool.Options{
		Params: o.Params, Chain: n.Chain, Loop: o.Loop, Slots: o.Slots, Verifier: o.Importer.Verifier(), Log: o.Log,
	})
	if n.Network, err = o.Network(dispatch{n}); err != nil {
		return nil, err
	}
	n.Gossip = gossip.New(gossip.Options{
		Params: o.Params, Chain: n.Chain, Store: o.Store, Network: n.Network, Loop: o.Loop, Slots: o.Slots, Rand: o.Rand,
		Log: o.Log, Self: o.Self, Bootnodes: o.Bootnodes,
		Events: gossip.Events{Progress: o.Events.Progress, Early: n.clock.early},
	})
	if err := errors.Join(n.vote(), n.write(), n.work()); err != nil {
		return nil, errors.Join(err, n.Network.Close())
	}
	n.beefy()
	n.Chain.Watch(n.counting())
	n.Chain.Watch(chain.Events{Imported: n.clock.imported})
	return n, nil
}

// vote makes the voter, who follows finality without a key.
func (n *Node) vote() (err error) {
	o := finality.Options{
		Params: n.Params, Chain: finality.OnChain(n.Chain), Notes: n.Store, Network: n.Network, Loop: n.Loop, Slots: n.Slots,
		Rand: n.Rand, Log: n.Log, Request: n.Gossip.Want, Verify: n.Verify, Mistake: n.Mistakes.Finality,
		Events: finality.Events{
			Finalized: n.Events.Finalized,
			Behind:    func(c *jamnp.Commit) { n.Gossip.Seek(c.Target.Header, c.Target.Slot) },
		},
	}
	if len(n.Keys) > 0 {
		secret := &n.Keys[0].Ed25519
		o.Key = &finality.Key{Public: publicKey(n.Keys[0]), Sign: func(message []byte) protocol.Ed25519Signature {
			return secret.Sign(message)
		}}
	}
	n.Voter, err = finality.New(o)
	return err
}

// write makes the author and the proxy of tickets, if there are keys.
func (n *Node) write() error {
	if len(n.Keys) == 0 {
		return nil
	}
	self := make([]protocol.Ed25519Key, len(n.Keys))
	for i, k := range n.Keys {
		self[i] = publicKey(k)
	}
	n.Proxy = author.NewProxy(author.ProxyOptions{
		Params: n.Params, Chain: n.Chain, Pool: n.Pool, Loop: n.Loop, Slots: n.Slots, Verifier: n.Importer.Verifier(),
		Network: n.Network, Self: self, Random: n.Rand, Log: n.Log,
	})
	var err error
	n.Author, err = author.New(author.Options{
		Params: n.Params, Keys: n.Keys, Chain: n.Chain, Pool: n.Pool, Store: n.Store, Loop: n.Loop, Slots: n.Slots,
		Verifier: n.Importer.Verifier(), Log: n.Log, Setup: n.Setup, Prover: n.Prover, Tickets: n.sendTicket, Random: n.Random,
		Proving: n.Proving, Ready: n.ready, Authored: n.authored, Events: n.Observe.Author, Mistakes: n.Mistakes.Author,
	})
	if err != nil {
		return fmt.Errorf("author: %w", err)
	}
	return nil
}

// Start connects the node and begins its duties.
func (n *Node) Start() error {
	if err := n.Gossip.Start(); err != nil {
		return err
	}
	n.started = n.Slots.At(n.Loop.Now())
	n.Voter.Start()
	if n.Author != nil {
		n.Author.Start()
	}
	n.startWork()
	return nil
}

// lonely is how many slots a validator that hears of nobody waits for the chain of others before it goes on with its own.
const lonely = 3

// ready says whether the node knows the head of the chain, so that it makes sense to build on it.
func (n *Node) ready() bool {
	return !n.Gossip.Syncing() && (n.heard || n.Slots.At(n.Loop.Now()) >= n.started+lonely)
}

// Stop ends the node's duties and its connections. The loop is then to be drained, and the store to be closed.
func (n *Node) Stop() error {
	if n.Author != nil {
		n.Author.Stop()
		n.Proxy.Stop()
	}
	n.stopWork()
	return n.Network.Close()
}

func publicKey(k *keys.Validator) protocol.Ed25519Key { return k.Ed25519.Public() }
