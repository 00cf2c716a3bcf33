package auditor

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state"
	"damson/state/workreport"
)

// report is a report that is to be audited, or that others have judged.
type report struct {
	hash      protocol.Hash
	report    *block.Report          // nil: it is not known
	prior     *state.State           // before the block in which it became available
	guarantee *jamnp.JudgedGuarantee // who guaranteed it; nil: not known
	seen      protocol.Slot          // when it became available, or was first heard of
	stray     *protocol.Ed25519Key   // who alone speaks of it; nil if it became available

	words           []*word // in the order in which they came
	byJudge         map[protocol.Ed25519Key]*word
	favour, against int // how many call it valid, and invalid; some may do both

	working  bool // queued, or being worked at, or judged
	tries    int
	charge   *uint32 // the epoch as one of whose validators we are to audit it, if that is called for; nil: we are not
	asked    bool    // for the report, because it is not known
	disputed bool    // there are negative judgments
	accused  bool    // the pool knows who guaranteed it
}

// reportOf gives what is known of a report.
func (a *Auditor) reportOf(hash protocol.Hash) *report {
	r := a.reports[hash]
	if r == nil {
		r = &report{hash: hash, byJudge: make(map[protocol.Ed25519Key]*word), seen: a.Slots.At(a.Loop.Now())}
		a.reports[hash] = r
	}
	return r
}

// settle takes a report off the account of who alone spoke of it.
func (a *Auditor) settle(r *report) {
	if r.stray != nil {
		if a.strays[*r.stray]--; a.strays[*r.stray] <= 0 {
			delete(a.strays, *r.stray)
		}
		r.stray = nil
	}
}

// work has a report audited by us, as soon as there is time. What was called invalid comes first.
func (a *Auditor) work(r *report) {
	if r.working || a.stopped {
		return
	}
	if own, ok := a.own[r.hash]; ok { // before a restart
		r.working = true
		a.publish(r, own)
		return
	}
	if r.report == nil {
		return
	}
	r.working = true
	if a.Mistake == NoShow {
		return
	}
	at := len(a.queue)
	if r.disputed {
		at = slices.IndexFunc(a.queue, func(other *report) bool { return !other.disputed })
		if at < 0 {
			at = len(a.queue)
		}
	}
	a.queue = slices.Insert(a.queue, at, r)
	a.Loop.Post(a.begins)
}

// begins begins to work at what is queued.
func (a *Auditor) begins() {
	for a.running < a.Workers && len(a.queue) > 0 && !a.stopped {
		r := a.queue[0]
		a.queue = a.queue[1:]
		a.running++
		a.compute(r)
	}
}

// compute gets the bundle of a report and does the work again: e of GP §17.3.
func (a *Auditor) compute(r *report) {
	if m := a.Mistake; m == JudgeUnseen || m == JudgeTwice || m == JudgeFalsely {
		a.computed(r, m != JudgeFalsely, nil)
		return
	}
	a.Bundle(r.report, func(b *bundle.Bundle, err error) {
		if err != nil {
			a.computed(r, false, err)
			return
		}
		prior, want := r.prior, r.report
		a.Loop.Go("", func() func() {
			valid, err := a.same(want, b, prior)
			return func() { a.computed(r, valid, err) }
		})
	})
}

// same says whether a report is what comes of its package. It runs beside the loop.
func (a *Auditor) same(want *block.Report, b *bundle.Bundle, prior *state.State) (bool, error) {
	out, err := a.Compute(&workreport.Input{Core: want.Core, Bundle: b, SegmentRoots: want.SegmentRoot, State: prior})
	if err != nil {
		return false, err
	}
	return out.Report.Hash() == want.Hash(), nil
}

// computed judges a report, or tries again later if the fault is ours or the network's.
func (a *Auditor) computed(r *report, valid bool, err error) {
	a.running--
	a.Loop.Post(a.begins)
	if a.stopped {
		return
	}
	if err != nil {
		if _, invalid := errors.AsType[protocol.Invalid](err); !invalid {
			a.log.Debug("a report cannot be audited", "report", r.hash, "core", r.report.Core, "error", err)
			a.Loop.After(a.Slots.Scale(retryTime)<<min(r.tries, maxRetries), func() {
				if a.reports[r.hash] == r && !a.stopped {
					r.working = false
					a.work(r)
				}
			})
			r.tries++
			return
		}
		valid = false
	}
	if !valid {
		a.log.Warn("a report is invalid", "report", r.hash, "core", r.report.Core, "error", err)
	}
	a.judge(r, valid)
}

// ownJudgment is our word on a report, which nothing can change.
type ownJudgment struct {
	valid bool
	epoch uint32 // in which it was given
}

const (
	judgedPrefix = "auditor/judged/"
	badPrefix    = "auditor/bad/"
)

func judgedNote(report protocol.Hash) string { return judgedPrefix + hex.EncodeToString(report[:]) }

// judge gives our word on a report, when it is on disk.
func (a *Auditor) judge(r *report, valid bool) {
	if _, ok := a.own[r.hash]; ok {
		return
	}
	if r.charge == nil {
		a.log.Error("we are no auditor of a report", "report", r.hash)
		return
	}
	epoch := *r.charge
	own := ownJudgment{valid, epoch}
	a.own[r.hash] = own
	a.Loop.Go(noteQueue, func() func() {
		var err error
		if a.Mistake != ForgetJudgments {
			err = a.Store.SetNote(judgedNote(r.hash), codec.AppendU32(codec.AppendBool(nil, valid), epoch))
		}
		return func() {
			if err != nil {
				delete(a.own, r.hash)
				a.log.Error("a judgment cannot be kept on disk and is not given", "error", err)
				return
			}
			if valid {
				a.counts.Valid++
			} else {
				a.counts.Invalid++
			}
			if a.Events.Judged != nil {
				a.Events.Judged(r.hash, valid)
			}
			a.publish(r, own)
			if a.Mistake == JudgeTwice {
				a.publish(r, ownJudgment{!valid, epoch})
			}
		}
	})
}

// judgmentOf is our word as it is sent.
func (a *Auditor) judgmentOf(r *report, own ownJudgment) *jamnp.Judgment {
	v, ok := indexOf(a.setOf(own.epoch), a.self)
	if !ok {
		return nil
	}
	return &jamnp.Judgment{
		Epoch: own.epoch, Validator: v, Valid: own.valid, Report: r.hash,
		Signature: a.Key.Ed25519.Sign(judgmentMessage(own.valid, r.hash)),
	}
}

// judgmentMessages are the messages of CE 145; nil if our word cannot be said.
func (a *Auditor) judgmentMessages(r *report, own ownJudgment) [][]byte {
	m := a.judgmentOf(r, own)
	switch {
	case m == nil:
		return nil
	case own.valid:
		return [][]byte{jamnp.Encode(m)}
	case r.guarantee == nil:
		return nil
	}
	return [][]byte{jamnp.Encode(m), jamnp.Encode(r.guarantee)}
}

// publish tells our judgment to the auditors of all blocks that it matters for, and counts it.
func (a *Auditor) publish(r *report, own ownJudgment) {
	m, messages := a.judgmentOf(r, own), a.judgmentMessages(r, own)
	if m == nil {
		return
	}
	for _, key := range a.listeners(r, own) {
		a.tell(key, jamnp.JudgmentPublication, messages, 0)
	}
	a.take(r, a.self, m)
}

// listeners are those who are told our judgment: the auditors of its epoch, and who comes after them; if it is negative, all who
// may author soon.
func (a *Auditor) listeners(r *report, own ownJudgment) []protocol.Ed25519Key {
	var list []protocol.Ed25519Key
	known := make(map[protocol.Ed25519Key]bool)
	add := func(set state.Validators) {
		for i := range set {
			if key := set[i].Ed25519; !known[key] {
				known[key] = true
				list = append(list, key)
			}
		}
	}
	add(a.setOf(own.epoch))
	for _, x := range a.order {
		if x.itemOf(r.hash) != nil {
			add(x.set)
			add(x.next)
		}
	}
	if own.valid {
		return list
	}
	best := a.Chain.Best().State
	if active, err := best.Active(); err == nil {
		add(active)
	}
	if gamma, err := best.Safrole(); err == nil {
		add(gamma.Pending)
	}
	return list
}

// promise names what we said that we would audit.
type promise struct{ block, report protocol.Hash }

type promised struct {
	tranche uint8
	list    *jamnp.AuditList
}

// recall reads what we judged and announced before the node was started.
func (a *Auditor) recall() error {
	a.promised = make(map[promise]promised)
	if a.Mistake == ForgetJudgments {
		return nil
	}
	var damaged error
	read := func(prefix string, each func(name, value []byte) bool) error {
		err := a.Store.Notes(prefix, func(name string, value []byte) bool {
			octets, err := hex.DecodeString(name[len(prefix):])
			if err != nil || !each(octets, slices.Clone(value)) {
				damaged = fmt.Errorf("auditor: note %s is damaged", name)
			}
			return damaged == nil
		})
		return errors.Join(err, damaged)
	}
	return errors.Join(
		read(judgedPrefix, func(name, value []byte) bool {
			d := codec.NewDecoder(value)
			own := ownJudgment{d.Bool(), d.U32()}
			if len(name) != len(protocol.Hash{}) || d.Finish() != nil {
				return false
			}
			a.own[protocol.Hash(name)] = own
			return true
		}),
		read(badPrefix, func(name, value []byte) bool {
			d := codec.NewDecoder(value)
			epoch := d.U32()
			if len(name) != len(protocol.Hash{}) || d.Finish() != nil {
				return false
			}
			a.bad[protocol.Hash(name)] = epoch
			return true
		}),
		read(announcedPrefix, func(_, value []byte) bool {
			m := new(jamnp.AuditAnnounced)
			if m.Decode(value, a.Params) != nil {
				return false
			}
			for _, r := range m.Announcement.Reports {
				a.promised[promise{m.Block, r.Report}] = promised{m.Tranche, &m.Announcement}
			}
			return true
		}),
	)
}

// prune forgets judgments that no verdict can be made of any more, when a block of an epoch has become final.
func (a *Auditor) prune(epoch uint32) {
	var names []string
	for hash, own := range a.own {
		if own.epoch+2 < epoch && a.reports[hash] == nil {
			delete(a.own, hash)
			names = append(names, judgedNote(hash))
		}
	}
	for hash, of := range a.bad {
		if of+2 < epoch && a.reports[hash] == nil {
			delete(a.bad, hash)
			names = append(names, badPrefix+hex.EncodeToString(hash[:]))
		}
	}
	for p := range a.promised {
		if a.audits[p.block] == nil && a.Chain.Block(p.block) == nil {
			names = append(names, announcedNote(p.block, a.promised[p].tranche))
			delete(a.promised, p)
		}
	}
	for e := range a.sets {
		if e+2 < epoch {
			delete(a.sets, e)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	a.Loop.Go(noteQueue, func() func() {
		for _, name := range names {
			if err := a.Store.DeleteNotes(name); err != nil {
				return func() { a.log.Error("old judgments are not forgotten", "error", err) }
			}
		}
		return nil
	})
}
