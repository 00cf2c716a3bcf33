// Package finality is the node's GRANDPA voter: GP §19, and the paper that it cites.
//
// Voters of a [Set] go through rounds. In each they vote twice for a block together with its posterior state root: by a
// prevote for the best chain, and by a precommit for what two thirds prevoted. What two thirds precommit is final.
// tally.go counts votes, round.go decides when to vote for what, cast.go keeps a vote on disk before it leaves, spread.go and
// receive.go exchange votes, commit.go, catchup.go and warp.go bring along who is behind.
//
// A voter is a state machine on the node's loop. It draws the same conclusions from the same events in the same order.
package finality

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/loop"
)

// Block is what a voter knows of a block.
type Block struct {
	Hash, Parent protocol.Hash
	Slot         protocol.Slot
	StateRoot    protocol.Hash // posterior
}

func (b *Block) ballot() jamnp.Ballot {
	return jamnp.Ballot{Header: b.Hash, StateRoot: b.StateRoot, Slot: b.Slot}
}

// Chain is what a voter asks of the node's chain. OnChain makes one of a chain.Chain.
type Chain interface {
	// Best gives the block to vote for: GP §19.
	Best() Block
	// Finalized gives the finalized block.
	Finalized() Block
	// Block gives the finalized block or a known descendant of it.
	Block(hash protocol.Hash) (Block, bool)
	// Finalize makes a descendant of the finalized block final.
	Finalize(hash protocol.Hash) error
	// Active gives the Ed25519 keys of κ′ after the finalized block.
	Active() ([]protocol.Ed25519Key, error)
	// Header gives the encoded header of the finalized block or a known descendant of it; nil if it has none.
	Header(hash protocol.Hash) []byte
	// Watch asks to be told whenever a block was imported, or another one is best or finalized.
	Watch(changed func())
}

// Notes keeps small facts on disk: state/store does.
type Notes interface {
	SetNote(name string, value []byte) error
	Note(name string) ([]byte, bool, error)
}

// Key is a validator's secret for votes.
type Key struct {
	Public protocol.Ed25519Key
	Sign   func(message []byte) protocol.Ed25519Signature
}

// Claim is a signature to be verified.
type Claim struct {
	Set       *Set
	Voter     int // in the set
	Message   []byte
	Signature protocol.Ed25519Signature
}

// Evidence is two votes of one voter that cannot both be honest.
type Evidence struct {
	Round         uint64
	Set           uint32
	Type          jamnp.BallotType
	First, Second jamnp.SignedBallot
}

// Events are functions that are called on the loop; those that are nil are left out.
type Events struct {
	Finalized   func(c *jamnp.Commit) // by this commit, after the chain knows
	Equivocated func(e Evidence)      // once for each voter, round and type
	Diverged    func(c *jamnp.Commit) // others made a block final with another posterior state root than ours
	Behind      func(c *jamnp.Commit) // the block that others have made final by this verified commit is not here
}

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params  *protocol.Params
	Chain   Chain
	Notes   Notes
	Network jamnp.Network
	Loop    loop.Loop
	Slots   loop.Slots
	Rand    *rand.Rand
	Log     *slog.Logger // nil: nobody wants to know
	Key     *Key         // nil: follow finality and do not vote
	Events  Events

	// Request asks for a block that a vote or commit of a peer names, and that this node does not have; optional.
	Request func(hash protocol.Hash, slot protocol.Slot, from jamnp.PeerID)

	// Verify gives the indices of bad signatures; nil means the real thing. It is for simulations of many nodes.
	Verify func(claims []Claim) (bad []int)

	Mistake Mistake
}

// Mistake is made on purpose, by simulations that must notice it.
type Mistake uint8

// The mistakes that a voter can be told to make.
const (
	NoMistake      Mistake = iota
	TooFewVotes            // 2f votes make a supermajority
	ForgetVotes            // what was voted is not known after a restart
	AnyStateRoot           // votes for one header count together whatever the state root
	IgnoreEstimate         // prevotes are for the best block, even if an earlier round may have finalized another one
	IgnoreVotes            // the votes of others do not count
)

// gossipTime is T: within so much time, for slots of six seconds, what one voter sends reaches all others.
const gossipTime = time.Second

// Voter takes part in GRANDPA, or follows it.
type Voter struct {
	Options
	log *slog.Logger
	t   time.Duration // T

	set     *Set
	self    int // in the set; -1 for others
	tree    *tree
	rounds  []*round // those under way, ascending; the last one is the one to vote in
	ahead   *round   // votes of the next round that came early; may be nil
	promise promise  // what was voted last
	casting bool     // a vote is on its way to disk
	mute    bool     // a vote could not be kept: none may be cast any more
	due     bool     // evaluate was posted
	blocks  int      // how often blocks came or went

	finalizing *node // its justification is on its way to disk
	held       []heldCommit
	recent     [recentCommits]*jamnp.Commit
	recentNext int
	latest     *jamnp.Commit // of the finalized block
	asked      map[protocol.Hash]time.Time

	peers   map[jamnp.PeerID]*peer
	outbox  []outgoing
	flushes bool // flush was asked for
	stalled int  // how often in turn nothing has happened
	catchUp bool // one is under way
	warping bool // one is under way

	steps     jamnp.WarpSteps // how the set of now and later ones ended, as a peer says
	stepsFrom jamnp.PeerID
	stepsMore bool // the peer may have more

	turn int // whose turn it is to be asked
}

// New makes a voter, which goes on where the one before it stopped. Start makes it begin.
func New(o Options) (*Voter, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Verify == nil {
		o.Verify = verifyBatch
	}
	if o.Request == nil {
		o.Request = func(protocol.Hash, protocol.Slot, jamnp.PeerID) {}
	}
	v := &Voter{
		Options: o, log: o.Log, t: o.Slots.Scale(gossipTime), self: -1,
		asked: make(map[protocol.Hash]time.Time), peers: make(map[jamnp.PeerID]*peer),
	}
	if err := v.recall(); err != nil {
		return nil, err
	}
	if err := v.enterSet(); err != nil {
		return nil, err
	}
	return v, nil
}

// Start begins to vote.
func (v *Voter) Start() {
	v.Chain.Watch(func() {
		v.blocks++
		v.wake()
	})
	for _, p := range v.Network.Peers() {
		v.Connected(p)
	}
	v.begin()
	if c := v.latest; c != nil && c.Set == v.set.ID && c.Target.Slot > v.Chain.Finalized().Slot {
		v.held = append(v.held, heldCommit{c, jamnp.PeerID{}}) // the chain did not get that far before it was stopped
	}
	v.Loop.After(v.t*stallTimes, v.tick)
}

// Set gives the voters of now.
func (v *Voter) Set() *Set { return v.set }

// Round gives the round in which this node votes; 0 if it does not.
func (v *Voter) Round() uint64 {
	if r := v.current(); r != nil {
		return r.number
	}
	return 0
}

func (v *Voter) epoch(slot protocol.Slot) uint32 { return uint32(slot / v.Params.EpochLength) }

// errNotThere is a block that the chain cut off in the meantime.
var errNotThere = errors.New("finality: the block is not in the chain")

// errNoVoters is a chain that can never finalize anything more.
var errNoVoters = errors.New("finality: no active validator has a key")

// enterSet begins to follow the set that the finalized block gives.
func (v *Voter) enterSet() error {
	final := v.Chain.Finalized()
	active, err := v.Chain.Active()
	if err != nil {
		return fmt.Errorf("finality: the active validators after %s: %w", final.Hash, err)
	}
	v.set = NewSet(v.epoch(final.Slot), active)
	if len(v.set.Voters) == 0 {
		return errNoVoters
	}
	v.self = -1
	if v.Key != nil {
		v.self = v.set.Index(v.Key.Public)
	}
	v.tree = newTree(v.Chain, final, v.epoch)
	v.rounds, v.ahead, v.outbox = nil, nil, nil
	v.held = slices.DeleteFunc(v.held, func(c heldCommit) bool { return c.Set < v.set.ID })
	clear(v.asked)
	return nil
}

// begin starts the first round of a set, or goes on in the one in which this node voted last.
func (v *Voter) begin() {
	v.log.Debug("voters", "set", v.set.ID, "of", len(v.set.Voters), "self", v.self)
	if v.self < 0 {
		return
	}
	if p := &v.promise; p.set == v.set.ID && p.round > 0 {
		v.restore(p.round - 1)
		r := v.startRound(p.round, p.estimate, p.ghost)
		v.restore(p.round)
		for _, t := range castOrder {
			if b := p.ballots[t]; b != nil {
				r.own[t] = b
				v.emit(r, t, b)
			}
		}
		return
	}
	base := v.tree.root.Ballot
	v.startRound(1, base, base)
}

// wake evaluates what is known soon, once for all that happens until then.
func (v *Voter) wake() {
	if !v.due {
		v.due = true
		v.Loop.Post(func() {
			v.due = false
			v.evaluate()
		})
	}
}

// evaluate draws all conclusions from what is known.
func (v *Voter) evaluate() {
	if !v.followChain() {
		return
	}
	v.retryHeld()
	for _, r := range v.rounds {
		v.conclude(r)
	}
	for v.step() {
	}
}

// followChain takes notice of the finalized block, and of the set if it is another one.
func (v *Voter) followChain() bool {
	final := v.Chain.Finalized()
	if v.finalizing != nil && v.finalizing.Slot <= final.Slot {
		v.finalizing = nil
	}
	jumped := v.tree.find(final.Hash) == nil
	if v.epoch(final.Slot) == v.set.ID && !jumped {
		return true
	}
	if err := v.enterSet(); err != nil {
		v.log.Error("finality stops", "error", err)
		v.rounds, v.self = nil, -1
		return false
	}
	v.begin()
	v.tellState(false)
	v.followSteps()
	return true
}

func (v *Voter) current() *round {
	if len(v.rounds) == 0 {
		return nil
	}
	return v.rounds[len(v.rounds)-1]
}

func (v *Voter) roundOf(number uint64) *round {
	for _, r := range v.rounds {
		if r.number == number {
			return r
		}
	}
	return nil
}
