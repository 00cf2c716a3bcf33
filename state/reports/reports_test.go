package reports

import (
	"bytes"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
)

// errorNames are the error codes of reports.asn.
var errorNames = []string{
	"bad_core_index", "future_report_slot", "report_epoch_before_last", "insufficient_guarantees",
	"out_of_order_guarantee", "not_sorted_or_unique_guarantors", "wrong_assignment", "core_engaged",
	"anchor_not_recent", "bad_service_id", "bad_code_hash", "dependency_missing", "duplicate_package",
	"bad_state_root", "bad_beefy_mmr_root", "core_unauthorized", "bad_validator_index",
	"work_report_gas_too_high", "service_item_gas_too_low", "too_many_dependencies",
	"segment_root_lookup_invalid", "bad_signature", "work_report_too_big", "banned_validator",
	"lookup_anchor_not_recent", "missing_work_results",
}

// vectorState is the state of reports.asn.
type vectorState struct {
	Reports   state.Reports
	Active    state.Validators
	Previous  state.Validators
	Entropy   *state.Entropy
	Offenders []protocol.Ed25519Key
	Recent    *state.Recent
	AuthPools state.AuthPools
	Accounts  map[protocol.ServiceID]*state.Account
	Cores     []state.CoreActivity
	Services  []state.ServiceActivity
}

func decodeKeys(d *codec.Decoder) []protocol.Ed25519Key {
	keys := make([]protocol.Ed25519Key, d.Count(1<<16, 32))
	for i := range keys {
		d.Copy(keys[i][:])
	}
	return keys
}

func decodeState(d *codec.Decoder, p *protocol.Params) *vectorState {
	s := &vectorState{
		Reports: state.DecodeReports(d, p), Active: state.DecodeValidators(d, p), Previous: state.DecodeValidators(d, p),
		Entropy: state.DecodeEntropy(d, p), Offenders: decodeKeys(d), Recent: state.DecodeRecent(d, p),
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

// encode gives the octets of what the part reads, to see that it did not change.
func (s *vectorState) encode() []byte {
	b := s.Previous.AppendTo(s.Active.AppendTo(s.Reports.AppendTo(nil)))
	return s.AuthPools.AppendTo(s.Recent.AppendTo(s.Entropy.AppendTo(b)))
}

type vector struct {
	guarantees []block.Guarantee
	slot       protocol.Slot
	known      []protocol.Hash
	pre, post  *vectorState
	err        string
	reported   []state.ReportedPackage
	reporters  []protocol.Ed25519Key
}

func decodeVector(t testing.TB, data []byte, p *protocol.Params) *vector {
	t.Helper()
	v := new(vector)
	d := codec.NewDecoder(data)
	var x block.Extrinsic
	x.DecodeGuarantees(&d, p)
	v.guarantees, v.slot = x.Guarantees, protocol.Slot(d.U32())
	v.known = state.DecodeHashes(&d, 1<<16)
	v.pre = decodeState(&d, p)
	if d.Bool() {
		v.err = errorNames[d.U8()]
	} else {
		v.reported = make([]state.ReportedPackage, d.Count(p.Cores, 64))
		for i := range v.reported {
			v.reported[i] = state.ReportedPackage{Hash: d.Hash(), ExportsRoot: d.Hash()}
		}
		v.reporters = decodeKeys(&d)
	}
	v.post = decodeState(&d, p)
	if err := d.Finish(); err != nil {
		t.Fatal(err)
	}
	return v
}

// input gives the input of a vector. The packages known to it stand for all places where they can be.
func (v *vector) input() *Input {
	return &Input{
		Slot: v.slot, Guarantees: v.guarantees,
		Entropy: v.pre.Entropy, Active: v.pre.Active, Previous: v.pre.Previous, Offenders: v.pre.Offenders,
		AuthPools: v.pre.AuthPools, Recent: v.pre.Recent, Accumulated: state.Accumulated{v.known},
		Account: func(id protocol.ServiceID) (*state.Account, bool, error) {
			account, ok := v.pre.Accounts[id]
			return account, ok, nil
		},
	}
}

func TestVectors(t *testing.T) {
	verifier := claim.New(claim.Options{})
	vectors.Each(t, "stf/reports", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		v := decodeVector(t, f.Data, p)
		before := v.pre.encode()
		var claims claim.Set
		got, err := Transition(p, v.pre.Reports, v.input(), &claims)
		if err == nil {
			err = verifier.Settle(&claims)
		}
		if code := vectors.Code(err); code != v.err {
			t.Fatalf("error %q, want %q", code, v.err)
		}
		if !bytes.Equal(before, v.pre.encode()) {
			t.Error("the prior state changed")
		}
		want := *v.pre
		if err == nil {
			want.Reports = got.Reports
			want.Cores, want.Services = workload(p, v.guarantees)
			vectors.Equal(t, "reporters", got.Reporters, v.reporters)
			vectors.Equal(t, "reported", reported(v.guarantees), v.reported)
		}
		vectors.Equal(t, "posterior", v.post, &want)
	})
}

// reported lists the packages of a block as the vectors do. State keeps it in recent history.
func reported(guarantees []block.Guarantee) (list []state.ReportedPackage) {
	for i := range guarantees {
		spec := &guarantees[i].Report.Package
		list = append(list, state.ReportedPackage{Hash: spec.Hash, ExportsRoot: spec.ExportsRoot})
	}
	slices.SortFunc(list, func(a, b state.ReportedPackage) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return list
}

// workload is what the reports of a block mean for the statistics of cores and services. GP §13.2 has them in another
// part; they are computed here so that the vectors are compared whole.
func workload(p *protocol.Params, guarantees []block.Guarantee) ([]state.CoreActivity, []state.ServiceActivity) {
	cores := make([]state.CoreActivity, p.Cores)
	services := []state.ServiceActivity{}
	for i := range guarantees {
		r := &guarantees[i].Report
		core := &cores[r.Core]
		core.BundleSize = uint64(r.Package.BundleLength)
		for _, digest := range r.Digests {
			core.Imports += uint64(digest.Imports)
			core.Extrinsics += uint64(digest.Extrinsics)
			core.ExtrinsicsSize += uint64(digest.ExtrinsicsSize)
			core.Exports += uint64(digest.Exports)
			core.GasUsed += digest.RefineGasUsed
			at := 0
			for at < len(services) && services[at].Service < digest.Service {
				at++
			}
			if at == len(services) || services[at].Service != digest.Service {
				services = append(services[:at:at], append([]state.ServiceActivity{{Service: digest.Service}}, services[at:]...)...)
			}
			s := &services[at]
			s.Refinements++
			s.RefinementGas += digest.RefineGasUsed
			s.Imports += uint64(digest.Imports)
			s.Extrinsics += uint64(digest.Extrinsics)
			s.ExtrinsicsSize += uint64(digest.ExtrinsicsSize)
			s.Exports += uint64(digest.Exports)
		}
	}
	return cores, services
}
