package main

import (
	"fmt"
	"io"
	"math"
)

// markdown writes the report as docs/BENCHMARKS.md has it.
func (r *Report) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n%s, commit %s; C by %s -O2; medians of %d rounds.\n\n", r.Machine, r.Commit, r.Compiler, r.Rounds)
	fmt.Fprintln(w, "| program | gas (M) | gcc ms | jit ms | **jit/gcc** | Mgas/s | ns/inst | Go/gcc | wazero/gcc | PolkaVM/gcc | interp/gcc |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	var goes, wazero, polka, slow mean
	for _, p := range r.Programs {
		fmt.Fprintf(w, "| %s | %.1f | %s | %.1f | **%s** ± %.2f | %.0f | %.3f | %s | %s | %s | %s |\n", p.Name, float64(p.Gas)/1e6,
			figure(p.C, 1), p.JIT, figure(p.Ratio, 2), p.Spread, p.Minst, p.NsInst, goes.ratio(p.Go, p.C), wazero.ratio(p.Wazero, p.C),
			polka.ratio(p.PolkaVM, 1), slow.ratio(p.Interp, p.C))
	}
	fmt.Fprintf(w, "| geometric mean | | | | **%s** | | | %s | %s | %s | %s |\n\n", figure(r.Mean, 2), goes, wazero, polka, slow)
	fmt.Fprintln(w, "| what | figure |")
	fmt.Fprintln(w, "|---|---|")
	fmt.Fprintf(w, "| worst program | %s of gcc |\n", figure(r.Worst, 2))
	fmt.Fprintf(w, "| host call, there and back | %.1f ns |\n", r.Small.HostCallNs)
	fmt.Fprintf(w, "| instance of a typical service from the pool, loaded and run over 19 pages | %.1f µs |\n", r.Small.InstantiateUs)
	fmt.Fprintf(w, "| invoke of an inner machine by a guest, over its run | %.0f ns |\n", r.Small.InvokeNs)
	fmt.Fprintf(w, "| compile of bigcode, guest code | %.0f MB/s |\n", r.Small.CompileMBs)
	fmt.Fprintf(w, "| the same from the blob, decoding included | %.0f MB/s |\n", r.Small.DecodedMBs)
	fmt.Fprintf(w, "| machine code for an octet of guest code, bigcode | %.2f octets |\n\n", r.Small.Expansion)
}

func figure(x float64, digits int) string {
	if x == 0 {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, x)
}

// mean gathers a geometric mean.
type mean struct {
	logs  float64
	count int
}

// ratio takes in a/b and words it.
func (m *mean) ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	m.logs += math.Log(a / b)
	m.count++
	return figure(a/b, 2)
}

func (m mean) String() string {
	if m.count == 0 {
		return "–"
	}
	return figure(math.Exp(m.logs/float64(m.count)), 2)
}
