package disputes

import (
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// outcome is what a verdict says of its report.
type outcome uint8

const (
	judgedBad outcome = iota
	judgedWonky
	judgedGood
)

// verdict is an element of v. GP eq:verdicts.
type verdict struct {
	report  protocol.Hash
	outcome outcome
}

// judge checks the verdicts, which must be ascending, and counts their votes.
func judge(p *protocol.Params, prior *state.Disputes, in *Input, claims *claim.Set) ([]verdict, error) {
	x := in.Disputes
	verdicts := make([]verdict, len(x.Verdicts))
	for i := range x.Verdicts {
		v := &x.Verdicts[i]
		if i > 0 && compare(x.Verdicts[i-1].Report, v.Report) >= 0 {
			return nil, fmt.Errorf("verdict %d: %w", i, ErrVerdictsOrder)
		}
		if contains(prior.Good, v.Report) || contains(prior.Bad, v.Report) || contains(prior.Wonky, v.Report) {
			return nil, fmt.Errorf("verdict %d: %w", i, ErrAlreadyJudged)
		}
		judges, ok := judges(p, in, v.Epoch)
		if !ok {
			return nil, fmt.Errorf("verdict %d: %w", i, ErrBadJudgementAge)
		}
		result, err := count(p, judges, v, i, claims)
		if err != nil {
			return nil, fmt.Errorf("verdict %d: %w", i, err)
		}
		verdicts[i] = verdict{v.Report, result}
	}
	return verdicts, nil
}

// judges are the validators whose votes a verdict of some epoch holds: that of the prior state or the one before.
func judges(p *protocol.Params, in *Input, epoch uint32) (state.Validators, bool) {
	switch now, _ := p.Epoch(in.Slot); {
	case epoch == now:
		return in.Active, true
	case now > 0 && epoch == now-1:
		return in.Previous, true
	}
	return nil, false
}

// count sums the votes up and claims their signatures.
func count(p *protocol.Params, judges state.Validators, v *block.Verdict, index int, claims *claim.Set) (outcome, error) {
	messages := [2][]byte{
		judgement(false, v.Report), judgement(true, v.Report),
	}
	positive := 0
	for j := range v.Votes {
		vote := &v.Votes[j]
		if j > 0 && v.Votes[j-1].Validator >= vote.Validator {
			return 0, ErrJudgementsOrder
		}
		if int(vote.Validator) >= len(judges) {
			return 0, ErrBadValidatorIndex
		}
		message := messages[0]
		if vote.Valid {
			positive++
			message = messages[1]
		}
		claims.Signatures = append(claims.Signatures, claim.Signature{
			Key:       judges[vote.Validator].Ed25519,
			Message:   message,
			Signature: vote.Signature,
			Where:     claim.Where{Kind: "verdict", Index: index, Rule: ErrBadSignature},
		})
	}
	switch positive {
	case 0:
		return judgedBad, nil
	case p.WonkyVotes():
		return judgedWonky, nil
	case p.SuperMajority():
		return judgedGood, nil
	}
	return 0, ErrBadVoteSplit
}

// judgement is what a validator signs to call a report valid or invalid.
func judgement(valid bool, report protocol.Hash) []byte {
	if valid {
		return append([]byte(protocol.ContextValid), report[:]...)
	}
	return append([]byte(protocol.ContextInvalid), report[:]...)
}
