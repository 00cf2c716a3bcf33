// Package builder is who brings work to a chain: it makes packages that fit onto the best block, hands them to the guarantors of a
// core, and follows them on chain until they are final. GP §14, JAMNP-S CE 133 and 146.
//
// builder.go drafts and submits, track.go follows. A builder stands on a node that follows the chain and is connected with
// validators; everything belongs to the goroutine of that node's loop. open.go starts such a node.
package builder

import (
	"errors"
	"fmt"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/chain"
	"damson/node/guarantor"
	"damson/node/keys"
	"damson/node/roster"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Node *node.Node

	// Authorizer is who lets packages in; the zero value is that of our own chains, who lets in everybody.
	Authorizer Authorizer
	// Patience is how long a guarantor may take for a package; 0 means half a slot, but five seconds at least.
	Patience time.Duration
	// Changed is told when a package that is followed has come further, or is given up; optional.
	Changed func(*Track)
}

// Authorizer names the code that authorizes packages. GP §14.3.
type Authorizer struct {
	Host          protocol.ServiceID
	Code          protocol.Hash // zero means services.Anyone
	Configuration []byte
}

// Builder makes and follows packages.
type Builder struct {
	Options
	tracks map[protocol.Hash]*Track
	seen   protocol.Hash // the best block that was looked at
	asked  map[jamnp.PeerID]bool
}

// New makes a builder on a node. It must be called on the node's loop.
func New(o Options) *Builder {
	if o.Authorizer.Code == (protocol.Hash{}) {
		o.Authorizer.Code = services.Anyone().Hash
	}
	if o.Patience == 0 {
		o.Patience = max(o.Node.Slots.Duration/2, 5*time.Second)
	}
	b := &Builder{Options: o, tracks: make(map[protocol.Hash]*Track), asked: make(map[jamnp.PeerID]bool)}
	b.follow()
	return b
}

// ErrNoService means that there is no such service.
var ErrNoService = errors.New("builder: no such service")

// Item is a piece of work.
type Item struct {
	Service       protocol.ServiceID
	Payload       []byte
	RefineGas     protocol.Gas // 0 means 10,000,000
	AccumulateGas protocol.Gas // 0 means as much as an item may have if all items ask for the same
	Exports       uint16
	Imports       []block.Import
	Extrinsics    [][]byte
}

// refineGas is what an item may use for its refinement that does not say.
const refineGas = 10_000_000

// near is how many slots the finalized block may be behind the best one to be the anchor: the chain remembers eight.
const near = 3

// anchor is the block that a package stands on: one that no fork takes away, if it is young enough, else the best one's parent.
func (b *Builder) anchor() *chain.Block {
	c := b.Node.Chain
	best, final := c.Best(), c.Finalized()
	if final.Slot+near >= best.Slot {
		return final
	}
	if parent := c.Parent(best); parent != nil && parent.Slot+near >= best.Slot {
		return parent
	}
	return best
}

// Draft makes a package on a late block. The token makes it differ from others with the same items.
func (b *Builder) Draft(token uint64, items ...Item) (*bundle.Bundle, error) {
	best := b.anchor()
	recent, err := best.State.Recent()
	if err != nil {
		return nil, fmt.Errorf("builder: %w", err)
	}
	if len(recent.Blocks) == 0 {
		return nil, errors.New("builder: the chain has no recent block")
	}
	w := &block.WorkPackage{
		AuthCodeHost: b.Authorizer.Host, AuthCodeHash: b.Authorizer.Code, AuthConfig: b.Authorizer.Configuration,
		AuthToken: codec.AppendU64(nil, token),
		Context: block.RefinementContext{
			Anchor: best.Hash, AnchorStateRoot: best.StateRoot, AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
			LookupAnchor: best.Hash, LookupAnchorSlot: best.Slot,
		},
	}
	for i := range items {
		item, err := b.item(&items[i], len(items))
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		w.Items = append(w.Items, *item)
	}
	out := bundle.New(w)
	for i := range items {
		out.Extrinsics[i] = items[i].Extrinsics
	}
	return out, bundle.Check(w, b.Node.Params)
}

func (b *Builder) item(x *Item, count int) (*block.WorkItem, error) {
	account, ok, err := b.Node.Chain.Best().State.Account(x.Service)
	if err != nil {
		return nil, fmt.Errorf("builder: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %d", ErrNoService, x.Service)
	}
	item := &block.WorkItem{
		Service: x.Service, CodeHash: account.CodeHash, RefineGas: x.RefineGas, AccumulateGas: x.AccumulateGas,
		Exports: x.Exports, Payload: x.Payload, Imports: x.Imports,
	}
	if item.RefineGas == 0 {
		item.RefineGas = refineGas
	}
	if item.AccumulateGas == 0 {
		item.AccumulateGas = max((b.Node.Params.ReportGas-1)/protocol.Gas(count), account.MinItemGas)
	}
	for _, data := range x.Extrinsics {
		item.Extrinsics = append(item.Extrinsics, reference(data))
	}
	return item, nil
}

// Submit hands a package to the guarantors of a core, one after another until one takes it, and follows it. Done is optional.
func (b *Builder) Submit(core protocol.Core, p *bundle.Bundle, done func(*Track)) *Track {
	t := b.Watch(p.Package.Hash())
	t.Core, t.Package = core, p.Package
	t.reach(Submitted, b.Node.Loop.Now(), b.slot())
	duties, err := roster.At(b.Node.Params, b.Node.Chain.Best().State, b.slot())
	if err != nil {
		t.Err = err
		b.changed(t)
		return t
	}
	b.connect(duties, core)
	guarantor.Submit(b.Node.Network, b.Node.Rand, duties, core, p, nil, b.Patience, func(taken jamnp.PeerID, err error) {
		if err != nil {
			t.Err = err
		} else {
			t.Guarantor = taken
			t.reach(Authorized, b.Node.Loop.Now(), b.slot())
		}
		b.changed(t)
		if done != nil {
			done(t)
		}
	})
	return t
}

// connect asks to be connected with those on a core: a node that is no validator is connected with some validators alone.
func (b *Builder) connect(duties *roster.Roster, core protocol.Core) {
	now := duties.Now()
	for _, v := range now.Group(core) {
		k := &now.Keys[v]
		if at := keys.Address(k); at.IsValid() && !b.asked[k.Ed25519] {
			b.asked[k.Ed25519] = true
			b.Node.Network.Connect(k.Ed25519, at)
		}
	}
}

func (b *Builder) slot() protocol.Slot { return b.Node.Slots.At(b.Node.Loop.Now()) }

func (b *Builder) changed(t *Track) {
	if b.Changed != nil {
		b.Changed(t)
	}
}
