package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// benchLine is one line that go test prints for a benchmark.
type benchLine struct {
	name  string             // with its package: "bench/importer.Import/family=safrole-2"
	value map[string]float64 // by unit
}

func parseBench(out string) []benchLine {
	var lines []benchLine
	pkg := ""
	for text := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(text, "pkg: damson/"); ok {
			pkg = strings.TrimSpace(name) + "."
		}
		fields := strings.Fields(text)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		line := benchLine{pkg + strings.TrimPrefix(fields[0], "Benchmark"), map[string]float64{}}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				line.value[fields[i+1]] = v
			}
		}
		lines = append(lines, line)
	}
	return lines
}

var blockDecode = regexp.MustCompile(`bench/\w+\.\w*Decode`)

// benched lists what the suites under bench/ must measure.
var benched = []struct {
	what string
	name *regexp.Regexp
}{
	{"block import, fallback", regexp.MustCompile(`(?i)import.*fallback`)},
	{"block import, safrole", regexp.MustCompile(`(?i)import.*safrole`)},
	{"block import, storage", regexp.MustCompile(`(?i)import.*storage`)},
	{"block import, storage_light", regexp.MustCompile(`(?i)import.*storage_light`)},
	{"block import, preimages", regexp.MustCompile(`(?i)import.*preimages`)},
	{"block import, preimages_light", regexp.MustCompile(`(?i)import.*preimages_light`)},
	{"block import, fuzzy", regexp.MustCompile(`(?i)import.*fuzzy`)},
	{"block import, fuzzy_light", regexp.MustCompile(`(?i)import.*fuzzy_light`)},
	{"interpreter", regexp.MustCompile(`engine=interp.*program=`)},
	{"IETF VRF verify", regexp.MustCompile(`VRF.*verify`)},
	{"ring verify, 1", regexp.MustCompile(`Ring.*verify.*=1-`)},
	{"ring verify, 3", regexp.MustCompile(`Ring.*verify.*=3-`)},
	{"ring verify, 16", regexp.MustCompile(`Ring.*verify.*=16-`)},
	{"ring commitment, 6", regexp.MustCompile(`Ring.*commit.*=6-`)},
	{"ring commitment, 1023", regexp.MustCompile(`Ring.*commit.*=1023-`)},
	{"Ed25519, 1", regexp.MustCompile(`Ed25519.*=1-`)},
	{"Ed25519, 64", regexp.MustCompile(`Ed25519.*=64-`)},
	{"Ed25519, 1023", regexp.MustCompile(`Ed25519.*=1023-`)},
	{"trie root of 10^5 keys", regexp.MustCompile(`Root.*=100000-`)},
	{"trie root of 10^6 keys", regexp.MustCompile(`Root.*=1000000-`)},
	{"trie, 1,000 changed of 10^6", regexp.MustCompile(`=1000000/changed=1000-`)},
	{"block decode", blockDecode},
	{"erasure encode", regexp.MustCompile(`Erasure.*encode`)},
	{"erasure recover", regexp.MustCompile(`Erasure.*recover`)},
}

// runBench runs the suites under bench/ once for all points.
func (h *hall) runBench() ([]benchLine, error) {
	if h.bench != nil {
		return h.bench, nil
	}
	out, err := command(h.thorough(), ".", "go", "test", "-run=^$", "-bench=.", "-benchmem", "-timeout=60m", "./bench/...")
	if err != nil {
		return nil, fmt.Errorf("go test -bench . ./bench/...: %w: %s", err, out)
	}
	h.bench = parseBench(out)
	return h.bench, nil
}

func benchmarks(h *hall) (string, error) {
	lines, err := h.runBench()
	if err != nil {
		return "", err
	}
	var errs []error
	for _, b := range benched {
		found := false
		for _, line := range lines {
			found = found || b.name.MatchString(line.name)
		}
		if !found {
			errs = append(errs, fmt.Errorf("no benchmark of %s (none matches %s)", b.what, b.name))
		}
	}
	for _, line := range lines {
		if allocs, ok := line.value["allocs/op"]; ok && blockDecode.MatchString(line.name) && allocs > 0 {
			errs = append(errs, fmt.Errorf("%s: %g allocations, want 0", line.name, allocs))
		}
	}
	return fmt.Sprintf("%d benchmarks", len(lines)), errors.Join(errs...)
}

// importSummary is what `damson import --json` prints.
type importSummary struct {
	Steps    int               `json:"steps"`
	Imported int               `json:"imported"`
	Rejected int               `json:"rejected"`
	Failed   int               `json:"failed"`
	P50      float64           `json:"p50_ms"`
	P90      float64           `json:"p90_ms"`
	P99      float64           `json:"p99_ms"`
	Max      float64           `json:"max_ms"`
	Mean     float64           `json:"mean_ms"`
	Failures []json.RawMessage `json:"failures"`
}

// summary finds the JSON object in what the command printed.
func summary(out string) (*importSummary, error) {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "{") {
			s := &importSummary{}
			if err := json.Unmarshal([]byte(line), s); err != nil {
				return nil, fmt.Errorf("import --json printed %q: %w", line, err)
			}
			return s, nil
		}
	}
	return nil, fmt.Errorf("import --json printed no object: %q", out)
}

// speeds are the musts and stretches for import with the interpreter. The ceiling is for the slowest block:
// an epoch change must not be a spike.
var speeds = []struct {
	family                string
	must, stretch, spikes float64 // ms; 0 means that none is set
}{
	{"fallback", 1.5, 0.7, 15},
	{"safrole", 6, 4, 30},
	{"storage", 6, 3, 0},
	{"storage_light", 0, 0, 0},
	{"preimages-001-050", 0, 0, 0},
	{"preimages_light", 0, 0, 0},
	{"fuzzy-001-100", 0, 0, 0},
	{"fuzzy_light", 0, 0, 0},
}

func importSpeed(h *hall) (string, error) {
	const mostKiB = 400 << 10
	var errs []error
	var figures []string
	peak := int64(0)
	for _, s := range speeds {
		o, err := h.runDamson("import", "--json", "--engine", "interp", filepath.Join(h.vectors, "traces", s.family+".tar.zst"))
		if err != nil {
			return "", err
		}
		sum, err := summary(o.stdout)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w; %s", s.family, err, o.stderr))
			continue
		}
		peak = max(peak, o.peakKiB)
		figures = append(figures, fmt.Sprintf("%s p50 %.2f max %.1f ms", s.family, sum.P50, sum.Max))
		switch {
		case o.status != 0 || sum.Failed > 0:
			errs = append(errs, fmt.Errorf("%s: status %d, %d failed", s.family, o.status, sum.Failed))
		case s.must > 0 && sum.P50 > s.must:
			errs = append(errs, fmt.Errorf("%s: p50 %.2f ms, must be %g (stretch %g)", s.family, sum.P50, s.must, s.stretch))
		case s.spikes > 0 && sum.Max > s.spikes:
			errs = append(errs, fmt.Errorf("%s: slowest block %.1f ms, a spike is above %g", s.family, sum.Max, s.spikes))
		case o.peakKiB > mostKiB:
			errs = append(errs, fmt.Errorf("%s: peak memory %d MiB, must be 400", s.family, o.peakKiB>>10))
		}
	}
	rate, err := h.interpreterRate()
	if err != nil {
		errs = append(errs, err)
	} else if rate < 200 {
		errs = append(errs, fmt.Errorf("interpreter %.0f M instructions/s, must be 200 (stretch 300)", rate))
	}
	figures = append(figures, fmt.Sprintf("peak %d MiB", peak>>10), fmt.Sprintf("interpreter %.0f Minst/s", rate))
	return strings.Join(figures, ", "), errors.Join(errs...)
}

// interpreterRate is the geometric mean over the guest programs, in millions of instructions a second.
func (h *hall) interpreterRate() (float64, error) {
	lines, err := h.runBench()
	if err != nil {
		return 0, err
	}
	sum, n := 0.0, 0
	for _, line := range lines {
		for _, unit := range []string{"Minst/s", "Mgas/s"} {
			if v := line.value[unit]; v > 0 && strings.Contains(line.name, "engine=interp/program=") {
				sum += math.Log(v)
				n++
				break
			}
		}
	}
	if n == 0 {
		return 0, errors.New("no benchmark of the interpreter reports Minst/s or Mgas/s")
	}
	return math.Exp(sum / float64(n)), nil
}
