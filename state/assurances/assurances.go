// Package assurances finds the reports whose data is available: GP §11.2.
package assurances

import (
	"fmt"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// Why a block is refused, in the words of the conformance vectors.
const (
	ErrBadAnchor         = protocol.Invalid("assurances/bad_attestation_parent")
	ErrBadValidatorIndex = protocol.Invalid("assurances/bad_validator_index")
	ErrCoreNotEngaged    = protocol.Invalid("assurances/core_not_engaged")
	ErrBadSignature      = protocol.Invalid("assurances/bad_signature")
	ErrOrder             = protocol.Invalid("assurances/not_sorted_or_unique_assurers")
)

// Input is what the part reads of the block and the state before it.
type Input struct {
	Slot       protocol.Slot     // H_T
	Parent     protocol.Hash     // H_P
	Assurances []block.Assurance // E_A
	Active     state.Validators  // κ
}

// Result is what comes of the assurances.
type Result struct {
	Reports   state.Reports   // ρ‡
	Available []*block.Report // R: those that became available, by core. They belong to the prior ρ
}

// Transition gives ρ‡ of ρ†: without what became available, and what did not in time. It claims the signatures.
func Transition(p *protocol.Params, reports state.Reports, in *Input, claims *claim.Set) (*Result, error) {
	votes := newTally(reports)
	for i := range in.Assurances {
		if err := check(in, i, len(in.Active)); err != nil {
			return nil, fmt.Errorf("assurance %d: %w", i, err)
		}
		if !votes.add(in.Assurances[i].Bitfield) {
			return nil, fmt.Errorf("assurance %d: %w", i, ErrCoreNotEngaged)
		}
	}
	claimSignatures(in, claims)

	result := &Result{Reports: slices.Clone(reports)}
	for core, pending := range reports { // GP eq:availableworkreports, GP eq:reportspostguaranteesdef
		switch {
		case pending == nil:
		case votes.count(core) >= p.SuperMajority():
			result.Available = append(result.Available, &pending.Report)
			result.Reports[core] = nil
		case uint64(in.Slot) >= uint64(pending.Slot)+uint64(p.AvailabilityTimeout):
			result.Reports[core] = nil
		}
	}
	return result, nil
}

// check holds an assurance against the rules that need no signature and no core.
func check(in *Input, i, validators int) error {
	a := &in.Assurances[i]
	switch {
	case a.Anchor != in.Parent:
		return ErrBadAnchor
	case int(a.Validator) >= validators:
		return ErrBadValidatorIndex
	case i > 0 && in.Assurances[i-1].Validator >= a.Validator:
		return ErrOrder
	}
	return nil
}

// claimSignatures is GP eq:assurancesig.
func claimSignatures(in *Input, claims *claim.Set) {
	const size = len(protocol.ContextAvailable) + len(protocol.Hash{})
	messages := make([]byte, 0, len(in.Assurances)*size) // one allocation for all messages
	claims.Signatures = slices.Grow(claims.Signatures, len(in.Assurances))
	var signed []byte
	for i := range in.Assurances {
		a := &in.Assurances[i]
		signed = append(append(signed[:0], in.Parent[:]...), a.Bitfield...)
		digest := blake2b.Sum256(signed)
		messages = append(append(messages, protocol.ContextAvailable...), digest[:]...)
		claims.Signatures = append(claims.Signatures, claim.Signature{
			Key:       in.Active[a.Validator].Ed25519,
			Message:   messages[i*size:],
			Signature: a.Signature,
			Where:     claim.Where{Kind: "assurance", Index: i, Rule: ErrBadSignature},
		})
	}
}
