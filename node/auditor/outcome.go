package auditor

import (
	"encoding/hex"

	"damson/internal/codec"
	"damson/internal/protocol"
)

// isAudited is U of a report: nobody calls it invalid and all who drew it in some tranche call it valid, or more than two
// thirds call it valid.
//
// A tranche in which nobody drew it is none: by the letter every report would be audited at once. If nobody is known to have
// drawn it at all, since this node came late, its own word is enough. GP §17.3.
func (a *Auditor) isAudited(x *audit, it *item) bool {
	r := it.report
	if r.against == 0 {
		for first := 0; first < len(it.heard); {
			end, all := first, true
			for ; end < len(it.heard) && it.heard[end].tranche == it.heard[first].tranche; end++ {
				all = all && r.says(x.set[it.heard[end].validator].Ed25519, true)
			}
			if all {
				return true
			}
			first = end
		}
		if len(it.heard) == 0 && r.says(a.self, true) {
			return true
		}
	}
	return 3*r.favour > 2*len(x.set) && 3*r.count(x.set, true) > 2*len(x.set)
}

// consider finds out whether a report is audited of which there is news, and with it its block.
func (a *Auditor) consider(x *audit, it *item) {
	if audited := a.isAudited(x, it); audited != it.audited {
		if it.audited = audited; audited {
			x.open--
		} else {
			x.open++
		}
	}
	a.conclude(x)
}

// conclude tells the chain if a block is audited now, or is not any more. GP §17.3: later news may undo it.
func (a *Auditor) conclude(x *audit) {
	audited := x.ready && x.open == 0
	if audited == x.audited || a.audits[x.block.Hash] != x {
		return
	}
	x.audited = audited
	a.log.Debug("audited", "slot", x.block.Slot, "hash", x.block.Hash, "audited", audited)
	if a.Events.Audited != nil {
		a.Events.Audited(x.block, audited)
	}
	if a.due {
		return
	}
	a.due = true
	a.Loop.Post(func() {
		a.due = false
		if !a.stopped {
			a.Chain.Reconsider()
		}
	})
}

// condemn has a block disregarded in which a report became available that more than a third call invalid, and keeps the
// report out of our own blocks until there is a verdict. GP §17.1.
func (a *Auditor) condemn(x *audit) {
	if a.Mistake == NotCondemned {
		return
	}
	for _, it := range x.items {
		if 3*it.report.count(x.set, false) > len(x.set) {
			a.outlaw(it.Report, x.epoch)
		}
	}
	if a.Chain.Condemned(x.block) {
		return
	}
	a.counts.Condemned++
	a.Chain.Condemn(x.block)
	if a.Events.Condemned != nil {
		a.Events.Condemned(x.block)
	}
}

// outlaw remembers that a report is bad, whatever happens to this node.
func (a *Auditor) outlaw(report protocol.Hash, epoch uint32) {
	if _, known := a.bad[report]; known {
		return
	}
	a.bad[report] = epoch
	a.Pool.Shun(report)
	a.Loop.Go(noteQueue, func() func() {
		err := a.Store.SetNote(badPrefix+hex.EncodeToString(report[:]), codec.AppendU32(nil, epoch))
		if err == nil {
			return nil
		}
		return func() { a.log.Error("a bad report is not remembered", "report", report, "error", err) }
	})
}
