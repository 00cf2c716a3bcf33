package safrole

import (
	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// This file is for authors: what follows from a prior state before there is a block, and the signatures of its header.

// Load gives what the part reads and writes of σ.
func Load(s *state.State) (*State, error) {
	var l State
	for _, load := range [...]func() error{
		func() (err error) { l.Slot, err = s.Slot(); return err },
		func() (err error) { l.Entropy, err = s.Entropy(); return err },
		func() (err error) { l.Safrole, err = s.Safrole(); return err },
		func() (err error) { l.Active, err = s.Active(); return err },
		func() (err error) { l.Previous, err = s.Previous(); return err },
	} {
		if err := load(); err != nil {
			return nil, err
		}
	}
	return &l, nil
}

// Ahead gives the posterior state of a block of some slot, and its marks, as far as they are known before the block:
// without its tickets, and without its entropy in η₀. Its seal depends on neither. Offenders are ψ_O′, as the block will
// have it.
func Ahead(p *protocol.Params, prior *state.State, slot protocol.Slot, offenders []protocol.Ed25519Key, ringRoot RingRoot) (*State, *Marks, error) {
	before, err := Load(prior)
	if err != nil {
		return nil, nil, err
	}
	staging, err := prior.Staging()
	if err != nil {
		return nil, nil, err
	}
	in := &Input{Slot: slot, Staging: staging, Offenders: offenders}
	return Transition(p, before, in, ringRoot, new(claim.Set))
}

// SealInput gives what the seal of a slot's block is about, in the state after it. With the ticket of the slot, which is nil
// in fallback mode, or the key of the slot it says who may seal.
func (s *State) SealInput(p *protocol.Params, slot protocol.Slot) (input []byte, ticket *block.Ticket, key protocol.BandersnatchKey) {
	_, phase := p.Epoch(slot)
	if tickets := s.Safrole.SealKeys.Tickets; tickets != nil {
		return TicketInput(s.Entropy[3], tickets[phase].Attempt), &tickets[phase], key
	}
	return FallbackInput(s.Entropy[3]), nil, s.Safrole.SealKeys.Keys[phase]
}

// SignEntropy adds the entropy to a header whose seal will be about input. GP eq:vrfsigcheck.
func SignEntropy(h *block.Header, secret *bandersnatch.SecretKey, input []byte) {
	h.EntropySignature = secret.Sign(EntropyInput(secret.Output(input)), nil)
}

// Seal seals a header in which nothing else is missing. GP eq:ticketconditiontrue, GP eq:ticketconditionfalse.
func Seal(h *block.Header, secret *bandersnatch.SecretKey, input []byte) {
	h.Seal = secret.Sign(input, h.AppendUnsigned(nil))
}
