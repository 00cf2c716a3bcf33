package auditor

import (
	"errors"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/pool"
	"damson/state"
	"damson/state/claim"
)

// ErrJudgment is a judgment whose signature is wrong; ErrGuarantee one with a guarantee whose signatures are.
const (
	ErrJudgment  = protocol.Invalid("auditor/bad_signature_of_judgment")
	ErrGuarantee = protocol.Invalid("auditor/bad_signature_of_guarantee")
)

// word is what a validator says of a report. Who says both is in J⊤ and in J⊥.
type word struct {
	key       protocol.Ed25519Key
	good, bad bool
	judgments []*offered // one or two
}

// offered is a judgment that the pool may have.
type offered struct {
	jamnp.Judgment
	taken bool
}

// heardJudgment is a judgment that is to be verified.
type heardJudgment struct {
	from      protocol.Ed25519Key
	key       protocol.Ed25519Key
	judgment  jamnp.Judgment
	guarantee *jamnp.JudgedGuarantee
	signers   state.Validators // of the guarantee; nil: not known
	err       error
	badly     error // what is wrong with the guarantee
}

// says tells whether somebody has judged so.
func (r *report) says(key protocol.Ed25519Key, valid bool) bool {
	w := r.byJudge[key]
	return w != nil && (valid && w.good || !valid && w.bad)
}

// count gives how many of a set have judged so.
func (r *report) count(set state.Validators, valid bool) (n int) {
	for i := range set {
		if r.says(set[i].Ed25519, valid) {
			n++
		}
	}
	return n
}

func (a *Auditor) serveJudgment(x jamnp.Exchange) {
	a.next(x, jamnp.JudgmentLimit(a.Params), func(octets []byte) error {
		h := &heardJudgment{from: x.Peer()}
		if err := h.judgment.Decode(octets, a.Params); err != nil {
			return err
		}
		finish := func() {
			a.end(x, func() {
				x.Answer()
				a.hold(h.from, func() bool { return a.hearsJudgment(h) })
			})
		}
		if h.judgment.Valid {
			finish()
			return nil
		}
		a.next(x, jamnp.JudgedGuaranteeLimit(a.Params), func(octets []byte) error {
			h.guarantee = new(jamnp.JudgedGuarantee)
			if err := h.guarantee.Decode(octets, a.Params); err != nil {
				return err
			}
			finish()
			return nil
		})
		return nil
	})
}

// setOf gives the validators of an epoch; nil if they are not known here.
func (a *Auditor) setOf(epoch uint32) state.Validators {
	if set := a.sets[epoch]; set != nil {
		return set
	}
	best := a.Chain.Best()
	now, _ := a.Params.Epoch(best.Slot)
	var set state.Validators
	switch {
	case epoch == now:
		set, _ = best.State.Active()
	case epoch+1 == now:
		set, _ = best.State.Previous()
	}
	return set
}

// hearsJudgment takes in a judgment; false if it is too early for it.
func (a *Auditor) hearsJudgment(h *heardJudgment) bool {
	m := &h.judgment
	set := a.setOf(m.Epoch)
	if set == nil {
		now, _ := a.Params.Epoch(a.Chain.Best().Slot)
		return m.Epoch != now+1
	}
	if int(m.Validator) >= len(set) || !m.Valid && a.Mistake == IgnoreNegatives {
		return true
	}
	h.key = set[m.Validator].Ed25519
	r := a.reports[m.Report]
	switch {
	case r == nil && a.strays[h.key] >= maxStrays, r != nil && r.says(h.key, m.Valid), len(a.waiting) >= maxWaiting:
		return true
	}
	if h.guarantee != nil {
		epoch, _ := a.Params.Epoch(h.guarantee.Slot)
		h.signers = a.setOf(epoch)
	}
	a.waiting = append(a.waiting, h)
	a.verify()
	return true
}

// verify verifies what waits, one batch after another.
func (a *Auditor) verify() {
	if a.busy || len(a.waiting) == 0 {
		return
	}
	a.busy = true
	n := min(len(a.waiting), maxBatch)
	batch := slices.Clone(a.waiting[:n])
	a.waiting = slices.Delete(a.waiting, 0, n)
	a.Loop.Go(verifyQueue, func() func() {
		a.verifyBatch(batch)
		return func() {
			a.busy = false
			for _, h := range batch {
				a.verified(h)
			}
			a.verify()
		}
	})
}

// verifyBatch finds out what is right. It runs beside the loop.
func (a *Auditor) verifyBatch(batch []*heardJudgment) {
	claims := make([]claim.Signature, len(batch))
	for i, h := range batch {
		claims[i] = claim.Signature{
			Key: h.key, Message: judgmentMessage(h.judgment.Valid, h.judgment.Report), Signature: h.judgment.Signature,
			Where: claim.Where{Kind: "judgment", Index: i, Rule: ErrJudgment},
		}
	}
	if a.Verifier.Signatures(claims) != nil {
		for i, h := range batch {
			h.err = a.Verifier.Signatures(claims[i : i+1])
		}
	}
	for _, h := range batch {
		if h.guarantee != nil && h.signers != nil && h.err == nil {
			h.badly = a.Verifier.Signatures(guaranteeClaims(h.judgment.Report, h.guarantee, h.signers))
		}
	}
}

// guaranteeClaims are that validators guaranteed a report. Who is none of them has signed with no key at all.
func guaranteeClaims(report protocol.Hash, g *jamnp.JudgedGuarantee, set state.Validators) []claim.Signature {
	var claims []claim.Signature
	for i, c := range g.Credentials {
		s := claim.Signature{
			Message: append([]byte(protocol.ContextGuarantee), report[:]...), Signature: c.Signature,
			Where: claim.Where{Kind: "guarantee", Index: i, Rule: ErrGuarantee},
		}
		if int(c.Validator) < len(set) {
			s.Key = set[c.Validator].Ed25519
		}
		claims = append(claims, s)
	}
	return claims
}

func (a *Auditor) verified(h *heardJudgment) {
	if a.stopped {
		return
	}
	if h.err != nil {
		a.blame(h.from, blameFalse, h.err)
		return
	}
	r := a.reports[h.judgment.Report]
	if r == nil {
		if a.strays[h.key] >= maxStrays {
			return
		}
		r = a.reportOf(h.judgment.Report)
		r.stray = &h.key
		a.strays[h.key]++
	}
	switch {
	case h.guarantee == nil || r.guarantee != nil:
	case h.badly != nil:
		a.blame(h.from, blameFalse, h.badly)
	case h.signers != nil:
		r.guarantee = h.guarantee
	}
	a.take(r, h.from, &h.judgment)
}

// take counts a judgment, and does what follows from it.
func (a *Auditor) take(r *report, from protocol.Ed25519Key, m *jamnp.Judgment) {
	set := a.setOf(m.Epoch)
	if int(m.Validator) >= len(set) {
		return
	}
	key := set[m.Validator].Ed25519
	if r.says(key, m.Valid) {
		return
	}
	w := r.byJudge[key]
	if w == nil {
		w = &word{key: key}
		r.byJudge[key], r.words = w, append(r.words, w)
	} else {
		a.log.Warn("a validator judges a report both ways", "report", r.hash, "validator", m.Validator)
	}
	w.judgments = append(w.judgments, &offered{Judgment: *m})
	if m.Valid {
		w.good = true
		r.favour++
	} else {
		w.bad = true
		r.against++
	}
	if !m.Valid {
		a.counts.Against++
		if a.Events.Against != nil {
			a.Events.Against(r.hash, key)
		}
		a.forward(r, from, m)
		if _, duty := indexOf(set, a.self); duty && r.charge == nil {
			r.charge = &m.Epoch
		}
		a.ask(r, from)
		a.escalate(r)
	}
	if r.disputed {
		a.offer(r)
	}
	for _, x := range slices.Clone(a.order) {
		it := x.itemOf(r.hash)
		if it == nil {
			continue
		}
		if !m.Valid && 3*r.count(x.set, false) > len(x.set) {
			a.condemn(x)
		}
		a.consider(x, it)
	}
}

// forward passes a negative judgment on to our neighbours in the grid. JAMNP-S, CE 145.
func (a *Auditor) forward(r *report, from protocol.Ed25519Key, m *jamnp.Judgment) {
	set := a.setOf(m.Epoch)
	self, ok := indexOf(set, a.self)
	if !ok || from == a.self || r.guarantee == nil {
		return
	}
	messages := [][]byte{jamnp.Encode(m), jamnp.Encode(r.guarantee)}
	for _, v := range jamnp.NeighboursOf(self, len(set)) {
		if key := set[v].Ed25519; key != from && v != m.Validator {
			a.tell(key, jamnp.JudgmentPublication, messages, 0)
		}
	}
}

// ask asks for a report that somebody calls invalid and that we do not know: CE 136.
func (a *Auditor) ask(r *report, from protocol.Ed25519Key) {
	if r.charge == nil || r.report != nil || r.asked || from == a.self {
		return
	}
	r.asked = true
	request := [][]byte{jamnp.Encode(&jamnp.HashRequest{Hash: r.hash})}
	a.Network.Request(from, jamnp.ReportRequest, request, jamnp.ReportLimit(a.Params), a.patience(),
		func(answer [][]byte, err error) {
			r.asked = false
			if err != nil || r.report != nil || a.stopped {
				return
			}
			var m jamnp.ReportAnswer
			if len(answer) != 1 {
				a.blame(from, blameMalformed, jamnp.ErrMessages)
				return
			}
			if err := m.Decode(answer[0], a.Params); err != nil {
				a.blame(from, blameMalformed, err)
				return
			}
			if m.Report.Hash() != r.hash {
				a.blame(from, blameFalse, ErrNotAvailable)
				return
			}
			r.report, r.prior = &m.Report, a.Chain.Best().State
			a.escalate(r)
		})
}

// escalate has a report audited by us that somebody has called invalid, before all others. GP §17.3.
func (a *Auditor) escalate(r *report) {
	r.disputed = true
	a.offer(r)
	if a.Mistake == NotEscalated {
		return
	}
	if at := slices.Index(a.queue, r); at > 0 {
		a.queue = slices.Insert(slices.Delete(a.queue, at, at+1), 0, r)
	}
	if r.charge != nil {
		a.work(r)
	}
}

// offer gives the pool what a verdict on a report can be made of.
func (a *Auditor) offer(r *report) {
	for _, w := range r.words {
		for _, m := range w.judgments {
			if m.taken {
				continue
			}
			m.taken = true
			a.Pool.AddJudgment(&pool.Judgment{
				Epoch: m.Epoch, Report: m.Report, Valid: m.Valid, Validator: m.Validator, Signature: m.Signature,
			}, func(err error) { m.taken = err == nil || errors.Is(err, pool.ErrKnown) })
		}
	}
	a.accuse(r)
}

// accuse tells the pool who guaranteed a report that may be bad. It verifies their signatures.
func (a *Auditor) accuse(r *report) {
	if !r.disputed || r.accused || r.guarantee == nil || a.Mistake == NobodyAccused {
		return
	}
	epoch, _ := a.Params.Epoch(r.guarantee.Slot)
	set := a.setOf(epoch)
	if set == nil {
		return
	}
	r.accused = true
	for _, c := range r.guarantee.Credentials {
		if int(c.Validator) < len(set) {
			a.Pool.AddCulprit(&block.Culprit{Report: r.hash, Key: set[c.Validator].Ed25519, Signature: c.Signature}, func(err error) {
				if err != nil {
					a.log.Debug("a guarantor is not accused", "report", r.hash, "validator", c.Validator, "error", err)
				}
			})
		}
	}
}

// offerAll offers again what the pool could not take before another block was there.
func (a *Auditor) offerAll() {
	for _, x := range a.order {
		for _, it := range x.items {
			if it.report.disputed {
				a.offer(it.report)
			}
		}
	}
	a.retryEarly()
}
