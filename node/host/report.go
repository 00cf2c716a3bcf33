package host

import (
	"encoding/hex"
	"fmt"
	"strings"

	"damson/internal/protocol"
	"damson/node"
	"damson/node/beefy"
	"damson/node/chain"
)

// Report is how a node is and what has happened to it, for people and programs that watch it.
type Report struct {
	Slot    protocol.Slot `json:"slot"` // of now
	Best    Tip           `json:"best"`
	Final   Tip           `json:"finalized"`
	Peers   int           `json:"peers"`
	Leaves  int           `json:"leaves"`
	Tickets int           `json:"tickets"` // in the pool, for the next epoch
	Round   uint64        `json:"round"`   // of GRANDPA
	Syncing bool          `json:"syncing"`
	Counts  node.Counts   `json:"counts"`
	Beefy   beefy.Counts  `json:"beefy"` // zero where validators have no BLS keys

	Events []Event `json:"events"` // since the number that was asked for, as far as they are remembered
	Next   uint64  `json:"next"`   // the number to ask for next time
}

// Tip is a block as a report names it.
type Tip struct {
	Slot      protocol.Slot `json:"slot"`
	Hash      Hash          `json:"hash"`
	StateRoot Hash          `json:"state_root"`
}

// Hash is one that is written in hexadecimal.
type Hash protocol.Hash

// MarshalText gives the hash with 0x in front.
func (h Hash) MarshalText() ([]byte, error) { return []byte(protocol.Hash(h).String()), nil }

// UnmarshalText reads what MarshalText gives.
func (h *Hash) UnmarshalText(text []byte) error {
	octets, err := hex.DecodeString(strings.TrimPrefix(string(text), "0x"))
	if err != nil || len(octets) != len(h) {
		return fmt.Errorf("host: %.80q is no hash", text)
	}
	*h = Hash(octets)
	return nil
}

func (h Hash) String() string { return protocol.Hash(h).String() }

// Event is something that happened to a block.
type Event struct {
	Kind      EventKind          `json:"kind"`
	Time      int64              `json:"time_ms"` // Unix
	Slot      protocol.Slot      `json:"slot"`
	Hash      Hash               `json:"hash"`
	Parent    Hash               `json:"parent"`
	StateRoot Hash               `json:"state_root"`
	Author    protocol.Validator `json:"author"`
	Ticketed  bool               `json:"ticketed"`
}

// EventKind is what happened.
type EventKind string

// What happens to blocks.
const (
	Imported  EventKind = "imported"
	Finalized EventKind = "finalized" // and with it all its ancestors
)

// maxEvents bounds what is remembered. A day has 14,400 slots.
const maxEvents = 8192

// history is what a node has seen, the oldest first. It belongs to the node's loop.
type history struct {
	first  uint64 // number of the oldest event
	events []Event
}

func (h *history) follow(n *node.Node) {
	note := func(kind EventKind, b *chain.Block) {
		if len(h.events) == maxEvents {
			h.events = h.events[:copy(h.events, h.events[maxEvents/4:])]
			h.first += maxEvents / 4
		}
		h.events = append(h.events, Event{
			kind, n.Loop.Now().UnixMilli(), b.Slot, Hash(b.Hash), Hash(b.Parent), Hash(b.StateRoot), b.Author, b.Ticketed,
		})
	}
	n.Chain.Watch(chain.Events{
		Imported:  func(b *chain.Block) { note(Imported, b) },
		Finalized: func(b *chain.Block) { note(Finalized, b) },
	})
}

// since gives the events from a number on, and the number of the next one.
func (h *history) since(number uint64) ([]Event, uint64) {
	next := h.first + uint64(len(h.events))
	if number >= next {
		return nil, next
	}
	from := max(number, h.first) - h.first
	return append([]Event(nil), h.events[from:]...), next
}

// Report says how the node is and what has happened since an event of a number; false if it has stopped.
func (h *Host) Report(since uint64) (*Report, bool) {
	r := new(Report)
	ok := h.Do(func(n *node.Node) {
		s := n.Status()
		*r = Report{
			Slot: s.Slot, Best: tip(s.Best), Final: tip(s.Finalized), Peers: s.Peers, Leaves: s.Leaves, Tickets: s.Tickets,
			Round: s.Round, Syncing: s.Syncing, Counts: s.Counts, Beefy: s.Beefy,
		}
		r.Events, r.Next = h.history.since(since)
	})
	return r, ok
}

func tip(b *chain.Block) Tip { return Tip{b.Slot, Hash(b.Hash), Hash(b.StateRoot)} }
