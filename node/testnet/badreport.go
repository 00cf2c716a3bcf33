package testnet

import (
	"fmt"
	"slices"
	"sync"

	"damson/internal/protocol"
	"damson/node"
	"damson/node/auditor"
	"damson/node/chain"
	"damson/node/roster"
	"damson/state"
)

// lie is what is known of a wrong report, and of how auditors take it. Nodes tell of it on their loops.
type lie struct {
	mu        sync.Mutex
	pairs     [][]protocol.Validator // who were told to lie, one pair after the other
	reports   map[protocol.Hash]bool // called invalid by somebody who looked
	judges    map[int]bool           // who have called one invalid
	condemned map[protocol.Hash]bool // blocks
	told      bool
}

// BadReports is what became of wrong reports.
type BadReports struct {
	Guarantors []protocol.Validator `json:"guarantors"`       // who were told to sign them, one pair or more
	Judges     int                  `json:"judges"`           // how many called them invalid
	Condemned  int                  `json:"blocks_condemned"` // since one had become available in them
	Verdicts   int                  `json:"verdicts"`         // in the final state of the node that has fewest
	Offenders  []protocol.Validator `json:"offenders"`        // there, or in that of any other node
}

// events are what is told of an auditor.
func (l *lie) events(validator int) auditor.Events {
	return auditor.Events{
		Judged: func(report protocol.Hash, valid bool) {
			if valid {
				return
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.reports[report], l.judges[validator] = true, true
		},
		Condemned: func(b *chain.Block) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.condemned[b.Hash] = true
		},
	}
}

// seen says whether somebody has called a report invalid.
func (l *lie) seen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.reports) > 0
}

// liars are the latest who were told to lie.
func (l *lie) liars() []protocol.Validator {
	if len(l.pairs) == 0 {
		return nil
	}
	return l.pairs[len(l.pairs)-1]
}

// on does something on the loop of a node, if it runs here.
func (n *Net) on(validator int, do func(*node.Node)) {
	if m, ok := n.members[validator].(local); ok {
		m.host.Do(do)
	}
}

// liedCore is the core that is reported of wrongly.
const liedCore = 0

// deceive has two of those who are on a core sign wrong results, until an auditor says so: others in each rotation, should it take
// so long. The packages are those of the load.
func (n *Net) deceive(slot protocol.Slot) (note string) {
	l := &n.lie
	if l.seen() {
		if l.told {
			return ""
		}
		l.told = true
		n.lying(false)
		return fmt.Sprintf("an auditor calls a report of validators %v invalid; all others look now, and they tell the truth from here on", l.liars())
	}
	if len(l.pairs) > 0 && slot%n.Params.RotationPeriod != 0 {
		return ""
	}
	n.lying(false)
	n.on(0, func(x *node.Node) {
		if duties, err := roster.At(x.Params, x.Chain.Best().State, slot); err == nil {
			l.pairs = append(l.pairs, slices.Clone(duties.Now().Group(liedCore)[:2]))
		}
	})
	n.lying(true)
	return fmt.Sprintf("validators %v sign wrong results for core %d", l.liars(), liedCore)
}

func (n *Net) lying(wrong bool) {
	for _, v := range n.lie.liars() {
		n.on(int(v), func(x *node.Node) { x.Guarantor.Mistakes.WrongResult = wrong })
	}
}

// verdict says what became of the wrong reports, and whether it is what should: in the final state of each node they are judged bad,
// those who signed them are offenders and nobody else is.
func (n *Net) verdict() (b *BadReports, right bool) {
	l := &n.lie
	l.mu.Lock()
	b = &BadReports{Guarantors: slices.Concat(l.pairs...), Judges: len(l.judges), Condemned: len(l.condemned)}
	reports := make([]protocol.Hash, 0, len(l.reports))
	for hash := range l.reports {
		reports = append(reports, hash)
	}
	l.mu.Unlock()
	right = len(reports) > 0 && b.Condemned > 0
	b.Verdicts = len(reports)
	for i := range n.members {
		n.on(i, func(x *node.Node) {
			psi, err := x.Chain.Finalized().State.Disputes()
			if err != nil {
				right = false
				return
			}
			bad := 0
			for _, hash := range reports {
				if slices.Contains(psi.Bad, hash) {
					bad++
				}
			}
			b.Verdicts = min(b.Verdicts, bad)
			right = right && bad > 0 && n.offenders(b, psi)
		})
	}
	slices.Sort(b.Guarantors)
	b.Guarantors = slices.Compact(b.Guarantors)
	slices.Sort(b.Offenders)
	return b, right
}

// offenders notes who has offended in a state, and says whether these are pairs of liars, whole ones: a pair that nobody brought a
// package to in its rotation has signed nothing.
func (n *Net) offenders(b *BadReports, psi *state.Disputes) bool {
	var here []protocol.Validator
	for i, k := range n.Keys {
		v := protocol.Validator(i)
		if !slices.Contains(psi.Offenders, k.Ed25519.Public()) {
			continue
		}
		here = append(here, v)
		if !slices.Contains(b.Offenders, v) {
			b.Offenders = append(b.Offenders, v)
		}
	}
	var want []protocol.Validator
	for _, pair := range n.lie.pairs {
		if slices.Contains(here, pair[0]) && slices.Contains(here, pair[1]) {
			want = append(want, pair...)
		}
	}
	slices.Sort(want)
	return len(here) > 0 && len(here) == len(psi.Offenders) && slices.Equal(here, slices.Compact(want))
}
