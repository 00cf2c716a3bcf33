package safrole

import (
	"fmt"
	"slices"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/claim"
)

// Why a header is refused.
const (
	ErrBadEpochMark   = protocol.Invalid("header/bad_epoch_mark")
	ErrBadWinnersMark = protocol.Invalid("header/bad_tickets_mark")
	ErrBadAuthor      = protocol.Invalid("header/bad_author_index")
	ErrWrongAuthor    = protocol.Invalid("header/unexpected_author")
	ErrBadSeal        = protocol.Invalid("header/bad_seal")
	ErrBadEntropy     = protocol.Invalid("header/bad_entropy_signature")
)

// CheckHeader checks what §6 asks of a header, given the state after it and the marks that [Transition] expects:
// the marks, that the slot is the author's, and the seal and the entropy signature, which it claims. Unsigned is
// the header's encoding without seal, which must not change until the claims are settled.
func CheckHeader(p *protocol.Params, h *block.Header, unsigned []byte, post *State, marks *Marks, claims *claim.Set) error {
	if !sameEpochMark(h.EpochMark, marks.Epoch) {
		return ErrBadEpochMark
	}
	if (h.WinnersMark == nil) != (marks.Winners == nil) || !slices.Equal(h.WinnersMark, marks.Winners) {
		return ErrBadWinnersMark
	}
	return checkSeal(p, h, unsigned, post, claims)
}

func sameEpochMark(a, b *block.EpochMark) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Entropy == b.Entropy && a.TicketsEntropy == b.TicketsEntropy && slices.Equal(a.Validators, b.Validators)
}

// checkSeal is GP eq:ticketconditiontrue, GP eq:ticketconditionfalse and GP eq:vrfsigcheck.
func checkSeal(p *protocol.Params, h *block.Header, unsigned []byte, post *State, claims *claim.Set) error {
	if int(h.Author) >= len(post.Active) {
		return ErrBadAuthor
	}
	author := post.Active[h.Author].Bandersnatch
	output, err := bandersnatch.Output(h.Seal[:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadSeal, err)
	}
	_, phase := p.Epoch(h.Slot)
	var input []byte
	if tickets := post.Safrole.SealKeys.Tickets; tickets != nil {
		if tickets[phase].ID != output {
			return ErrWrongAuthor
		}
		input = TicketInput(post.Entropy[3], tickets[phase].Attempt)
	} else {
		if post.Safrole.SealKeys.Keys[phase] != author {
			return ErrWrongAuthor
		}
		input = FallbackInput(post.Entropy[3])
	}
	claims.Seals = append(claims.Seals,
		claim.Seal{
			Key: author, Input: input, Message: unsigned, Signature: &h.Seal,
			Where: claim.Where{Kind: "seal", Rule: ErrBadSeal},
		},
		claim.Seal{
			Key: author, Input: EntropyInput(output), Signature: &h.EntropySignature,
			Where: claim.Where{Kind: "entropy signature", Rule: ErrBadEntropy},
		})
	return nil
}

// FallbackInput is what a seal without ticket is about: X_F ⌢ η₃′. GP eq:ticketconditionfalse.
func FallbackInput(entropy protocol.Hash) []byte {
	return append([]byte(protocol.ContextFallbackSeal), entropy[:]...)
}

// EntropyInput is what a header's entropy signature is about, given the output of its seal: X_E ⌢ 𝒴(H_S). GP
// eq:vrfsigcheck.
func EntropyInput(seal protocol.Hash) []byte {
	return append([]byte(protocol.ContextEntropy), seal[:]...)
}

// FreshEntropy is 𝒴(H_V), what a header adds to the entropy. It is not verified here.
func FreshEntropy(h *block.Header) (protocol.Hash, error) {
	output, err := bandersnatch.Output(h.EntropySignature[:])
	if err != nil {
		return output, fmt.Errorf("%w: %w", ErrBadEntropy, err)
	}
	return output, nil
}
