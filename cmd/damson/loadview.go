package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"damson/node/builder"
	"damson/node/load"
)

// showLoad says what became of packages; nil is silence.
func showLoad(out io.Writer, s *load.Summary) {
	if s == nil {
		return
	}
	fmt.Fprintf(out, "\nPackages: %d submitted, %d refused, %d reported, %d accumulated, %d final.\n", s.Submitted, s.Refused, s.Reported,
		s.Accumulated, s.Final)
	fmt.Fprintf(out, "Nothing was submitted in the %d slots after the load, in which what was on its way had time to come.\n", s.Waited)
	fmt.Fprintf(out, "Work items: %d accumulated, %d of them failed. Segments: %d exported, %d imported.\n", s.Items, s.Failed, s.Exported,
		s.Imported)
	fmt.Fprintf(out, "In %.1f s: %.2f reports/s, %.1f work items/s, %.1f token transfers/s, %.3f MB/s of data made available.\n", s.Seconds,
		s.Reports, s.ItemRate, s.PayRate, s.DataMB)
	for i, fill := range s.Fill {
		fmt.Fprintf(out, "Core %d had a report in %.0f %% of the slots.\n", i, fill*100)
	}
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "from submission until\tmean\thalf\t95 %\tslots\t")
	for stage := builder.Authorized; stage < builder.Stages; stage++ {
		if d, ok := s.Latencies[stage.String()]; ok {
			fmt.Fprintf(t, "%s\t%.2f s\t%.2f s\t%.2f s\t%.1f\t\n", stage, d.Mean, d.Half, d.Most, d.Slots)
		}
	}
	_ = t.Flush()
	if s.Balanced {
		fmt.Fprintln(out, "The token's books balance, and all segments are what they should be.")
	} else {
		fmt.Fprintf(out, "WRONG: %s\n", s.Wrong)
	}
}
