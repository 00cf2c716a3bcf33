package conformance

import (
	"container/list"
	"fmt"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/importer"
	"damson/state"
)

// keptStates bounds the states of a session. Those that were used least recently go first: the parent of a block that
// many variants are made of stays, however many there are.
const keptStates = 256

// maxWarming is how long the answer to Initialize waits for the code of services to be ready.
const maxWarming = 250 * time.Millisecond

// chain keeps the blocks of one session, siblings included, by the hashes of their headers.
type chain struct {
	params   *protocol.Params
	importer *importer.Importer
	nodes    map[protocol.Hash]*node
	levels   map[int][]*node // by depth, so that what is too old can be found
	deepest  int
	states   *list.List        // of nodes with a state, the least recently used first
	before   map[Ancestor]bool // blocks before the first
}

// node is a block. Without a state it is only an ancestor.
type node struct {
	Ancestor
	parent *node // nil if it is not kept
	depth  int
	state  *state.State
	place  *list.Element // in states, if there is a state
}

// newChain begins a chain. With ancestry, lookup anchors must be among the ancestors.
func newChain(im *importer.Importer, p *protocol.Params, begin *Initialize, ancestry bool) *chain {
	c := &chain{
		params: p, nodes: make(map[protocol.Hash]*node), levels: make(map[int][]*node),
		states: list.New(), before: make(map[Ancestor]bool, len(begin.Ancestry)),
	}
	for _, a := range begin.Ancestry {
		c.before[a] = true
	}
	c.importer = im
	if ancestry {
		c.importer = im.WithAncestor(c.isAncestor)
	}
	first := &node{Ancestor: Ancestor{begin.Header.Slot, begin.HeaderHash}, state: state.New(p, begin.Entries)}
	c.add(first)
	select {
	case <-im.Warm(first.state, begin.Entries):
	case <-time.After(maxWarming):
	}
	return c
}

// state gives the state after a block.
func (c *chain) state(header protocol.Hash) (*state.State, bool) {
	n := c.nodes[header]
	if n == nil || n.state == nil {
		return nil, false
	}
	c.states.MoveToBack(n.place)
	return n.state, true
}

// imports executes a block and keeps the state that results.
func (c *chain) imports(v *block.View) (*state.State, error) {
	prior, ok := c.state(v.Header.Parent)
	if !ok {
		return nil, fmt.Errorf("block of slot %d with parent %s: %w", v.Header.Slot, v.Header.Parent, importer.ErrUnknownParent)
	}
	post, err := c.importer.Apply(prior, v)
	if err != nil {
		return nil, err
	}
	parent := c.nodes[v.Header.Parent]
	c.add(&node{
		Ancestor: Ancestor{v.Header.Slot, v.HeaderHash()},
		parent:   parent, depth: parent.depth + 1, state: post,
	})
	return post, nil
}

func (c *chain) add(n *node) {
	if known := c.nodes[n.Hash]; known != nil { // imported before: the state is the same
		if known.state == nil {
			known.state, known.place = n.state, c.states.PushBack(known)
		}
		return
	}
	c.nodes[n.Hash] = n
	n.place = c.states.PushBack(n)
	if c.states.Len() > keptStates {
		c.forgetState(c.states.Front().Value.(*node))
	}
	c.levels[n.depth] = append(c.levels[n.depth], n)
	if n.depth <= c.deepest {
		return
	}
	c.deepest = n.depth
	old := n.depth - int(c.params.LookupAnchorAge) - 1
	for _, n := range c.levels[old] {
		c.forgetState(n)
		delete(c.nodes, n.Hash)
		n.parent = nil
	}
	delete(c.levels, old)
}

func (c *chain) forgetState(n *node) {
	if n.state != nil {
		c.states.Remove(n.place)
		n.state, n.place = nil, nil
	}
}

// isAncestor says whether a header is among the ancestors of the block with the given parent. How old it may be is
// another rule: GP eq:limitlookupanchorage.
func (c *chain) isAncestor(parent, header protocol.Hash, slot protocol.Slot) bool {
	wanted := Ancestor{slot, header}
	for n := c.nodes[parent]; n != nil; n = n.parent {
		if n.Ancestor == wanted {
			return true
		}
	}
	return c.before[wanted]
}
