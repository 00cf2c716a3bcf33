package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"damson/internal/protocol"
	"damson/node/dashboard"
	"damson/node/rpc"
)

// draw shows a sight. What does not fit the terminal is left out at the end.
func (t *topScreen) draw(s *sight) error {
	var b bytes.Buffer
	t.nodes(&b, s)
	for i := range s.Nodes {
		if s.Nodes[i].Status != nil {
			t.duties(&b, s, i)
		}
	}
	cores(&b, s)
	validatorTable(&b, s)
	t.before = s
	text := b.String()
	if !t.live {
		_, err := t.out.Write([]byte(text))
		return err
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if most := t.height(); most > 0 && len(lines) > most {
		lines = lines[:most]
	}
	_, err := fmt.Fprint(t.out, "\x1b[H\x1b[2J"+strings.Join(lines, "\n"))
	return err
}

func columns(b *bytes.Buffer) *tabwriter.Writer {
	return tabwriter.NewWriter(b, 0, 0, 3, ' ', tabwriter.AlignRight)
}

func (t *topScreen) nodes(b *bytes.Buffer, s *sight) {
	fmt.Fprintf(b, "damson top   %s\n\n", s.Time.Format(time.TimeOnly))
	w := columns(b)
	fmt.Fprintln(w, "slot\tbest\tfinalized\tbehind\tpeers\tforks\tround\ttickets\tstate of best\t   node")
	for _, n := range s.Nodes {
		x := n.Status
		if x == nil {
			fmt.Fprintf(w, "-\t-\t-\t-\t-\t-\t-\t-\t-\t   %s: %s\n", n.URL, n.Error)
			continue
		}
		mark := ""
		if x.Syncing {
			mark = " (catches up)"
		}
		if x.Broken != "" {
			mark = " (BROKEN: " + x.Broken + ")"
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t   %s%s\n", x.Slot, x.Best.Slot, x.Finalized.Slot,
			int64(x.Best.Slot)-int64(x.Finalized.Slot), x.Peers, x.Leaves-1, x.Round, x.Tickets,
			short(protocol.Hash(x.Best.StateRoot).String()), n.URL, mark)
	}
	_ = w.Flush() // a buffer takes everything
}

// duties tells what a node has done since it was started, and how fast it goes.
func (t *topScreen) duties(b *bytes.Buffer, s *sight, i int) {
	x := s.Nodes[i].Status
	fmt.Fprintf(b, "\n%s\n", s.Nodes[i].URL)
	fmt.Fprintf(b, "  blocks   %d imported%s, %d authored, %d finalized, %d refused, %d equivocations, %d reorganizations\n", x.Imported,
		t.pace(s, i), x.Authored, x.FinalizedHere, x.Refused, x.Equivocations, x.Reorgs)
	if x.Validator {
		fmt.Fprintf(b, "  duties   %d packages wait, %d reports guaranteed, %d assurances, %d judgments, %d tickets made\n", x.Waiting, x.Guaranteed,
			x.Assured, x.Audited, x.TicketsMade)
	}
}

// pace is how many blocks a second a node has imported since it was seen before.
func (t *topScreen) pace(s *sight, i int) string {
	var before *rpc.Status
	if t.before != nil {
		before = t.before.Nodes[i].Status
	}
	now := s.Nodes[i].Status
	if before == nil || now.Imported < before.Imported {
		return ""
	}
	return fmt.Sprintf(" (%.1f/s)", float64(now.Imported-before.Imported)/s.Time.Sub(t.before.Time).Seconds())
}

// shownCores and shownValidators bound what is shown of long lists.
const (
	shownCores      = 16
	shownValidators = 32
)

func cores(b *bytes.Buffer, s *sight) {
	table(b, "Cores, in the best block", "core\tassurances\tgas\tdata\tbundle\timports\texports\t", shownCores, s.Cores,
		func(c *dashboard.CoreActivity) []any {
			return []any{c.Popularity, c.GasUsed, c.DataLoad, c.BundleSize, c.Imports, c.Exports}
		})
}

func validatorTable(b *bytes.Buffer, s *sight) {
	table(b, "Validators, in this epoch", "validator\tblocks\ttickets\tguarantees\tassurances\tpreimages\t", shownValidators, s.Validators,
		func(v *dashboard.ValidatorActivity) []any {
			return []any{v.Blocks, v.Tickets, v.Guarantees, v.Assurances, v.Preimages}
		})
}

// table shows the first of a list under a title and names of columns: its number, and what cells gives.
func table[T any](b *bytes.Buffer, title, names string, most int, list []T, cells func(*T) []any) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	w := columns(b)
	fmt.Fprintln(w, names)
	for i := range list[:min(len(list), most)] {
		fmt.Fprintf(w, "%d\t", i)
		for _, cell := range cells(&list[i]) {
			fmt.Fprintf(w, "%d\t", cell)
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	if more := len(list) - most; more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
}
