package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// part3 are the acceptance points of the importer: the fuzz target, the chain on disk, and the speed of blocks.
var part3 = []point{
	{"A1", "recorded sessions and traces over the socket", overTheSocket},
	{"A2", "crashes of the store", crashes},
	{"A3", "speed over the socket", socketSpeed},
	{"A4", "state of 10^6 keys", bigState},
	{"A5", "soak", soak},
	{"A6", "hostile clients", hostileClients},
	{"A7", "blocks of full size", fullSize},
}

const (
	conformancePackage = "./node/conformance"
	storePackage       = "./state/store"
)

// overTheSocket replays what is recorded with every engine, and lets the commands themselves do so once.
func overTheSocket(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run:      "^(TestSessions|TestTraces|TestAncestry|TestForks|TestManySiblings|TestLongChain|TestAnyState|TestStatesOnDisk|TestFaultEndsSession)$",
		packages: []string{conformancePackage}, timeout: time.Hour,
	})
	if err != nil {
		return strings.Join(figures, "; "), err
	}
	var errs []error
	paths := []string{"fuzz-proto/forks", "fuzz-proto/no_forks", "traces", "fuzz-traces"}
	for i := range paths {
		paths[i] = filepath.Join(h.vectors, filepath.FromSlash(paths[i]))
	}
	for _, engine := range []string{"jit", "interp", "verify"} {
		r, err := h.drive(engine, paths...)
		if err == nil && (r.Stats.Mismatched > 0 || r.Stats.Steps == 0) {
			err = fmt.Errorf("%d steps, %d wrong", r.Stats.Steps, r.Stats.Mismatched)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("damson fuzz-drive, engine %s: %w", engine, err))
			continue
		}
		figures = append(figures, fmt.Sprintf("sessions and traces by the commands, engine %s: %d blocks, 0 wrong", engine, r.Stats.Steps))
	}
	return strings.Join(figures, "; "), errors.Join(errs...)
}

// crashes kills, cuts off and damages.
func crashes(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run:      "^(TestKilled|TestImportKilled|TestPowerCut|TestWriteErrors|TestCorruptedFiles|TestReopen|TestPruning)$",
		packages: []string{storePackage, "./cmd/damson"}, timeout: 2 * time.Hour,
	})
	return strings.Join(figures, "; "), err
}

func soak(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run: "^(TestSoak|TestEmptyBlockAllocates)$", packages: []string{conformancePackage, "./node/importer"}, timeout: 2 * time.Hour,
	})
	return strings.Join(figures, "; "), err
}

func hostileClients(h *hall) (string, error) {
	const run = "^(TestHostileClients|TestHalfClosed|TestMoreClientsThanSessions|TestShutdown|TestRefusedMessages)$"
	if figures, err := h.tests(testOptions{run: run, packages: []string{conformancePackage}}); err != nil {
		return strings.Join(figures, "; "), err
	}
	// Goroutines that a session leaves behind fail the package.
	return "truncated, oversized, garbage, slow and half-closed clients; whoever comes after them is served, no goroutine is left", nil
}

// bigState measures a state of 10^6 keys, and what a process takes that holds nothing else.
func bigState(h *hall) (string, error) {
	const mostMiB = 1.2 * 1024
	lines, peak, err := h.benchProcess("./bench/importer", "BigState/keys=1e6/engine=jit", "30x")
	if err != nil {
		return "", err
	}
	// Other jobs of the machine can only make it slower, so that the quietest of some runs is the figure.
	const runs = 7
	root := 0.0
	for range runs {
		lines, _, err := h.benchProcess("./bench/state", "Root/keys=1000000", "1x")
		if err != nil {
			return "", err
		}
		if ms := valueOf(lines, "keys=1000000", "ns/op") / 1e6; root == 0 || ms < root {
			root = ms
		}
	}
	return judge([]goal{
		{name: "block of 1,000 changes p50", value: valueOf(lines, "keys=1e6", "p50-ms/block"), must: 15, stretch: 15, unit: " ms"},
		{name: fmt.Sprintf("scratch root, quietest of %d", runs), value: root, must: 800, stretch: 800, unit: " ms"},
		{name: "peak memory", value: float64(peak) / 1024, must: mostMiB, stretch: mostMiB, unit: " MiB"},
	}, fmt.Sprintf("p90 %.1f ms", valueOf(lines, "keys=1e6", "p90-ms/block")))
}

// fullSize measures blocks of 341 reports and 1,023 assurances, and much gas.
func fullSize(h *hall) (string, error) {
	lines, peak, err := h.benchProcess("./bench/importer", "FullSize/.*/engine=jit", "10x")
	if err != nil {
		return "", err
	}
	// The same block again finds the new ring's commitment known, which the first time does not.
	figure, err := judge([]goal{
		{name: "usual block p50", value: valueOf(lines, "block=usual", "p50-ms/block"), must: 250, stretch: 100, unit: " ms"},
		{name: "epoch change, slowest", value: valueOf(lines, "block=epoch", "max-ms/block"), must: 400, stretch: 200, unit: " ms"},
	}, fmt.Sprintf("slowest usual block %.0f ms", valueOf(lines, "block=usual", "max-ms/block")),
		fmt.Sprintf("peak memory %d MiB", peak>>10))
	if err != nil {
		return figure, err
	}
	gas, _, err := h.benchProcess("./bench/importer", "MuchGas", "3x")
	if err != nil {
		return figure, err
	}
	for _, work := range []string{"work=accumulate", "work=refine"} {
		ms := valueOf(gas, work, "ms/op")
		if ms == 0 {
			err = errors.Join(err, fmt.Errorf("no figure of %s", work))
		}
		figure += fmt.Sprintf(", %s %.0f ms", work, ms)
	}
	return figure, err
}

// judge words the goals and what else was found; the error names those goals that miss their must.
func judge(goals []goal, besides ...string) (string, error) {
	var words []string
	var errs []error
	for _, g := range goals {
		words = append(words, g.String())
		if !g.keeps(g.must) {
			errs = append(errs, fmt.Errorf("%s misses its must", g.name))
		}
	}
	return strings.Join(append(words, besides...), ", "), errors.Join(errs...)
}

// benchProcess runs benchmarks in a process of their own and tells the most memory that it held.
func (h *hall) benchProcess(pkg, pattern, times string) (lines []benchLine, peak int64, err error) {
	binary := filepath.Join(h.tmp, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-")+".test")
	if out, err := command(nil, ".", "go", "test", "-c", "-o", binary, pkg); err != nil {
		return nil, 0, fmt.Errorf("build the benchmarks of %s: %w: %s", pkg, err, out)
	}
	c := exec.Command(binary, "-test.run=^$", "-test.bench="+anchored(pattern), "-test.benchtime="+times)
	c.Dir = pkg
	c.Env = append(c.Environ(), h.thorough()...)
	out, err := c.CombinedOutput()
	if err != nil {
		return nil, 0, fmt.Errorf("benchmarks %s of %s: %w: %s", pattern, pkg, err, out)
	}
	return parseBench(string(out)), peakKiB(c.ProcessState), nil
}

// anchored makes a pattern for whole elements of benchmarks' names.
func anchored(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i := range parts {
		parts[i] = "^" + parts[i] + "$"
	}
	parts[0] = "^Benchmark" + parts[0][1:]
	return strings.Join(parts, "/")
}

// valueOf finds a figure, or gives 0. A name of go test ends in the number of processors.
func valueOf(lines []benchLine, part, unit string) float64 {
	name := regexp.MustCompile(regexp.QuoteMeta(part) + `(-\d+)?(/|$)`)
	i := slices.IndexFunc(lines, func(l benchLine) bool { return name.MatchString(l.name) })
	if i < 0 {
		return 0
	}
	return lines[i].value[unit]
}
