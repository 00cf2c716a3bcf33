// Package gossip keeps a node's chain together with that of its peers: it announces blocks and hears of them (UP 0), fetches
// those that it does not know and gives others theirs (CE 128), gives and takes states (CE 129), and connects the node with
// whom it should be connected. JAMNP-S has all of it; what is valid and what is best is for node/chain to say.
//
// connect.go decides about connections and grid.go about neighbours, announce.go exchanges announcements, fetch.go gets single
// blocks and sync.go many, serve.go and serve_state.go answer, and warp.go gets a state in place of a chain's blocks.
//
// Whatever a peer sends may be wrong, and is only believed as far as the chain or a proof bears it out. What a peer can make the
// node remember or do is bounded for each of them.
package gossip

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/loop"
	"damson/state"
	"damson/state/store"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params    *protocol.Params
	Chain     *chain.Chain
	Store     *store.Store
	Network   jamnp.Network
	Loop      loop.Loop
	Slots     loop.Slots
	Rand      *rand.Rand
	Log       *slog.Logger // nil: nobody wants to know
	Self      jamnp.PeerID
	Bootnodes []Address // to be connected with always; optional
	Outbound  int       // to how many validators a node connects that is none itself, besides; 0 means 8
	Events    Events
}

// Address is where a node is.
type Address struct {
	ID jamnp.PeerID
	At netip.AddrPort
}

// Events are functions that are called on the loop; those that are nil are left out.
type Events struct {
	// Connected tells that connections are now those that the sets of an epoch ask for: ticket distribution counts from here.
	Connected func(epoch uint32, sets *Sets)
	// Progress tells how catching up goes on, and that it is done: At is Target then.
	Progress func(p Progress)
	// Early tells that a peer has a block of a slot that has not begun here: one of the two clocks is wrong.
	Early func(id jamnp.PeerID, slot protocol.Slot)
}

// Progress is how far a node has come.
type Progress struct {
	At, Target protocol.Slot // of the last block imported, and of the latest that peers have
	Blocks     int           // imported since it began
	Peers      int           // asked
	Since      time.Time
}

// Gossip is the duty. It is a jamnp.Handler for its kinds of streams. All its methods are for the loop's goroutine.
type Gossip struct {
	Options
	log *slog.Logger

	sets *Sets
	due  uint32 // the epoch whose changes wait for their time

	peers map[jamnp.PeerID]*peer
	order []*peer // by ID

	announced jamnp.Announcement // what was decoded last
	fresh     []*chain.Block     // imported, to be announced
	flushing  bool
	wants     map[protocol.Hash]*want
	fetched   int // octets of blocks that wait for their ancestors to come
	sync      *syncing
	lost      bool // nobody gives what follows
	serving   int
}

// peer is what the node knows of a connected one.
type peer struct {
	jamnp.Peer
	opened  bool        // our handshake is on its way
	head    jamnp.Final // its latest block, as it says
	final   jamnp.Final
	knows   map[protocol.Hash]protocol.Slot // blocks it announced
	asked   int                             // our requests that are open
	wants   int                             // blocks that we want because of it alone
	serving int                             // its requests that are open
}

// Bounds of what one peer can cause, and of all.
const (
	maxKnown       = 512  // blocks that a peer is known to have
	maxAsked       = 4    // requests to one peer at a time
	maxServed      = 8    // requests of one peer at a time
	maxServedAll   = 64   // requests at a time
	maxWantsOf     = 64   // blocks wanted for one peer's word
	maxWants       = 1024 // blocks wanted
	maxSources     = 8    // peers to ask for a block
	maxLeavesTaken = 16   // leaves of a handshake that are looked at
	futureSlots    = 2    // how far a peer's clock may be ahead
)

// Points of blame. With a hundred a peer is left.
const (
	blameMalformed = 34
	blameBadBlock  = 50
	blameUnasked   = 20 // an answer to something else
	blameSilent    = 1  // no answer: the network may be to blame
)

// requestTime is how long a peer has for an answer, at slots of six seconds; on faster chains never less than minRequestTime,
// because networks are not faster there.
const (
	requestTime    = 8 * time.Second
	minRequestTime = time.Second
)

// New makes the duty and watches the chain. Start begins it.
func New(o Options) *Gossip {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Outbound == 0 {
		o.Outbound = 8
	}
	g := &Gossip{
		Options: o, log: o.Log, peers: make(map[jamnp.PeerID]*peer), wants: make(map[protocol.Hash]*want), sets: &Sets{},
	}
	g.Chain.Watch(chain.Events{Imported: g.imported, Finalized: g.finalized})
	return g
}

// Start connects the node.
func (g *Gossip) Start() error {
	for _, b := range g.Bootnodes {
		if b.ID != g.Self {
			g.Network.Connect(b.ID, b.At)
		}
	}
	if err := g.connect(); err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	g.tick()
	return nil
}

// tick looks, once a slot, whether the node has fallen behind.
func (g *Gossip) tick() {
	g.Loop.After(g.Slots.Duration, g.tick)
	g.catchUp()
}

var _ jamnp.Handler = (*Gossip)(nil)

// Connected implements jamnp.Handler.
func (g *Gossip) Connected(p jamnp.Peer) {
	if g.peers[p.ID] != nil {
		return
	}
	made := &peer{Peer: p}
	g.peers[p.ID] = made
	at, _ := g.find(p.ID)
	g.order = slices.Insert(g.order, at, made)
	if p.Initiator && g.sets.Announces(g.Self, p.ID) {
		g.Network.Open(p.ID, jamnp.BlockAnnouncement)
	}
}

// Disconnected implements jamnp.Handler.
func (g *Gossip) Disconnected(id jamnp.PeerID, _ error) {
	if at, ok := g.find(id); ok {
		g.order = slices.Delete(g.order, at, at+1)
		delete(g.peers, id)
	}
}

func (g *Gossip) find(id jamnp.PeerID) (int, bool) {
	return slices.BinarySearchFunc(g.order, id, func(p *peer, id jamnp.PeerID) int { return bytes.Compare(p.ID[:], id[:]) })
}

// Serve implements jamnp.Handler.
func (g *Gossip) Serve(x jamnp.Exchange) {
	p := g.peers[x.Peer()]
	if p == nil || p.serving >= maxServed || g.serving >= maxServedAll {
		x.Reject(jamnp.ErrBusy)
		return
	}
	p.serving++
	g.serving++
	s := &service{Gossip: g, x: x, peer: p}
	switch kind := x.Kind(); kind { //nolint:exhaustive // of the other kinds other duties take care
	case jamnp.BlockRequest:
		read(s, new(jamnp.BlocksRequest), jamnp.BlocksRequestLimit(g.Params), s.blocks)
	case jamnp.StateRequest:
		read(s, new(jamnp.StateRangeRequest), jamnp.StateRangeRequestLimit(g.Params), s.state)
	default:
		s.reject(fmt.Errorf("gossip: no streams of kind %d", kind))
	}
}

// blame lowers a peer's score, with where it went wrong.
func (g *Gossip) blame(id jamnp.PeerID, points int, where string, err error) {
	g.log.Debug("peer misbehaved", "peer", id.PeerName(), "at", where, "error", err)
	g.Network.Blame(id, points, fmt.Errorf("%s: %w", where, err))
}

// patience is how long an answer may take.
func (g *Gossip) patience() time.Duration { return max(g.Slots.Scale(requestTime), minRequestTime) }

// latest gives the latest slot that a block of a peer may have.
func (g *Gossip) latest() protocol.Slot {
	now := g.Slots.At(g.Loop.Now())
	return max(now, now+futureSlots)
}

// request asks a peer, and counts that.
func (g *Gossip) request(p *peer, kind jamnp.Kind, m jamnp.Message, limit int, done func([][]byte, error)) {
	p.asked++
	g.Network.Request(p.ID, kind, [][]byte{jamnp.Encode(m)}, limit, g.patience(), func(answer [][]byte, err error) {
		p.asked--
		done(answer, err)
	})
}

// Sets gives the validator sets by which the node is connected now.
func (g *Gossip) Sets() *Sets { return g.sets }

// sigma gives the state that connections follow.
func (g *Gossip) sigma() *state.State { return g.Chain.Finalized().State }
