package rpc

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"damson/internal/protocol"
	"damson/node"
)

// Status is how a node is.
type Status struct {
	Slot      protocol.Slot `json:"slot"` // of now, by this node's clock
	Best      Block         `json:"best"`
	Finalized Block         `json:"finalized"`
	Syncing   bool          `json:"syncing"`
	Validator bool          `json:"validator"` // it has a validator's keys
	Peers     int           `json:"peers"`
	Leaves    int           `json:"leaves"`  // of the tree of blocks that are not final
	Round     uint64        `json:"round"`   // of GRANDPA
	Tickets   int           `json:"tickets"` // in the pool, for the next epoch

	Imported      uint64 `json:"imported"` // blocks, as all that follows, since the node was started
	Authored      uint64 `json:"authored"`
	FinalizedHere uint64 `json:"finalized_blocks"`
	Refused       uint64 `json:"refused"`
	Equivocations uint64 `json:"equivocations"`
	Reorgs        uint64 `json:"reorgs"`
	TicketsMade   uint64 `json:"tickets_made"`

	Waiting    int    `json:"packages_waiting"` // for refinement; zero, as what follows, where the duty is not done
	Guaranteed uint64 `json:"guaranteed"`       // reports
	Assured    uint64 `json:"assurances_made"`
	Audited    uint64 `json:"judgments_made"`

	Broken string `json:"broken,omitempty"` // why the store takes no more
}

// Block names a block.
type Block struct {
	Hash      []byte        `json:"header_hash"`
	Slot      protocol.Slot `json:"slot"`
	StateRoot []byte        `json:"state_root"`
}

// prober asks the node how it is, once at a time, however many want to know.
type prober struct {
	mu   sync.Mutex
	busy *probe
}

type probe struct {
	done   chan struct{}
	status *Status // nil: the node has stopped
}

// ask gives the status; nil if the loop has stopped, or does not answer before the context ends.
func (s *Server) ask(ctx context.Context) *Status {
	s.prober.mu.Lock()
	p := s.prober.busy
	if p == nil {
		p = &probe{done: make(chan struct{})}
		s.prober.busy = p
		s.running.Go(func() { s.probe(p) })
	}
	s.prober.mu.Unlock()
	select {
	case <-p.done:
		return p.status
	case <-ctx.Done():
		return nil
	}
}

func (s *Server) probe(p *probe) {
	var status *Status
	s.opts.Node.Do(func(n *node.Node) { status = s.statusOf(n) })
	s.prober.mu.Lock()
	s.prober.busy = nil
	s.prober.mu.Unlock()
	p.status = status
	close(p.done)
}

// statusOf is called on the loop.
func (s *Server) statusOf(n *node.Node) *Status {
	now := n.Status()
	best, final := now.Best, now.Finalized
	status := &Status{
		Slot: now.Slot, Syncing: now.Syncing, Validator: len(n.Keys) > 0, Peers: now.Peers, Leaves: now.Leaves,
		Best:      Block{best.Hash[:], best.Slot, best.StateRoot[:]},
		Finalized: Block{final.Hash[:], final.Slot, final.StateRoot[:]},
		Round:     now.Round, Tickets: now.Tickets, Imported: now.Imported, Authored: now.Authored, FinalizedHere: now.Counts.Finalized,
		Refused: now.Refused, Equivocations: now.Equivocations, Reorgs: now.Reorgs, TicketsMade: now.Counts.Tickets,
	}
	if n.Guarantor != nil {
		status.Waiting, status.Guaranteed = n.Guarantor.Waiting(), n.Guarantor.Counts().Guaranteed
	}
	if n.Keeper != nil {
		status.Assured = n.Keeper.Counts().Assurances
	}
	if n.Auditor != nil {
		counts := n.Auditor.Counts()
		status.Audited = counts.Valid + counts.Invalid
	}
	if err := s.store.Err(); err != nil {
		status.Broken = err.Error()
	}
	return status
}

func (s *Server) status(c *call) (result, *Error) {
	status := s.ask(c.ctx)
	if status == nil {
		return nil, errorf(CodeInternal, "the node does not answer")
	}
	return result{status}, nil
}

const (
	healthPatience = 2 * time.Second // for the loop to answer
	readySlots     = 12              // a node whose best block is older is not ready, syncing or not
)

// serveHealth says whether the node lives: its loop answers and its disk takes what is written.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	status, why := s.health(r)
	tell(w, status, why)
}

func (s *Server) health(r *http.Request) (*Status, string) {
	ctx, cancel := context.WithTimeout(r.Context(), healthPatience)
	defer cancel()
	status := s.ask(ctx)
	switch {
	case status == nil:
		return nil, "the node's loop does not answer"
	case status.Broken != "":
		return status, "the store has failed: " + status.Broken
	}
	return status, ""
}

// serveReady says whether what the node answers is of now.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	status, why := s.health(r)
	switch {
	case why != "":
	case status.Syncing:
		why = "the node catches up with its peers"
	case status.Slot > status.Best.Slot+readySlots:
		why = "the best block is old"
	}
	tell(w, status, why)
}

func tell(w http.ResponseWriter, status *Status, why string) {
	code := http.StatusOK
	if why != "" {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, encode(struct {
		OK     bool    `json:"ok"`
		Why    string  `json:"why,omitempty"`
		Status *Status `json:"status,omitempty"`
	}{why == "", why, status}))
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthPatience)
	defer cancel()
	status := s.ask(ctx)
	if status == nil {
		http.Error(w, "the node does not answer", http.StatusServiceUnavailable)
		return
	}
	b, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		http.Error(w, "the status cannot be written", http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, append(b, '\n'))
}
