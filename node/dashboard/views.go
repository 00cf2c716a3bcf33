package dashboard

import (
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/quic"
	"damson/node"
	"damson/node/chain"
	"damson/node/gossip"
	"damson/node/host"
	"damson/node/pool"
	"damson/state/store"
)

// text is a hash that JSON shows in hexadecimal.
type text protocol.Hash

// MarshalText implements encoding.TextMarshaler.
func (h text) MarshalText() ([]byte, error) { return []byte(protocol.Hash(h).String()), nil }

// view makes what a part of the page shows.
type view func(r *Record, h *host.Host, f *facts) (any, error)

// views are all there are. They are made beside the loop, from what a visit to it brings back.
var views = map[string]view{
	"head": head, "chain": chainView, "cores": coresView, "validators": validatorsView, "services": servicesView,
	"network": networkView, "engine": engineView, "logs": logsView,
}

// tip is a block at the head of the chain.
type tip struct {
	Hash   text          `json:"hash"`
	Slot   protocol.Slot `json:"slot"`
	Height uint64        `json:"height"`
	Root   text          `json:"state_root"`
}

func tipOf(b *chain.Block) tip { return tip{text(b.Hash), b.Slot, b.Height, text(b.StateRoot)} }

// headView is what the page always shows.
type headView struct {
	Name      string        `json:"name"`
	Peer      string        `json:"peer"`
	Validator bool          `json:"validator"`
	SlotMs    float64       `json:"slot_ms"`
	EraMs     float64       `json:"era_ms"`
	Slot      protocol.Slot `json:"slot"`
	Best      tip           `json:"best"`
	Final     tip           `json:"finalized"`
	Peers     int           `json:"peers"`
	Leaves    int           `json:"leaves"`
	Round     uint64        `json:"round"`
	Tickets   int           `json:"tickets"`
	Syncing   bool          `json:"syncing"`
	Broken    string        `json:"broken,omitempty"`
	Counts    counts        `json:"counts"`
	Pool      pool.Sizes    `json:"pool"`
	Limits    limits        `json:"limits"`
}

type counts struct {
	Imported      uint64 `json:"imported"`
	Authored      uint64 `json:"authored"`
	Finalized     uint64 `json:"finalized"`
	Refused       uint64 `json:"refused"`
	Equivocations uint64 `json:"equivocations"`
	Reorgs        uint64 `json:"reorgs"`
	Tickets       uint64 `json:"tickets"`
	Guaranteed    uint64 `json:"guaranteed"`
	Assurances    uint64 `json:"assurances"`
	Judgments     uint64 `json:"judgments"`
	Waiting       int    `json:"packages_waiting"`
	Shelf         int64  `json:"shelf_octets"`
}

// limits are those parameters of the chain that the page needs.
type limits struct {
	Validators  int           `json:"validators"`
	Cores       int           `json:"cores"`
	EpochLength protocol.Slot `json:"epoch_length"`
	Rotation    protocol.Slot `json:"rotation"`
	Timeout     protocol.Slot `json:"availability_timeout"`
	CoreGas     protocol.Gas  `json:"accumulation_gas"`
}

func head(r *Record, h *host.Host, f *facts) (any, error) {
	v := &headView{
		Name: r.name, Peer: f.self.PeerName(), Validator: f.validator, SlotMs: f.slotMs, EraMs: f.eraMs,
		Limits: limits{
			f.params.Validators, f.params.Cores, f.params.EpochLength, f.params.RotationPeriod, f.params.AvailabilityTimeout,
			f.params.BlockGas,
		},
	}
	ok := h.Do(func(n *node.Node) {
		s := n.Status()
		v.Slot, v.Best, v.Final = s.Slot, tipOf(s.Best), tipOf(s.Finalized)
		v.Peers, v.Leaves, v.Round, v.Tickets, v.Syncing = s.Peers, s.Leaves, s.Round, s.Tickets, s.Syncing
		v.Counts = counts{
			s.Imported, s.Authored, s.Counts.Finalized, s.Refused, s.Equivocations, s.Reorgs, s.Counts.Tickets,
			s.Work.Guaranteed, s.Work.Assurances, s.Work.Audits.Valid + s.Work.Audits.Invalid, s.Work.Waiting, s.Work.Shelf,
		}
		v.Pool = n.Pool.Sizes()
	})
	if !ok {
		return nil, errGone
	}
	if err := h.Err(); err != nil {
		v.Broken = err.Error()
	}
	return v, nil
}

// best asks the loop for the best block, whose state is then read beside it: states do not change.
func best(h *host.Host, more func(*node.Node)) (b *chain.Block, err error) {
	if !h.Do(func(n *node.Node) {
		b = n.Chain.Best()
		if more != nil {
			more(n)
		}
	}) {
		return nil, errGone
	}
	return b, nil
}

// shownBlock is a block of the tree.
type shownBlock struct {
	Hash       text               `json:"hash"`
	Parent     text               `json:"parent"`
	Root       text               `json:"state_root"`
	Slot       protocol.Slot      `json:"slot"`
	Height     uint64             `json:"height"`
	Author     protocol.Validator `json:"author"`
	Own        bool               `json:"own"`
	Ticketed   bool               `json:"ticketed"`
	Best       bool               `json:"best"`
	Final      bool               `json:"final"`
	DelayMs    float64            `json:"delay_ms"`
	FinalMs    float64            `json:"final_ms"`
	ImportMs   float64            `json:"import_ms"`
	Octets     int                `json:"octets"`
	Extrinsics extrinsicCounts    `json:"extrinsics"`
}

// epoch is where the chain is in its epoch, and who seals it.
type epoch struct {
	Index    uint32               `json:"index"`
	Slot     protocol.Slot        `json:"slot"` // of the best block, in the epoch
	Tickets  bool                 `json:"tickets"`
	Contest  int                  `json:"contest"`  // tickets so far for the next
	Schedule []protocol.Validator `json:"schedule"` // in fallback mode: by slot
}

func chainView(r *Record, h *host.Host, f *facts) (any, error) {
	var final protocol.Slot
	b, err := best(h, func(n *node.Node) { final = n.Chain.Finalized().Slot })
	if err != nil {
		return nil, err
	}
	gamma, err := b.State.Safrole()
	if err != nil {
		return nil, err
	}
	active, err := b.State.Active()
	if err != nil {
		return nil, err
	}
	e := epoch{Tickets: gamma.SealKeys.Keys == nil, Contest: len(gamma.Accumulator)}
	e.Index, e.Slot = f.params.Epoch(b.Slot)
	index := make(map[protocol.BandersnatchKey]protocol.Validator, len(active))
	for i := range active {
		index[active[i].Bandersnatch] = protocol.Validator(i)
	}
	for _, key := range gamma.SealKeys.Keys {
		e.Schedule = append(e.Schedule, index[key])
	}
	return struct {
		Blocks []shownBlock `json:"blocks"`
		Epoch  epoch        `json:"epoch"`
	}{r.tree(b.Hash, final), e}, nil
}

// shown is how many blocks the page has at a time.
const shown = 96

// tree gives the last blocks, the oldest first, and says which are on the best chain.
func (r *Record) tree(best protocol.Hash, final protocol.Slot) []shownBlock {
	r.mu.Lock()
	notes := slices.Clone(r.blocks[max(0, len(r.blocks)-shown):])
	out := make([]shownBlock, len(notes))
	for i := range notes {
		n := &notes[i]
		out[i] = shownBlock{
			Hash: text(n.hash), Parent: text(n.parent), Root: text(n.root), Slot: n.slot, Height: n.height, Author: n.author, Own: n.own,
			Ticketed: n.ticketed, DelayMs: millis(n.delay), FinalMs: millis(n.finalAfter),
		}
		if n.run != nil {
			out[i].ImportMs, out[i].Octets, out[i].Extrinsics = millis(n.run.total()), n.run.octets, n.run.counts
		}
	}
	r.mu.Unlock()
	for i := len(out) - 1; i >= 0; i-- {
		if protocol.Hash(out[i].Hash) == best {
			out[i].Best, out[i].Final = true, out[i].Slot <= final
			best = protocol.Hash(out[i].Parent)
		}
	}
	return out
}

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// total is how long a block kept its importer busy. What is made ready beside it is not of it.
func (x *runNote) total() (sum time.Duration) {
	for i, d := range x.stages {
		if stageNames[i] != "warm" {
			sum += d
		}
	}
	return sum
}

// shownPeer is the other end of a connection.
type shownPeer struct {
	Peer      string  `json:"peer"`
	Address   string  `json:"address"`
	Index     int     `json:"index"` // among the active validators; -1: none of them
	Initiator bool    `json:"initiator"`
	Builder   bool    `json:"builder"`
	Neighbour bool    `json:"neighbour"`
	Sent      uint64  `json:"sent"`
	Received  uint64  `json:"received"`
	Lost      uint64  `json:"lost"`
	RTTMs     float64 `json:"rtt_ms"`
	SinceMs   int64   `json:"since_ms"`
}

func networkView(_ *Record, h *host.Host, f *facts) (any, error) {
	var sets *gossip.Sets
	if !h.Do(func(n *node.Node) { sets = n.Gossip.Sets() }) {
		return nil, errGone
	}
	self := -1
	if at, ok := sets.Index(f.self, gossip.Current); ok {
		self = int(at)
	}
	peers := []shownPeer{}
	for _, t := range h.Traffic() {
		peers = append(peers, peerOf(sets, f.self, &t))
	}
	return struct {
		Peer    string      `json:"peer"`
		Address string      `json:"address"`
		Self    int         `json:"self"`
		Peers   []shownPeer `json:"peers"`
	}{f.self.PeerName(), h.Address.String(), self, peers}, nil
}

func peerOf(sets *gossip.Sets, self protocol.Ed25519Key, t *quic.Traffic) shownPeer {
	p := shownPeer{
		Peer: t.ID.PeerName(), Address: t.Address.String(), Index: -1, Initiator: t.Initiator, Builder: t.Builder,
		Neighbour: sets.Neighbours(self, t.ID), Sent: t.Sent, Received: t.Received, Lost: t.Lost, RTTMs: millis(t.RTT),
		SinceMs: t.Since.UnixMilli(),
	}
	if at, ok := sets.Index(t.ID, gossip.Current); ok {
		p.Index = int(at)
	}
	return p
}

// shownRun is how the execution of a block went.
type shownRun struct {
	Hash    text          `json:"hash"`
	Slot    protocol.Slot `json:"slot"`
	Octets  int           `json:"octets"`
	Stages  []float64     `json:"stages_ms"`
	Gas     protocol.Gas  `json:"accumulation_gas"`
	Refined protocol.Gas  `json:"refinement_gas"`
}

func engineView(r *Record, h *host.Host, _ *facts) (any, error) {
	var sizes store.Sizes
	if !h.Do(func(n *node.Node) { sizes = n.Store.Sizes() }) {
		return nil, errGone
	}
	runs := []shownRun{}
	r.mu.Lock()
	for _, x := range r.runs {
		s := shownRun{Hash: text(x.hash), Slot: x.slot, Octets: x.octets, Gas: x.gas, Refined: x.refined}
		for _, d := range x.stages {
			s.Stages = append(s.Stages, millis(d))
		}
		runs = append(runs, s)
	}
	r.mu.Unlock()
	v := struct {
		Stages   []string   `json:"stages"`
		Runs     []shownRun `json:"runs"`
		Programs *Programs  `json:"programs"` // null: the engine does not compile
		Store    struct {
			Disk   uint64 `json:"disk_octets"`
			Cached int64  `json:"cached_octets"`
			Pages  int64  `json:"pages_octets"`
			Hits   int64  `json:"hits"`
			Misses int64  `json:"misses"`
		} `json:"store"`
	}{Stages: stageNames, Runs: runs}
	if r.server.opts.Programs != nil {
		v.Programs = r.server.opts.Programs()
	}
	v.Store.Disk, v.Store.Cached, v.Store.Pages = sizes.Disk, sizes.Cached, sizes.Pages
	v.Store.Hits, v.Store.Misses = sizes.Hits, sizes.Misses
	return v, nil
}

func logsView(r *Record, _ *host.Host, _ *facts) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := append([]line{}, r.lines...)
	return struct {
		Lines []line `json:"lines"`
		Total uint64 `json:"total"`
	}{lines, r.nextLine}, nil
}
