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

// judged has the judgments on one report, by key: what is signed does not say in which epoch, so that it is for a verdict to
// find those of one set. Who judges both ways is counted by his first word, and can be blamed for the other.
type judged struct {
	report   protocol.Hash
	epoch    uint32 // of the latest judgment
	byKey    map[protocol.Ed25519Key]*Judgment
	contrary map[protocol.Ed25519Key]*Judgment
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
	if kept == nil {
		if len(p.judgments.byReport) >= maxJudged {
			return ErrFull
		}
		kept = &judged{
			j.Report, j.Epoch, make(map[protocol.Ed25519Key]*Judgment), make(map[protocol.Ed25519Key]*Judgment),
		}
		p.judgments.byReport[j.Report] = kept
	}
	kept.epoch = max(kept.epoch, j.Epoch)
	switch first := kept.byKey[key]; {
	case first == nil:
		kept.byKey[key] = j
	case first.Valid == j.Valid || kept.contrary[key] != nil:
		return ErrKnown
	default:
		kept.contrary[key] = j
	}
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
	good, bad []voice
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
		d := dispute{report: report}
		for key, judgment := range j.byKey {
			if judgment.Valid {
				d.good = append(d.good, voice{judgment, key})
			} else {
				d.bad = append(d.bad, voice{judgment, key})
			}
		}
		for key, judgment := range j.contrary {
			d.twice = append(d.twice, voice{judgment, key})
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

// court is who may judge in a block, and what was judged before it.
type court struct {
	params   *protocol.Params
	disputes *state.Disputes // ψ
	epoch    uint32          // of the prior state
	active   state.Validators
	previous state.Validators
}

// may says whether a key can be named as an offender. GP §10.2.
func (c *court) may(key protocol.Ed25519Key) bool {
	is := func(k state.ValidatorKeys) bool { return k.Ed25519 == key }
	return !has(c.disputes.Offenders, key) && (slices.ContainsFunc(c.active, is) || slices.ContainsFunc(c.previous, is))
}

// of gives the judgments by validators of a set, in their order.
func of(set state.Validators, voices []voice) []block.Judgment {
	var list []block.Judgment
	for _, v := range voices {
		if at := slices.IndexFunc(set, func(k state.ValidatorKeys) bool { return k.Ed25519 == v.key }); at >= 0 {
			list = append(list, block.Judgment{Valid: v.Valid, Validator: protocol.Validator(at), Signature: v.Signature})
		}
	}
	slices.SortFunc(list, func(a, b block.Judgment) int { return cmp.Compare(a.Validator, b.Validator) })
	return list
}

// verdict makes a verdict of the judgments of one set, if there are enough. GP eq:verdicts.
func (x *dispute) verdict(p *protocol.Params, set state.Validators) []block.Judgment {
	good, bad := of(set, x.good), of(set, x.bad)
	switch all, third := p.SuperMajority(), p.WonkyVotes(); {
	case len(good) >= all:
		return good[:all]
	case len(bad) >= all:
		return bad[:all]
	case len(good) >= third && len(bad) >= all-third:
		votes := slices.Concat(good[:third], bad[:all-third])
		slices.SortFunc(votes, func(a, b block.Judgment) int { return cmp.Compare(a.Validator, b.Validator) })
		return votes
	}
	return nil
}

// say gives what a block can say of the report: a verdict if there are judgments enough, and those who were wrong by it; or if
// there was one before, those alone, whom it did not name. It is false if there is nothing.
func (x *dispute) say(c *court) (d block.Disputes, ok bool) {
	good, bad := has(c.disputes.Good, x.report), has(c.disputes.Bad, x.report)
	if !good && !bad && !has(c.disputes.Wonky, x.report) {
		v := block.Verdict{Report: x.report, Epoch: c.epoch, Votes: x.verdict(c.params, c.active)}
		if v.Votes == nil && c.epoch > 0 {
			v.Epoch, v.Votes = c.epoch-1, x.verdict(c.params, c.previous)
		}
		if v.Votes == nil {
			return d, false
		}
		d.Verdicts = []block.Verdict{v}
		valid := 0
		for i := range v.Votes {
			if v.Votes[i].Valid {
				valid++
			}
		}
		good, bad = valid == len(v.Votes), valid == 0
	}
	if !good && !bad {
		return d, len(d.Verdicts) > 0 // nobody is wrong then
	}
	for _, v := range slices.Concat(x.good, x.bad, x.twice) {
		if v.Valid == bad && c.may(v.key) {
			d.Faults = append(d.Faults, block.Fault{Report: x.report, Valid: v.Valid, Key: v.key, Signature: v.Signature})
		}
	}
	for i := range x.culprits {
		if bad && c.may(x.culprits[i].Key) {
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
