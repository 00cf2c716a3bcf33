package finality

import (
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
)

// onChain is the node's chain as a voter sees it.
type onChain struct{ c *chain.Chain }

// OnChain makes a node's chain one that a voter can follow.
func OnChain(c *chain.Chain) Chain { return onChain{c} }

func seen(b *chain.Block) Block {
	return Block{Hash: b.Hash, Parent: b.Parent, Slot: b.Slot, StateRoot: b.StateRoot}
}

func (o onChain) Best() Block { return seen(o.c.Candidate()) }

func (o onChain) Finalized() Block { return seen(o.c.Finalized()) }

func (o onChain) Block(hash protocol.Hash) (Block, bool) {
	b := o.c.Block(hash)
	if b == nil {
		return Block{}, false
	}
	return seen(b), true
}

func (o onChain) Finalize(hash protocol.Hash) error {
	b := o.c.Block(hash)
	if b == nil {
		return errNotThere
	}
	return o.c.Finalize(b)
}

func (o onChain) Active() ([]protocol.Ed25519Key, error) {
	active, err := o.c.Finalized().State.Active()
	return active.Ed25519Keys(), err
}

func (o onChain) Header(hash protocol.Hash) []byte {
	b := o.c.Block(hash)
	if b == nil || b.Header == nil {
		return nil
	}
	return jamnp.Encode(b.Header)
}

func (o onChain) Watch(changed func()) {
	o.c.Watch(chain.Events{
		Imported:  func(*chain.Block) { changed() },
		Best:      func(_, _ *chain.Block) { changed() },
		Candidate: func(*chain.Block) { changed() },
		Finalized: func(*chain.Block) { changed() },
	})
}
