package builder

import (
	"errors"
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/chain"
	"damson/state"
)

// Authorizer names the code that authorizes packages. GP §14.3.
type Authorizer struct {
	Host          protocol.ServiceID
	Code          protocol.Hash // zero means services.Anyone
	Configuration []byte
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

// Ground is what a package stands on: a block, and what a chain has after it.
type Ground struct {
	Params     *protocol.Params
	Authorizer Authorizer
	Context    block.RefinementContext
	Account    func(protocol.ServiceID) (*state.Account, bool, error) // after the best block
}

// Draft makes a package. The token makes it differ from others with the same items.
func (g *Ground) Draft(token uint64, items ...Item) (*bundle.Bundle, error) {
	w := &block.WorkPackage{
		AuthCodeHost: g.Authorizer.Host, AuthCodeHash: g.Authorizer.Code, AuthConfig: g.Authorizer.Configuration,
		AuthToken: codec.AppendU64(nil, token), Context: g.Context,
	}
	if w.AuthCodeHash == (protocol.Hash{}) {
		w.AuthCodeHash = services.Anyone().Hash
	}
	for i := range items {
		item, err := g.item(&items[i], len(items))
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		w.Items = append(w.Items, *item)
	}
	out := bundle.New(w)
	for i := range items {
		out.Extrinsics[i] = items[i].Extrinsics
	}
	return out, bundle.Check(w, g.Params)
}

func (g *Ground) item(x *Item, count int) (*block.WorkItem, error) {
	account, ok, err := g.Account(x.Service)
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
		item.AccumulateGas = max((g.Params.ReportGas-1)/protocol.Gas(count), account.MinItemGas)
	}
	for _, data := range x.Extrinsics {
		item.Extrinsics = append(item.Extrinsics, block.ExtrinsicRef{Hash: blake2b.Sum256(data), Length: uint32(len(data))})
	}
	return item, nil
}

// Near is how many slots the finalized block may be behind the best one to be the anchor: the chain remembers eight.
const Near = 3

// anchor is the block that a package stands on: one that no fork takes away, if it is young enough, else the best one's parent.
func (b *Builder) anchor() *chain.Block {
	c := b.Node.Chain
	best, final := c.Best(), c.Finalized()
	if final.Slot+Near >= best.Slot {
		return final
	}
	if parent := c.Parent(best); parent != nil && parent.Slot+Near >= best.Slot {
		return parent
	}
	return best
}

// Draft makes a package on a late block. The token makes it differ from others with the same items.
func (b *Builder) Draft(token uint64, items ...Item) (*bundle.Bundle, error) {
	anchor := b.anchor()
	recent, err := anchor.State.Recent()
	if err != nil {
		return nil, fmt.Errorf("builder: %w", err)
	}
	if len(recent.Blocks) == 0 {
		return nil, errors.New("builder: the chain has no recent block")
	}
	g := &Ground{Params: b.Node.Params, Authorizer: b.Authorizer, Account: b.Node.Chain.Best().State.Account}
	g.Context = block.RefinementContext{
		Anchor: anchor.Hash, AnchorStateRoot: anchor.StateRoot, AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
		LookupAnchor: anchor.Hash, LookupAnchorSlot: anchor.Slot,
	}
	return g.Draft(token, items...)
}
