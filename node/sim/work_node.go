package sim

import (
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/auditor"
	"damson/node/availability/shelf"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// desk is what a node has of work, what it does wrong with it, and what it has heard of reports. Its shelf is as a crash leaves
// it: all that is put there is on disk before anybody hears of it.
type desk struct {
	of    *simNode
	fs    vfs.FS
	shelf *shelf.Shelf
	wrong bool      // it guarantees wrong reports now
	began time.Time // this life of the node

	// What the node knows, in this life of it but for its own words.
	heard  map[heardKey][]announced
	judged map[protocol.Hash]*words
	since  map[protocol.Hash]time.Time // when it imported blocks: what is said of a block waits for that
	signed map[duty]protocol.Hash      // reports that it has guaranteed
}

// heardKey names a report that is available in a block.
type heardKey struct{ block, report protocol.Hash }

// announced is that a validator audits a report.
type announced struct {
	validator int
	tranche   uint8
	at        time.Time
}

// words are judgments of a report, by validator, with when they were heard.
type words struct{ valid, invalid map[int]time.Time }

// duty is what a guarantor signs once.
type duty struct {
	core protocol.Core
	slot protocol.Slot
}

func newDesk(n *simNode) *desk {
	return &desk{
		of: n, fs: vfs.NewMem(), heard: make(map[heardKey][]announced), judged: make(map[protocol.Hash]*words),
		since: make(map[protocol.Hash]time.Time), signed: make(map[duty]protocol.Hash),
	}
}

func (d *desk) open() {
	var err error
	if d.shelf, err = shelf.Open("work", shelf.Options{Params: d.of.world.Base.Params, FS: d.fs}); err != nil {
		d.of.broken("its shelf does not open: %v", err)
	}
}

func (d *desk) close() {
	if err := d.shelf.Close(); err != nil {
		d.of.broken("its shelf fails: %v", err)
	}
}

// sinful says whether the node does anything wrong.
func (d *desk) sinful() bool {
	return d.sin() != innocent || slices.Contains(d.of.world.work.pair, d.of.index)
}

func (d *desk) sin() sin { return d.of.world.work.sins[d.of.index] }

// mislead lets the node put wrong results into its reports, or no more.
func (d *desk) mislead(wrong bool) {
	d.wrong = wrong
	if n := d.of.node; n != nil {
		n.Guarantor.Mistakes.WrongResult = wrong
		n.Auditor.Mistake = d.of.world.work.mistake(d.of.index, d.of.world.Mistakes.Auditor)
	}
}

// options gives the node its part in work.
func (d *desk) options(o *node.Options) {
	x := d.of.world.work
	o.Shelf = d.shelf
	o.Mistakes.Guarantor.WrongResult = d.wrong
	o.Mistakes.Auditor = x.mistake(d.of.index, o.Mistakes.Auditor)
	o.Mistakes.Keeper.Withhold = d.sin() == withholds
	o.Events.Audits = auditor.Events{
		Announced: func(block protocol.Hash, tranche uint8, list []jamnp.AuditedReport) {
			if tranche > 0 {
				x.report.Tranches++
			}
			d.of.world.say("node %d audits %d reports of %s in tranche %d", d.of.index, len(list), block, tranche)
			for _, r := range list {
				d.hears(heardKey{block, r.Report}, announced{d.of.index, tranche, d.of.world.now})
			}
		},
		Judged: func(report protocol.Hash, valid bool) {
			d.of.world.say("node %d judges %s: %v", d.of.index, report, valid)
			d.judges(report, d.of.index, valid)
			d.of.world.checker.work.judged(d.of, report, valid)
		},
	}
}

// forget forgets what was heard in the life before.
func (d *desk) forget() {
	clear(d.since)
	d.began = d.of.world.now
	for key, list := range d.heard {
		d.heard[key] = slices.DeleteFunc(list, func(a announced) bool { return a.validator != d.of.index })
	}
	for _, w := range d.judged {
		for _, m := range []map[int]time.Time{w.valid, w.invalid} {
			for v := range m {
				if v != d.of.index {
					delete(m, v)
				}
			}
		}
	}
}

// hears notes an announcement.
func (d *desk) hears(key heardKey, a announced) {
	for _, other := range d.heard[key] {
		if other.validator == a.validator {
			return
		}
	}
	d.heard[key] = append(d.heard[key], a)
}

// judges notes a judgment.
func (d *desk) judges(report protocol.Hash, validator int, valid bool) {
	w := d.wordsOn(report)
	m := w.valid
	if !valid {
		m = w.invalid
	}
	if m[validator].IsZero() {
		m[validator] = d.of.world.now
	}
}

func (d *desk) wordsOn(report protocol.Hash) *words {
	w := d.judged[report]
	if w == nil {
		w = &words{make(map[int]time.Time), make(map[int]time.Time)}
		d.judged[report] = w
	}
	return w
}

// slack is by how much an auditor may be behind what the node has been told: messages wait to be verified, or for their block.
const slack = 4 * time.Second

// audited is U of a report, by what the node has heard, of which its auditor may not know the latest: GP §17.3.
func (d *desk) audited(key heardKey) bool {
	w := d.wordsOn(key.report)
	if 3*len(w.valid) > 2*len(d.of.world.nodes) {
		return true
	}
	known := d.of.world.now.Add(-slack)
	if d.since[key.block].After(known) {
		known = time.Time{}
	}
	for _, at := range w.invalid {
		if at.Before(known) {
			return false
		}
	}
	came, missing := make(map[uint8]bool), make(map[uint8]bool)
	for _, a := range d.heard[key] {
		if !w.valid[a.validator].IsZero() {
			came[a.tranche] = true
		} else if a.at.Before(known) {
			missing[a.tranche] = true
		}
	}
	for tranche := range came {
		if !missing[tranche] {
			return true
		}
	}
	return len(came)+len(missing) == 0 && !w.valid[d.of.index].IsZero()
}

// hearing is a handler of which we see what comes in about reports.
type hearing struct {
	jamnp.Handler
	*desk
}

// Serve implements jamnp.Handler.
func (h hearing) Serve(x jamnp.Exchange) {
	if k := x.Kind(); k == jamnp.AuditAnnouncement || k == jamnp.JudgmentPublication {
		x = &overheard{Exchange: x, desk: h.desk}
	}
	h.Handler.Serve(x)
}

// overheard is a stream of which we see the first message.
type overheard struct {
	jamnp.Exchange
	desk *desk
	read bool
}

// Next implements jamnp.Exchange.
func (x *overheard) Next(limit int, then func([]byte, error)) {
	x.Exchange.Next(limit, func(message []byte, err error) {
		if err == nil && !x.read {
			x.read = true
			x.desk.told(x.Peer(), x.Kind(), message)
		}
		then(message, err)
	})
}

// told notes what another node says.
func (d *desk) told(from jamnp.PeerID, kind jamnp.Kind, message []byte) {
	w := d.of.world
	if kind == jamnp.JudgmentPublication {
		var m jamnp.Judgment
		if m.Decode(message, w.Base.Params) == nil {
			d.judges(m.Report, int(m.Validator), m.Valid)
		}
		return
	}
	var m jamnp.AuditAnnounced
	if m.Decode(message, w.Base.Params) != nil {
		return
	}
	v := w.Base.index[from]
	if slices.Contains(w.work.boasts, boast{v, m.Block, m.Tranche}) {
		return
	}
	for _, r := range m.Announcement.Reports {
		d.hears(heardKey{m.Block, r.Report}, announced{v, m.Tranche, w.now})
	}
}

// sends looks at what the node sends to others, and at what is answered.
func (d *desk) sends(kind jamnp.Kind, messages [][]byte, done func([][]byte, error)) func([][]byte, error) {
	n := d.of
	if kind == jamnp.JudgmentPublication { // of which its auditor does not tell, if it was given in a life before
		var m jamnp.Judgment
		if m.Decode(messages[0], n.world.Base.Params) == nil && int(m.Validator) == n.index {
			d.judges(m.Report, n.index, m.Valid)
			n.world.checker.work.judged(n, m.Report, m.Valid)
		}
	}
	if kind == jamnp.AssuranceDistribution {
		var m jamnp.Assurance
		if err := m.Decode(messages[0], n.world.Base.Params); err != nil {
			n.broken("sends an assurance that cannot be read: %v", err)
			return done
		}
		n.world.checker.work.assured(n, &m)
	}
	return done
}
