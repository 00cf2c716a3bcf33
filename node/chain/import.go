package chain

import (
	"bytes"
	"errors"
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/importer"
	"damson/state"
	"damson/state/store"
)

// importQueue is the queue of the loop's in which blocks are executed, and the store is written.
const importQueue = "import"

const (
	maxQueued   = 256 << 20 // octets of blocks that were given and are not settled
	arrivalCost = 4 << 10   // octets that a block counts for besides its own
	maxHeld     = 64        // blocks whose slot has not begun
	defaultLead = 2
)

// Why a block is not taken that may be good.
var (
	ErrFuture = errors.New("chain: the block's slot is too far in the future")
	ErrBusy   = errors.New("chain: too many blocks wait to be imported")
)

// arrival is a block on its way into the tree.
type arrival struct {
	octets []byte
	hash   protocol.Hash
	header *block.Header
	done   []func(*Block, error)
	rivals []*arrival // that say they are the same block, but have other octets
	cost   int        // octets it counts for, with all that are the same
}

// settle tells whoever waits.
func (a *arrival) settle(b *Block, err error) {
	for _, done := range a.done {
		done(b, err)
	}
}

// Import takes in a block: when it and what came before it was executed, done is called on the loop, with the block as it
// is in the tree, or with the reason why it is not there; done may be nil. The octets must not change any more.
//
// An error that wraps protocol.Invalid is the block's, and importer.ErrUnknownParent among them may be mended. A block
// that comes a little before its slot is kept until then. A block whose parent is on its way waits for it, so that a
// whole chain may be given at once.
func (c *Chain) Import(octets []byte, done func(*Block, error)) {
	if done == nil {
		done = func(*Block, error) {}
	}
	a := &arrival{
		octets: octets, header: new(block.Header), done: []func(*Block, error){done}, cost: len(octets) + arrivalCost,
	}
	d := codec.NewDecoder(octets)
	a.header.DecodeFrom(&d, c.opts.Params)
	if err := d.Err(); err != nil {
		c.opts.Loop.Post(func() { done(nil, fmt.Errorf("block: %w", err)) })
		return
	}
	a.hash = blake2b.Sum256(octets[:len(octets)-len(d.Rest())])
	if c.queued+a.cost > maxQueued {
		c.opts.Loop.Post(func() { done(nil, ErrBusy) })
		return
	}
	c.queued += a.cost
	c.opts.Loop.Post(func() { c.admit(a) })
}

// admit sends a block on its way, or says why not. Its cost is counted already.
func (c *Chain) admit(a *arrival) {
	if b := c.blocks[a.hash]; b != nil {
		c.leave(a, b, nil)
		return
	}
	if first := c.arrivals[a.hash]; first != nil {
		if bytes.Equal(first.octets, a.octets) {
			first.done = append(first.done, a.done...)
			first.cost += a.cost
		} else {
			first.rivals = append(first.rivals, a)
		}
		return
	}
	if now := c.opts.Slots.At(c.opts.Loop.Now()); a.header.Slot > now {
		c.hold(a, a.header.Slot-now)
		return
	}
	if a.header.Slot <= c.root.Slot {
		c.refuse(a, store.ErrFinalized)
		return
	}
	parent := c.blocks[a.header.Parent]
	switch {
	case parent != nil:
		c.arrivals[a.hash] = a
		c.execute(a, parent.State)
	case c.arrivals[a.header.Parent] != nil:
		c.arrivals[a.hash] = a
		c.orphans[a.header.Parent] = append(c.orphans[a.header.Parent], a)
	default:
		c.refuse(a, importer.ErrUnknownParent)
	}
}

// hold keeps a block until its slot begins, which is so many slots ahead. Before it is not valid: GP §5.
func (c *Chain) hold(a *arrival, ahead protocol.Slot) {
	if ahead > c.opts.Lead || c.held >= maxHeld {
		c.refuse(a, ErrFuture)
		return
	}
	c.held++
	c.opts.Loop.After(c.opts.Slots.Start(a.header.Slot).Sub(c.opts.Loop.Now()), func() {
		c.held--
		c.admit(a)
	})
}

// execute runs a block on the state of its parent, beside the loop.
func (c *Chain) execute(a *arrival, prior *state.State) {
	im := c.importer
	c.opts.Loop.Go(importQueue, func() func() {
		post, err := apply(im, &c.opts, a, prior)
		var b *Block
		if err == nil {
			b, err = newBlock(a.hash, a.header, post)
		}
		return func() { c.finish(a, b, err) }
	})
}

// apply executes a block and gives its state as the store keeps it.
func apply(im *importer.Importer, o *Options, a *arrival, prior *state.State) (*state.State, error) {
	defer importer.LeaveStages()
	decoded := im.Measure(importer.StageDecode)
	v := new(block.View)
	if err := v.Decode(a.octets, o.Params); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	if o.Executing != nil {
		o.Executing(a.hash, v, len(a.octets))
	}
	decoded()
	post, err := im.Apply(prior, v)
	if err != nil {
		return nil, err
	}
	defer im.Measure(importer.StageStore)()
	header := v.HeaderOctets()
	return o.Store.Commit(&store.Block{
		Hash: a.hash, Parent: v.Header.Parent, Slot: v.Header.Slot, Header: header, Body: a.octets[len(header):], State: post,
	})
}

// finish takes a block into the tree that was executed, or tells why it was not.
func (c *Chain) finish(a *arrival, b *Block, err error) {
	delete(c.arrivals, a.hash)
	parent := c.blocks[a.header.Parent]
	if parent == nil {
		err = store.ErrFinalized // while it was executed its fork was cut off
	}
	if err != nil {
		c.refuse(a, err)
		for _, rival := range a.rivals {
			c.admit(rival)
		}
		if c.arrivals[a.hash] == nil {
			c.disown(a.hash)
		}
		return
	}
	c.insert(parent, b)
	c.eachWatcher(func(e *Events) {
		if e.Imported != nil {
			e.Imported(b)
		}
	})
	for _, other := range c.slots[b.Slot] {
		if other != b {
			c.equivocated(other, b)
		}
	}
	if c.blocks[b.Hash] == b { // nobody whom we told has finalized another
		c.setBest(c.reconsider(b))
	}
	c.leave(a, b, nil)
	for _, rival := range a.rivals {
		c.leave(rival, b, nil)
	}
	c.adopt(b)
}

// adopt sends those on their way that waited for a block.
func (c *Chain) adopt(parent *Block) {
	waiting := c.orphans[parent.Hash]
	delete(c.orphans, parent.Hash)
	for _, child := range waiting {
		c.execute(child, parent.State)
	}
}

// disown refuses those that waited for a block which was refused.
func (c *Chain) disown(parent protocol.Hash) {
	waiting := c.orphans[parent]
	delete(c.orphans, parent)
	for _, child := range waiting {
		delete(c.arrivals, child.hash)
		c.refuse(child, importer.ErrUnknownParent)
		for _, rival := range child.rivals {
			c.refuse(rival, importer.ErrUnknownParent)
		}
		c.disown(child.hash)
	}
}

func (c *Chain) equivocated(a, b *Block) {
	c.log.Warn("two valid blocks of one slot", "slot", b.Slot, "a", a.Hash, "b", b.Hash, "author", b.Author)
	c.eachWatcher(func(e *Events) {
		if e.Equivocated != nil {
			e.Equivocated(a, b)
		}
	})
}

func (c *Chain) refuse(a *arrival, err error) {
	err = fmt.Errorf("chain: block %s of slot %d: %w", a.hash, a.header.Slot, err)
	if _, invalid := errors.AsType[protocol.Invalid](err); !invalid && c.opts.Store.Err() != nil {
		c.log.Error("the store failed", "error", err)
	}
	c.leave(a, nil, err)
	c.eachWatcher(func(e *Events) {
		if e.Refused != nil {
			e.Refused(a.hash, err)
		}
	})
}

// leave settles an arrival, which takes no more place.
func (c *Chain) leave(a *arrival, b *Block, err error) {
	c.queued -= a.cost
	a.settle(b, err)
}
