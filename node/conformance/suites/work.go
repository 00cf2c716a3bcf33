package suites

import (
	"bytes"
	"slices"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/assurances"
	"damson/state/claim"
	"damson/state/history"
	"damson/state/reports"
	"damson/state/statistics"
)

// The error codes of the schemas, in their order.
var (
	assurancesErrors = []string{
		"bad_attestation_parent", "bad_validator_index", "core_not_engaged", "bad_signature",
		"not_sorted_or_unique_assurers",
	}
	reportsErrors = []string{
		"bad_core_index", "future_report_slot", "report_epoch_before_last", "insufficient_guarantees",
		"out_of_order_guarantee", "not_sorted_or_unique_guarantors", "wrong_assignment", "core_engaged",
		"anchor_not_recent", "bad_service_id", "bad_code_hash", "dependency_missing", "duplicate_package",
		"bad_state_root", "bad_beefy_mmr_root", "core_unauthorized", "bad_validator_index",
		"work_report_gas_too_high", "service_item_gas_too_low", "too_many_dependencies",
		"segment_root_lookup_invalid", "bad_signature", "work_report_too_big", "banned_validator",
		"lookup_anchor_not_recent", "missing_work_results",
	}
)

// assurancesVector is a vector of assurances.asn.
func assurancesVector(r *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	var x block.Extrinsic
	x.DecodeAssurances(&d, p)
	in := assurances.Input{Assurances: x.Assurances, Slot: protocol.Slot(d.U32()), Parent: d.Hash()}
	prior := state.DecodeReports(&d, p)
	in.Active = state.DecodeValidators(&d, p)
	var available []*block.Report
	wantCode := ""
	if d.Bool() {
		wantCode = code(assurancesErrors, d.U8())
	} else {
		for range d.Count(p.Cores, 1) {
			report := new(block.Report)
			report.DecodeFrom(&d, p)
			available = append(available, report)
		}
	}
	want, wantActive := state.DecodeReports(&d, p), state.DecodeValidators(&d, p)
	if err := d.Finish(); err != nil {
		return err
	}
	var claims claim.Set
	got, err := assurances.Transition(p, prior, &in, &claims)
	if err == nil {
		err = r.verifier.Settle(&claims)
	}
	if wrong := verdict(err, wantCode); wrong != nil {
		return wrong
	}
	if err != nil {
		got = &assurances.Result{Reports: prior}
	}
	return first(
		same("reports", got.Reports, want), same("available", got.Available, available), same("validators", in.Active, wantActive),
	)
}

// reportsState is the state of reports.asn.
type reportsState struct {
	Reports          state.Reports
	Active, Previous state.Validators
	Entropy          *state.Entropy
	Offenders        []protocol.Ed25519Key
	Recent           *state.Recent
	AuthPools        state.AuthPools
	Accounts         map[protocol.ServiceID]*state.Account
	Cores            []state.CoreActivity
	Services         []state.ServiceActivity
}

func decodeReportsState(d *codec.Decoder, p *protocol.Params) *reportsState {
	s := &reportsState{
		Reports: state.DecodeReports(d, p), Active: state.DecodeValidators(d, p), Previous: state.DecodeValidators(d, p),
		Entropy: state.DecodeEntropy(d, p), Offenders: keys(d), Recent: state.DecodeRecent(d, p),
		AuthPools: state.DecodeAuthPools(d, p), Accounts: make(map[protocol.ServiceID]*state.Account),
	}
	for range d.Count(1<<16, 4+state.AccountSize) {
		id, account := protocol.ServiceID(d.U32()), new(state.Account)
		account.DecodeFrom(d)
		s.Accounts[id] = account
	}
	s.Cores, s.Services = state.DecodeCoreActivity(d, p), state.DecodeServiceActivity(d)
	return s
}

// reportsVector is a vector of reports.asn. Its statistics are those of another part.
func reportsVector(r *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	var x block.Extrinsic
	x.DecodeGuarantees(&d, p)
	slot := protocol.Slot(d.U32())
	known := state.DecodeHashes(&d, 1<<16)
	pre := decodeReportsState(&d, p)
	var wantReported []state.ReportedPackage
	var wantReporters []protocol.Ed25519Key
	wantCode := ""
	if d.Bool() {
		wantCode = code(reportsErrors, d.U8())
	} else {
		wantReported = make([]state.ReportedPackage, d.Count(p.Cores, 64))
		for i := range wantReported {
			wantReported[i] = state.ReportedPackage{Hash: d.Hash(), ExportsRoot: d.Hash()}
		}
		wantReporters = keys(&d)
	}
	want := decodeReportsState(&d, p)
	if err := d.Finish(); err != nil {
		return err
	}
	// The packages known to a vector stand for all places where they can be.
	in := &reports.Input{
		Slot: slot, Guarantees: x.Guarantees, Entropy: pre.Entropy, Active: pre.Active, Previous: pre.Previous,
		Offenders: pre.Offenders, AuthPools: pre.AuthPools, Recent: pre.Recent, Accumulated: state.Accumulated{known},
		Account: func(id protocol.ServiceID) (*state.Account, bool, error) {
			account, ok := pre.Accounts[id]
			return account, ok, nil
		},
	}
	var claims claim.Set
	got, err := reports.Transition(p, pre.Reports, in, &claims)
	if err == nil {
		err = r.verifier.Settle(&claims)
	}
	if wrong := verdict(err, wantCode); wrong != nil {
		return wrong
	}
	if err != nil {
		return same("posterior state", pre, want)
	}
	reported := history.Reported(x.Guarantees)
	slices.SortFunc(reported, func(a, b state.ReportedPackage) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	if err := first(same("reporters", got.Reporters, wantReporters), same("reported", reported, wantReported)); err != nil {
		return err
	}
	activity := statistics.Transition(p, &state.Activity{
		Current: make([]state.ValidatorActivity, p.Validators), Cores: pre.Cores, Services: pre.Services,
	}, &statistics.Input{Slot: slot, Extrinsic: &x, Active: pre.Active, Reporters: got.Reporters})
	post := *pre
	post.Reports, post.Cores, post.Services = got.Reports, activity.Cores, activity.Services
	return same("posterior state", &post, want)
}

// statisticsVector is a vector of statistics.asn.
func statisticsVector(_ *Runner, f *file) error {
	type vectorState struct {
		activity state.Activity
		slot     protocol.Slot
		active   state.Validators
	}
	p, d := f.params, codec.NewDecoder(f.data)
	decode := func() (s vectorState) {
		s.activity.Current = state.DecodeValidatorActivity(&d, p)
		s.activity.Previous = state.DecodeValidatorActivity(&d, p)
		s.slot = protocol.Slot(d.U32())
		s.active = state.DecodeValidators(&d, p)
		return s
	}
	in := statistics.Input{Slot: protocol.Slot(d.U32()), Author: protocol.Validator(d.U16()), Extrinsic: new(block.Extrinsic)}
	in.Extrinsic.DecodeFrom(&d, p)
	pre, want := decode(), decode()
	if err := d.Finish(); err != nil {
		return err
	}
	in.Prior, in.Active = pre.slot, pre.active
	for _, g := range in.Extrinsic.Guarantees {
		for _, c := range g.Credentials {
			in.Reporters = append(in.Reporters, in.Active[c.Validator].Ed25519)
		}
	}
	post := statistics.Transition(p, &pre.activity, &in)
	return first(
		same("current activity", post.Current, want.activity.Current),
		same("previous activity", post.Previous, want.activity.Previous),
		same("slot", pre.slot, want.slot),
		same("validators", pre.active, want.active),
	)
}
