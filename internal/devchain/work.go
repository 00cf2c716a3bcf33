package devchain

import (
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/state/workreport"
)

// Item is a piece of work for a service.
type Item struct {
	Service protocol.ServiceID
	Payload []byte
	Gas     protocol.Gas // for accumulation
}

// refineGas is what every item may use for its refinement.
const refineGas = 1_000_000

// Report makes a package of items, refines it on the state at the tip, and reports it for a core, by the first
// authorizer in the core's pool that the builder knows. It is to be accumulated after the packages named. The root of
// the erasure coding, which no importer can check, is made up.
func (b *Builder) Report(tip *Tip, core protocol.Core, items []Item, after ...protocol.Hash) (*block.Report, error) {
	configuration, err := b.configuration(tip, core)
	if err != nil {
		return nil, err
	}
	p := &block.WorkPackage{
		AuthCodeHost: b.authorizerHost, AuthCodeHash: services.Anyone().Hash, AuthConfig: []byte(configuration),
		AuthToken: codec.AppendU16(nil, uint16(core)), // so that packages of several cores differ
	}
	if p.Context, err = contextAt(tip); err != nil {
		return nil, err
	}
	p.Context.Prerequisites = after
	for i := range items {
		account, ok, err := tip.State.Account(items[i].Service)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("devchain: no service %d", items[i].Service)
		}
		p.Items = append(p.Items, block.WorkItem{
			Service: items[i].Service, CodeHash: account.CodeHash, Payload: items[i].Payload,
			RefineGas: refineGas, AccumulateGas: items[i].Gas,
		})
	}
	return b.refine(tip, core, p)
}

// configuration is that of the first authorizer in the pool of a core that the builder knows.
func (b *Builder) configuration(tip *Tip, core protocol.Core) (string, error) {
	pools, err := tip.State.AuthPools()
	if err != nil {
		return "", err
	}
	for _, hash := range pools[core] {
		if configuration, ok := b.configurations[hash]; ok {
			return configuration, nil
		}
	}
	return "", fmt.Errorf("devchain: no known authorizer in the pool of core %d", core)
}

// contextAt is the context of a package whose anchor is the tip. GP §14.1.
func contextAt(tip *Tip) (c block.RefinementContext, err error) {
	recent, err := tip.State.Recent()
	if err != nil {
		return c, err
	}
	slot, err := tip.State.Slot()
	return block.RefinementContext{
		Anchor: tip.Header, AnchorStateRoot: tip.State.Root(), AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
		LookupAnchor: tip.Header, LookupAnchorSlot: slot,
	}, err
}

// refine computes the report of a package. GP §14.4.
func (b *Builder) refine(tip *Tip, core protocol.Core, p *block.WorkPackage) (*block.Report, error) {
	computer := workreport.New(workreport.Options{Params: b.params, Invoker: b.invoker})
	data := bundle.New(p)
	r, _, err := computer.Refine(&workreport.Input{Core: core, Bundle: data, State: tip.State})
	if err != nil {
		return nil, fmt.Errorf("devchain: core %d: %w", core, err)
	}
	r.Package.BundleLength, r.Package.ErasureRoot = uint32(data.Size()), blake2b.Sum256(r.Package.Hash[:])
	return r, nil
}
