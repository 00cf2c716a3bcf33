package safrole

import (
	"bytes"
	"fmt"
	"slices"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/claim"
)

// accumulate is γ_A′, the contest with this block's tickets: GP §6.7. It claims their proofs, which are by the
// ring of the posterior γ_Z and η₂.
//
// The tickets must not be in the prior γ_A either, which matters where an epoch begins and the contest begins anew.
func accumulate(p *protocol.Params, prior []block.Ticket, post *State, proofs []block.TicketProof, phase protocol.Slot, claims *claim.Set) ([]block.Ticket, error) {
	if len(proofs) == 0 {
		return post.Safrole.Accumulator, nil
	}
	if phase >= p.ContestLength { // GP eq:enforceticketlimit
		return nil, ErrUnexpectedTicket
	}
	if len(proofs) > p.MaxBlockTickets {
		return nil, ErrTooManyTickets
	}
	fresh, err := newTickets(p, proofs)
	if err != nil {
		return nil, err
	}
	if err := disjoint(prior, fresh); err != nil {
		return nil, err
	}
	accumulator, err := merge(p, post.Safrole.Accumulator, fresh)
	if err != nil {
		return nil, err
	}
	for i := range proofs {
		claims.Tickets = append(claims.Tickets, claim.Ticket{
			Ring:  post.Safrole.RingRoot,
			Size:  p.Validators,
			Input: TicketInput(post.Entropy[2], proofs[i].Attempt),
			Proof: &proofs[i].Proof,
			Where: claim.Where{Kind: "ticket", Index: i, Rule: ErrBadTicketProof},
		})
	}
	return accumulator, nil
}

// TicketInput is what the proof of an entry to the contest, and the seal by the ticket that it wins, are about:
// X_T ⌢ η ⌢ e. GP eq:ticketsextrinsic, GP eq:ticketconditiontrue.
func TicketInput(entropy protocol.Hash, attempt uint8) []byte {
	input := make([]byte, 0, len(protocol.ContextTicketSeal)+len(entropy)+1)
	input = append(append(input, protocol.ContextTicketSeal...), entropy[:]...)
	return append(input, attempt)
}

// newTickets is n, the tickets that proofs stand for, in ascending order as the block must have them.
func newTickets(p *protocol.Params, proofs []block.TicketProof) ([]block.Ticket, error) {
	fresh := make([]block.Ticket, len(proofs))
	for i := range proofs {
		if int(proofs[i].Attempt) >= p.TicketAttempts {
			return nil, fmt.Errorf("ticket %d: %w", i, ErrBadTicketAttempt)
		}
		id, err := bandersnatch.Output(proofs[i].Proof[:])
		if err != nil {
			return nil, fmt.Errorf("ticket %d: %w: %w", i, ErrBadTicketProof, err)
		}
		fresh[i] = block.Ticket{ID: id, Attempt: proofs[i].Attempt}
		if i == 0 {
			continue
		}
		switch order := bytes.Compare(fresh[i-1].ID[:], id[:]); {
		case order > 0:
			return nil, fmt.Errorf("ticket %d: %w", i, ErrBadTicketOrder)
		case order == 0:
			return nil, fmt.Errorf("ticket %d: %w", i, ErrDuplicateTicket)
		}
	}
	return fresh, nil
}

// disjoint demands that no fresh ticket be among the prior ones, which are ascending.
func disjoint(prior, fresh []block.Ticket) error {
	for i := range fresh {
		if _, found := slices.BinarySearchFunc(prior, fresh[i].ID, func(t block.Ticket, id protocol.Hash) int {
			return bytes.Compare(t.ID[:], id[:])
		}); found {
			return fmt.Errorf("ticket %d: %w", i, ErrDuplicateTicket)
		}
	}
	return nil
}

// merge gives the best of two ascending lists that share nothing, at most E of them. All the fresh ones must be among them.
func merge(p *protocol.Params, prior, fresh []block.Ticket) ([]block.Ticket, error) {
	limit := int(p.EpochLength)
	merged := make([]block.Ticket, 0, min(limit, len(prior)+len(fresh)))
	i, j := 0, 0
	for i < len(prior) || j < len(fresh) {
		order := 1 // whose turn it is: below zero, prior's
		switch {
		case j == len(fresh):
			order = -1
		case i < len(prior):
			order = bytes.Compare(prior[i].ID[:], fresh[j].ID[:])
		}
		switch {
		case len(merged) == limit && j < len(fresh):
			return nil, fmt.Errorf("ticket %d: %w", j, ErrUselessTicket)
		case len(merged) == limit:
			return merged, nil
		case order < 0:
			merged = append(merged, prior[i])
			i++
		default:
			merged = append(merged, fresh[j])
			j++
		}
	}
	return merged, nil
}
