package sim

import (
	"errors"

	"damson/crypto/blake2b"
	"damson/crypto/ed25519"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/finality"
	"damson/node/importer"
	"damson/state"
)

// shared is what the nodes of a world need not each do themselves. A block is executed once, on a chain of states in memory that
// belongs to no node; each node applies to its own state what the block has changed, so that roots are still everyone's own.
type shared struct {
	world  *World
	states map[protocol.Hash]*state.State // by the hash of the header
	done   map[protocol.Hash]*executed    // by the hash of the whole block
	votes  map[protocol.Hash]bool         // whose signatures were looked at
}

// executed is what a block led to.
type executed struct {
	delta *state.Delta
	post  *state.State
	err   error
}

func newShared(w *World) *shared {
	s := &shared{
		world: w, states: make(map[protocol.Hash]*state.State), done: make(map[protocol.Hash]*executed), votes: make(map[protocol.Hash]bool),
	}
	s.states[w.Base.Header.Hash()] = w.Base.genesis()
	return s
}

// importer gives that of a node. One that makes mistakes executes all blocks itself.
func (s *shared) importer(n *simNode) *importer.Importer {
	if m := s.world.Importing; m != (importer.Mistakes{}) && n.liar == nil {
		return s.world.Base.importer.Simulate(importer.Simulation{Mistakes: m, Share: alone})
	}
	return s.world.Base.importer.Simulate(importer.Simulation{Share: s.share})
}

// alone executes a block without help.
func alone(prior *state.State, _ *block.View, execute func(*state.State) (*state.Delta, error)) (*state.State, error) {
	delta, err := execute(prior)
	if err != nil {
		return nil, err
	}
	return prior.Apply(delta), nil
}

func (s *shared) share(prior *state.State, v *block.View, execute func(*state.State) (*state.Delta, error)) (*state.State, error) {
	e := s.execute(v, prior, execute)
	if e.err != nil {
		return nil, e.err
	}
	return prior.Apply(e.delta), nil
}

// shareAll is share for nodes that have one store: they share states.
func (s *shared) shareAll(prior *state.State, v *block.View, execute func(*state.State) (*state.Delta, error)) (*state.State, error) {
	e := s.execute(v, prior, execute)
	return e.post, e.err
}

func identity(v *block.View) protocol.Hash {
	header, body := v.HeaderHash(), v.ExtrinsicHash()
	return blake2b.Sum256(append(header[:], body[:]...))
}

// execute executes a block, unless that was done before.
func (s *shared) execute(v *block.View, prior *state.State, execute func(*state.State) (*state.Delta, error)) *executed {
	id := identity(v)
	if e := s.done[id]; e != nil {
		return e
	}
	e := new(executed)
	before := s.states[v.Header.Parent]
	if before == nil { // who has it cannot have it by way of us
		before = prior
	}
	if e.delta, e.err = execute(before); e.err != nil {
		if _, broken := errors.AsType[protocol.Invalid](e.err); broken {
			s.done[id] = e
		}
		return e
	}
	s.done[id] = e
	e.post = before.Apply(e.delta)
	s.states[v.HeaderHash()] = e.post
	return e
}

// state gives the state after a block as it should be, which the block's octets may have to be executed for.
func (s *shared) state(hash protocol.Hash, octets []byte) (*state.State, error) {
	if post := s.states[hash]; post != nil {
		return post, nil
	}
	v := new(block.View)
	if err := v.Decode(octets, s.world.Base.Params); err != nil {
		return nil, err
	}
	prior := s.states[v.Header.Parent]
	if prior == nil {
		return nil, importer.ErrUnknownParent
	}
	_, err := s.world.Base.importer.Simulate(importer.Simulation{Share: s.share}).Apply(prior, v)
	return s.states[hash], err
}

// verify is finality.Options.Verify: it looks at each signature once.
func (s *shared) verify(claims []finality.Claim) (bad []int) {
	for i := range claims {
		c := &claims[i]
		if !s.signed(c.Set.Voters[c.Voter], c.Message, &c.Signature) {
			bad = append(bad, i)
		}
	}
	return bad
}

func (s *shared) signed(key protocol.Ed25519Key, message []byte, signature *protocol.Ed25519Signature) bool {
	id := blake2b.Sum256Parts(key[:], signature[:], message)
	good, known := s.votes[id]
	if !known {
		good = ed25519.Verify(key, message, *signature)
		s.votes[id] = good
	}
	return good
}
