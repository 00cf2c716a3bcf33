package auditor

import (
	"encoding/hex"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
)

// lastTranche is the last one that an announcement can name.
const lastTranche = 255

// tranche gives n, the tranche of a block that is under way. GP §17.3.
func (a *Auditor) tranche(b *chain.Block) uint8 {
	n := a.Loop.Now().Sub(a.Slots.Start(b.Slot)) / a.Slots.Scale(trancheTime)
	return uint8(min(max(n, 0), lastTranche))
}

// wait has the tranches of a block evaluated when they begin.
func (a *Auditor) wait(x *audit) {
	x.rest()
	n := a.tranche(x.block)
	if len(x.items) == 0 || n == lastTranche || a.stopped {
		return
	}
	begins := a.Slots.Start(x.block.Slot).Add(time.Duration(n+1) * a.Slots.Scale(trancheTime))
	x.timer = a.Loop.After(begins.Sub(a.Loop.Now()), func() {
		if a.stopped {
			return
		}
		a.evaluate(x)
		a.wait(x)
	})
}

// announceFirst announces a₀.
func (a *Auditor) announceFirst(x *audit, signature *protocol.VRFSignature) {
	out, err := output(signature)
	if err != nil {
		a.log.Error("our own evidence is none", "error", err)
		return
	}
	list := firstTranche(a.Params, x.list(), out)
	if len(list) > 0 {
		a.announce(x, 0, list, jamnp.Encode(&jamnp.FirstEvidence{Signature: *signature}))
	}
}

func (x *audit) list() []jamnp.AuditedReport {
	list := make([]jamnp.AuditedReport, len(x.items))
	for i, it := range x.items {
		list[i] = it.AuditedReport
	}
	return list
}

// noShows gives those of the last tranche before n, of those who said that they would audit a report, from whom no positive
// judgment has come: A_{n-1}(w) \ J⊤(w). If nobody has drawn the report in tranche n-1, then it is the tranche before that: by
// the letter nobody would ever step in for those who are missing there. GP eq:latertranches.
func (x *audit) noShows(it *item, n uint8) (missing []heard) {
	for _, h := range it.heard {
		if h.tranche >= n {
			break
		}
		if len(missing) > 0 && h.tranche != missing[0].tranche {
			missing = nil
		}
		missing = append(missing, h)
	}
	kept := missing[:0:0]
	for _, h := range missing {
		if !it.report.says(x.set[h.validator].Ed25519, true) {
			kept = append(kept, h)
		}
	}
	return kept
}

// evaluate draws what to audit in the tranche under way, if it is not the first one, and announces it.
func (a *Auditor) evaluate(x *audit) {
	n := a.tranche(x.block)
	if x.self < 0 || !x.ready || n == 0 || a.Mistake == SkipTranches || a.audits[x.block.Hash] != x {
		return
	}
	var draws, due []*item
	for _, it := range x.items {
		missing := 0
		if !it.mine {
			missing = len(x.noShows(it, n))
		}
		switch {
		case !it.mine && len(it.heard) == 0 && n >= unasked:
			a.work(it.report) // everybody else may think that it was heard of
		case missing == 0:
		case it.draw.tranche != n:
			draws = append(draws, it)
		case chosen(a.Params, it.draw.output, missing):
			due = append(due, it)
		}
	}
	if len(due) > 0 {
		a.announceLater(x, n, due)
	}
	if len(draws) > 0 && !x.drawing {
		x.drawing = true
		a.Loop.Go(drawQueue, func() func() {
			drawn := make([]draw, len(draws))
			for i, it := range draws {
				drawn[i] = draw{tranche: n, signature: a.Key.Bandersnatch.Sign(laterInput(x.seed, it.Report, n), nil)}
				drawn[i].output, _ = output(&drawn[i].signature) // of our own signature
			}
			return func() {
				x.drawing = false
				for i, it := range draws {
					it.draw = drawn[i]
				}
				a.evaluate(x)
			}
		})
	}
}

// announceLater announces reports of aₙ, with those in whose place we step.
func (a *Auditor) announceLater(x *audit, n uint8, due []*item) {
	byReport := make(map[protocol.Hash]*item, len(due))
	var list []jamnp.AuditedReport
	for _, it := range due {
		byReport[it.Report] = it
		list = append(list, it.AuditedReport)
	}
	sortList(list)
	var evidence jamnp.LaterEvidence
	for i := range list {
		it := byReport[list[i].Report]
		e := jamnp.TrancheEvidence{Signature: it.draw.signature}
		for _, h := range x.noShows(it, n) {
			e.NoShows = append(e.NoShows, jamnp.NoShow{Validator: h.validator, Announcement: *h.list})
		}
		a.counts.NoShows += uint64(len(e.NoShows))
		evidence = append(evidence, e)
	}
	a.announce(x, n, list, jamnp.Encode(&evidence))
}

// announce tells all who audit a block what we will audit, and does it. A note is on disk before, so that we keep our word.
func (a *Auditor) announce(x *audit, n uint8, list []jamnp.AuditedReport, evidence []byte) {
	sortList(list)
	signed := jamnp.AuditList{Reports: list}
	signed.Signature = a.Key.Ed25519.Sign(announcementMessage(x.block.Hash, n, list))
	m := jamnp.AuditAnnounced{Block: x.block.Hash, Tranche: n, Announcement: signed}
	messages := [][]byte{jamnp.Encode(&m), evidence}
	for _, r := range list {
		it := x.itemOf(r.Report)
		it.mine = true
		it.hear(heard{protocol.Validator(x.self), n, &signed})
	}
	send := func() {
		x.announced = append(x.announced, messages)
		for _, key := range x.audience() {
			a.tell(key, jamnp.AuditAnnouncement, messages, 0)
		}
		a.counts.Announced += uint64(len(list))
		if a.Events.Announced != nil {
			a.Events.Announced(x.block.Hash, n, list)
		}
		for _, r := range list {
			it := x.itemOf(r.Report)
			a.work(it.report)
			a.consider(x, it)
		}
	}
	if n == 0 {
		send() // after a restart it is drawn again
		return
	}
	a.Loop.Go(noteQueue, func() func() {
		err := a.Store.SetNote(announcedNote(x.block.Hash, n), jamnp.Encode(&m))
		return func() {
			if err != nil {
				a.log.Error("an announcement cannot be kept on disk and is not sent", "error", err)
				return
			}
			send()
		}
	})
}

const announcedPrefix = "auditor/announced/"

func announcedNote(block protocol.Hash, n uint8) string {
	return announcedPrefix + hex.EncodeToString(append(block[:], n))
}

// resume audits what we announced before the node was started.
func (a *Auditor) resume(x *audit) {
	if x.self < 0 || len(x.items) == 0 {
		return
	}
	for _, it := range x.items {
		if n, ok := a.promised[promise{x.block.Hash, it.Report}]; ok {
			it.mine = true
			it.hear(heard{protocol.Validator(x.self), n.tranche, n.list})
			a.work(it.report)
		}
	}
}

// hear adds somebody's word, if it is the first of his on the report.
func (it *item) hear(h heard) {
	at := len(it.heard)
	for i, other := range it.heard {
		if other.validator == h.validator {
			return
		}
		if other.tranche > h.tranche && i < at {
			at = i
		}
	}
	it.heard = append(it.heard, heard{})
	copy(it.heard[at+1:], it.heard[at:])
	it.heard[at] = h
}

func (it *item) heardOf(v protocol.Validator) bool {
	for _, h := range it.heard {
		if h.validator == v {
			return true
		}
	}
	return false
}
