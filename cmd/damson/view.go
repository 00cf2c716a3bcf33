package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"damson/node/loop"
	"damson/node/testnet"
)

// view shows a network: a table that stays in its place on a terminal, a line for each slot elsewhere.
type view struct {
	out      io.Writer
	live     bool
	slots    int
	separate bool
	lines    int      // of the table that stands on the terminal
	notes    []string // what the scenario did
}

func newView(out io.Writer, live bool, slots int, separate bool) *view {
	return &view{out: out, live: live, slots: slots, separate: separate}
}

// intro says what is about to run.
func (v *view) intro(n *testnet.Net) {
	where := "in one process"
	if v.separate {
		where = "in a process of its own each"
	}
	fmt.Fprintf(v.out, "A network of %d validators, %s, over QUIC: %d slots of %v.\n", len(n.Keys), where, v.slots, n.Slot)
	if n.Slot != loop.ProtocolSlot {
		fmt.Fprintf(v.out, "This is not protocol time, where slots last %v: all delays are scaled with it.\n", loop.ProtocolSlot)
	}
	fmt.Fprintln(v.out, "The chain rests on the insecure development SRS.")
	if v.live {
		fmt.Fprintln(v.out)
	}
}

// slot shows the network at the end of a slot.
func (v *view) slot(s *testnet.View) {
	if s.Note != "" {
		v.notes = append(v.notes, fmt.Sprintf("slot %d: %s", s.Slot, s.Note))
	}
	if !v.live {
		v.line(s)
		return
	}
	var b bytes.Buffer
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", v.lines)
	}
	start := b.Len()
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "node\tslot\tbest\tfinalized\tpeers\ttickets\tauthored\tforks\tstate of best\t")
	for i, r := range s.Reports {
		if r == nil {
			fmt.Fprintf(t, "%d\t-\t-\t-\t-\t-\t-\t-\tnot running\t\n", i)
			continue
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", i, r.Slot, r.Best.Slot, r.Final.Slot, r.Peers, r.Tickets, r.Counts.Authored,
			r.Leaves-1, short(r.Best.StateRoot.String()))
	}
	_ = t.Flush()
	fmt.Fprintf(&b, "\nslot %d of %d   blocks %d, one every %v   finality lag %d slots   forks %d\n", s.Done, v.slots, s.Chain,
		s.Block.Round(10*time.Millisecond), s.Lag, s.Forks)
	for _, note := range v.notes {
		fmt.Fprintln(&b, note)
	}
	v.lines = bytes.Count(b.Bytes()[start:], []byte("\n"))
	_, _ = v.out.Write(b.Bytes())
}

func short(root string) string { return root[:min(len(root), 10)] }

// line is what a slot looks like in a file.
func (v *view) line(s *testnet.View) {
	var each []string
	running := 0
	for _, r := range s.Reports {
		if r == nil {
			each = append(each, "-")
			continue
		}
		running++
		each = append(each, fmt.Sprintf("%d/%d", r.Best.Slot, r.Final.Slot))
	}
	fmt.Fprintf(v.out, "slot %d  best/finalized %s  lag %d  blocks %d of %d  forks %d", s.Slot, strings.Join(each, " "), s.Lag, s.Chain,
		s.Done, s.Forks)
	if running < len(s.Reports) {
		fmt.Fprintf(v.out, "  %d nodes down", len(s.Reports)-running)
	}
	if s.Note != "" {
		fmt.Fprintf(v.out, "  (%s)", s.Note)
	}
	fmt.Fprintln(v.out)
}

// summary says what became of the run.
func (v *view) summary(s *testnet.Summary) {
	fmt.Fprintf(v.out, "\n%d slots: %d blocks in the chain (%d sealed with tickets, %d in fallback mode), %d slots without, %d blocks on forks.\n",
		s.Slots, s.Ticketed+s.Fallback, s.Ticketed, s.Fallback, s.BlocksMissed, s.Forks)
	fmt.Fprintf(v.out, "Finality was %.1f slots behind on average, %d at most; 95 %% of blocks were final within %.1f s of the beginning of their slot.\n",
		s.FinalityLag, s.FinalityLagMax, s.FinalityP95)
	if s.Equivocations > 0 {
		fmt.Fprintf(v.out, "%d equivocations were seen.\n", s.Equivocations)
	}
	if s.Agree {
		fmt.Fprintf(v.out, "All nodes agree on block %d and its state %s, which is final.\n", s.BestSlot, s.StateRoot)
	} else {
		fmt.Fprintln(v.out, "THE NODES DO NOT AGREE.")
	}
	if b := s.BadReports; b != nil {
		fmt.Fprintf(v.out, "Validators %v signed wrong results; %d auditors called them invalid, and %d blocks that had them were left.\n", b.Guarantors,
			b.Judges, b.Condemned)
		fmt.Fprintf(v.out, "The final state has %d of the reports as bad, and validators %v as offenders.\n", b.Verdicts, b.Offenders)
	}
	if s.Healed != nil {
		fmt.Fprintf(v.out, "Scenario %s: recovered: %v.\n", s.Scenario, *s.Healed)
	}
}
