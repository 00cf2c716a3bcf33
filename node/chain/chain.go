// Package chain keeps the blocks that may still become final, and says which of them is best: GP §19.
//
// They are a tree whose root is the finalized block. import.go takes blocks in, one after another and beside the loop;
// tree.go hangs them into the tree and cuts off what finality leaves behind; choice.go picks the best block. All of it but the
// execution of blocks belongs to the goroutine of the node's loop. What is told to others comes out of [Events].
package chain

import (
	"errors"
	"log/slog"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/importer"
	"damson/node/loop"
	"damson/state"
	"damson/state/store"
)

// Block is a block that was executed: the finalized one or a descendant of it. Only the package changes it.
type Block struct {
	Hash, Parent protocol.Hash
	Slot         protocol.Slot
	Author       protocol.Validator // index into κ′
	Header       *block.Header
	Ticketed     bool          // sealed with a ticket: T of GP §6.4
	Tickets      uint64        // m of GP §19, above where the tree began when the node was started
	Height       uint64        // above the first block that the store has
	StateRoot    protocol.Hash // of the posterior state
	State        *state.State  // posterior

	parent   *Block // nil for the root
	children []*Block
}

// Events are functions that are called on the loop when something has happened; those that are nil are left out.
type Events struct {
	Imported    func(*Block)
	Best        func(before, now *Block) // before may be on another fork, and may be cut off already
	Finalized   func(*Block)             // after each move of the finalized block, maybe over several
	Refused     func(hash protocol.Hash, err error)
	Equivocated func(a, b *Block) // two valid blocks of one slot
	Candidate   func(*Block)      // another block is to be voted for
}

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params   *protocol.Params
	Store    *store.Store
	Importer *importer.Importer
	Loop     loop.Loop
	Slots    loop.Slots
	Log      *slog.Logger // nil: nobody wants to know

	// Audited says whether all reports that a block made available were audited: U of GP §17. Nil means that this rule is
	// not enforced. Whoever gives it calls Reconsider when it changes its mind. It bears on Candidate alone.
	Audited func(*Block) bool

	// Lead is how many slots ahead of time a block may come and be kept until its slot begins; 0 means 2.
	Lead protocol.Slot

	// Executing is told of each block when its execution begins, beside the loop; optional.
	Executing func(hash protocol.Hash, v *block.View, octets int)

	Mistakes Mistakes
}

// Mistakes are made on purpose, by simulations that must notice them.
type Mistakes struct {
	IgnoreEquivocations bool // the best chain may have a block whose slot has another one
}

// Chain is the tree. All its methods are for the loop's goroutine.
type Chain struct {
	opts     Options
	importer *importer.Importer
	log      *slog.Logger
	watchers []Events

	begin      protocol.Slot // of the block that the store began with
	root, best *Block
	candidate  *Block // to vote for, unless stale
	told       *Block // the candidate that was told last
	stale      bool
	condemned  map[protocol.Hash]bool
	blocks     map[protocol.Hash]*Block
	slots      map[protocol.Slot][]*Block // all but the root
	fresh      []*Block                   // whose states have their components at hand, oldest first

	arrivals map[protocol.Hash]*arrival   // that are on their way
	orphans  map[protocol.Hash][]*arrival // those that wait for a parent which is itself on its way
	queued   int                          // octets of all arrivals, and of rivals and held blocks
	held     int                          // blocks whose slot has not begun
}

// ErrNotStarted is a store without a finalized block, on which a chain could stand. See Start.
var ErrNotStarted = errors.New("chain: the store has no finalized block")

// New opens the chain that a store holds, as it was left.
func New(o Options) (*Chain, error) {
	if o.Lead == 0 {
		o.Lead = defaultLead
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Chain{
		opts: o, log: o.Log,
		blocks: make(map[protocol.Hash]*Block), slots: make(map[protocol.Slot][]*Block),
		arrivals: make(map[protocol.Hash]*arrival), orphans: make(map[protocol.Hash][]*arrival),
		condemned: make(map[protocol.Hash]bool),
	}
	begin, err := beginning(o.Store)
	if err != nil {
		return nil, err
	}
	c.begin = begin
	c.importer = o.Importer.WithAncestor(c.Ancestor)
	return c, c.rebuild()
}

// Watch adds functions to be called from now on.
func (c *Chain) Watch(e Events) { c.watchers = append(c.watchers, e) }

// Best gives the best block, the one to build on. It need not be audited yet: whoever waited with the next block until its
// parent is would leave a fork behind in every slot. GP §17.
func (c *Chain) Best() *Block { return c.best }

// Candidate gives the block to vote for: the best of those that are audited, with all their ancestors. GP §19.
func (c *Chain) Candidate() *Block {
	if c.opts.Audited == nil {
		return c.best
	}
	if c.stale || c.candidate == nil {
		c.candidate, c.stale = c.choose(c.audited), false
	}
	return c.candidate
}

// Finalized gives the finalized block.
func (c *Chain) Finalized() *Block { return c.root }

// Block gives the finalized block or a known descendant of it; nil for any other.
func (c *Chain) Block(hash protocol.Hash) *Block { return c.blocks[hash] }

// Ancestor says whether the header of a slot is an ancestor of a child of parent, for lookup anchors. Of slots before all that
// this node ever had it cannot tell, and believes those who can. It is safe for concurrent use. GP eq:limitlookupanchorage.
func (c *Chain) Ancestor(parent, header protocol.Hash, slot protocol.Slot) bool {
	if slot < c.begin {
		return true
	}
	ok, err := c.opts.Store.Ancestor(parent, header, slot)
	return ok && err == nil
}

// Pending says whether a block was given to Import and is neither in the tree nor refused yet.
func (c *Chain) Pending(hash protocol.Hash) bool { return c.arrivals[hash] != nil }

func (c *Chain) eachWatcher(do func(e *Events)) {
	for i := range c.watchers {
		do(&c.watchers[i])
	}
}
