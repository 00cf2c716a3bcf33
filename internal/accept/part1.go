package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// part1 are the acceptance points of "import real chains": every official vector and trace passes.
var part1 = []point{
	{"A1", "all tests, every official vector", allTests},
	{"A2", "mutated trace blocks", mutations},
	{"A3", "fuzz targets", fuzzTargets},
	{"A4", "import on a fresh machine", freshImport},
	{"A5", "benchmarks", benchmarks},
	{"A6", "speed and memory of import", importSpeed},
	{"A7", "bad input", badInput},
	{"A8", "pure Go, other platforms", platforms},
}

// wanted is how many vectors the suites whose name begins with prefix must have run together.
var wanted = []struct {
	prefix string
	least  int
}{
	{"codec", 30},
	{"shuffle", 8},
	{"trie", 11},
	{"erasure", 12},
	{"stf/accumulate", 60},
	{"stf/assurances", 20},
	{"stf/authorizations", 6},
	{"stf/disputes", 56},
	{"stf/history", 8},
	{"stf/preimages", 16},
	{"stf/reports", 84},
	{"stf/safrole", 42},
	{"stf/statistics", 6},
	{"pvm", 307},
	{"ed25519", 196},
	{"bandersnatch", 21},
	{"traces", 850},
	{"fuzz-traces", 178},
}

func allTests(h *hall) (string, error) {
	r, err := testAndCompare(h.vectors, testOptions{packages: []string{"./..."}, env: h.ordinary(), quiet: true}, io.Discard)
	if err != nil {
		return "", err
	}
	var errs []error
	for _, bad := range r.bad {
		errs = append(errs, errors.New(bad))
	}
	if r.skipped > 0 {
		errs = append(errs, fmt.Errorf("%d tests skipped", r.skipped))
	}
	total := 0
	for _, w := range wanted {
		ran := 0
		for name, s := range r.suites {
			if name == w.prefix || strings.HasPrefix(name, w.prefix+"/") {
				ran += s.vectors
				if s.skipped > 0 {
					errs = append(errs, fmt.Errorf("suite %s: %d skipped", name, s.skipped))
				}
			}
		}
		total += ran
		if ran < w.least {
			errs = append(errs, fmt.Errorf("suite %s: %d vectors, want %d", w.prefix, ran, w.least))
		}
	}
	return fmt.Sprintf("%d tests passed, %d vectors in %d suites", r.passed, total, len(wanted)), errors.Join(errs...)
}

// mutations asks for a test with Mutat in its name, which reports its count as the figure "mutations".
func mutations(h *hall) (string, error) {
	r, err := goTest(testOptions{run: "Mutat", count: 1, packages: []string{"./..."}, env: h.thorough(), quiet: true}, io.Discard)
	if err != nil {
		return "", err
	}
	if len(r.bad) > 0 {
		return "", errors.New(strings.Join(r.bad, ", "))
	}
	for _, figure := range r.figures {
		if strings.HasPrefix(figure, "mutations") {
			return figure, nil
		}
	}
	return fmt.Sprintf("%d tests passed", r.passed), errors.New(`no test printed a figure named "mutations" (vectors.Figure)`)
}

// fuzzedInput is an input that needs a fuzz target.
type fuzzedInput struct {
	what string
	name *regexp.Regexp
}

// fuzzed are the inputs that need a target of their own, and the name of one that serves.
var fuzzed = []fuzzedInput{
	{"header", regexp.MustCompile(`internal/block.*\.Fuzz\w*Header`)},
	{"block", regexp.MustCompile(`internal/block.*\.Fuzz(\w*Decode)?Block`)},
	{"work report", regexp.MustCompile(`internal/block.*\.Fuzz\w*Report`)},
	{"work package", regexp.MustCompile(`internal/block.*\.Fuzz\w*Package`)},
	{"program blob", regexp.MustCompile(`internal/pvm.*\.Fuzz\w*(Blob|Program|Decode)`)},
	{"state entries", regexp.MustCompile(`^state.*\.Fuzz\w*(State|Entr|KeyVal|Component)`)},
	{"trace file", regexp.MustCompile(`node/trace.*\.Fuzz`)},
}

func fuzzTargets(h *hall) (string, error) {
	all, err := targets([]string{"./..."})
	if err != nil {
		return "", err
	}
	var errs []error
	for _, f := range fuzzed {
		if !slices.ContainsFunc(all, func(t target) bool { return f.name.MatchString(t.String()) }) {
			errs = append(errs, fmt.Errorf("no fuzz target for %s (none matches %s)", f.what, f.name))
		}
	}
	required := func(t target) bool {
		return slices.ContainsFunc(fuzzed, func(f fuzzedInput) bool { return f.name.MatchString(t.String()) })
	}
	errs = append(errs, fuzzSideBySide(all, func(t target) time.Duration {
		if required(t) {
			return h.fuzzTime
		}
		return h.fuzzTime / 5
	}, func(t target, said string, _ error) {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", t, strings.TrimSpace(said))
	})...)
	return fmt.Sprintf("%d targets, those of the point %s each, others %s", len(all), h.fuzzTime, h.fuzzTime/5), errors.Join(errs...)
}

// freshClone clones the repository as it was committed last.
func freshClone(to string) error {
	if out, err := command(nil, ".", "git", "clone", "-q", ".", to); err != nil {
		return fmt.Errorf("clone: %w: %s", err, out)
	}
	return nil
}

// freshImport imports the project's own chain in a clean clone that stands alone.
func freshImport(h *hall) (string, error) {
	clone := filepath.Join(h.tmp, "fresh", "damson")
	if err := freshClone(clone); err != nil {
		return "", err
	}
	env := []string{"DAMSON_VECTORS=", "DAMSON_SRS=", "CGO_ENABLED=0"}
	out, err := command(env, clone, "go", "run", "./cmd/damson", "import", "--json")
	if err != nil {
		return "", fmt.Errorf("go run ./cmd/damson import: %w: %s", err, out)
	}
	sum, err := summary(out)
	if err != nil {
		return "", err
	}
	if sum.Imported == 0 || sum.Rejected == 0 || sum.Failed != 0 {
		return "", fmt.Errorf("imported %d, rejected %d, failed %d", sum.Imported, sum.Rejected, sum.Failed)
	}
	readme, err := os.ReadFile(filepath.Join(clone, "README.md"))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(readme), "go run ./cmd/damson import") {
		return "", errors.New("README.md does not show the command")
	}
	return fmt.Sprintf("%d steps: %d imported, %d rejected as expected, p50 %.2f ms", sum.Steps, sum.Imported, sum.Rejected, sum.P50), nil
}

func platforms(*hall) (string, error) {
	var errs []error
	builds := []struct {
		env  []string
		args []string
	}{
		{[]string{"CGO_ENABLED=0"}, []string{"build", "./..."}},
		{[]string{"CGO_ENABLED=0"}, []string{"build", "-tags=purego", "./..."}},
		{[]string{"CGO_ENABLED=0", "GOOS=darwin", "GOARCH=arm64"}, []string{"vet", "./..."}},
		{[]string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"}, []string{"vet", "./..."}},
	}
	for _, b := range builds {
		if out, err := command(b.env, ".", "go", b.args...); err != nil {
			errs = append(errs, fmt.Errorf("%v go %v: %w: %s", b.env, b.args, err, out))
		}
	}
	return fmt.Sprintf("%d builds", len(builds)), errors.Join(errs...)
}
