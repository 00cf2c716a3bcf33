package devchain

import (
	"bytes"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/disputes"
)

// dispute decides about a good report and a bad one. Two guarantors of the bad one are to blame, and an auditor who
// called the good one invalid.
func (s *script) dispute(good, bad protocol.Hash, guarantors []protocol.Validator) {
	auditor := protocol.Validator(0)
	for slices.Contains(guarantors, auditor) {
		auditor++
	}
	whole := func(d *Draft) {
		d.Verdict(good, 5)
		d.Verdict(bad, 0)
		d.Culprit(bad, guarantors[0])
		d.Culprit(bad, guarantors[1])
		d.Fault(good, false, auditor)
		sortDisputes(&d.Extrinsic.Disputes)
	}
	change := func(why protocol.Invalid, change func(*block.Disputes)) {
		s.Bad(why, func(d *Draft) {
			whole(d)
			change(&d.Extrinsic.Disputes)
		})
	}
	change(disputes.ErrVerdictsOrder, func(x *block.Disputes) { slices.Reverse(x.Verdicts) })
	change(disputes.ErrJudgementsOrder, func(x *block.Disputes) { slices.Reverse(x.Verdicts[0].Votes) })
	change(disputes.ErrCulpritsOrder, func(x *block.Disputes) { slices.Reverse(x.Culprits) })
	change(disputes.ErrNotEnoughCulprits, func(x *block.Disputes) { x.Culprits = x.Culprits[:1] })
	change(disputes.ErrNotEnoughFaults, func(x *block.Disputes) { x.Faults = nil })
	change(disputes.ErrFaultVerdictWrong, func(x *block.Disputes) { x.Faults[0].Valid = true })
	change(disputes.ErrCulpritNotBad, func(x *block.Disputes) { x.Culprits[0].Report = good })
	change(disputes.ErrBadGuarantorKey, func(x *block.Disputes) { x.Culprits[0].Key = protocol.Ed25519Key{} })
	change(disputes.ErrBadAuditorKey, func(x *block.Disputes) { x.Faults[0].Key[0] ^= 1 })
	change(disputes.ErrBadJudgementAge, func(x *block.Disputes) { x.Verdicts[0].Epoch = 0 })
	change(disputes.ErrBadSignature, func(x *block.Disputes) { x.Verdicts[1].Votes[4].Signature[40] ^= 1 })
	s.Bad(disputes.ErrBadVoteSplit, func(d *Draft) { d.Verdict(bad, 1) })
	s.Good(whole)
}

// sortDisputes brings a disputes extrinsic in order. GP §10.2.
func sortDisputes(x *block.Disputes) {
	slices.SortFunc(x.Verdicts, func(a, b block.Verdict) int { return bytes.Compare(a.Report[:], b.Report[:]) })
	slices.SortFunc(x.Culprits, func(a, b block.Culprit) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	slices.SortFunc(x.Faults, func(a, b block.Fault) int { return bytes.Compare(a.Key[:], b.Key[:]) })
}
