package conformance

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/importer"
	"damson/state"
	"damson/state/store"
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
	disk     *disk             // nil: states are in memory
}

// disk is where a chain's states are kept: a store that lives as long as the chain. Nothing waits until it has reached the
// disk, because nothing goes on from it.
type disk struct {
	*store.Store
	dir string
}

// sessionFolder begins the names of stores' folders.
const sessionFolder = "fuzz-session-"

func newDisk(p *protocol.Params, folder string, cache int64) (*disk, error) {
	dir, err := os.MkdirTemp(folder, sessionFolder)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(dir, store.Options{Params: p, CacheBytes: cache})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &disk{s, dir}, nil
}

func (d *disk) remove() error { return errors.Join(d.Close(), os.RemoveAll(d.dir)) }

// node is a block. Without a state it is only an ancestor.
type node struct {
	Ancestor
	parent *node // nil if it is not kept
	depth  int
	state  *state.State
	place  *list.Element // in states, if there is a state
}

// newChain begins a chain, on disk if one is given. With ancestry, lookup anchors must be among the ancestors.
func newChain(im *importer.Importer, p *protocol.Params, begin *Initialize, ancestry bool, d *disk) (*chain, error) {
	c := &chain{
		params: p, nodes: make(map[protocol.Hash]*node), levels: make(map[int][]*node), disk: d,
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
	if err := c.write(&store.Block{State: first.state}, first); err != nil {
		return nil, err
	}
	c.add(first)
	select {
	case <-im.Warm(first.state, begin.Entries):
	case <-time.After(maxWarming):
	}
	return c, nil
}

// write hands a block to the disk, if there is one. The node's state is then the one there.
func (c *chain) write(b *store.Block, n *node) (err error) {
	if c.disk == nil {
		return nil
	}
	importer.StageStore.Enter()
	b.Hash, b.Slot, b.Best = n.Hash, n.Slot, true
	n.state, err = c.disk.Commit(b)
	return err
}

// close removes what is on disk.
func (c *chain) close() error {
	if c.disk == nil {
		return nil
	}
	return c.disk.remove()
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

// imports executes a block, given with its octets, and keeps the state that results.
func (c *chain) imports(v *block.View, octets []byte) (*state.State, error) {
	prior, ok := c.state(v.Header.Parent)
	if !ok {
		return nil, fmt.Errorf("block of slot %d with parent %s: %w", v.Header.Slot, v.Header.Parent, importer.ErrUnknownParent)
	}
	post, err := c.importer.Apply(prior, v)
	if err != nil {
		return nil, err
	}
	parent := c.nodes[v.Header.Parent]
	n := &node{
		Ancestor: Ancestor{v.Header.Slot, v.HeaderHash()},
		parent:   parent, depth: parent.depth + 1, state: post,
	}
	header := v.HeaderOctets()
	err = c.write(&store.Block{
		Parent: v.Header.Parent, Header: header, Body: octets[len(header):], State: post,
	}, n)
	if err != nil {
		return nil, err
	}
	c.add(n)
	return n.state, nil
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
