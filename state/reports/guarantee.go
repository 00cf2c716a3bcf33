package reports

import (
	"bytes"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// minGuarantors is how many must vouch for a report. GP eq:guaranteesextrinsic.
const minGuarantors = 2

// guarantee checks what concerns one guarantee alone.
func (c *checker) guarantee(i int, claims *claim.Set) error {
	g := &c.Guarantees[i]
	if int(g.Report.Core) >= c.Cores {
		return ErrBadCoreIndex
	}
	if err := c.limits(&g.Report); err != nil {
		return err
	}
	if err := c.rotation(g.Slot); err != nil {
		return err
	}
	if err := c.credentials(i, claims); err != nil {
		return err
	}
	if c.reports[g.Report.Core] != nil { // GP eq:reportcoresareunusedortimedout
		return ErrCoreEngaged
	}
	if !slices.Contains(c.AuthPools[g.Report.Core], g.Report.Authorizer) {
		return ErrCoreUnauthorized
	}
	return c.digests(&g.Report)
}

// limits are GP eq:workreport, GP eq:limitreportdeps and GP eq:limitworkreportsize.
func (c *checker) limits(r *block.Report) error {
	if len(r.Digests) == 0 {
		return ErrNoResults
	}
	if len(r.SegmentRoot)+len(r.Context.Prerequisites) > c.MaxReportDeps {
		return ErrManyDependencies
	}
	if !ascending(r) {
		return ErrDependencyOrder
	}
	size := len(r.AuthTrace)
	for i := range r.Digests {
		size += len(r.Digests[i].Result.Output)
	}
	if size > c.MaxReportBlobs {
		return ErrTooBig
	}
	return nil
}

// ascending reports whether prerequisites and segment-root look-ups stand in order without duplicates, as the encodings of
// a set and of a dictionary do: otherwise the octets encode no report. GP §C.1.
func ascending(r *block.Report) bool {
	for i := 1; i < len(r.Context.Prerequisites); i++ {
		if bytes.Compare(r.Context.Prerequisites[i-1][:], r.Context.Prerequisites[i][:]) >= 0 {
			return false
		}
	}
	for i := 1; i < len(r.SegmentRoot); i++ {
		if bytes.Compare(r.SegmentRoot[i-1].Package[:], r.SegmentRoot[i].Package[:]) >= 0 {
			return false
		}
	}
	return true
}

// rotation demands that a guarantee be made in this rotation or the last. GP eq:guarantorsig.
func (c *checker) rotation(slot protocol.Slot) error {
	if slot > c.Slot {
		return ErrFutureSlot
	}
	if now := c.Slot / c.RotationPeriod; now > 0 && slot/c.RotationPeriod < now-1 {
		return ErrBeforeLastRotation
	}
	return nil
}

// credentials checks who guarantees, and claims the signatures. GP eq:guarantorsig.
func (c *checker) credentials(i int, claims *claim.Set) error {
	g := &c.Guarantees[i]
	if len(g.Credentials) < minGuarantors { // more than are assigned to a core fail below
		return ErrFewGuarantees
	}
	assigned := c.assignmentAt(g.Slot)
	hash := c.reportHash(i)
	message := append([]byte(protocol.ContextGuarantee), hash[:]...)
	for j := range g.Credentials {
		credential := &g.Credentials[j]
		if int(credential.Validator) >= len(assigned.keys) {
			return ErrBadValidatorIndex
		}
		if j > 0 && g.Credentials[j-1].Validator >= credential.Validator {
			return ErrGuarantorOrder
		}
		if assigned.cores[credential.Validator] != g.Report.Core {
			return ErrWrongAssignment
		}
		key := assigned.keys[credential.Validator].Ed25519
		if c.banned(key) {
			return ErrBannedValidator
		}
		c.reporters = append(c.reporters, key)
		claims.Signatures = append(claims.Signatures, claim.Signature{
			Key:       key,
			Message:   message,
			Signature: credential.Signature,
			Where:     claim.Where{Kind: "guarantee", Index: i, Rule: ErrBadSignature},
		})
	}
	return nil
}

func (c *checker) reportHash(i int) protocol.Hash {
	if c.ReportHashes != nil {
		return c.ReportHashes[i]
	}
	return c.Guarantees[i].Report.Hash()
}

func (c *checker) banned(key protocol.Ed25519Key) bool {
	_, found := slices.BinarySearchFunc(c.Offenders, key, func(a, b protocol.Ed25519Key) int {
		return bytes.Compare(a[:], b[:])
	})
	return found
}

// digests checks the work digests against the services that they are for. GP §11.4, GP eq:reportcodesarecorrect.
func (c *checker) digests(r *block.Report) error {
	left := c.ReportGas
	for i := range r.Digests {
		digest := &r.Digests[i]
		if digest.AccumulateGas > left {
			return ErrReportGasTooHigh
		}
		left -= digest.AccumulateGas
		account, err := c.account(digest.Service)
		switch {
		case err != nil:
			return err
		case account == nil:
			return ErrBadService
		case digest.CodeHash != account.CodeHash:
			return ErrBadCodeHash
		case digest.AccumulateGas < account.MinItemGas:
			return ErrItemGasTooLow
		}
	}
	return nil
}

// account looks a service up, once for all digests. It gives nil where there is none.
func (c *checker) account(id protocol.ServiceID) (*state.Account, error) {
	if found, ok := c.services[id]; ok {
		return found, nil
	}
	account, ok, err := c.Account(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		account = nil
	}
	if c.services == nil {
		c.services = make(map[protocol.ServiceID]*state.Account)
	}
	c.services[id] = account
	return account, nil
}
