// Package reports takes in the work reports that guarantors vouch for: GP §11.3 to §11.5.
//
// [Transition] checks each guarantee alone (guarantee.go), by the cores that its guarantors are assigned to
// (assignment.go), and then all of them against what the chain remembers (context.go).
package reports

import (
	"bytes"
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// Why a block is refused, in the words of the conformance vectors where they have one.
const (
	ErrBadCoreIndex       = protocol.Invalid("reports/bad_core_index")
	ErrFutureSlot         = protocol.Invalid("reports/future_report_slot")
	ErrBeforeLastRotation = protocol.Invalid("reports/report_epoch_before_last")
	ErrFewGuarantees      = protocol.Invalid("reports/insufficient_guarantees")
	ErrOrder              = protocol.Invalid("reports/out_of_order_guarantee")
	ErrGuarantorOrder     = protocol.Invalid("reports/not_sorted_or_unique_guarantors")
	ErrWrongAssignment    = protocol.Invalid("reports/wrong_assignment")
	ErrCoreEngaged        = protocol.Invalid("reports/core_engaged")
	ErrAnchorNotRecent    = protocol.Invalid("reports/anchor_not_recent")
	ErrBadService         = protocol.Invalid("reports/bad_service_id")
	ErrBadCodeHash        = protocol.Invalid("reports/bad_code_hash")
	ErrDependencyMissing  = protocol.Invalid("reports/dependency_missing")
	ErrDuplicatePackage   = protocol.Invalid("reports/duplicate_package")
	ErrBadStateRoot       = protocol.Invalid("reports/bad_state_root")
	ErrBadBeefyRoot       = protocol.Invalid("reports/bad_beefy_mmr_root")
	ErrCoreUnauthorized   = protocol.Invalid("reports/core_unauthorized")
	ErrBadValidatorIndex  = protocol.Invalid("reports/bad_validator_index")
	ErrReportGasTooHigh   = protocol.Invalid("reports/work_report_gas_too_high")
	ErrItemGasTooLow      = protocol.Invalid("reports/service_item_gas_too_low")
	ErrManyDependencies   = protocol.Invalid("reports/too_many_dependencies")
	ErrDependencyOrder    = protocol.Invalid("reports/dependencies_not_sorted_unique")
	ErrBadSegmentRoot     = protocol.Invalid("reports/segment_root_lookup_invalid")
	ErrBadSignature       = protocol.Invalid("reports/bad_signature")
	ErrTooBig             = protocol.Invalid("reports/work_report_too_big")
	ErrBannedValidator    = protocol.Invalid("reports/banned_validator")
	ErrLookupNotRecent    = protocol.Invalid("reports/lookup_anchor_not_recent")
	ErrNoResults          = protocol.Invalid("reports/missing_work_results")
)

// Input is what the part reads of the block and of the state.
type Input struct {
	Slot       protocol.Slot     // τ′
	Guarantees []block.Guarantee // E_G

	// ReportHashes names the report of each guarantee. Nil has them computed, which encodes the reports again.
	ReportHashes []protocol.Hash

	Entropy   *state.Entropy        // η′
	Active    state.Validators      // κ′
	Previous  state.Validators      // λ′
	Offenders []protocol.Ed25519Key // ψ_O′, ascending

	AuthPools    state.AuthPools   // α
	Recent       *state.Recent     // β†
	PriorReports state.Reports     // ρ
	Ready        state.Ready       // ω
	Accumulated  state.Accumulated // ξ

	// Account looks a service of δ up. Its error is none of the block's.
	Account func(protocol.ServiceID) (*state.Account, bool, error)

	// Ancestor says whether the header with that hash and slot is an ancestor of the block, A of GP eq:ancestors. Nil
	// leaves the check out, for chains whose earlier headers are not known.
	Ancestor func(protocol.Hash, protocol.Slot) bool
}

// Result is what comes of the guarantees.
type Result struct {
	Reports   state.Reports         // ρ′: the new reports share the memory of the guarantees
	Reporters []protocol.Ed25519Key // G: who guaranteed, ascending
}

// Transition gives ρ′ of ρ‡. It claims the signatures.
func Transition(p *protocol.Params, reports state.Reports, in *Input, claims *claim.Set) (*Result, error) {
	if len(in.Guarantees) == 0 {
		return &Result{Reports: reports}, nil
	}
	c := &checker{Params: p, Input: in, reports: reports}
	c.reporters = make([]protocol.Ed25519Key, 0, usualGuarantors*len(in.Guarantees))
	claims.Signatures = slices.Grow(claims.Signatures, usualGuarantors*len(in.Guarantees))
	for i := range in.Guarantees {
		if i > 0 && in.Guarantees[i-1].Report.Core >= in.Guarantees[i].Report.Core {
			return nil, fmt.Errorf("guarantee %d: %w", i, ErrOrder)
		}
		if err := c.guarantee(i, claims); err != nil {
			return nil, fmt.Errorf("guarantee %d: %w", i, err)
		}
	}
	if err := c.contexts(); err != nil {
		return nil, err
	}

	post := slices.Clone(reports)
	added := make([]state.Assignment, len(in.Guarantees))
	for i := range in.Guarantees {
		added[i] = state.Assignment{Report: in.Guarantees[i].Report, Slot: in.Slot}
		post[added[i].Report.Core] = &added[i]
	}
	slices.SortFunc(c.reporters, func(a, b protocol.Ed25519Key) int { return bytes.Compare(a[:], b[:]) })
	return &Result{post, slices.Compact(c.reporters)}, nil
}

// usualGuarantors is how many are assigned to a core.
const usualGuarantors = 3

// checker is a run of the part.
type checker struct {
	*protocol.Params
	*Input
	reports   state.Reports // ρ‡
	current   *assignment   // G
	previous  *assignment   // G*
	reporters []protocol.Ed25519Key
	services  map[protocol.ServiceID]*state.Account
}
