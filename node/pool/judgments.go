package pool

import (
	"bytes"
	"cmp"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
	rules "damson/state/disputes"
)

// Judgment is an auditor's word on a report.
type Judgment struct {
	Epoch     uint32 // whose validators the auditor is one of
	Report    protocol.Hash
	Valid     bool
	Validator protocol.Validator
	Signature protocol.Ed25519Signature
}

// judged has the judgments on one report by the validators of one epoch. Who judges both ways is counted by his first word.
type judged struct {
	report      protocol.Hash
	epoch       uint32
	byValidator map[protocol.Validator]*Judgment
	keys        map[protocol.Validator]protocol.Ed25519Key
}

// culprit guaranteed a report that may turn out bad.
type culprit struct{ block.Culprit }

type culpritKey struct {
	report protocol.Hash
	key    protocol.Ed25519Key
}

// judgments are what verdicts are made of.
type judgments struct {
	byReport map[protocol.Hash]*judged
	culprits map[culpritKey]culprit
}

// prune forgets what is too old to make a verdict, and what the finalized state has judged with all who were wrong.
func (x *judgments) prune(s *state.State) {
	slot, err := s.Slot()
	disputes, err2 := s.Disputes()
	if err != nil || err2 != nil {
		return
	}
	epoch, _ := s.Params().Epoch(slot)
	settled := func(h protocol.Hash) bool {
		return has(disputes.Wonky, h) || has(disputes.Good, h) || has(disputes.Bad, h)
	}
	for report, j := range x.byReport {
		if j.epoch+1 < epoch || settled(report) && j.epoch < epoch {
			delete(x.byReport, report)
		}
	}
	for key := range x.culprits {
		if settled(key.report) && x.byReport[key.report] == nil || has(disputes.Offenders, key.key) {
			delete(x.culprits, key)
		}
	}
}

func has[T ~[32]byte](set []T, element T) bool {
	_, found := slices.BinarySearchFunc(set, element, func(a, b T) int {
		x, y := [32]byte(a), [32]byte(b)
		return bytes.Compare(x[:], y[:])
	})
	return found
}

// AddJudgment takes in a judgment by a validator of this epoch or the last. Done may be nil.
func (p *Pool) AddJudgment(j *Judgment, done func(error)) {
	done = tell(done)
	own, best := *j, p.opts.Chain.Best().State
	var key protocol.Ed25519Key
	p.check(func() (err error) {
		if key, err = p.judge(best, &own); err != nil {
			return err
		}
		return p.opts.Verifier.Signatures([]claim.Signature{{
			Key: key, Message: judgmentMessage(own.Valid, own.Report), Signature: own.Signature,
			Where: claim.Where{Kind: "judgment", Rule: rules.ErrBadSignature},
		}})
	}, func(err error) {
		if err == nil {
			err = p.keepJudgment(&own, key)
		}
		done(err)
	})
}

// judge gives the key of the validator who judges. GP eq:verdicts.
func (p *Pool) judge(best *state.State, j *Judgment) (key protocol.Ed25519Key, err error) {
	slot, err := best.Slot()
	if err != nil {
		return key, err
	}
	var set state.Validators
	switch epoch, _ := p.opts.Params.Epoch(slot); {
	case j.Epoch == epoch:
		set, err = best.Active()
	case epoch > 0 && j.Epoch == epoch-1:
		set, err = best.Previous()
	default:
		return key, ErrStale
	}
	if err != nil {
		return key, err
	}
	if int(j.Validator) >= len(set) {
		return key, rules.ErrBadValidatorIndex
	}
	return set[j.Validator].Ed25519, nil
}

func judgmentMessage(valid bool, report protocol.Hash) []byte {
	if valid {
		return append([]byte(protocol.ContextValid), report[:]...)
	}
	return append([]byte(protocol.ContextInvalid), report[:]...)
}

func (p *Pool) keepJudgment(j *Judgment, key protocol.Ed25519Key) error {
	kept := p.judgments.byReport[j.Report]
	switch {
	case kept == nil && len(p.judgments.byReport) >= maxJudged:
		return ErrFull
	case kept == nil || kept.epoch < j.Epoch: // those of a newer epoch can still be brought when the others cannot
		kept = &judged{
			j.Report, j.Epoch, make(map[protocol.Validator]*Judgment), make(map[protocol.Validator]protocol.Ed25519Key),
		}
		p.judgments.byReport[j.Report] = kept
	case kept.epoch > j.Epoch:
		return ErrStale
	case kept.byValidator[j.Validator] != nil:
		return ErrKnown
	}
	kept.byValidator[j.Validator], kept.keys[j.Validator] = j, key
	return nil
}

// AddCulprit takes in who has guaranteed a report, in case that it is judged bad. Done may be nil.
func (p *Pool) AddCulprit(c *block.Culprit, done func(error)) {
	done = tell(done)
	own := culprit{*c}
	p.check(func() error {
		return p.opts.Verifier.Signatures([]claim.Signature{{
			Key: own.Key, Message: append([]byte(protocol.ContextGuarantee), own.Report[:]...), Signature: own.Signature,
			Where: claim.Where{Kind: "culprit", Rule: rules.ErrBadSignature},
		}})
	}, func(err error) {
		if err == nil && len(p.judgments.culprits) >= maxCulprits {
			err = ErrFull
		}
		if err == nil {
			p.judgments.culprits[culpritKey{own.Report, own.Key}] = own
		}
		done(err)
	})
}

// list gives for each report what a block can say of it, in the order of the reports.
func (x *judgments) list(p *protocol.Params) []block.Disputes {
	var list []block.Disputes
	for _, j := range x.byReport {
		if d, ok := j.dispute(p); ok {
			list = append(list, d)
		}
	}
	for i := range list {
		report := list[i].Verdicts[0].Report
		for key, c := range x.culprits {
			if key.report == report && positive(&list[i].Verdicts[0]) == 0 {
				list[i].Culprits = append(list[i].Culprits, c.Culprit)
			}
		}
	}
	slices.SortFunc(list, func(a, b block.Disputes) int {
		return bytes.Compare(a.Verdicts[0].Report[:], b.Verdicts[0].Report[:])
	})
	return list
}

func positive(v *block.Verdict) (n int) {
	for i := range v.Votes {
		if v.Votes[i].Valid {
			n++
		}
	}
	return n
}

// dispute makes a verdict of the judgments, if there are enough, with those who judged against it. GP eq:verdicts.
func (j *judged) dispute(p *protocol.Params) (d block.Disputes, ok bool) {
	sides := map[bool][]*Judgment{}
	for _, x := range j.byValidator {
		sides[x.Valid] = append(sides[x.Valid], x)
	}
	for _, side := range sides {
		slices.SortFunc(side, func(a, b *Judgment) int { return cmp.Compare(a.Validator, b.Validator) })
	}
	good, bad := sides[true], sides[false]
	all, third := p.SuperMajority(), p.WonkyVotes()
	var votes, wrong []*Judgment
	switch {
	case len(good) >= all:
		votes, wrong = good[:all], bad
	case len(bad) >= all:
		votes, wrong = bad[:all], good
	case len(good) >= third && len(bad) >= all-third:
		votes = slices.Concat(good[:third], bad[:all-third])
	default:
		return d, false
	}
	v := block.Verdict{Report: j.report, Epoch: j.epoch}
	for _, x := range votes {
		v.Votes = append(v.Votes, block.Judgment{Valid: x.Valid, Validator: x.Validator, Signature: x.Signature})
	}
	slices.SortFunc(v.Votes, func(a, b block.Judgment) int { return cmp.Compare(a.Validator, b.Validator) })
	d.Verdicts = []block.Verdict{v}
	for _, x := range wrong {
		d.Faults = append(d.Faults, block.Fault{
			Report: j.report, Valid: x.Valid, Key: j.keys[x.Validator], Signature: x.Signature,
		})
	}
	return d, true
}

// join puts disputes together into E_D: verdicts by report, offences by key, of which one for each key. GP §10.2.
func join(list []block.Disputes, offenders []protocol.Ed25519Key) (x block.Disputes) {
	for i := range list {
		x.Verdicts = append(x.Verdicts, list[i].Verdicts...)
		x.Culprits = append(x.Culprits, list[i].Culprits...)
		x.Faults = append(x.Faults, list[i].Faults...)
	}
	x.Culprits = slices.DeleteFunc(x.Culprits, func(c block.Culprit) bool { return has(offenders, c.Key) })
	x.Faults = slices.DeleteFunc(x.Faults, func(f block.Fault) bool { return has(offenders, f.Key) })
	slices.SortFunc(x.Culprits, func(a, b block.Culprit) int {
		return cmp.Or(bytes.Compare(a.Key[:], b.Key[:]), bytes.Compare(a.Report[:], b.Report[:]))
	})
	slices.SortFunc(x.Faults, func(a, b block.Fault) int {
		return cmp.Or(bytes.Compare(a.Key[:], b.Key[:]), bytes.Compare(a.Report[:], b.Report[:]))
	})
	x.Culprits = slices.CompactFunc(x.Culprits, func(a, b block.Culprit) bool { return a.Key == b.Key })
	x.Faults = slices.CompactFunc(x.Faults, func(a, b block.Fault) bool { return a.Key == b.Key })
	return x
}
