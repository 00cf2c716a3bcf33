package devchain

import (
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/state/invoke"
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
	authorized, err := b.invoker.IsAuthorized(&invoke.AuthorizeInput{Package: p, Core: core, State: tip.State})
	if err != nil {
		return nil, err
	}
	if authorized.Result.Outcome != block.OutcomeOK {
		return nil, fmt.Errorf("devchain: core %d: not authorized, outcome %d", core, authorized.Result.Outcome)
	}
	octets := p.AppendTo(nil)
	hash := blake2b.Sum256(octets)
	r := &block.Report{
		Package: block.PackageSpec{
			Hash: hash, BundleLength: uint32(len(octets)), ErasureRoot: blake2b.Sum256(hash[:]),
		},
		Context: p.Context, Core: core, Authorizer: authorizer(string(p.AuthConfig)),
		AuthGasUsed: authorized.GasUsed, AuthTrace: authorized.Result.Output,
	}
	for i := range p.Items {
		item := &p.Items[i]
		refined, err := b.invoker.Refine(&invoke.RefineInput{
			Core: core, Item: i, Package: p, AuthTrace: r.AuthTrace,
			Imports: make([][][]byte, len(p.Items)), Extrinsics: make([][][]byte, len(p.Items)), State: tip.State,
		})
		if err != nil {
			return nil, err
		}
		r.Digests = append(r.Digests, block.Digest{
			Service: item.Service, CodeHash: item.CodeHash, PayloadHash: blake2b.Sum256(item.Payload),
			AccumulateGas: item.AccumulateGas, Result: refined.Result, RefineGasUsed: refined.GasUsed,
		})
	}
	return r, nil
}
