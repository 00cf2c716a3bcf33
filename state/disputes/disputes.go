// Package disputes records judgments on reports and those whom they prove wrong: GP §10.
package disputes

import (
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// Why a block is refused, in the words of the conformance vectors.
const (
	ErrAlreadyJudged     = protocol.Invalid("disputes/already_judged")
	ErrBadVoteSplit      = protocol.Invalid("disputes/bad_vote_split")
	ErrVerdictsOrder     = protocol.Invalid("disputes/verdicts_not_sorted_unique")
	ErrJudgementsOrder   = protocol.Invalid("disputes/judgements_not_sorted_unique")
	ErrCulpritsOrder     = protocol.Invalid("disputes/culprits_not_sorted_unique")
	ErrFaultsOrder       = protocol.Invalid("disputes/faults_not_sorted_unique")
	ErrNotEnoughCulprits = protocol.Invalid("disputes/not_enough_culprits")
	ErrNotEnoughFaults   = protocol.Invalid("disputes/not_enough_faults")
	ErrCulpritNotBad     = protocol.Invalid("disputes/culprits_verdict_not_bad")
	ErrFaultVerdictWrong = protocol.Invalid("disputes/fault_verdict_wrong")
	ErrAlreadyReported   = protocol.Invalid("disputes/offender_already_reported")
	ErrBadJudgementAge   = protocol.Invalid("disputes/bad_judgement_age")
	ErrBadValidatorIndex = protocol.Invalid("disputes/bad_validator_index")
	ErrBadSignature      = protocol.Invalid("disputes/bad_signature")
	ErrBadGuarantorKey   = protocol.Invalid("disputes/bad_guarantor_key")
	ErrBadAuditorKey     = protocol.Invalid("disputes/bad_auditor_key")
)

// ErrBadOffendersMark says that a header does not name just the new offenders. GP §10.3.
const ErrBadOffendersMark = protocol.Invalid("header/bad_offenders_mark")

// Input is what the part reads besides ψ and ρ.
type Input struct {
	Slot     protocol.Slot    // τ
	Active   state.Validators // κ
	Previous state.Validators // λ
	Disputes *block.Disputes  // E_D
}

// Result is what comes of the disputes. It shares with the prior state what did not change.
type Result struct {
	Disputes      *state.Disputes       // ψ′
	Reports       state.Reports         // ρ†
	OffendersMark []protocol.Ed25519Key // H_O
}

// Transition gives ψ′ and ρ†. It claims the signatures.
func Transition(p *protocol.Params, prior *state.Disputes, reports state.Reports, in *Input, claims *claim.Set) (*Result, error) {
	x := in.Disputes
	result := &Result{Disputes: prior, Reports: reports}
	if len(x.Verdicts)+len(x.Culprits)+len(x.Faults) == 0 {
		return result, nil
	}
	verdicts, err := judge(p, prior, in, claims)
	if err != nil {
		return nil, err
	}
	post := record(prior, x, verdicts)
	if err := checkOffences(prior, post, in, claims); err != nil {
		return nil, err
	}
	if err := checkEnough(x, verdicts); err != nil {
		return nil, err
	}
	result.Disputes = post
	result.Reports = withoutBad(reports, verdicts)
	result.OffendersMark = make([]protocol.Ed25519Key, 0, len(x.Culprits)+len(x.Faults))
	for i := range x.Culprits {
		result.OffendersMark = append(result.OffendersMark, x.Culprits[i].Key)
	}
	for i := range x.Faults {
		result.OffendersMark = append(result.OffendersMark, x.Faults[i].Key)
	}
	return result, nil
}

// CheckHeader holds a header against the mark that it must carry.
func CheckHeader(h *block.Header, mark []protocol.Ed25519Key) error {
	if !slices.Equal(h.OffendersMark, mark) {
		return ErrBadOffendersMark
	}
	return nil
}

// record is ψ′. GP eq:goodsetdef, GP eq:badsetdef, GP eq:wonkysetdef, GP eq:offendersdef.
func record(prior *state.Disputes, x *block.Disputes, verdicts []verdict) *state.Disputes {
	var good, bad, wonky []protocol.Hash
	for _, v := range verdicts {
		switch v.outcome {
		case judgedGood:
			good = append(good, v.report)
		case judgedBad:
			bad = append(bad, v.report)
		case judgedWonky:
			wonky = append(wonky, v.report)
		}
	}
	var offenders []protocol.Ed25519Key
	for i := range x.Culprits {
		offenders = append(offenders, x.Culprits[i].Key)
	}
	for i := range x.Faults {
		offenders = append(offenders, x.Faults[i].Key)
	}
	return &state.Disputes{
		Good:      union(prior.Good, good),
		Bad:       union(prior.Bad, bad),
		Wonky:     union(prior.Wonky, wonky),
		Offenders: union(prior.Offenders, offenders),
	}
}

// withoutBad is ρ†: reports that are not good leave their cores. GP eq:removenonpositive.
func withoutBad(reports state.Reports, verdicts []verdict) state.Reports {
	post := reports
	if !slices.ContainsFunc(verdicts, func(v verdict) bool { return v.outcome != judgedGood }) {
		return post
	}
	for core, pending := range reports {
		if pending == nil {
			continue
		}
		at, found := slices.BinarySearchFunc(verdicts, pending.Report.Hash(), func(v verdict, h protocol.Hash) int {
			return compare(v.report, h)
		})
		if !found || verdicts[at].outcome == judgedGood {
			continue
		}
		if &post[0] == &reports[0] {
			post = slices.Clone(reports)
		}
		post[core] = nil
	}
	return post
}

// checkEnough demands somebody to blame for every verdict but the wonky ones. GP §10.2.
func checkEnough(x *block.Disputes, verdicts []verdict) error {
	culprits, faults := make(map[protocol.Hash]int), make(map[protocol.Hash]int)
	for i := range x.Culprits {
		culprits[x.Culprits[i].Report]++
	}
	for i := range x.Faults {
		faults[x.Faults[i].Report]++
	}
	for i, v := range verdicts {
		switch {
		case v.outcome == judgedGood && faults[v.report] < 1:
			return fmt.Errorf("verdict %d: %w", i, ErrNotEnoughFaults)
		case v.outcome == judgedBad && culprits[v.report] < 2:
			return fmt.Errorf("verdict %d: %w", i, ErrNotEnoughCulprits)
		}
	}
	return nil
}
