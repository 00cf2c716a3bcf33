package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/loop"
	"damson/state"
	"damson/state/trie"
)

// Finality finds a recent block that is final, with proof, although no block before it is known: node/finality does.
type Finality interface {
	// Latest asks peers. Done is called once, on the loop.
	Latest(done func(header *block.Header, stateRoot protocol.Hash, err error))
}

// WarpOptions configures NewWarp. What is not said to be optional must be set.
type WarpOptions struct {
	Params   *protocol.Params
	Network  jamnp.Network
	Loop     loop.Loop
	Slots    loop.Slots
	Finality Finality
	Log      *slog.Logger       // nil: nobody wants to know
	Progress func(WarpProgress) // optional
}

// WarpProgress is how much of a state has come.
type WarpProgress struct {
	Slot    protocol.Slot // of the block whose state it is
	Entries int
	Octets  int64
	Done    float64 // about, of 1
}

// Warp downloads the state of a finalized block, from several peers at once, in place of executing the blocks before. Each range of
// it is proved by the state's root when it comes. It is done before there is a chain: see chain.StartAt.
type Warp struct {
	WarpOptions
	log    *slog.Logger
	done   func(*block.Header, *state.State, error)
	header *block.Header
	hash   protocol.Hash
	root   protocol.Hash

	parts    []part
	download *download
	entries  int
	octets   int64
	open     map[jamnp.PeerID]int // requests
	given    map[jamnp.PeerID]int // how often a peer gave nothing
	turn     int
	attempts int
	waiting  bool
	idle     int // how often nobody could be asked
	ended    bool
}

// download is what has come of a state. It belongs to the loop's queue of this name until all has come.
type download struct{ trie *trie.Trie }

// part is a part of the keys, which is downloaded from its beginning.
type part struct {
	next, end protocol.StateKey // what is missing; both included
	begin     protocol.StateKey
	asking    bool
	done      bool
}

const (
	warpParts    = 16
	warpOctets   = 512 << 10 // asked for at a time
	warpOpen     = 3         // requests to one peer
	warpFailures = 4         // of one peer, after which it is not asked any more
	warpAttempts = 5         // targets: a state may be too old before it has come
	warpIdle     = 60        // seconds at slots of six without a peer
)

// ErrNoState means that no peer gives the state that was asked for.
var ErrNoState = errors.New("gossip: no peer gives the state")

// NewWarp makes a download. Start begins it.
func NewWarp(o WarpOptions) *Warp {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Warp{WarpOptions: o, log: o.Log}
}

// Start begins. Done is called once, on the loop: with the header of a finalized block and the state after it, all of it proved.
func (w *Warp) Start(done func(*block.Header, *state.State, error)) {
	w.done = done
	w.aim()
}

// aim looks for a block whose state to download.
func (w *Warp) aim() {
	w.attempts++
	w.Finality.Latest(func(header *block.Header, root protocol.Hash, err error) {
		if err != nil {
			w.end(nil, fmt.Errorf("gossip: no finalized block: %w", err))
			return
		}
		w.header, w.hash, w.root = header, header.Hash(), root
		w.download, w.entries, w.octets, w.idle = &download{new(trie.Trie)}, 0, 0, 0
		w.open, w.given = make(map[jamnp.PeerID]int), make(map[jamnp.PeerID]int)
		w.parts = make([]part, warpParts)
		for i := range w.parts {
			p := &w.parts[i]
			p.begin = protocol.StateKey{byte(i * 256 / warpParts)}
			p.next = p.begin
			for j := range p.end {
				p.end[j] = 0xff
			}
			p.end[0] = byte((i+1)*256/warpParts - 1)
		}
		w.log.Info("downloading a state", "slot", header.Slot, "block", w.hash, "root", root)
		w.advance()
	})
}

// advance asks for all parts that can be asked for.
func (w *Warp) advance() {
	missing := false
	for i := range w.parts {
		p := &w.parts[i]
		missing = missing || !p.done
		if p.done || p.asking {
			continue
		}
		id, ok := w.source()
		if !ok {
			w.wait()
			return
		}
		w.ask(p, id)
	}
	if missing {
		return
	}
	if got := w.download.trie.Root(); got != w.root {
		w.end(nil, fmt.Errorf("gossip: all ranges are proved, and the root is %s, not %s", got, w.root))
		return
	}
	w.end(state.Open(w.Params, w.download.trie), nil)
}

// source picks a peer, in turns, that gives what it is asked for.
func (w *Warp) source() (jamnp.PeerID, bool) {
	peers := w.Network.Peers()
	for i := range peers {
		id := peers[(w.turn+i)%len(peers)].ID
		if w.open[id] < warpOpen && w.given[id] < warpFailures {
			w.turn += i + 1
			return id, true
		}
	}
	return jamnp.PeerID{}, false
}

// wait tries again later. If nobody gives the state, a younger one is looked for.
func (w *Warp) wait() {
	if w.waiting || w.ended {
		return
	}
	if slices.ContainsFunc(w.parts, func(p part) bool { return p.asking }) {
		return // when it is answered, all goes on
	}
	w.waiting = true
	w.Loop.After(w.Slots.Scale(time.Second), func() {
		w.waiting = false
		if w.idle++; w.idle < warpIdle && !w.refused() {
			w.advance()
			return
		}
		if w.attempts >= warpAttempts {
			w.end(nil, ErrNoState)
			return
		}
		w.aim()
	})
}

// refused says whether all peers have failed too often.
func (w *Warp) refused() bool {
	peers := w.Network.Peers()
	return len(peers) > 0 && !slices.ContainsFunc(peers, func(p jamnp.Peer) bool { return w.given[p.ID] < warpFailures })
}

// ask asks for the next range of a part. The range asked for has no end, because what is beyond the last entry of an answer is not
// proved: only that there is nothing more at all.
func (w *Warp) ask(p *part, id jamnp.PeerID) {
	p.asking = true
	w.open[id]++
	start, d, root := p.next, w.download, w.root
	m := &jamnp.StateRangeRequest{Block: w.hash, Start: start, End: lastKey, Maximum: warpOctets}
	limit := jamnp.BoundaryLimit(w.Params) + jamnp.StateEntriesLimit(warpOctets)
	timeout := max(w.Slots.Scale(requestTime), minRequestTime)
	w.Network.Request(id, jamnp.StateRequest, [][]byte{jamnp.Encode(m)}, limit, timeout, func(answer [][]byte, err error) {
		if w.ended || w.download != d {
			return
		}
		w.open[id]--
		if err != nil {
			p.asking = false
			w.failed(id, err)
			return
		}
		end := p.end
		w.Loop.Go("warp", func() func() {
			r, err := readRange(w.Params, answer, start, root)
			if err == nil {
				d.trie = d.trie.Apply(r.until(end))
			}
			return func() { w.took(p, id, d, r, err) }
		})
	})
}

// took notes what came of an answer.
func (w *Warp) took(p *part, id jamnp.PeerID, d *download, r *proved, err error) {
	if w.ended || w.download != d {
		return
	}
	p.asking = false
	if err != nil {
		w.given[id] = warpFailures
		w.log.Debug("a range of a state is not proved", "peer", id.PeerName(), "error", err)
		w.Network.Blame(id, blameMalformed, fmt.Errorf("state request: %w", err))
		w.advance()
		return
	}
	w.idle = 0
	w.entries += r.taken
	w.octets += r.octets
	last, next, ok := p.next, protocol.StateKey{}, false
	if len(r.entries) > 0 {
		last = r.entries[len(r.entries)-1].Key
		next, ok = trie.Next(last)
	}
	p.done = !r.more || !ok || bytes.Compare(last[:], p.end[:]) >= 0
	p.next = next
	w.report()
	w.advance()
}

// failed notes that a peer gave nothing. One that has not the state any more is asked no further.
func (w *Warp) failed(id jamnp.PeerID, err error) {
	w.given[id]++
	if errors.Is(err, jamnp.ErrOversized) {
		w.Network.Blame(id, blameUnasked, fmt.Errorf("state request: %w", err))
	}
	w.advance()
}

func (w *Warp) report() {
	if w.Progress == nil {
		return
	}
	var done float64
	for i := range w.parts {
		p := &w.parts[i]
		if p.done {
			done++
			continue
		}
		width := float64(256/warpParts) * 256
		done += (float64(binary.BigEndian.Uint16(p.next[:])) - float64(binary.BigEndian.Uint16(p.begin[:]))) / width
	}
	w.Progress(WarpProgress{Slot: w.header.Slot, Entries: w.entries, Octets: w.octets, Done: done / warpParts})
}

func (w *Warp) end(sigma *state.State, err error) {
	if !w.ended {
		w.ended = true
		w.done(w.header, sigma, err)
	}
}

// proved is a range of a state that the state's root bears out.
type proved struct {
	entries []trie.Change
	more    bool // there are later ones
	taken   int  // how many until took
	octets  int64
}

// until gives the entries up to a key, for the trie to keep.
func (r *proved) until(end protocol.StateKey) []trie.Change {
	for ; r.taken < len(r.entries) && bytes.Compare(r.entries[r.taken].Key[:], end[:]) <= 0; r.taken++ {
		r.octets += int64(len(r.entries[r.taken].Value))
	}
	return slices.Clone(r.entries[:r.taken])
}

// readRange decodes and proves the answer to a request from a key on. Its values do not share the answer.
func readRange(p *protocol.Params, answer [][]byte, start protocol.StateKey, root protocol.Hash) (*proved, error) {
	if len(answer) != 2 {
		return nil, jamnp.ErrMessages
	}
	var nodes jamnp.BoundaryNodes
	if err := nodes.Decode(answer[0], p); err != nil {
		return nil, err
	}
	var entries jamnp.StateEntries
	if err := entries.Decode(answer[1], p); err != nil {
		return nil, err
	}
	r := &proved{entries: make([]trie.Change, len(entries))}
	for i := range entries {
		r.entries[i] = trie.Change{Key: entries[i].Key, Value: append([]byte{}, entries[i].Value...)}
	}
	var err error
	r.more, err = trie.VerifyRange(root, start, nodes, r.entries)
	return r, err
}

// lastKey is the end of all states.
var lastKey = protocol.StateKey(bytes.Repeat([]byte{0xff}, len(protocol.StateKey{})))
