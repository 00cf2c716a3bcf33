package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"damson/bench/pvm/native"
	"damson/internal/engine"
	"damson/jit"
)

// Report is everything that is measured. Times are medians over the rounds, ratios medians of the rounds' ratios: a while in
// which the machine is slow hits both sides of a ratio alike, and decides nothing unless it is most of the run.
type Report struct {
	Machine  string `json:"machine"`
	Commit   string `json:"commit"`
	Compiler string `json:"compiler"`
	Rounds   int    `json:"rounds"`

	Programs []*Row  `json:"programs"`
	Mean     float64 `json:"geometric_mean"` // of Row.Ratio
	Worst    float64 `json:"worst"`
	Small    Small   `json:"small"`
}

// Row is a program. What could not be measured is 0.
type Row struct {
	Name     string  `json:"name"`
	Gas      int64   `json:"gas"`
	JIT      float64 `json:"jit_ms"`
	Interp   float64 `json:"interp_ms"`
	C        float64 `json:"c_ms"`
	Go       float64 `json:"go_ms"`
	Wazero   float64 `json:"wazero_ms"`
	Ratio    float64 `json:"ratio"`  // JIT to C, the median of the rounds' ratios
	Spread   float64 `json:"spread"` // half of what is between the quartiles of these ratios
	Minst    float64 `json:"minst_s"`
	NsInst   float64 `json:"ns_inst"`
	PolkaVM  float64 `json:"polkavm_ratio"`    // of PolkaVM's recompiler to C, measured elsewhere on this machine class
	Relative float64 `json:"ratio_to_polkavm"` // Ratio by PolkaVM
}

// Small is what costs little and happens often.
type Small struct {
	HostCallNs    float64 `json:"host_call_ns"`
	InstantiateUs float64 `json:"instantiate_us"`
	InvokeNs      float64 `json:"invoke_ns"`
	CompileMBs    float64 `json:"compile_mb_s"`        // bigcode: octets of guest code a second, decoded before
	DecodedMBs    float64 `json:"decode_compile_mb_s"` // from the blob
	Expansion     float64 `json:"expansion"`           // octets of machine code for one of guest code
}

// polkaVM is how much longer PolkaVM's recompiler (0.35.0, commit e88d5b4f, with gas) took than gcc -O2 on a machine
// of this class, both in one run.
var polkaVM = map[string]float64{
	"fib": 106.8 / 89.8, "sieve": 94.7 / 49.2, "sha256": 94.3 / 61.6, "matmul": 104.2 / 80.0, "qsort": 72.9 / 65.0,
	"bytevm": 109.0 / 40.5, "ptrchase": 165.3 / 161.7, "memops": 54.4 / 42.1, "bigcode": 29.3 / 18.3,
}

// onlyCalls is the program that computes nothing: its time is that of host calls, which C has none of.
const onlyCalls = "hostping"

func newReport(rounds, interpreted int) (*Report, error) {
	r := &Report{Machine: machine(), Commit: commit(), Compiler: native.Version(), Rounds: rounds}
	e, _, err := engine.New(engine.JIT, jit.Options{})
	if err != nil {
		return nil, err
	}
	field, err := newField(e)
	if err != nil {
		return nil, err
	}
	defer field.close()
	for n := range rounds {
		if err := field.round(n < interpreted); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, rounds)
	}
	product, count := 0.0, 0
	for _, c := range field.runners {
		row := c.row()
		r.Programs = append(r.Programs, row)
		if row.Ratio > 0 {
			product += math.Log(row.Ratio)
			count++
		}
		r.Worst = max(r.Worst, row.Ratio)
	}
	if count > 0 {
		r.Mean = math.Exp(product / float64(count))
	}
	r.Small = field.small.medians()
	return r, nil
}

func median(times []float64) float64 { return quantile(times, 1, 2) }

// quantile is the k-th of n, 0 of nothing.
func quantile(times []float64, k, n int) float64 {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)-1)*k/n]
}

func (c *runner) row() *Row {
	row := &Row{
		Name: c.program.Name, Gas: c.guest.Run.Gas, JIT: median(c.jit), Interp: median(c.interp), C: median(c.c),
		Go: median(c.twin), Wazero: median(c.wazero), PolkaVM: polkaVM[c.program.Name],
	}
	row.Minst = float64(row.Gas) / 1e3 / row.JIT
	row.NsInst = 1e6 * row.JIT / float64(row.Gas)
	if row.C > 0 {
		row.Ratio, row.Spread = median(c.ratios), (quantile(c.ratios, 3, 4)-quantile(c.ratios, 1, 4))/2
	}
	if row.PolkaVM > 0 {
		row.Relative = row.Ratio / row.PolkaVM
	}
	return row
}

// machine says where this is.
func machine() string {
	name := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := ""
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = " " + strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("%s, %d cores, %s%s/%s, %s", name, runtime.NumCPU(), runtime.GOOS, kernel, runtime.GOARCH, runtime.Version())
}

// commit says which code this is, with a plus if it was changed.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--abbrev=12", "--dirty=+").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
