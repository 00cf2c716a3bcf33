package dashboard

import (
	"net/http"
	"sync"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/chain"
	"damson/node/host"
	"damson/node/importer"
	"damson/state/invoke"
)

// How much is remembered of each kind.
const (
	maxBlocks   = 240
	maxRuns     = 120
	maxLines    = 500
	maxPackages = 160
	maxServices = 512
	maxMessage  = 1024 // octets of what a service logs at a time
)

// Record notes what happens to a node. What it is told on the loop and beside it, it only notes.
type Record struct {
	server *Server
	id     int
	name   string
	remote *http.Client // of a node in another process, of which there is nothing more here

	mu       sync.Mutex // guards all that follows, and is never held while something else is waited for
	host     *host.Host // nil: the node does not run
	facts    facts
	blocks   []blockNote // the oldest first
	running  *runNote
	runs     []*runNote // executions, the oldest first
	lines    []line
	nextLine uint64
	packages packages
	services map[protocol.ServiceID]*serviceSum
	best     protocol.Hash

	cached  map[string]*answer // by view
	changed chan struct{}      // closed when something has happened
}

// facts are what does not change while a node runs.
type facts struct {
	params    *protocol.Params
	slotMs    float64
	eraMs     float64 // when slot 0 began, Unix
	self      protocol.Ed25519Key
	validator bool
	keys      []protocol.Ed25519Key
}

// blockNote is what is remembered of a block.
type blockNote struct {
	hash, parent, root protocol.Hash
	slot               protocol.Slot
	author             protocol.Validator
	ticketed           bool
	height             uint64
	delay              time.Duration // from the beginning of its slot until it was imported
	run                *runNote      // may be nil
	own                bool
	finalAfter         time.Duration // from the beginning of its slot; 0: not final yet
}

// runNote is how the execution of a block went.
type runNote struct {
	hash    protocol.Hash
	slot    protocol.Slot
	octets  int
	counts  extrinsicCounts
	stages  []time.Duration // by importer.Stage
	refined protocol.Gas    // that the block reports
	gas     protocol.Gas    // that its accumulation used
}

// extrinsicCounts are how many of each kind a block has.
type extrinsicCounts struct {
	Tickets    int `json:"tickets"`
	Preimages  int `json:"preimages"`
	Guarantees int `json:"guarantees"`
	Assurances int `json:"assurances"`
	Disputes   int `json:"disputes"`
}

// line is what a service has logged. JIP-1.
type line struct {
	Number  uint64              `json:"n"`
	TimeMs  int64               `json:"time_ms"`
	Level   uint64              `json:"level"`
	Target  string              `json:"target"`
	Message string              `json:"message"`
	Service *protocol.ServiceID `json:"service"`
	Core    *protocol.Core      `json:"core"`
}

func newRecord(s *Server, id int, name string) *Record {
	return &Record{
		server: s, id: id, name: name, services: make(map[protocol.ServiceID]*serviceSum), cached: make(map[string]*answer),
		changed: make(chan struct{}),
	}
}

// Watch has a node noted that is about to be started.
func (r *Record) Watch(o *host.Options) {
	observe, executing, logged := o.Observe, o.Executing, o.ServiceLog
	o.Observe = func(s importer.Stage, d time.Duration) {
		if observe != nil {
			observe(s, d)
		}
		r.observe(s, d)
	}
	o.Executing = func(hash protocol.Hash, v *block.View, octets int) {
		if executing != nil {
			executing(hash, v, octets)
		}
		r.executing(hash, v, octets)
	}
	o.ServiceLog = func(e invoke.LogEvent) {
		if logged != nil {
			logged(e)
		}
		r.log(&e)
	}
}

// Follow shows a node that runs, from now on. It reports false if it has stopped.
func (r *Record) Follow(h *host.Host) bool {
	return h.Do(func(n *node.Node) {
		f := facts{
			params: n.Params, slotMs: float64(n.Slots.Duration) / float64(time.Millisecond), eraMs: float64(n.Slots.Era.UnixMicro()) / 1000,
			self: n.Self, validator: len(n.Keys) > 0,
		}
		for _, k := range n.Keys {
			f.keys = append(f.keys, k.Ed25519.Public())
		}
		n.Chain.Watch(chain.Events{
			Imported:  func(b *chain.Block) { r.imported(n, b) },
			Best:      func(_, now *chain.Block) { r.moved(n, now) },
			Finalized: func(b *chain.Block) { r.finalized(n, b) },
		})
		r.mu.Lock()
		r.host, r.facts, r.best = h, f, n.Chain.Best().Hash
		r.happened()
		r.mu.Unlock()
	})
}

// Leave shows that the node does not run any more.
func (r *Record) Leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host = nil
	r.happened()
}

// happened wakes those who wait for news. The record is locked.
func (r *Record) happened() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Record) news() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// node gives the host and what is known of it; nil if it does not run.
func (r *Record) node() (*host.Host, facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.host, r.facts
}

// executing hears that a block is decoded and about to be executed: blocks are, one after another.
func (r *Record) executing(hash protocol.Hash, v *block.View, octets int) {
	x := &v.Extrinsic
	run := &runNote{
		hash: hash, slot: v.Header.Slot, octets: octets, stages: make([]time.Duration, len(stageNames)),
		counts: extrinsicCounts{
			len(x.Tickets), len(x.Preimages), len(x.Guarantees), len(x.Assurances),
			len(x.Disputes.Verdicts) + len(x.Disputes.Culprits) + len(x.Disputes.Faults),
		},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = run
	if len(r.runs) == maxRuns {
		r.runs = r.runs[:copy(r.runs, r.runs[1:])]
	}
	r.runs = append(r.runs, run)
}

// stageNames are those of importer.Stage.
var stageNames = func() (names []string) {
	for _, s := range importer.Stages() {
		names = append(names, s.String())
	}
	return names
}()

// observe hears how long a stage took. A stage comes after the beginning of its execution, since even decoding ends after it.
func (r *Record) observe(s importer.Stage, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		r.running.stages[s] += d
	}
}

// log hears what a service logs, by many goroutines.
func (r *Record) log(e *invoke.LogEvent) {
	l := line{
		TimeMs: time.Now().UnixMilli(), Level: e.Level, Target: clip(e.Target), Message: clip(e.Message), Service: e.Service, Core: e.Core,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Number = r.nextLine
	r.nextLine++
	if len(r.lines) == maxLines {
		r.lines = r.lines[:copy(r.lines, r.lines[maxLines/10:])]
	}
	r.lines = append(r.lines, l)
}

func clip(text string) string { return text[:min(len(text), maxMessage)] }

// imported hears on the loop that a block hangs in the tree.
func (r *Record) imported(n *node.Node, b *chain.Block) {
	note := blockNote{
		hash: b.Hash, parent: b.Parent, root: b.StateRoot, slot: b.Slot, author: b.Author, ticketed: b.Ticketed, height: b.Height,
		delay: n.Loop.Now().Sub(n.Slots.Start(b.Slot)),
	}
	gas, refined := gasOf(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		if run.hash == b.Hash {
			note.run, run.gas, run.refined = run, gas, refined
		}
	}
	if keys, err := b.State.Active(); err == nil && int(b.Author) < len(keys) {
		for _, own := range r.facts.keys {
			note.own = note.own || own == keys[b.Author].Ed25519
		}
	}
	if len(r.blocks) == maxBlocks {
		r.blocks = r.blocks[:copy(r.blocks, r.blocks[maxBlocks/10:])]
	}
	r.blocks = append(r.blocks, note)
	r.happened()
}

// finalized hears on the loop that a block is final, and with it its ancestors.
func (r *Record) finalized(n *node.Node, b *chain.Block) {
	now := n.Loop.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	hash := b.Hash
	for i := len(r.blocks) - 1; i >= 0; i-- {
		note := &r.blocks[i]
		if note.hash != hash {
			continue
		}
		if note.finalAfter != 0 {
			break
		}
		note.finalAfter = now.Sub(n.Slots.Start(note.slot))
		hash = note.parent
	}
	r.happened()
}

// gasOf gives what a block's statistics say of gas: used by accumulation, and by refinement of what it reports.
func gasOf(b *chain.Block) (used, refined protocol.Gas) {
	activity, err := b.State.Activity()
	if err != nil {
		return 0, 0
	}
	for i := range activity.Services {
		used += activity.Services[i].AccumulationGas
		refined += activity.Services[i].RefinementGas
	}
	return used, refined
}
