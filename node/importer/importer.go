// Package importer takes blocks in: it decodes them, checks what they claim beside executing them, and gives the
// state that results, or the rule that the block breaks.
package importer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"damson/internal/block"
	"damson/internal/invariants"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
	"damson/state/claim"
	"damson/state/invoke"
	"damson/state/transition"
)

// Options configures New. Params and Engine must be set.
type Options struct {
	Params *protocol.Params
	Engine pvm.Engine

	Claims     claim.Options
	ServiceLog func(invoke.LogEvent) // told what services log (JIP-1); may be nil. Called by many goroutines

	// Ancestor says whether a header is an ancestor of the block whose parent is given; nil leaves the check of
	// lookup anchors out.
	Ancestor func(parent, header protocol.Hash, slot protocol.Slot) bool

	// Observe is told how long each stage of a block took; may be nil. StageClaims is what is left of the claims when all else is
	// done. It is called by whoever executes the block.
	Observe func(Stage, time.Duration)

	Simulation
}

// Simulation is what simulations of many nodes ask for.
type Simulation struct {
	// Share gives the state after a block in place of executing it on the prior state, so that nodes can share the work;
	// execute does it on a state that has the same root. Nil means that every block is executed.
	Share    func(prior *state.State, v *block.View, execute func(*state.State) (*state.Delta, error)) (*state.State, error)
	Mistakes Mistakes
}

// Mistakes are made on purpose, by simulations that must notice them.
type Mistakes struct {
	BelieveClaims bool // seals, proofs and signatures are not verified
}

// Importer executes blocks. It keeps no state of a chain, only caches. It is safe for concurrent use.
type Importer struct {
	params   *protocol.Params
	invoker  *invoke.Invoker
	verifier *claim.Verifier
	ancestor func(parent, header protocol.Hash, slot protocol.Slot) bool
	warming  *atomic.Bool // a goroutine makes code ready
	sim      Simulation
	observe  func(Stage, time.Duration)
}

// New makes an Importer, and what it would otherwise have to make while the first block waits.
func New(o Options) (*Importer, error) {
	verifier := claim.New(o.Claims)
	if err := verifier.Warm(o.Params.Validators); err != nil {
		return nil, err
	}
	invoker := invoke.New(invoke.Options{Engine: o.Engine, Params: o.Params, Log: o.ServiceLog})
	return &Importer{o.Params, invoker, verifier, o.Ancestor, new(atomic.Bool), o.Simulation, o.Observe}, nil
}

// Apply executes a block on the state of its parent and gives the state that results. An error that wraps
// protocol.Invalid is the block's, any other is ours, a panic included. The state given does not change.
func (im *Importer) Apply(prior *state.State, v *block.View) (post *state.State, err error) {
	err = invariants.Guard(func() error {
		if im.sim.Share == nil {
			post, err = im.apply(prior, v)
			return err
		}
		post, err = im.sim.Share(prior, v, func(prior *state.State) (*state.Delta, error) {
			_, delta, err := im.execute(prior, v)
			return delta, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("block of slot %d: %w", v.Header.Slot, err)
	}
	return post, nil
}

func (im *Importer) apply(prior *state.State, v *block.View) (*state.State, error) {
	post, delta, err := im.execute(prior, v)
	if err != nil {
		return nil, err
	}
	im.warm(post, delta, v.Extrinsic.Preimages)
	return post, nil
}

// execute gives the state after a block, and what changed.
func (im *Importer) execute(prior *state.State, v *block.View) (*state.State, *state.Delta, error) {
	var claims sync.WaitGroup
	var claimErrs []*error // in the order in which they were given, so that the reason for a refusal does not depend on time
	defer claims.Wait()    // after a panic; otherwise it has been waited for
	at := &progress{im, unobserved}
	defer func() {
		at.leave()
		LeaveStages()
	}()
	env := &transition.Env{
		Params: im.params, Invoker: im.invoker, RingRoot: im.verifier.RingRoot,
		Settle: func(s *claim.Set) {
			if im.sim.Mistakes.BelieveClaims {
				return
			}
			err := new(error)
			claimErrs = append(claimErrs, err)
			claims.Go(func() {
				StageClaims.Enter()
				*err = invariants.Guard(func() error { return im.verifier.Settle(s) })
			})
		},
		Enter: at.part,
	}
	if im.ancestor != nil {
		env.Ancestor = func(header protocol.Hash, slot protocol.Slot) bool {
			return im.ancestor(v.Header.Parent, header, slot)
		}
	}
	delta, err := transition.Apply(env, prior, v)
	var post *state.State
	if err == nil {
		at.enter(StageRoot)
		post = prior.Apply(delta)
	}
	at.enter(StageClaims)
	claims.Wait()
	for i := 0; i < len(claimErrs) && err == nil; i++ {
		err = *claimErrs[i]
	}
	if readErr := prior.Err(); readErr != nil {
		err = fmt.Errorf("the prior state cannot be read: %w", readErr) // whatever rule seems broken is not
	}
	if err != nil {
		return nil, nil, err
	}
	return post, delta, nil
}

// Verifier gives what settles the claims of blocks, with what it knows of keys and rings.
func (im *Importer) Verifier() *claim.Verifier { return im.verifier }

// Invoker gives what runs the code of services, with what it keeps of them.
func (im *Importer) Invoker() *invoke.Invoker { return im.invoker }

// WithAncestor gives an Importer that shares the caches of im and asks ancestor about lookup anchors, as does one made
// with [Options].Ancestor.
func (im *Importer) WithAncestor(ancestor func(parent, header protocol.Hash, slot protocol.Slot) bool) *Importer {
	other := *im
	other.ancestor = ancestor
	return &other
}

// Simulate gives an Importer that shares the caches of im and does what a simulation asks for.
func (im *Importer) Simulate(s Simulation) *Importer {
	other := *im
	other.sim = s
	return &other
}
