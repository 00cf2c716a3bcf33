package testnet

import (
	"context"
	"errors"
	"fmt"

	"damson/internal/protocol"
	"damson/node/loop"
)

// Scenario is harm that is done to a network, which should bear it.
type Scenario string

// The scenarios there are.
const (
	NoScenario   Scenario = ""
	Partition    Scenario = "partition"    // for the second third of the run, half of the nodes does not hear the other half
	Equivocation Scenario = "equivocation" // one validator seals two blocks for each of its slots
	Restart      Scenario = "restart"      // one node is killed after a third of the run, and comes back after another third
	BadReport    Scenario = "bad-report"   // after a third of the run, two guarantors sign wrong results for a core
)

// ErrScenario is a scenario that is not there.
var ErrScenario = errors.New("testnet: no such scenario")

var protocolEra = loop.CommonEra

// ParseScenario reads the name of a scenario.
func ParseScenario(name string) (Scenario, error) {
	switch s := Scenario(name); s {
	case NoScenario, Partition, Equivocation, Restart, BadReport:
		return s, nil
	}
	return "", fmt.Errorf("%w: %q; there are partition, equivocation, restart and bad-report", ErrScenario, name)
}

// Processes says whether the scenario needs its nodes to be processes: what is in this one cannot be killed.
func (s Scenario) Processes() bool { return s == Restart }

// Local says whether the scenario needs its nodes to be in this process.
func (s Scenario) Local() bool { return s == Partition || s == Equivocation || s == BadReport }

// victim is the node that a scenario is about: the last one.
func (n *Net) victim() int { return len(n.members) - 1 }

// prepare is called before the nodes start.
func (n *Net) prepare() {
	switch n.Scenario {
	case Equivocation:
		n.mistakes[n.victim()].Author.SealTwice = true
	case BadReport:
		n.lie.reports, n.lie.condemned, n.lie.judges = make(map[protocol.Hash]bool), make(map[protocol.Hash]bool), make(map[int]bool)
		if n.Work == nil {
			n.Work = new(Work)
		}
	case NoScenario, Partition, Restart:
	}
}

// disturb is called before each slot of a run.
func (n *Net) disturb(ctx context.Context, done, count int) (note string, err error) {
	begin, end := n.faulty(count)
	switch n.Scenario {
	case Partition:
		switch done {
		case begin:
			var off []int
			for i := len(n.members) / 2; i < len(n.members); i++ {
				off = append(off, i)
			}
			n.Split(off...)
			return "the network is cut in two halves", nil
		case end:
			n.Heal()
			return "the halves are joined again", nil
		}
	case Restart:
		switch done {
		case begin:
			return fmt.Sprintf("node %d is killed", n.victim()), n.KillNode(n.victim())
		case end:
			return fmt.Sprintf("node %d is started again", n.victim()), n.StartNode(ctx, n.victim())
		}
	case Equivocation:
		if done == 0 {
			return fmt.Sprintf("validator %d seals two blocks for each of its slots", n.victim()), nil
		}
	case BadReport:
		if done >= begin {
			return n.deceive(n.First + protocol.Slot(done)), nil
		}
	case NoScenario:
	}
	return "", nil
}

// judge says whether a scenario ended as it should.
func (n *Net) judge(s *Summary) {
	healed := s.Agree
	switch n.Scenario {
	case NoScenario:
		return
	case Partition: // halves may have different authors for a slot, once they are in another epoch
	case Equivocation:
		healed = healed && s.Equivocations > 0
	case Restart:
		healed = healed && s.Equivocations == 0 && n.authoredSince(s)
	case BadReport:
		var right bool
		s.BadReports, right = n.verdict()
		healed = healed && right
	}
	s.Healed = &healed
}

// faulty gives the slots of a run between which something is wrong.
func (n *Net) faulty(count int) (begin, end int) { return count / 3, 2 * count / 3 }

// authoredSince says whether the node that was killed has authored since it came back, or had no turn: then no slot is without a block,
// once it had time to catch up.
func (n *Net) authoredSince(s *Summary) bool {
	if r := n.records[n.victim()].last; r == nil || r.Counts.Authored > 0 {
		return r != nil
	}
	_, back := n.faulty(s.Slots)
	from, end := n.First+protocol.Slot(back)+lateReturn, n.First+protocol.Slot(s.Slots)
	filled := 0
	main, _ := n.count(end)
	for _, b := range main {
		if b.Slot >= from {
			filled++
		}
	}
	return filled == int(end)-int(from)
}

// lateReturn is how many slots a node may take to catch up.
const lateReturn = 3
