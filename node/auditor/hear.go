package auditor

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state"
	"damson/state/claim"
)

// Why an announcement is refused.
const (
	ErrNotAuditor   = protocol.Invalid("auditor/not_an_auditor_of_the_block")
	ErrNotAvailable = protocol.Invalid("auditor/report_did_not_become_available")
	ErrNotChosen    = protocol.Invalid("auditor/report_was_not_drawn")
	ErrEvidence     = protocol.Invalid("auditor/bad_evidence")
	ErrNoShow       = protocol.Invalid("auditor/bad_no_show")
	ErrList         = protocol.Invalid("auditor/bad_list")
	ErrAnnouncement = protocol.Invalid("auditor/bad_signature_of_announcement")
)

var (
	errEarly   = errors.New("auditor: of a tranche that has not begun")
	errStopped = errors.New("auditor: stopped")
	errUnknown = errors.New("auditor: no such report")
)

// early is a message that waits for a block.
type early struct {
	from  protocol.Ed25519Key
	until time.Time
	try   func() bool // whether it need not wait any more
}

// Serve takes a stream of CE 136, 144 or 145; false if it is of another kind.
func (a *Auditor) Serve(x jamnp.Exchange) bool {
	serve := map[jamnp.Kind]func(jamnp.Exchange){
		jamnp.ReportRequest: a.serveReport, jamnp.AuditAnnouncement: a.serveAnnouncement, jamnp.JudgmentPublication: a.serveJudgment,
	}[x.Kind()]
	if serve == nil {
		return false
	}
	serve(x)
	return true
}

// next reads a message, or blames who sent none.
func (a *Auditor) next(x jamnp.Exchange, limit int, then func(octets []byte) error) {
	x.Next(limit, func(octets []byte, err error) {
		switch {
		case a.stopped:
			err = errStopped
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("the stream ends: %w", jamnp.ErrMessages)
		case err == nil:
			err = then(octets)
		}
		if err != nil {
			a.refuse(x, blameMalformed, err)
		}
	})
}

// end reads FIN.
func (a *Auditor) end(x jamnp.Exchange, then func()) {
	x.Next(0, func(_ []byte, err error) {
		switch {
		case a.stopped:
			x.Reject(errStopped)
		case errors.Is(err, io.EOF):
			then()
		case err == nil:
			a.refuse(x, blameMalformed, jamnp.ErrMessages)
		default:
			a.refuse(x, blameMalformed, err)
		}
	})
}

func (a *Auditor) refuse(x jamnp.Exchange, points int, err error) {
	a.blame(x.Peer(), points, err)
	x.Reject(err)
}

func (a *Auditor) blame(id protocol.Ed25519Key, points int, err error) {
	if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
		a.counts.Refused++
		a.Network.Blame(id, points, err)
	}
}

func (a *Auditor) serveAnnouncement(x jamnp.Exchange) {
	a.next(x, jamnp.AuditAnnouncedLimit(a.Params), func(octets []byte) error {
		m := new(jamnp.AuditAnnounced)
		if err := m.Decode(octets, a.Params); err != nil {
			return err
		}
		if len(m.Announcement.Reports) == 0 || !distinct(m.Announcement.Reports) {
			return ErrList
		}
		a.next(x, jamnp.EvidenceLimit(a.Params, m.Tranche, len(m.Announcement.Reports)), func(evidence []byte) error {
			a.end(x, func() {
				x.Answer()
				a.hold(x.Peer(), func() bool { return a.hears(x.Peer(), m, evidence) })
			})
			return nil
		})
		return nil
	})
}

// hold tries to do something with a message, now or when another block is there.
func (a *Auditor) hold(from protocol.Ed25519Key, try func() bool) {
	if try() {
		return
	}
	of := 0
	for i := range a.early {
		if a.early[i].from == from {
			of++
		}
	}
	if len(a.early) < maxEarly && of < maxEarlyOf {
		a.early = append(a.early, early{from, a.Loop.Now().Add(4 * a.Slots.Duration), try})
	}
}

// retryEarly tries again what waits for a block.
func (a *Auditor) retryEarly() {
	list := a.early
	a.early = nil
	now := a.Loop.Now()
	list = slices.DeleteFunc(list, func(e early) bool { return e.try() || e.until.Before(now) })
	a.early = append(list, a.early...)
}

// hears takes in what a peer announces; false if its block is not known yet.
func (a *Auditor) hears(from protocol.Ed25519Key, m *jamnp.AuditAnnounced, evidence []byte) bool {
	x := a.audits[m.Block]
	if x == nil || !x.ready {
		return x == nil && a.Chain.Block(m.Block) != nil // it is final
	}
	v, ok := indexOf(x.set, from)
	if !ok {
		a.blame(from, blameFalse, ErrNotAuditor)
		return true
	}
	if int(m.Tranche) > int(a.tranche(x.block))+1 {
		a.log.Debug("announcement refused", "from", from, "error", errEarly)
		return true
	}
	fresh := false
	for _, r := range m.Announcement.Reports {
		it := x.itemOf(r.Report)
		if it == nil || it.Core != r.Core {
			a.blame(from, blameFalse, ErrNotAvailable)
			return true
		}
		fresh = fresh || !it.heardOf(v)
	}
	if !fresh {
		return true
	}
	c := &check{
		auditor: a, block: m.Block, seed: x.seed, set: x.set, reports: x.list(), who: v, tranche: m.Tranche, list: &m.Announcement,
	}
	a.Loop.Go(verifyQueue, func() func() {
		err := c.verify(evidence)
		if a.Mistake == AnyEvidence {
			err = nil
		}
		return func() {
			if a.stopped || a.audits[m.Block] != x {
				return
			}
			if err != nil {
				a.log.Debug("announcement refused", "from", from, "error", err)
				a.blame(from, blameFalse, err)
				return
			}
			for _, r := range m.Announcement.Reports {
				it := x.itemOf(r.Report)
				it.hear(heard{v, m.Tranche, &m.Announcement})
				a.consider(x, it)
			}
			a.evaluate(x)
		}
	})
	return true
}

// check is an announcement that is to be verified, with what that needs. It is used beside the loop.
type check struct {
	auditor *Auditor
	block   protocol.Hash
	seed    protocol.Hash
	set     state.Validators
	reports []jamnp.AuditedReport // 𝐪
	who     protocol.Validator
	tranche uint8
	list    *jamnp.AuditList
}

func (c *check) verify(evidence []byte) error {
	if err := c.signed(c.who, c.tranche, c.list, ErrAnnouncement); err != nil {
		return err
	}
	if c.tranche == 0 {
		return c.first(evidence)
	}
	return c.later(evidence)
}

// signed says whether a validator signed a list for a tranche.
func (c *check) signed(v protocol.Validator, tranche uint8, list *jamnp.AuditList, rule protocol.Invalid) error {
	return c.auditor.Verifier.Signatures([]claim.Signature{{
		Key: c.set[v].Ed25519, Message: announcementMessage(c.block, tranche, list.Reports), Signature: list.Signature,
		Where: claim.Where{Kind: "announcement", Index: int(v), Rule: rule},
	}})
}

func (c *check) drawn(input []byte, signature *protocol.VRFSignature) (protocol.Hash, error) {
	if err := c.auditor.Verifier.Seal(&claim.Seal{
		Key: c.set[c.who].Bandersnatch, Input: input, Signature: signature,
		Where: claim.Where{Kind: "audit evidence", Index: int(c.who), Rule: ErrEvidence},
	}); err != nil {
		return protocol.Hash{}, err
	}
	out, err := output(signature)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return out, err
}

// first checks evidence of the first tranche: all that is announced must be in a₀.
func (c *check) first(evidence []byte) error {
	var e jamnp.FirstEvidence
	if err := e.Decode(evidence, c.auditor.Params); err != nil {
		return err
	}
	out, err := c.drawn(firstInput(c.seed), &e.Signature)
	if err != nil {
		return err
	}
	must := firstTranche(c.auditor.Params, c.reports, out)
	for _, r := range c.list.Reports {
		if !slices.Contains(must, r) {
			return fmt.Errorf("core %d: %w", r.Core, ErrNotChosen)
		}
	}
	return nil
}

// later checks evidence of a later tranche: for each report that so many did not show up, and that it was drawn with them.
// That no judgment came of those cannot be proved.
func (c *check) later(evidence []byte) error {
	var list jamnp.LaterEvidence
	if err := list.Decode(evidence, c.auditor.Params); err != nil {
		return err
	}
	if len(list) != len(c.list.Reports) {
		return fmt.Errorf("evidence for %d of %d reports: %w", len(list), len(c.list.Reports), ErrEvidence)
	}
	for i := range list {
		r, e := c.list.Reports[i], &list[i]
		out, err := c.drawn(laterInput(c.seed, r.Report, c.tranche), &e.Signature)
		if err != nil {
			return err
		}
		if err := c.noShows(r, e.NoShows); err != nil {
			return fmt.Errorf("core %d: %w", r.Core, err)
		}
		if !chosen(c.auditor.Params, out, len(e.NoShows)) {
			return fmt.Errorf("core %d: %w", r.Core, ErrNotChosen)
		}
	}
	return nil
}

// noShows checks announcements of those who did not show up. They must all be of one tranche, the last one before in which
// somebody drew the report: whoever sends them cannot prove that there was none between, and need not.
func (c *check) noShows(r jamnp.AuditedReport, list []jamnp.NoShow) error {
	if len(list) == 0 {
		return ErrNoShow
	}
	seen := make(map[protocol.Validator]bool, len(list))
	for i := range list {
		n := &list[i]
		if seen[n.Validator] || n.Validator == c.who || !slices.Contains(n.Announcement.Reports, r) {
			return fmt.Errorf("of validator %d: %w", n.Validator, ErrNoShow)
		}
		seen[n.Validator] = true
	}
	tranche := int(c.tranche) - 1
	for ; tranche >= 0; tranche-- {
		if c.signed(list[0].Validator, uint8(tranche), &list[0].Announcement, ErrNoShow) == nil {
			break
		}
	}
	if tranche < 0 {
		return ErrNoShow
	}
	claims := make([]claim.Signature, len(list))
	for i := range list {
		n := &list[i]
		claims[i] = claim.Signature{
			Key: c.set[n.Validator].Ed25519, Message: announcementMessage(c.block, uint8(tranche), n.Announcement.Reports),
			Signature: n.Announcement.Signature, Where: claim.Where{Kind: "no-show", Index: i, Rule: ErrNoShow},
		}
	}
	return c.auditor.Verifier.Signatures(claims)
}

// serveReport gives a report that others have called invalid: CE 136.
func (a *Auditor) serveReport(x jamnp.Exchange) {
	a.next(x, jamnp.HashRequestLimit(a.Params), func(octets []byte) error {
		var m jamnp.HashRequest
		if err := m.Decode(octets, a.Params); err != nil {
			return err
		}
		a.end(x, func() {
			r := a.reports[m.Hash]
			if r == nil || r.report == nil {
				x.Reject(errUnknown)
				return
			}
			x.Answer(jamnp.Encode(&jamnp.ReportAnswer{Report: *r.report}))
		})
		return nil
	})
}
