package author

import (
	"fmt"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/keys"
	"damson/node/pool"
	"damson/state/safrole"
)

// contest is what we have in the contest of an epoch. Nothing of it is kept on disk: the tickets follow from the secrets,
// and are made again after a restart.
type contest struct {
	of    draw
	made  bool  // or being made
	jobs  []job // not begun
	ready []*made
}

// job is a ticket that is to be made.
type job struct {
	key     *keys.Validator
	attempt uint8
}

// draw is what tickets depend on.
type draw struct {
	epoch   uint32 // in which they are used
	ring    protocol.RingRoot
	entropy protocol.Hash // η₂ of the epoch before
}

// made is a ticket of ours.
type made struct {
	epoch uint32
	id    protocol.Hash
	proof block.TicketProof
}

// compete makes the tickets of our keys for the next epoch when it is time to, and sends them when it is time to.
func (a *Author) compete(slot protocol.Slot) {
	_, ok := a.epoch.At(slot)
	if _, phase := a.opts.Params.Epoch(slot); !ok || phase >= a.opts.Params.ContestLength {
		return
	}
	if a.opts.Prover == nil || a.opts.Mistakes.NoTickets {
		return
	}
	a.prove(slot)
	a.send(slot)
}

// send sends the tickets that are ready, when it is time to.
func (a *Author) send(slot protocol.Slot) {
	changed, ok := a.epoch.At(slot)
	if _, phase := a.opts.Params.Epoch(slot); !ok || phase >= a.opts.Params.ContestLength || slot < changed+sendAfter(a.opts.Params) {
		return
	}
	ready := a.contest.ready
	a.contest.ready = nil
	for _, t := range ready {
		a.opts.Tickets(t.epoch, t.id, &t.proof)
	}
}

// prove begins to make the tickets that the best chain calls for, unless they were made.
func (a *Author) prove(slot protocol.Slot) {
	best := a.opts.Chain.Best()
	a.opts.Loop.Go("prove", func() func() {
		after, err := pool.Contest(a.opts.Params, best.State, max(slot, best.Slot+1), a.opts.Verifier)
		if err != nil {
			return func() { a.log.Error("no tickets are made", "error", err) }
		}
		epoch, _ := a.opts.Params.Epoch(after.Slot)
		return func() {
			of := draw{epoch + 1, after.Safrole.RingRoot, after.Entropy[2]}
			if of == a.contest.of && a.contest.made || of.epoch < a.contest.of.epoch {
				return
			}
			a.contest = contest{of: of, made: true}
			a.makeTickets(of, after)
		}
	})
}

// makeTickets makes N tickets for each of our keys that is in the ring.
func (a *Author) makeTickets(of draw, after *safrole.State) {
	ring := make([][bandersnatch.PublicKeySize]byte, len(after.Safrole.Pending))
	member := make(map[protocol.BandersnatchKey]bool, len(ring))
	for i := range ring {
		ring[i] = after.Safrole.Pending[i].Bandersnatch
		member[after.Safrole.Pending[i].Bandersnatch] = true
	}
	c := &a.contest
	for _, k := range a.opts.Keys {
		for attempt := range a.opts.Params.TicketAttempts {
			if member[k.Bandersnatch.Public().Bytes()] {
				c.jobs = append(c.jobs, job{k, uint8(attempt)})
			}
		}
	}
	if len(c.jobs) == 0 {
		return
	}
	a.opts.Events.Tickets(of.epoch, len(c.jobs))
	a.opts.Loop.Go("prove", func() func() {
		prove, err := a.opts.Prover(ring)
		return func() {
			if err != nil {
				a.log.Error("no tickets are made", "epoch", of.epoch, "error", err)
				a.opts.Events.Ticket(of.epoch, 0, protocol.Hash{}, err)
				return
			}
			a.makeNext(of, prove)
		}
	})
}

// makeNext makes the next ticket, unless there is something new to be made, or nothing any more.
func (a *Author) makeNext(of draw, prove Prove) {
	if a.stopped || of != a.contest.of || len(a.contest.jobs) == 0 {
		return
	}
	next := a.contest.jobs[0]
	a.contest.jobs = a.contest.jobs[1:]
	a.opts.Loop.Go("prove", func() func() {
		t, err := makeTicket(prove, next.key, of, next.attempt)
		return func() {
			a.keep(of, next.attempt, t, err)
			a.makeNext(of, prove)
		}
	})
}

func makeTicket(prove Prove, k *keys.Validator, of draw, attempt uint8) (*made, error) {
	input := safrole.TicketInput(of.entropy, attempt)
	proof, err := prove(k.Bandersnatch, input)
	if err != nil {
		return nil, fmt.Errorf("ticket %d: %w", attempt, err)
	}
	return &made{of.epoch, k.Bandersnatch.Output(input), block.TicketProof{Attempt: attempt, Proof: proof}}, nil
}

// keep keeps a ticket until it is time to send it.
func (a *Author) keep(of draw, attempt uint8, t *made, err error) {
	switch {
	case err != nil:
		a.log.Error("no ticket was made", "epoch", of.epoch, "error", err)
		a.opts.Events.Ticket(of.epoch, attempt, protocol.Hash{}, err)
	case of == a.contest.of:
		a.contest.ready = append(a.contest.ready, t)
		a.opts.Events.Ticket(of.epoch, attempt, t.id, nil)
		a.send(a.opts.Slots.At(a.opts.Loop.Now()))
	}
}
