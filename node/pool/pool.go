// Package pool keeps what may go into a block: tickets, assurances, guarantees, preimages and judgments, each with a bound.
//
// What comes in is checked as far as one can tell: signatures and proofs beside the loop, all else by the rules of the
// parts of Υ, on the best block. What fits together into one block is for [Candidates.Draft] to find, when the parent and the
// slot are known. Everything but that and the checks belongs to the goroutine of the node's loop.
package pool

import (
	"errors"
	"log/slog"
	"maps"

	"damson/internal/protocol"
	"damson/node/chain"
	"damson/node/loop"
	"damson/state/claim"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params   *protocol.Params
	Chain    *chain.Chain
	Loop     loop.Loop
	Slots    loop.Slots
	Verifier *claim.Verifier
	Log      *slog.Logger // nil: nobody wants to know
}

// Why something is not taken that breaks no rule. An error that wraps protocol.Invalid is the fault of whoever sent it.
var (
	ErrKnown = errors.New("pool: it is there already")
	ErrBusy  = errors.New("pool: too much waits to be checked")
	ErrFull  = errors.New("pool: there is no room")
	ErrEpoch = errors.New("pool: of another epoch than the one that tickets are drawn for")
	ErrStale = errors.New("pool: too late, or too early, for the best chain")
)

// Bounds on what is kept or waits. Tickets and assurances have natural ones, since only validators can make them.
const (
	checkQueue       = "check"  // of the loop
	maxChecking      = 4096     // items that wait to be checked
	maxAnchors       = 8        // blocks for which assurances are kept
	maxCoreReports   = 4        // guarantees for one core
	maxPreimages     = 1024     // kept
	maxPreimageBytes = 64 << 20 // kept
	maxJudged        = 1024     // reports with judgments
	maxCulprits      = 4096     // kept
)

// Pool is what a node has for blocks. All its methods are for the loop's goroutine.
type Pool struct {
	opts     Options
	log      *slog.Logger
	checking int // items that are being checked

	tickets    tickets
	assurances assurances
	guarantees guarantees
	preimages  preimages
	judgments  judgments
	shunned    map[protocol.Hash]bool // reports that must not become available in our blocks
}

// New makes an empty pool that follows a chain.
func New(o Options) *Pool {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{
		opts: o, log: o.Log,
		tickets:    tickets{byID: make(map[protocol.Hash]*ticket)},
		assurances: assurances{byAnchor: make(map[protocol.Hash]*assured)},
		guarantees: guarantees{byCore: make(map[protocol.Core][]*guarantee)},
		preimages:  preimages{byKey: make(map[preimageKey]*preimage)},
		judgments:  judgments{byReport: make(map[protocol.Hash]*judged), culprits: make(map[culpritKey]culprit)},
		shunned:    make(map[protocol.Hash]bool),
	}
	o.Chain.Watch(chain.Events{
		Best:      func(_, best *chain.Block) { p.assurances.prune(o.Chain, best) },
		Finalized: p.finalized,
	})
	return p
}

func (p *Pool) finalized(b *chain.Block) {
	p.preimages.prune(p.opts.Chain.Best().State)
	p.judgments.prune(b.State)
	if disputes, err := b.State.Disputes(); err == nil {
		maps.DeleteFunc(p.shunned, func(h protocol.Hash, _ bool) bool { return has(disputes.Bad, h) || has(disputes.Wonky, h) })
	}
}

// now is the slot for which a block would be authored at the earliest.
func (p *Pool) now() protocol.Slot {
	return max(p.opts.Slots.At(p.opts.Loop.Now()), p.opts.Chain.Best().Slot+1)
}

// check runs a check beside the loop, and then what is to be done with its result on the loop.
func (p *Pool) check(check func() error, then func(error)) {
	if p.checking >= maxChecking {
		p.opts.Loop.Post(func() { then(ErrBusy) })
		return
	}
	p.checking++
	p.opts.Loop.Go(checkQueue, func() func() {
		err := check()
		return func() {
			p.checking--
			then(err)
		}
	})
}

// tell makes done callable.
func tell(done func(error)) func(error) {
	if done == nil {
		return func(error) {}
	}
	return done
}
