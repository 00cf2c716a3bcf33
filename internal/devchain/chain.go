package devchain

import (
	"errors"
	"fmt"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// Chain is a genesis and blocks after it, good ones and such that must be refused.
type Chain struct {
	Params  *protocol.Params
	Setup   *bandersnatch.Setup // what ring proofs rest on
	Header  *block.Header       // of the genesis
	Genesis *state.State
	Steps   []Step
}

// Step is a block.
type Step struct {
	Name    string // its number among the good blocks; for one to be refused, that of its good sibling and its fault
	Slot    protocol.Slot
	Block   []byte           // encoded
	Refusal protocol.Invalid // why it must be refused; empty if it is good
	Prior   *state.State     // after its parent
	Post    *state.State     // after it; the prior one if it must be refused
}

// Author writes a chain block by block and applies each, so that what stands in the chain is known to be so. Its first
// error sticks.
type Author struct {
	Chain *Chain
	Tip   *Tip
	Err   error

	builder *Builder
	slot    protocol.Slot // of the next block
	number  int
}

// NewAuthor begins a chain.
func NewAuthor(b *Builder, g *Genesis) (*Author, error) {
	header, tip, err := b.Start(g)
	if err != nil {
		return nil, err
	}
	a := &Author{Chain: &Chain{Params: g.Params, Setup: b.setup, Header: header, Genesis: tip.State}, Tip: tip, builder: b}
	a.Skip(1)
	return a, nil
}

// Skip moves the next block, which follows its parent at once unless told otherwise, some slots into the future and
// beyond those whose author is unknown.
func (a *Author) Skip(slots protocol.Slot) {
	a.slot += slots
	for a.Err == nil {
		d := a.draft()
		if d == nil {
			return
		}
		if _, ok := d.Author(); ok {
			return
		}
		a.slot++
	}
}

// SkipTo is Skip up to a slot.
func (a *Author) SkipTo(slot protocol.Slot) { a.Skip(slot - a.slot) }

func (a *Author) draft() *Draft {
	d, err := a.builder.Draft(a.Tip, a.slot)
	a.fail("draft", err)
	return d
}

// Good authors a block that is to be accepted, and goes on from it.
func (a *Author) Good(fill func(*Draft)) {
	octets, ok := a.seal("block", fill)
	if !ok {
		return
	}
	post, err := a.builder.Apply(a.Tip, octets)
	if a.fail("apply", err); err != nil {
		return
	}
	a.number++
	a.Chain.Steps = append(a.Chain.Steps, Step{
		Name: fmt.Sprintf("%03d", a.number), Slot: a.slot, Block: octets, Prior: a.Tip.State, Post: post.State,
	})
	a.Tip = post
	a.Skip(1)
}

// Bad authors a block that must be refused for a reason, in the place of the next good one.
func (a *Author) Bad(why protocol.Invalid, fill func(*Draft)) { a.Spoilt(why, fill, nil) }

// Spoilt is Bad for faults that come after the sealing.
func (a *Author) Spoilt(why protocol.Invalid, fill func(*Draft), spoil func(*block.Block)) {
	octets, ok := a.seal(string(why), fill)
	if !ok {
		return
	}
	if spoil != nil {
		var v block.View
		if err := v.Decode(octets, a.Chain.Params); err != nil {
			a.fail(string(why), err)
			return
		}
		spoil(&v.Block)
		octets = v.AppendTo(nil)
	}
	if _, err := a.builder.Apply(a.Tip, octets); !errors.Is(err, why) {
		a.fail(string(why), fmt.Errorf("devchain: applying it gives %w", err))
		return
	}
	a.Chain.Steps = append(a.Chain.Steps, Step{
		Name: fmt.Sprintf("%03d-%s", a.number+1, why.Code()), Slot: a.slot, Block: octets, Refusal: why,
		Prior: a.Tip.State, Post: a.Tip.State,
	})
}

func (a *Author) seal(what string, fill func(*Draft)) ([]byte, bool) {
	if a.Err != nil {
		return nil, false
	}
	d := a.draft()
	if d == nil {
		return nil, false
	}
	if fill != nil {
		fill(d)
	}
	octets, err := d.Seal()
	a.fail(what, err)
	return octets, a.Err == nil
}

// Report is [Builder.Report] at the tip. After an error it gives some report, so that the caller need not look.
func (a *Author) Report(core protocol.Core, items []Item, after ...protocol.Hash) *block.Report {
	if a.Err == nil {
		r, err := a.builder.Report(a.Tip, core, items, after...)
		if err == nil {
			return r
		}
		a.fail("report", err)
	}
	return &block.Report{Digests: make([]block.Digest, 1)}
}

func (a *Author) fail(what string, err error) {
	if a.Err == nil && err != nil {
		a.Err = fmt.Errorf("devchain: slot %d, block %d, %s: %w", a.slot, a.number+1, what, err)
	}
}
