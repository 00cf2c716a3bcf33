package devchain

import (
	"fmt"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
	"damson/state/claim"
	"damson/state/invoke"
	"damson/state/transition"
)

// Options configures New. Params and Engine must be set.
type Options struct {
	Params     *protocol.Params
	Engine     pvm.Engine
	Validators []Validator // whose secrets are known; nil means as many development validators as the chain has
	Workers    int         // how many services are accumulated at once; 0 means one for each processor

	// Setup is what ring proofs rest on. Tickets need one that can prove; nil means that of the public chains.
	Setup *bandersnatch.Setup
}

// Builder authors blocks, and applies them. It keeps no state of a chain.
type Builder struct {
	params         *protocol.Params
	invoker        *invoke.Invoker
	setup          *bandersnatch.Setup
	verifier       *claim.Verifier
	provers        map[protocol.RingRoot]*bandersnatch.RingProver
	workers        int
	validators     []Validator
	secrets        map[protocol.Ed25519Key]*Validator
	authorizerHost protocol.ServiceID
	configurations map[protocol.Hash]string // by authorizer
}

// Tip is a block, by the hash of its header, and the state after it.
type Tip struct {
	Header protocol.Hash
	State  *state.State
}

// New makes a Builder.
func New(o Options) *Builder {
	if o.Validators == nil {
		o.Validators = Validators(o.Params.Validators)
	}
	if o.Setup == nil {
		o.Setup = bandersnatch.Zcash()
	}
	b := &Builder{
		params:         o.Params,
		invoker:        invoke.New(invoke.Options{Engine: o.Engine, Params: o.Params}),
		setup:          o.Setup,
		verifier:       claim.New(claim.Options{Setup: o.Setup}),
		provers:        make(map[protocol.RingRoot]*bandersnatch.RingProver),
		workers:        o.Workers,
		validators:     o.Validators,
		secrets:        make(map[protocol.Ed25519Key]*Validator, len(o.Validators)),
		configurations: make(map[protocol.Hash]string),
	}
	for i := range o.Validators {
		b.secrets[o.Validators[i].Keys.Ed25519] = &o.Validators[i]
	}
	return b
}

// Validators gives the keys of the validators whose secrets the builder knows.
func (b *Builder) Validators() state.Validators {
	set := make(state.Validators, len(b.validators))
	for i := range set {
		set[i] = b.validators[i].Keys
	}
	return set
}

// Start begins a chain. The builder then knows the authorizers of the genesis, for [Builder.Report].
func (b *Builder) Start(g *Genesis) (*block.Header, *Tip, error) {
	s, err := g.State(b.verifier.RingRoot)
	if err != nil {
		return nil, nil, err
	}
	b.authorizerHost = g.AuthorizerHost
	for _, configuration := range g.Configurations {
		b.configurations[authorizer(configuration)] = configuration
	}
	h := g.Header()
	return h, &Tip{h.Hash(), s}, nil
}

// Apply executes an encoded block, whose octets must not change afterwards. An error that wraps protocol.Invalid is the
// block's.
func (b *Builder) Apply(tip *Tip, octets []byte) (*Tip, error) {
	v := new(block.View)
	if err := v.Decode(octets, b.params); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	var claims claim.Set
	env := &transition.Env{
		Params: b.params, Invoker: b.invoker, RingRoot: b.verifier.RingRoot, Settle: claims.Append, Workers: b.workers,
	}
	delta, err := transition.Apply(env, tip.State, v)
	if err == nil {
		err = b.verifier.Settle(&claims)
	}
	if err != nil {
		return nil, err
	}
	return &Tip{v.HeaderHash(), tip.State.Apply(delta)}, nil
}
