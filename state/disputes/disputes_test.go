package disputes

import (
	"bytes"
	"errors"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
)

// errorNames are the error codes of disputes.asn.
var errorNames = []string{
	"already_judged", "bad_vote_split", "verdicts_not_sorted_unique", "judgements_not_sorted_unique",
	"culprits_not_sorted_unique", "faults_not_sorted_unique", "not_enough_culprits", "not_enough_faults",
	"culprits_verdict_not_bad", "fault_verdict_wrong", "offender_already_reported", "bad_judgement_age",
	"bad_validator_index", "bad_signature", "bad_guarantor_key", "bad_auditor_key",
}

// priorState is the state of disputes.asn.
type priorState struct {
	Disputes *state.Disputes
	Reports  state.Reports
	Slot     protocol.Slot
	Active   state.Validators
	Previous state.Validators
}

func decodeState(d *codec.Decoder, p *protocol.Params) (s priorState) {
	s.Disputes = state.DecodeDisputes(d, p)
	s.Reports = state.DecodeReports(d, p)
	s.Slot = protocol.Slot(d.U32())
	s.Active = state.DecodeValidators(d, p)
	s.Previous = state.DecodeValidators(d, p)
	return s
}

func TestVectors(t *testing.T) {
	verifier := claim.New(claim.Options{})
	vectors.Each(t, "stf/disputes", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		var x block.Disputes
		x.DecodeFrom(&d, p)
		prior := decodeState(&d, p)
		var wantErr string
		var wantMark []protocol.Ed25519Key
		if d.Bool() {
			wantErr = errorNames[d.U8()]
		} else {
			wantMark = make([]protocol.Ed25519Key, d.Count(2*p.Validators, 32))
			for i := range wantMark {
				d.Copy(wantMark[i][:])
			}
		}
		want := decodeState(&d, p)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}

		before := prior.Reports.AppendTo(prior.Disputes.AppendTo(nil))
		in := &Input{Slot: prior.Slot, Active: prior.Active, Previous: prior.Previous, Disputes: &x}
		var claims claim.Set
		got, err := Transition(p, prior.Disputes, prior.Reports, in, &claims)
		if err == nil {
			err = verifier.Settle(&claims)
		}
		if code := vectors.Code(err); code != wantErr {
			t.Fatalf("error %q, want %q", code, wantErr)
		}
		if !bytes.Equal(before, prior.Reports.AppendTo(prior.Disputes.AppendTo(nil))) {
			t.Error("the prior state changed")
		}
		if err != nil {
			got = &Result{Disputes: prior.Disputes, Reports: prior.Reports}
		}
		vectors.Equal(t, "ψ′", got.Disputes, want.Disputes)
		vectors.Equal(t, "ρ†", got.Reports, want.Reports)
		vectors.Equal(t, "offenders mark", got.OffendersMark, wantMark)
	})
}

func TestJudgementAge(t *testing.T) {
	p := protocol.Tiny()
	in := &Input{Active: make(state.Validators, 1), Previous: make(state.Validators, 2)}
	for _, tc := range []struct {
		slot   protocol.Slot
		epoch  uint32
		judges int
	}{
		{0, 0, 1},
		{0, 1<<32 - 1, 0}, // not the epoch before the first
		{p.EpochLength, 1, 1},
		{p.EpochLength, 0, 2},
		{p.EpochLength, 2, 0},
		{2 * p.EpochLength, 0, 0},
	} {
		in.Slot = tc.slot
		if set, ok := judges(p, in, tc.epoch); len(set) != tc.judges || ok != (tc.judges > 0) {
			t.Errorf("slot %d, epoch %d: %d judges, want %d", tc.slot, tc.epoch, len(set), tc.judges)
		}
	}
}

func TestOffendersMark(t *testing.T) {
	h := &block.Header{OffendersMark: []protocol.Ed25519Key{{1}}}
	if err := CheckHeader(h, []protocol.Ed25519Key{{1}}); err != nil {
		t.Error(err)
	}
	if err := CheckHeader(h, nil); !errors.Is(err, ErrBadOffendersMark) {
		t.Errorf("%v, want %v", err, ErrBadOffendersMark)
	}
}
