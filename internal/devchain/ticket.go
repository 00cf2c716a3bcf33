package devchain

import (
	"bytes"
	"fmt"
	"slices"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/safrole"
)

// Tickets adds entries to the contest, as many as a block may have and each of a validator of its own, from first on. The
// builder's setup must be able to prove.
func (d *Draft) Tickets(first protocol.Validator, attempt uint8) {
	prover, err := d.prover()
	if d.fail(err); err != nil {
		return
	}
	type entry struct {
		id    protocol.Hash
		proof block.TicketProof
	}
	entries := make([]entry, d.builder.params.MaxBlockTickets)
	input := safrole.TicketInput(d.after.Entropy[2], attempt)
	for i := range entries {
		index := int(first) + i
		if index >= len(d.after.Safrole.Pending) {
			d.fail(fmt.Errorf("devchain: slot %d: no validator %d", d.Slot, index))
			return
		}
		v, ok := d.builder.secrets[d.after.Safrole.Pending[index].Ed25519]
		if !ok {
			d.fail(fmt.Errorf("devchain: slot %d: no secrets of validator %d", d.Slot, index))
			return
		}
		proof, err := prover.Prove(v.Bandersnatch, input, nil)
		if d.fail(err); err != nil {
			return
		}
		entries[i] = entry{v.Bandersnatch.Output(input), block.TicketProof{Attempt: attempt, Proof: proof}}
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	for i := range entries {
		d.Extrinsic.Tickets = append(d.Extrinsic.Tickets, entries[i].proof)
	}
}

// prover proves for the ring of the next epoch's validators.
func (d *Draft) prover() (*bandersnatch.RingProver, error) {
	next := d.after.Safrole
	if p, ok := d.builder.provers[next.RingRoot]; ok {
		return p, nil
	}
	keys := make([][bandersnatch.PublicKeySize]byte, len(next.Pending))
	for i := range keys {
		keys[i] = next.Pending[i].Bandersnatch
	}
	p, err := d.builder.setup.NewRingProver(keys, bandersnatch.ProverOptions{})
	if err == nil {
		d.builder.provers[next.RingRoot] = p
	}
	return p, err
}
