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

// judged has the judgments on one report by the validators of one epoch. Who judges both ways is counted by his first word, and
// can be blamed for the other.
type judged struct {
	report      protocol.Hash
	epoch       uint32
	byValidator map[protocol.Validator]*Judgment
	contrary    map[protocol.Validator]*Judgment
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
			j.Report, j.Epoch, make(map[protocol.Validator]*Judgment), make(map[protocol.Validator]*Judgment),
			make(map[protocol.Validator]protocol.Ed25519Key),
		}
		p.judgments.byReport[j.Report] = kept
	case kept.epoch > j.Epoch:
		return ErrStale
	case kept.byValidator[j.Validator] != nil:
		if kept.byValidator[j.Validator].Valid == j.Valid || kept.contrary[j.Validator] != nil {
			return ErrKnown
		}
		kept.contrary[j.Validator] = j
		return nil
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

// dispute is what there is to say of a report. It does not change.
type dispute struct {
	report    protocol.Hash
	epoch     uint32
	good, bad []voice // by validator
	twice     []voice // of those who have said the contrary, too
	culprits  []block.Culprit
}

// voice is a judgment and whose it is.
type voice struct {
	*Judgment
	key protocol.Ed25519Key
}

// list gives for each report what there is to say of it, in the order of the reports.
func (x *judgments) list() []dispute {
	list := make([]dispute, 0, len(x.byReport))
	at := make(map[protocol.Hash]int, len(x.byReport))
	for report, j := range x.byReport {
		d := dispute{report: report, epoch: j.epoch}
		for v, judgment := range j.byValidator {
			if judgment.Valid {
				d.good = append(d.good, voice{judgment, j.keys[v]})
			} else {
				d.bad = append(d.bad, voice{judgment, j.keys[v]})
			}
		}
		for v, judgment := range j.contrary {
			d.twice = append(d.twice, voice{judgment, j.keys[v]})
		}
		for _, side := range [...][]voice{d.good, d.bad, d.twice} {
			slices.SortFunc(side, func(a, b voice) int { return cmp.Compare(a.Validator, b.Validator) })
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b dispute) int { return bytes.Compare(a.report[:], b.report[:]) })
	for i := range list {
		at[list[i].report] = i
	}
	for key, c := range x.culprits {
		if i, ok := at[key.report]; ok {
			list[i].culprits = append(list[i].culprits, c.Culprit)
		}
	}
	return list
}

// say gives what a block on a state can say of the report: a verdict if there are judgments enough, and those who were wrong by
// it; or if there was one before, those alone, whom it did not name. It is false if there is nothing. GP eq:verdicts.
func (x *dispute) say(p *protocol.Params, prior *state.Disputes) (d block.Disputes, ok bool) {
	all, third := p.SuperMajority(), p.WonkyVotes()
	var votes []voice
	wrong, bad := x.twice, false
	switch {
	case has(prior.Wonky, x.report):
		return d, false
	case has(prior.Good, x.report):
		wrong = slices.Concat(wrong, x.bad)
	case has(prior.Bad, x.report):
		bad, wrong = true, slices.Concat(wrong, x.good)
	case len(x.good) >= all:
		votes, wrong = x.good[:all], slices.Concat(wrong, x.bad)
	case len(x.bad) >= all:
		bad, votes, wrong = true, x.bad[:all], slices.Concat(wrong, x.good)
	case len(x.good) >= third && len(x.bad) >= all-third:
		votes, wrong = slices.Concat(x.good[:third], x.bad[:all-third]), nil // nobody is wrong then
	default:
		return d, false
	}
	if votes != nil {
		v := block.Verdict{Report: x.report, Epoch: x.epoch}
		for _, vote := range votes {
			v.Votes = append(v.Votes, block.Judgment{Valid: vote.Valid, Validator: vote.Validator, Signature: vote.Signature})
		}
		slices.SortFunc(v.Votes, func(a, b block.Judgment) int { return cmp.Compare(a.Validator, b.Validator) })
		d.Verdicts = []block.Verdict{v}
	}
	for _, vote := range wrong {
		if vote.Valid == bad && !has(prior.Offenders, vote.key) {
			d.Faults = append(d.Faults, block.Fault{Report: x.report, Valid: vote.Valid, Key: vote.key, Signature: vote.Signature})
		}
	}
	for i := range x.culprits {
		if bad && !has(prior.Offenders, x.culprits[i].Key) {
			d.Culprits = append(d.Culprits, x.culprits[i])
		}
	}
	return d, len(d.Verdicts)+len(d.Faults)+len(d.Culprits) > 0
}

// Shun keeps a report from becoming available in blocks made of this pool, until there is a verdict on it: a block in which it
// does would be disregarded. GP §17.3.
func (p *Pool) Shun(report protocol.Hash) { p.shunned[report] = true }

// join puts disputes together into E_D: verdicts by report, offences by key, of which one for each key. GP §10.2.
func join(list []block.Disputes) (x block.Disputes) {
	for i := range list {
		x.Verdicts = append(x.Verdicts, list[i].Verdicts...)
		x.Culprits = append(x.Culprits, list[i].Culprits...)
		x.Faults = append(x.Faults, list[i].Faults...)
	}
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
