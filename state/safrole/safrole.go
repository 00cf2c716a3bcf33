// Package safrole decides who may seal which slot: GP §6.
//
// [Transition] maps the prior state to the posterior one and says which marks the header must carry; it follows
// §6 downwards. [CheckHeader] holds a header against them and claims its two signatures. Read state.Safrole for
// the parts of γ.
package safrole

import (
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// Why a block is refused, in the words of the conformance vectors where they have one.
const (
	ErrBadSlot          = protocol.Invalid("safrole/bad_slot")
	ErrUnexpectedTicket = protocol.Invalid("safrole/unexpected_ticket")
	ErrTooManyTickets   = protocol.Invalid("safrole/too_many_tickets")
	ErrBadTicketOrder   = protocol.Invalid("safrole/bad_ticket_order")
	ErrBadTicketProof   = protocol.Invalid("safrole/bad_ticket_proof")
	ErrBadTicketAttempt = protocol.Invalid("safrole/bad_ticket_attempt")
	ErrDuplicateTicket  = protocol.Invalid("safrole/duplicate_ticket")
	ErrUselessTicket    = protocol.Invalid("safrole/useless_ticket")
)

// State is what the part reads and writes of σ.
type State struct {
	Slot     protocol.Slot    // τ
	Entropy  *state.Entropy   // η
	Safrole  *state.Safrole   // γ
	Active   state.Validators // κ
	Previous state.Validators // λ
}

// Input is what else the part reads.
type Input struct {
	Slot      protocol.Slot         // H_T
	Entropy   protocol.Hash         // 𝒴(H_V)
	Tickets   []block.TicketProof   // E_T
	Staging   state.Validators      // ι
	Offenders []protocol.Ed25519Key // ψ_O′
}

// Marks are what the header of the block must carry.
type Marks struct {
	Epoch   *block.EpochMark // H_E
	Winners []block.Ticket   // H_W, or nil
}

// RingRoot commits to the Bandersnatch keys of a set of validators: O of GP §G. It is costly, so whoever
// calls the part decides how to remember it.
type RingRoot func([]protocol.BandersnatchKey) (protocol.RingRoot, error)

// Transition gives the posterior state, which shares with the prior one what did not change, and the marks. It
// claims the proofs of the tickets. An error that is no protocol.Invalid comes from ringRoot.
func Transition(p *protocol.Params, prior *State, in *Input, ringRoot RingRoot, claims *claim.Set) (*State, *Marks, error) {
	if in.Slot <= prior.Slot {
		return nil, nil, ErrBadSlot
	}
	epoch, phase := p.Epoch(prior.Slot)
	epochPost, phasePost := p.Epoch(in.Slot)
	newEpoch := epochPost > epoch
	saturated := len(prior.Safrole.Accumulator) == int(p.EpochLength)

	post := &State{
		Slot:     in.Slot,
		Entropy:  nextEntropy(prior.Entropy, in.Entropy, newEpoch),
		Safrole:  prior.Safrole,
		Active:   prior.Active,
		Previous: prior.Previous,
	}
	marks := new(Marks)
	switch {
	case newEpoch:
		pending := Pending(in.Staging, in.Offenders)
		root, err := ringRoot(bandersnatchKeys(pending))
		if err != nil {
			return nil, nil, err
		}
		post.Previous, post.Active = prior.Active, prior.Safrole.Pending
		post.Safrole = &state.Safrole{Pending: pending, RingRoot: root}
		if epochPost == epoch+1 && phase >= p.ContestLength && saturated { // GP eq:slotkeysequence
			post.Safrole.SealKeys.Tickets = outsideIn(prior.Safrole.Accumulator)
		} else {
			post.Safrole.SealKeys.Keys = FallbackKeys(p, post.Entropy[2], post.Active)
		}
		marks.Epoch = epochMark(prior.Entropy, pending)
	case phase < p.ContestLength && phasePost >= p.ContestLength && saturated:
		marks.Winners = outsideIn(prior.Safrole.Accumulator) // GP eq:winningticketsmarker
	}

	accumulator, err := accumulate(p, prior.Safrole.Accumulator, post, in.Tickets, phasePost, claims)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case newEpoch:
		post.Safrole.Accumulator = accumulator
	case len(in.Tickets) > 0:
		changed := *prior.Safrole
		changed.Accumulator = accumulator
		post.Safrole = &changed
	}
	return post, marks, nil
}

// nextEntropy is η′. GP §6.4.
func nextEntropy(prior *state.Entropy, fresh protocol.Hash, newEpoch bool) *state.Entropy {
	post := *prior
	if newEpoch {
		post[1], post[2], post[3] = prior[0], prior[1], prior[2]
	}
	var both [2 * len(fresh)]byte
	copy(both[:], prior[0][:])
	copy(both[len(fresh):], fresh[:])
	post[0] = blake2b.Sum256(both[:])
	return &post
}

// Pending is Φ(ι), the validators of the epoch after the one that begins: those who offended have their keys
// cleared. GP eq:blacklistfilter. It shares its argument where nobody offended.
func Pending(staging state.Validators, offenders []protocol.Ed25519Key) state.Validators {
	if len(offenders) == 0 {
		return staging
	}
	banned := make(map[protocol.Ed25519Key]struct{}, len(offenders))
	for _, key := range offenders {
		banned[key] = struct{}{}
	}
	pending, shared := staging, true
	for i := range staging {
		if _, found := banned[staging[i].Ed25519]; !found {
			continue
		}
		if shared {
			pending, shared = append(state.Validators(nil), staging...), false
		}
		pending[i] = state.ValidatorKeys{}
	}
	return pending
}

func bandersnatchKeys(set state.Validators) []protocol.BandersnatchKey {
	keys := make([]protocol.BandersnatchKey, len(set))
	for i := range set {
		keys[i] = set[i].Bandersnatch
	}
	return keys
}

// epochMark is H_E. GP eq:epochmarker.
func epochMark(prior *state.Entropy, pending state.Validators) *block.EpochMark {
	mark := &block.EpochMark{
		Entropy:        prior[0],
		TicketsEntropy: prior[1],
		Validators:     make([]block.EpochMarkKeys, len(pending)),
	}
	for i := range pending {
		mark.Validators[i] = block.EpochMarkKeys{Bandersnatch: pending[i].Bandersnatch, Ed25519: pending[i].Ed25519}
	}
	return mark
}
