package pool

import (
	"bytes"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/chain"
	"damson/state"
	rules "damson/state/assurances"
	"damson/state/claim"
)

// assurances are those given on the blocks that the next one may be built on.
type assurances struct {
	byAnchor map[protocol.Hash]*assured
}

// assured has one assurance of each validator.
type assured struct {
	anchor      *chain.Block
	byValidator []*block.Assurance
}

// prune forgets the assurances on blocks that have become too old to be built on.
func (x *assurances) prune(c *chain.Chain, best *chain.Block) {
	for hash, a := range x.byAnchor {
		if c.Block(hash) == nil || a.anchor.Height < best.Height {
			delete(x.byAnchor, hash)
		}
	}
}

// AddAssurance takes in an assurance on a block that the next one may be built on. Done may be nil.
func (p *Pool) AddAssurance(a *block.Assurance, done func(error)) {
	done = tell(done)
	anchor := p.opts.Chain.Block(a.Anchor)
	switch {
	case anchor == nil || anchor.Height < p.opts.Chain.Best().Height:
		p.opts.Loop.Post(func() { done(ErrStale) })
		return
	case int(a.Validator) >= p.opts.Params.Validators || len(a.Bitfield) != p.opts.Params.BitfieldOctets():
		p.opts.Loop.Post(func() { done(rules.ErrBadValidatorIndex) })
		return
	case p.assurances.has(a):
		p.opts.Loop.Post(func() { done(ErrKnown) })
		return
	}
	own := *a
	own.Bitfield = bytes.Clone(a.Bitfield)
	p.check(func() error { return p.checkAssurance(anchor, &own) }, func(err error) {
		if err == nil {
			err = p.keepAssurance(anchor, &own)
		}
		done(err)
	})
}

func (x *assurances) has(a *block.Assurance) bool {
	kept := x.byAnchor[a.Anchor]
	return kept != nil && kept.byValidator[a.Validator] != nil
}

// checkAssurance holds an assurance against the rules for a child of its anchor.
func (p *Pool) checkAssurance(anchor *chain.Block, a *block.Assurance) error {
	pending, err := anchor.State.Reports()
	if err != nil {
		return err
	}
	var claims claim.Set
	if _, err := assure(p.opts.Params, anchor.Hash, anchor.Slot+1, anchor.State, pending, []block.Assurance{*a}, &claims); err != nil {
		return err
	}
	return p.opts.Verifier.Signatures(claims.Signatures)
}

// assure is the part of Υ for assurances.
func assure(p *protocol.Params, parent protocol.Hash, slot protocol.Slot, prior *state.State, pending state.Reports, list []block.Assurance, claims *claim.Set) (*rules.Result, error) {
	active, err := prior.Active()
	if err != nil {
		return nil, err
	}
	return rules.Transition(p, pending, &rules.Input{Slot: slot, Parent: parent, Assurances: list, Active: active}, claims)
}

func (p *Pool) keepAssurance(anchor *chain.Block, a *block.Assurance) error {
	if p.assurances.has(a) {
		return ErrKnown
	}
	kept := p.assurances.byAnchor[a.Anchor]
	if kept == nil {
		if p.opts.Chain.Block(a.Anchor) == nil || anchor.Height < p.opts.Chain.Best().Height {
			return ErrStale
		}
		if len(p.assurances.byAnchor) >= maxAnchors {
			return ErrFull
		}
		kept = &assured{anchor, make([]*block.Assurance, p.opts.Params.Validators)}
		p.assurances.byAnchor[a.Anchor] = kept
	}
	kept.byValidator[a.Validator] = a
	return nil
}

// list gives the assurances on a block in the order of a block.
func (x *assurances) list(anchor protocol.Hash) []block.Assurance {
	kept := x.byAnchor[anchor]
	if kept == nil {
		return nil
	}
	list := make([]block.Assurance, 0, len(kept.byValidator))
	for _, a := range kept.byValidator {
		if a != nil {
			list = append(list, *a)
		}
	}
	return slices.Clip(list)
}
