package disputes

import (
	"fmt"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// checkOffences checks culprits and faults, and claims their signatures. GP §10.2.
func checkOffences(prior, post *state.Disputes, in *Input, claims *claim.Set) error {
	x := in.Disputes
	known := make(map[protocol.Ed25519Key]struct{}, len(in.Active)+len(in.Previous))
	for _, set := range []state.Validators{in.Active, in.Previous} {
		for i := range set {
			known[set[i].Ed25519] = struct{}{}
		}
	}
	check := func(key protocol.Ed25519Key, unknown protocol.Invalid) error {
		if contains(prior.Offenders, key) {
			return ErrAlreadyReported
		}
		if _, found := known[key]; !found {
			return unknown
		}
		return nil
	}
	for i := range x.Culprits {
		c := &x.Culprits[i]
		err := check(c.Key, ErrBadGuarantorKey)
		switch {
		case i > 0 && compare(x.Culprits[i-1].Key, c.Key) >= 0:
			err = ErrCulpritsOrder
		case !contains(post.Bad, c.Report):
			err = ErrCulpritNotBad
		}
		if err != nil {
			return fmt.Errorf("culprit %d: %w", i, err)
		}
		claims.Signatures = append(claims.Signatures, claim.Signature{
			Key:       c.Key,
			Message:   append([]byte(protocol.ContextGuarantee), c.Report[:]...),
			Signature: c.Signature,
			Where:     claim.Where{Kind: "culprit", Index: i, Rule: ErrBadSignature},
		})
	}
	for i := range x.Faults {
		f := &x.Faults[i]
		err := check(f.Key, ErrBadAuditorKey)
		switch bad, good := contains(post.Bad, f.Report), contains(post.Good, f.Report); {
		case i > 0 && compare(x.Faults[i-1].Key, f.Key) >= 0:
			err = ErrFaultsOrder
		case bad != f.Valid || good == f.Valid:
			err = ErrFaultVerdictWrong
		}
		if err != nil {
			return fmt.Errorf("fault %d: %w", i, err)
		}
		claims.Signatures = append(claims.Signatures, claim.Signature{
			Key:       f.Key,
			Message:   judgement(f.Valid, f.Report),
			Signature: f.Signature,
			Where:     claim.Where{Kind: "fault", Index: i, Rule: ErrBadSignature},
		})
	}
	return nil
}
