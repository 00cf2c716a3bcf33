package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// part2 are the acceptance points of the recompiler: as fast as C, and never different from the interpreter.
var part2 = []point{
	{"A1", "vectors and traces on jit and verify", everyEngine},
	{"A2", "random programs on both engines", noDifference},
	{"A3", "guest code amid signals", stress},
	{"A4", "stopping the world", stopTheWorld},
	{"A5", "speed of guest code", guestSpeed},
	{"A6", "arm64", arm64},
	{"A7", "memory safety of machine code", machineCode},
	{"A8", "jit/RATIONALE.md", rationale},
}

// tests runs tests at full size and gives the figures that they print.
func (h *hall) tests(o testOptions) (figures []string, err error) {
	o.count, o.quiet = 1, true
	o.env = append(h.thorough(), o.env...)
	var said strings.Builder
	r, err := goTest(o, &said)
	if err != nil {
		return nil, err
	}
	switch {
	case len(r.bad) > 0:
		return r.figures, fmt.Errorf("%s: %s", strings.Join(r.bad, ", "), said.String())
	case r.skipped > 0:
		return r.figures, fmt.Errorf("%d tests skipped: %s", r.skipped, said.String())
	case r.passed == 0:
		return r.figures, fmt.Errorf("no test matches %s in %v", o.run, o.packages)
	}
	return r.figures, nil
}

// everyEngine imports all traces with the recompiler, alone and checked.
func everyEngine(h *hall) (string, error) {
	if _, err := h.tests(testOptions{run: "^(TestVectors|TestPrograms)$", packages: []string{"./internal/engine"}}); err != nil {
		return "", err
	}
	var paths []string
	for _, pattern := range []string{"traces/*.tar.zst", "fuzz-traces/*"} {
		found, err := filepath.Glob(filepath.Join(h.vectors, pattern))
		if err != nil {
			return "", err
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && filepath.Ext(path) != ".md" && (info.IsDir() || info.Size() > 0) {
				paths = append(paths, path)
			}
		}
	}
	var errs []error
	var figures []string
	for _, engine := range []string{"jit", "verify"} {
		steps, blocks := 0, 0
		for _, path := range paths {
			o, err := h.runDamson("import", "--json", "--engine", engine, path)
			if err != nil {
				return "", err
			}
			sum, err := summary(o.stdout)
			if err != nil || o.status != 0 || sum.Failed > 0 {
				errs = append(errs, fmt.Errorf("%s on %s: status %d: %s", filepath.Base(path), engine, o.status, o.stderr))
				continue
			}
			steps += sum.Steps
			blocks += sum.Imported
		}
		fmt.Fprintf(os.Stderr, "  %s: %d paths, %d steps\n", engine, len(paths), steps)
		figures = append(figures, fmt.Sprintf("%s: %d steps of %d traces, %d imported", engine, steps, len(paths), blocks))
	}
	return strings.Join(figures, ", "), errors.Join(errs...)
}

// noDifference compares the engines on as many cases as the point says, and plants mistakes to see that they are found.
func noDifference(h *hall) (string, error) {
	seed := fmt.Sprintf("-nodiff.seed=%d", h.seed<<32)
	var figures []string
	for _, run := range []struct {
		test  string
		flags []string
	}{
		{"TestGolden", nil},
		{"TestSabotage", nil},
		{"TestMutated", []string{"-nodiff.n=500000"}},
		{"TestRaw", []string{"-nodiff.n=1000000"}},
		{"TestGenerated", []string{"-nodiff.n=5000000", "-nodiff.insts=10000000000"}},
	} {
		found, err := h.tests(testOptions{
			run: "^" + run.test + "$", packages: []string{"./internal/nodiff"}, timeout: 2 * time.Hour, flags: append(run.flags, seed),
		})
		figures = append(figures, found...)
		if err != nil {
			return strings.Join(figures, "; "), err
		}
	}
	return strings.Join(figures, "; "), nil
}

// stress runs the test twice at the same time, which is one adversity more.
func stress(h *hall) (string, error) {
	long, short := 10*time.Minute, 2*time.Minute
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, o := range []testOptions{
		{env: []string{"DAMSON_STRESS=" + long.String()}},
		{env: []string{"DAMSON_STRESS=" + short.String(), "CGO_ENABLED=1"}, race: true},
	} {
		o.run, o.packages = "^TestStress$", []string{"./internal/engine"}
		wg.Go(func() { _, errs[i] = h.tests(o) })
	}
	wg.Wait()
	return fmt.Sprintf("%v, and %v under -race", long, short), errors.Join(errs...)
}

var stopTimes = regexp.MustCompile(`p50 (\S+) in guest code, (\S+) in Go; p99 (\S+) and (\S+)`)

// stopTheWorld repeats the test and takes the run in which plain Go was stopped fastest: other jobs of the machine
// disturb one run or the other, and the choice knows nothing of guest code.
func stopTheWorld(h *hall) (string, error) {
	const p50, p99, runs = time.Millisecond, 10 * time.Millisecond, 7
	out, err := command(h.thorough(), ".", "go", "test", "-count="+strconv.Itoa(runs), "-v", "-run=^TestStopTheWorld$", "./internal/engine")
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	var best [4]time.Duration // guest p50, Go p50, guest p99, Go p99
	for _, m := range stopTimes.FindAllStringSubmatch(out, -1) {
		var times [4]time.Duration
		for i := range times {
			if times[i], err = time.ParseDuration(m[i+1]); err != nil {
				return "", err
			}
		}
		if best[3] == 0 || times[3] < best[3] {
			best = times
		}
	}
	switch {
	case best[3] == 0:
		return "", fmt.Errorf("the test printed no times: %s", out)
	case best[0] > p50 || best[2] > p99:
		err = fmt.Errorf("must be below %v and %v", p50, p99)
	}
	return fmt.Sprintf("p50 %v in guest code, %v in Go; p99 %v and %v; the quietest of %d runs", best[0], best[1], best[2], best[3], runs), err
}

// arm64 is a script of its own: it needs an emulator.
func arm64(*hall) (string, error) {
	const script = ".ci/arm64"
	if _, err := os.Stat(script); err != nil {
		return "", err
	}
	out, err := command(nil, ".", script, "full")
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], nil
}

// machineCode runs the tests of the rules by which guest code is safe to run, and compiles hostile programs.
func machineCode(h *hall) (string, error) {
	const atMost = 100 * time.Millisecond // for the most code that a service can have
	run := "^(TestMemoryOperands|TestNeverWritableAndExecutable|TestHostilePrograms|TestOpcodesAreLowered|TestFilled|TestArena)$"
	if _, err := h.tests(testOptions{run: run, packages: []string{"./jit", "./jit/exec"}}); err != nil {
		return "", err
	}
	out, err := command(h.thorough(), ".", "go", "test", "-run=^$", "-bench=^BenchmarkHostile$", "-benchtime=5x", "./jit")
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	worst, name := 0.0, ""
	for _, line := range parseBench(out) {
		if ns := line.value["cpu-ns/op"]; ns > worst {
			worst, name = ns, line.name
		}
	}
	took := time.Duration(worst)
	switch {
	case name == "":
		err = errors.New("no benchmark BenchmarkHostile in package jit")
	case took > atMost:
		err = fmt.Errorf("must be at most %v", atMost)
	}
	return fmt.Sprintf("worst program of 4,000,000 octets compiled in %v of CPU time (%s)", took.Round(time.Millisecond), name), err
}

// answered are the questions of jit/RATIONALE.md, by the words that an answer cannot do without.
var answered = []*regexp.Regexp{
	regexp.MustCompile(`goroutine.s stack`), regexp.MustCompile(`garbage collector`), regexp.MustCompile(`preempt`),
	regexp.MustCompile(`signal`), regexp.MustCompile(`profile`), regexp.MustCompile(`writable.*executable`),
	regexp.MustCompile(`guard|margin`),
}

func rationale(*hall) (string, error) {
	text, err := os.ReadFile("jit/RATIONALE.md")
	if err != nil {
		return "", err
	}
	lower := strings.ToLower(string(text))
	var errs []error
	for _, words := range answered {
		if !words.MatchString(lower) {
			errs = append(errs, fmt.Errorf("nothing about %q", words))
		}
	}
	return fmt.Sprintf("%d questions, %d headings", len(answered), strings.Count(string(text), "\n#")), errors.Join(errs...)
}
