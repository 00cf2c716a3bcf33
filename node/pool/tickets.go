package pool

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
	"damson/state/safrole"
)

// ticket is an entry to the contest whose proof was checked.
type ticket struct {
	id      protocol.Hash
	proof   block.TicketProof
	ring    protocol.RingRoot // what it was checked against: γ_Z
	entropy protocol.Hash     // and η₂
}

// tickets are those of one contest. There are at most V·N of them, since each validator has N proofs of different outputs.
type tickets struct {
	epoch   uint32 // in which they will be used
	byID    map[protocol.Hash]*ticket
	waiting []*entry
	running bool
}

// entry is a ticket that waits to be checked.
type entry struct {
	epoch uint32
	id    protocol.Hash
	proof block.TicketProof
	done  func(protocol.Hash, error)
}

// maxBatch bounds the proofs that are checked at once.
const maxBatch = 64

// turn begins a new contest, if it is time to.
func (t *tickets) turn(epoch uint32) {
	if epoch > t.epoch {
		t.epoch = epoch
		clear(t.byID)
	}
}

// AddTicket takes in a ticket for an epoch. Done is called on the loop with its name when the proof was checked; it may be nil.
func (p *Pool) AddTicket(epoch uint32, proof *block.TicketProof, done func(id protocol.Hash, err error)) {
	if done == nil {
		done = func(protocol.Hash, error) {}
	}
	e := &entry{epoch: epoch, proof: *proof, done: done}
	if err := p.admitTicket(e); err != nil {
		p.opts.Loop.Post(func() { done(e.id, err) })
		return
	}
	p.tickets.waiting = append(p.tickets.waiting, e)
	p.checkTickets()
}

func (p *Pool) admitTicket(e *entry) (err error) {
	now, _ := p.opts.Params.Epoch(p.now())
	p.tickets.turn(now + 1)
	if int(e.proof.Attempt) >= p.opts.Params.TicketAttempts {
		return safrole.ErrBadTicketAttempt
	}
	if e.id, err = bandersnatch.Output(e.proof.Proof[:]); err != nil {
		return fmt.Errorf("%w: %w", safrole.ErrBadTicketProof, err)
	}
	switch {
	case e.epoch != p.tickets.epoch:
		return ErrEpoch
	case p.tickets.byID[e.id] != nil:
		return ErrKnown
	case len(p.tickets.waiting) >= maxChecking:
		return ErrBusy
	}
	return nil
}

// checkTickets checks all that wait, one batch after another.
func (p *Pool) checkTickets() {
	if p.tickets.running || len(p.tickets.waiting) == 0 {
		return
	}
	n := min(len(p.tickets.waiting), maxBatch)
	batch := slices.Clone(p.tickets.waiting[:n])
	p.tickets.waiting = slices.Delete(p.tickets.waiting, 0, n)
	p.tickets.running = true
	best, now := p.opts.Chain.Best().State, p.now()
	p.opts.Loop.Go("tickets", func() func() {
		contest, errs := p.verifyTickets(best, now, batch)
		return func() {
			p.tickets.running = false
			for i, e := range batch {
				switch {
				case errs[i] == nil:
					errs[i] = p.keepTicket(e, contest)
				case !p.Certain():
					errs[i] = fmt.Errorf("%w: %s", ErrStale, errs[i].Error()) // the sender may be on another fork
				}
				e.done(e.id, errs[i])
			}
			p.checkTickets()
		}
	})
}

// verifyTickets checks proofs beside the loop, all with one pairing if they are good.
func (p *Pool) verifyTickets(best *state.State, now protocol.Slot, batch []*entry) (*safrole.State, []error) {
	errs := make([]error, len(batch))
	contest, err := Contest(p.opts.Params, best, now, p.opts.Verifier)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return nil, errs
	}
	claims := make([]claim.Ticket, len(batch))
	for i, e := range batch {
		claims[i] = claim.Ticket{
			Ring: contest.Safrole.RingRoot, Size: p.opts.Params.Validators,
			Input: safrole.TicketInput(contest.Entropy[2], e.proof.Attempt), Proof: &e.proof.Proof,
			Where: claim.Where{Kind: "ticket", Rule: safrole.ErrBadTicketProof},
		}
	}
	if p.opts.Verifier.Tickets(claims) == nil {
		return contest, errs
	}
	for i := range claims {
		errs[i] = p.opts.Verifier.Tickets(claims[i : i+1])
	}
	return contest, errs
}

// Contest gives the state that the proofs of tickets are checked against in a slot, if no block comes before it.
func Contest(p *protocol.Params, best *state.State, now protocol.Slot, v *claim.Verifier) (*safrole.State, error) {
	disputes, err := best.Disputes()
	if err != nil {
		return nil, err
	}
	contest, _, err := safrole.Ahead(p, best, now, disputes.Offenders, v.RingRoot)
	return contest, err
}

// Certain says whether what tickets are checked against cannot change any more: a block of this epoch is final.
func (p *Pool) Certain() bool {
	now, _ := p.opts.Params.Epoch(p.now())
	final, _ := p.opts.Params.Epoch(p.opts.Chain.Finalized().Slot)
	return final >= now
}

func (p *Pool) keepTicket(e *entry, contest *safrole.State) error {
	now, _ := p.opts.Params.Epoch(p.now())
	p.tickets.turn(now + 1)
	switch {
	case e.epoch != p.tickets.epoch:
		return ErrEpoch
	case p.tickets.byID[e.id] != nil:
		return ErrKnown
	}
	p.tickets.byID[e.id] = &ticket{e.id, e.proof, contest.Safrole.RingRoot, contest.Entropy[2]}
	return nil
}

// Tickets gives how many tickets there are for the next contest's epoch, and that epoch.
func (p *Pool) Tickets() (epoch uint32, n int) { return p.tickets.epoch, len(p.tickets.byID) }

// list gives the tickets for an epoch, the best first.
func (t *tickets) list(epoch uint32) []*ticket {
	if t.epoch != epoch {
		return nil
	}
	list := make([]*ticket, 0, len(t.byID))
	for _, x := range t.byID {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *ticket) int { return bytes.Compare(a.id[:], b.id[:]) })
	return list
}

// selectTickets gives E_T: the best tickets that are not in the contest yet and can win a slot. GP §6.7.
func selectTickets(p *protocol.Params, candidates []*ticket, prior, accumulator []block.Ticket, after *safrole.State, slot protocol.Slot) []block.TicketProof {
	if _, phase := p.Epoch(slot); phase >= p.ContestLength {
		return nil
	}
	var proofs []block.TicketProof
	for _, t := range candidates {
		if t.ring != after.Safrole.RingRoot || t.entropy != after.Entropy[2] {
			continue // of another fork
		}
		better, found := find(accumulator, t.id)
		if _, before := find(prior, t.id); found || before {
			continue
		}
		if better+len(proofs) >= int(p.EpochLength) || len(proofs) == p.MaxBlockTickets {
			break // and so it is with all that follow
		}
		proofs = append(proofs, t.proof)
	}
	return proofs
}

// find gives how many tickets are better than one with an id, and whether it is among them.
func find(tickets []block.Ticket, id protocol.Hash) (int, bool) {
	return slices.BinarySearchFunc(tickets, id, func(t block.Ticket, id protocol.Hash) int {
		return cmp.Or(bytes.Compare(t.ID[:], id[:]), 0)
	})
}
