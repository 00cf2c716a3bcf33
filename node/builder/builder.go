// Package builder is who brings work to a chain: it makes packages that fit onto the best block, hands them to the guarantors of a
// core, and follows them on chain until they are final. GP §14, JAMNP-S CE 133 and 146.
//
// draft.go makes packages, builder.go submits, track.go follows. A builder stands on a node that follows the chain and is connected with
// validators; everything belongs to the goroutine of that node's loop. open.go starts such a node.
package builder

import (
	"time"

	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
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

// Builder makes and follows packages.
type Builder struct {
	Options
	tracks map[protocol.Hash]*Track
	trail  []step // the blocks of the best chain that were looked at; never empty
	asked  map[jamnp.PeerID]bool
}

// New makes a builder on a node. It must be called on the node's loop.
func New(o Options) *Builder {
	if o.Patience == 0 {
		o.Patience = max(o.Node.Slots.Duration/2, 5*time.Second)
	}
	b := &Builder{Options: o, tracks: make(map[protocol.Hash]*Track), asked: make(map[jamnp.PeerID]bool)}
	b.follow()
	return b
}

// Submit hands a package to the guarantors of a core, one after another until one takes it, and follows it. Done is optional.
func (b *Builder) Submit(core protocol.Core, p *bundle.Bundle, done func(*Track)) *Track {
	t := b.Watch(p.Package.Hash())
	t.Core, t.Package = core, p.Package
	t.Reach(Submitted, b.Node.Loop.Now(), b.slot())
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
			t.Reach(Authorized, b.Node.Loop.Now(), b.slot())
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
