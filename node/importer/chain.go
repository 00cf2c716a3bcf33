package importer

import (
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// ErrUnknownParent is a block whose parent is not among those kept.
const ErrUnknownParent = protocol.Invalid("header/unknown_parent")

// keptBlocks bounds the blocks whose states a Chain keeps.
const keptBlocks = 64

// Chain keeps the states of recent blocks, forks included, by the hashes of their headers. It belongs to one goroutine.
type Chain struct {
	importer *Importer
	states   map[protocol.Hash]*state.State
	order    []protocol.Hash // oldest first
}

// NewChain makes a chain that knows no block yet.
func NewChain(im *Importer) *Chain {
	return &Chain{importer: im, states: make(map[protocol.Hash]*state.State)}
}

// Put records the state after a block that was not imported here: a genesis, or where a trace begins.
func (c *Chain) Put(header protocol.Hash, s *state.State) {
	if _, ok := c.states[header]; !ok {
		c.order = append(c.order, header)
	}
	c.states[header] = s
	if len(c.order) > keptBlocks {
		delete(c.states, c.order[0])
		c.order = c.order[1:]
	}
}

// State gives the state after a block.
func (c *Chain) State(header protocol.Hash) (*state.State, bool) {
	s, ok := c.states[header]
	return s, ok
}

// Import executes an encoded block on the state of its parent and keeps the state that results. The octets must not
// change afterwards. A block that is refused, by an error that wraps protocol.Invalid, leaves no trace.
func (c *Chain) Import(octets []byte) (*state.State, error) {
	v := new(block.View)
	if err := v.Decode(octets, c.importer.params); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	prior, ok := c.states[v.Header.Parent]
	if !ok {
		return nil, fmt.Errorf("block of slot %d with parent %s: %w", v.Header.Slot, v.Header.Parent, ErrUnknownParent)
	}
	post, err := c.importer.Apply(prior, v)
	if err != nil {
		return nil, err
	}
	c.Put(v.HeaderHash(), post)
	return post, nil
}
