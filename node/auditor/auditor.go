// Package auditor audits reports, as all validators do: GP §17.
//
// Of each unfinalized block it learns which reports became available (look.go), draws by a VRF which of them to audit and says
// so in tranches (select.go, tranche.go), and hears what others draw, with evidence (hear.go). It does the work of a report again
// and judges it (work.go), and takes in the judgments of others (judgments.go). From announcements and judgments follows
// whether a block is audited, so that it may be voted for, or is bad, so that nobody builds on it (outcome.go). All of it
// belongs to the goroutine of the node's loop.
package auditor

import (
	"log/slog"
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/pool"
	"damson/state"
	"damson/state/claim"
	"damson/state/store"
	"damson/state/workreport"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params   *protocol.Params
	Chain    *chain.Chain // its Options.Audited asks Auditor.Audited
	Store    *store.Store // has the blocks, and notes of what was judged
	Pool     *pool.Pool   // makes verdicts of judgments
	Network  jamnp.Network
	Loop     loop.Loop
	Slots    loop.Slots
	Verifier *claim.Verifier
	Key      *keys.Validator // who judges
	Log      *slog.Logger    // nil: nobody wants to know

	// Bundle gets the bundle of a report for an auditor, which belongs to its package with all that the package commits to. An
	// error that wraps protocol.Invalid means that no such bundle was encoded. See availability.Keeper.
	Bundle func(r *block.Report, done func(*bundle.Bundle, error))
	// Compute is Ξ. It runs beside the loop. See workreport.Computer.
	Compute func(*workreport.Input) (*workreport.Output, error)

	Workers int // reports that are worked at at once; 0 means 2

	Events  Events
	Mistake Mistake
}

// Events are functions that are called on the loop; those that are nil are left out.
type Events struct {
	Announced func(block protocol.Hash, tranche uint8, list []jamnp.AuditedReport) // by us
	Judged    func(report protocol.Hash, valid bool)                               // by us
	Against   func(report protocol.Hash, judge protocol.Ed25519Key)                // a negative judgment, by whomever
	Audited   func(*chain.Block, bool)                                             // a block is audited now, or is not any more
	Condemned func(*chain.Block)
}

// Mistake is made on purpose, by simulations that must notice it, or that need somebody who makes it.
type Mistake uint8

// The mistakes that an auditor can be told to make.
const (
	NoMistake       Mistake = iota
	VoteUnaudited           // every block counts as audited
	IgnoreNegatives         // negative judgments do not count
	SkipTranches            // nobody steps in for those who did not show up
	AnyEvidence             // announcements are believed without evidence
	JudgeUnseen             // reports are called valid without a look
	NoShow                  // audits are announced and not done
	JudgeFalsely            // reports are called invalid without a look
	JudgeTwice              // a report is called valid and invalid
	ForgetJudgments         // what was judged is not known after a restart
	NotCondemned            // blocks with bad reports are built on
	NotEscalated            // a negative judgment moves us to nothing
	NobodyAccused           // who guaranteed a bad report is not named
)

// Counts is what has been done since the start.
type Counts struct {
	Announced uint64 // reports that we said we would audit
	Valid     uint64 // judgments of ours
	Invalid   uint64
	Against   uint64 // negative judgments seen
	NoShows   uint64 // in whose place we stepped
	Condemned uint64 // blocks
	Refused   uint64 // messages of others that break a rule
}

// Auditor does the duty.
type Auditor struct {
	Options
	log    *slog.Logger
	self   protocol.Ed25519Key
	counts Counts

	audits   map[protocol.Hash]*audit // of unfinalized blocks
	order    []*audit                 // the same, as they came
	reports  map[protocol.Hash]*report
	sets     map[uint32]state.Validators // by epoch, of those audits
	own      map[protocol.Hash]ownJudgment
	bad      map[protocol.Hash]uint32 // reports that more than a third call invalid, by the epoch of those
	promised map[promise]promised     // what we announced before the start
	strays   map[protocol.Ed25519Key]int

	queue   []*report // to be worked at
	running int
	early   []early
	waiting []*heardJudgment // to be verified
	busy    bool             // some are being verified
	due     bool             // Reconsider was posted
	stopped bool
}

// Queues of the loop. The work of noteQueue ends with a note on disk.
const (
	noteQueue   = "auditor"
	lookQueue   = "auditor/look"
	drawQueue   = "auditor/draw"
	verifyQueue = "auditor/verify"
)

// Bounds, and what is waited for, for slots of six seconds.
const (
	trancheTime = protocol.AuditTrancheSeconds * time.Second
	requestTime = 4 * time.Second
	leastTime   = time.Second // of any request, however short slots are
	retryTime   = time.Second
	maxRetries  = 4    // after which the time between two tries gets no longer
	maxTells    = 10   // tries to say something: a connection may last through more than a minute in which nothing passes
	keepSlots   = 32   // for which a report is kept after its block became final
	maxEarly    = 1024 // messages that wait for a block
	maxEarlyOf  = 64   // of one peer
	maxStrays   = 64   // reports that nobody but one validator names
	maxWaiting  = 1 << 14
	maxBatch    = 256
	unasked     = 3 // tranche in which a report is audited of which nobody says that he will
)

// Points by which a peer's score is lowered.
const (
	blameMalformed = 10 // for a stream that breaks a rule
	blameFalse     = 25 // for a signature or evidence that is not one
)

// New makes an auditor of what stands in the chain. It sends nothing before Start.
func New(o Options) (*Auditor, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	a := &Auditor{
		Options: o, log: o.Log, self: o.Key.Ed25519.Public(),
		audits: make(map[protocol.Hash]*audit), reports: make(map[protocol.Hash]*report),
		sets: make(map[uint32]state.Validators), own: make(map[protocol.Hash]ownJudgment),
		bad: make(map[protocol.Hash]uint32), strays: make(map[protocol.Ed25519Key]int),
	}
	if err := a.recall(); err != nil {
		return nil, err
	}
	for hash := range a.bad {
		a.Pool.Shun(hash)
	}
	return a, nil
}

// Start begins the duty: of what stands in the chain already, too.
func (a *Auditor) Start() {
	for open := slices.Clone(a.Chain.Children(a.Chain.Finalized())); len(open) > 0; open = open[1:] {
		a.follow(open[0])
		open = append(open, a.Chain.Children(open[0])...)
	}
	a.Chain.Watch(chain.Events{Imported: a.imported, Finalized: a.finalized})
}

// Stop ends the duty.
func (a *Auditor) Stop() {
	a.stopped = true
	for _, x := range a.order {
		x.rest()
	}
}

// Counts tells what has been done.
func (a *Auditor) Counts() Counts { return a.counts }

// Known tells of how many reports something is kept.
func (a *Auditor) Known() int { return len(a.reports) }

// Audited says whether a block is audited: U of GP §17.
func (a *Auditor) Audited(b *chain.Block) bool {
	if a.Mistake == VoteUnaudited {
		return true
	}
	x := a.audits[b.Hash]
	return x != nil && x.audited
}

// Connected sends a peer what it may have missed of what we said about blocks that are not final yet.
func (a *Auditor) Connected(p jamnp.Peer) {
	for _, x := range a.order {
		if !x.concerns(p.ID) {
			continue
		}
		for _, m := range x.announced {
			a.tell(p.ID, jamnp.AuditAnnouncement, m, 0)
		}
		for _, it := range x.items {
			if own, ok := a.own[it.Report]; ok {
				a.tell(p.ID, jamnp.JudgmentPublication, a.judgmentMessages(it.report, own), 0)
			}
		}
	}
}

// tell sends somebody messages, again and again for a while if he does not take them.
func (a *Auditor) tell(to protocol.Ed25519Key, kind jamnp.Kind, messages [][]byte, tries int) {
	if messages == nil || a.stopped || to == a.self || to == (protocol.Ed25519Key{}) {
		return
	}
	a.Network.Request(to, kind, messages, 0, a.patience(), func(_ [][]byte, err error) {
		if err == nil || tries+1 >= maxTells || a.stopped {
			return
		}
		a.Loop.After(a.Slots.Scale(retryTime)<<min(tries, maxRetries), func() { a.tell(to, kind, messages, tries+1) })
	})
}

func (a *Auditor) patience() time.Duration { return max(a.Slots.Scale(requestTime), leastTime) }

// imported begins the audit of a block, and looks again at what came before it.
func (a *Auditor) imported(b *chain.Block) {
	a.follow(b)
	a.offerAll()
}

// finalized ends the audits of blocks that cannot be voted for any more, and forgets reports that have become old.
func (a *Auditor) finalized(b *chain.Block) {
	a.order = slices.DeleteFunc(a.order, func(x *audit) bool {
		over := x.block == b || a.Chain.Block(x.block.Hash) != x.block
		if over {
			x.rest()
			delete(a.audits, x.block.Hash)
		}
		return over
	})
	now := a.Slots.At(a.Loop.Now())
	used := make(map[protocol.Hash]bool)
	for _, x := range a.order {
		for _, it := range x.items {
			used[it.Report] = true
		}
	}
	for hash, r := range a.reports {
		if !used[hash] && r.seen+keepSlots < now {
			a.drop(r)
		}
	}
	epoch, _ := a.Params.Epoch(b.Slot)
	a.prune(epoch)
}

func (a *Auditor) drop(r *report) {
	delete(a.reports, r.hash)
	a.settle(r)
	a.queue = slices.DeleteFunc(a.queue, func(other *report) bool { return other == r })
}

// indexOf finds a key among validators.
func indexOf(set state.Validators, key protocol.Ed25519Key) (protocol.Validator, bool) {
	if key == (protocol.Ed25519Key{}) {
		return 0, false
	}
	at := slices.IndexFunc(set, func(k state.ValidatorKeys) bool { return k.Ed25519 == key })
	return protocol.Validator(max(at, 0)), at >= 0
}
