package suites

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/authorization"
	"damson/state/claim"
	"damson/state/disputes"
	"damson/state/history"
	"damson/state/safrole"
)

// The error codes of the schemas, in their order.
var (
	safroleErrors = []string{
		"bad_slot", "unexpected_ticket", "bad_ticket_order", "bad_ticket_proof", "bad_ticket_attempt", "reserved",
		"duplicate_ticket",
	}
	disputesErrors = []string{
		"already_judged", "bad_vote_split", "verdicts_not_sorted_unique", "judgements_not_sorted_unique",
		"culprits_not_sorted_unique", "faults_not_sorted_unique", "not_enough_culprits", "not_enough_faults",
		"culprits_verdict_not_bad", "fault_verdict_wrong", "offender_already_reported", "bad_judgement_age",
		"bad_validator_index", "bad_signature", "bad_guarantor_key", "bad_auditor_key",
	}
)

// safroleVector is a vector of safrole.asn.
func safroleVector(r *Runner, f *file) error {
	var in, postIn safrole.Input
	var wantMarks safrole.Marks
	wantCode := ""
	p, d := f.params, codec.NewDecoder(f.data)
	in.Slot, in.Entropy = protocol.Slot(d.U32()), d.Hash()
	var x block.Extrinsic
	x.DecodeTicketProofs(&d)
	in.Tickets = x.Tickets
	pre := safroleState(&d, p, &in)
	if d.Bool() {
		wantCode = code(safroleErrors, d.U8())
	} else {
		wantMarks = safroleMarks(&d, p)
	}
	want := safroleState(&d, p, &postIn)
	if err := d.Finish(); err != nil {
		return err
	}
	var claims claim.Set
	post, marks, err := safrole.Transition(p, &pre, &in, r.verifier.RingRoot, &claims)
	if err == nil {
		err = r.verifier.Settle(&claims)
	}
	if wrong := verdict(err, wantCode); wrong != nil {
		return wrong
	}
	if err != nil {
		post, marks = &pre, new(safrole.Marks)
	}
	return first(same("posterior state", post, &want), same("marks", marks, &wantMarks))
}

func safroleState(d *codec.Decoder, p *protocol.Params, in *safrole.Input) (s safrole.State) {
	s.Slot = protocol.Slot(d.U32())
	s.Entropy = state.DecodeEntropy(d, p)
	s.Previous = state.DecodeValidators(d, p)
	s.Active = state.DecodeValidators(d, p)
	s.Safrole = &state.Safrole{Pending: state.DecodeValidators(d, p)}
	in.Staging = state.DecodeValidators(d, p)
	s.Safrole.Accumulator = block.DecodeTickets(d, nil, d.Count(int(p.EpochLength), 33))
	s.Safrole.SealKeys = state.DecodeSealKeys(d, p)
	d.Copy(s.Safrole.RingRoot[:])
	in.Offenders = keys(d)
	return s
}

func safroleMarks(d *codec.Decoder, p *protocol.Params) (marks safrole.Marks) {
	if d.Bool() {
		marks.Epoch = &block.EpochMark{Entropy: d.Hash(), TicketsEntropy: d.Hash()}
		for range p.Validators {
			var k block.EpochMarkKeys
			d.Copy(k.Bandersnatch[:])
			d.Copy(k.Ed25519[:])
			marks.Epoch.Validators = append(marks.Epoch.Validators, k)
		}
	}
	if d.Bool() {
		marks.Winners = block.DecodeTickets(d, nil, int(p.EpochLength))
	}
	return marks
}

// keys reads a list of Ed25519 keys.
func keys(d *codec.Decoder) []protocol.Ed25519Key {
	list := make([]protocol.Ed25519Key, d.Count(1<<16, 32))
	for i := range list {
		d.Copy(list[i][:])
	}
	return list
}

// disputesState is the state of disputes.asn.
type disputesState struct {
	Disputes         *state.Disputes
	Reports          state.Reports
	Slot             protocol.Slot
	Active, Previous state.Validators
}

func decodeDisputesState(d *codec.Decoder, p *protocol.Params) (s disputesState) {
	s.Disputes = state.DecodeDisputes(d, p)
	s.Reports = state.DecodeReports(d, p)
	s.Slot = protocol.Slot(d.U32())
	s.Active = state.DecodeValidators(d, p)
	s.Previous = state.DecodeValidators(d, p)
	return s
}

// disputesVector is a vector of disputes.asn.
func disputesVector(r *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	var x block.Disputes
	x.DecodeFrom(&d, p)
	pre := decodeDisputesState(&d, p)
	wantCode := ""
	var wantMark []protocol.Ed25519Key
	if d.Bool() {
		wantCode = code(disputesErrors, d.U8())
	} else {
		wantMark = keys(&d)
	}
	want := decodeDisputesState(&d, p)
	if err := d.Finish(); err != nil {
		return err
	}
	var claims claim.Set
	got, err := disputes.Transition(p, pre.Disputes, pre.Reports, &disputes.Input{
		Slot: pre.Slot, Active: pre.Active, Previous: pre.Previous, Disputes: &x,
	}, &claims)
	if err == nil {
		err = r.verifier.Settle(&claims)
	}
	if wrong := verdict(err, wantCode); wrong != nil {
		return wrong
	}
	post := pre
	if err == nil {
		post.Disputes, post.Reports = got.Disputes, got.Reports
		if err := same("offenders mark", got.OffendersMark, wantMark); err != nil {
			return err
		}
	}
	return same("posterior state", &post, &want)
}

// historyVector is a vector of history.asn.
func historyVector(_ *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	header, root, outputs := d.Hash(), d.Hash(), d.Hash()
	guarantees := make([]block.Guarantee, d.Count(p.Cores, 64))
	for i := range guarantees {
		spec := &guarantees[i].Report.Package
		spec.Hash, spec.ExportsRoot = d.Hash(), d.Hash()
	}
	pre, want := state.DecodeRecent(&d, p), state.DecodeRecent(&d, p)
	if err := d.Finish(); err != nil {
		return err
	}
	post := history.Transition(p, history.WithStateRoot(pre, root), header, outputs, history.Reported(guarantees))
	return same("posterior history", post, want)
}

// authorizationsVector is a vector of authorizations.asn.
func authorizationsVector(_ *Runner, f *file) error {
	p, d := f.params, codec.NewDecoder(f.data)
	slot := protocol.Slot(d.U32())
	guarantees := make([]block.Guarantee, d.Count(p.Cores, 34))
	for i := range guarantees {
		guarantees[i].Report.Core = protocol.Core(d.U16())
		guarantees[i].Report.Authorizer = d.Hash()
	}
	pools, queues := state.DecodeAuthPools(&d, p), state.DecodeAuthQueues(&d, p)
	wantPools, wantQueues := state.DecodeAuthPools(&d, p), state.DecodeAuthQueues(&d, p)
	if err := d.Finish(); err != nil {
		return err
	}
	post := authorization.Transition(p, pools, queues, slot, guarantees)
	return first(same("pools", post, wantPools), same("queues", queues, wantQueues))
}
