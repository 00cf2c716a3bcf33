package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

type testOptions struct {
	race     bool
	count    int
	tags     string
	run      string   // -run pattern
	env      []string // added to ours
	packages []string
	quiet    bool          // keep what passes to ourselves
	timeout  time.Duration // 0 means 30 minutes
	flags    []string      // of the test binary
}

func (o testOptions) args() []string {
	args := []string{"test", "-json", "-timeout=" + cmp.Or(o.timeout, 30*time.Minute).String()}
	if o.race {
		args = append(args, "-race")
	}
	if o.count > 0 {
		args = append(args, "-count="+strconv.Itoa(o.count))
	}
	if o.tags != "" {
		args = append(args, "-tags="+o.tags)
	}
	if o.run != "" {
		args = append(args, "-run="+o.run)
	}
	return append(append(args, o.packages...), o.flags...)
}

// suite is what the vectors kit reports of one.
type suite struct {
	vectors, skipped int
	text             string // "42 vectors (21 tiny, 21 full), 0 skipped"
}

// report is what a test run came to.
type report struct {
	passed, failed, skipped int // top-level tests
	bad                     []string
	suites                  map[string]suite
	figures                 []string
}

// event is one line of `go test -json`.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

var suiteLine = regexp.MustCompile(`^suite (\S+): ((\d+) vectors.*?, (\d+) skipped)`)

// goTest runs the tests. It prints the closing line of each package as go test words it, what a failed test
// printed, and nothing else.
func goTest(o testOptions, out io.Writer) (*report, error) {
	command := exec.Command("go", o.args()...)
	command.Env = append(os.Environ(), o.env...)
	command.Stderr = os.Stderr
	pipe, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	r := &report{suites: map[string]suite{}}
	seen := map[string]*strings.Builder{} // what each test printed, until it has passed
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // go itself speaking
			continue
		}
		r.take(e, seen, o.quiet, out)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if err := command.Wait(); err != nil && len(r.bad) == 0 {
		r.bad = append(r.bad, "go "+strings.Join(o.args(), " ")+": "+err.Error())
	}
	return r, nil
}

func (r *report) take(e event, seen map[string]*strings.Builder, quiet bool, out io.Writer) {
	top, _, _ := strings.Cut(e.Test, "/")
	key := e.Package + " " + top
	said := seen[key]
	if said == nil {
		said = &strings.Builder{}
		seen[key] = said
	}
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "build-fail":
		r.bad = append(r.bad, e.ImportPath+" does not build")
	case "output":
		r.line(e)
		closing := e.Test == "" && (strings.HasPrefix(e.Output, "ok ") || strings.HasPrefix(e.Output, "FAIL\t"))
		if closing && (!quiet || e.Output[0] == 'F') {
			fmt.Fprint(out, e.Output)
			return
		}
		said.WriteString(e.Output)
	case "pass":
		if e.Test == top {
			if top != "" {
				r.passed++
			}
			delete(seen, key)
		}
	case "skip":
		if e.Test != "" && e.Test == top {
			r.skipped++
			r.why(said.String(), out)
		}
		if e.Test == top {
			delete(seen, key)
		}
	case "fail":
		if e.Test != top {
			return
		}
		if top != "" {
			r.failed++
		}
		r.bad = append(r.bad, strings.TrimSpace(e.Package+" "+top))
		fmt.Fprint(out, said.String())
		delete(seen, key)
	}
}

// line keeps what the vectors kit reports. The kit's own tests make suites up.
func (r *report) line(e event) {
	if strings.HasSuffix(e.Package, "/internal/vectors") {
		return
	}
	if m := suiteLine.FindStringSubmatch(e.Output); m != nil {
		vectors, _ := strconv.Atoi(m[3])
		skipped, _ := strconv.Atoi(m[4])
		if old, again := r.suites[m[1]]; !again || vectors > old.vectors || skipped > 0 {
			r.suites[m[1]] = suite{vectors, skipped + old.skipped, m[2]}
		}
	}
	if progress, ok := strings.CutPrefix(e.Output, "progress "); ok {
		fmt.Fprint(os.Stderr, "  ", progress)
	}
	if figure, ok := strings.CutPrefix(e.Output, "figure "); ok {
		r.figures = append(r.figures, strings.TrimSpace(figure))
	}
}

// why prints a skipped test's reason, which go test keeps to itself.
func (r *report) why(said string, out io.Writer) {
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(out, line)
		}
	}
}

func (r *report) print(out io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(r.suites)) {
		if !strings.HasPrefix(name, manySuites) {
			fmt.Fprintf(out, "suite %s: %s\n", name, r.suites[name].text)
		}
	}
	r.printMany(out)
	for _, figure := range r.figures {
		fmt.Fprintln(out, "figure", figure)
	}
	for _, bad := range r.bad {
		fmt.Fprintln(out, "FAILED", bad)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// manySuites begins the names of suites of a few vectors each, which are shown as one.
const manySuites = "fuzz-traces/"

func (r *report) printMany(out io.Writer) {
	suites, sum := 0, suite{}
	for name, s := range r.suites {
		if strings.HasPrefix(name, manySuites) {
			suites++
			sum.vectors += s.vectors
			sum.skipped += s.skipped
		}
	}
	if suites > 0 {
		fmt.Fprintf(out, "suite %s*: %d vectors in %d suites, %d skipped\n", manySuites, sum.vectors, suites, sum.skipped)
	}
}

func test(o testOptions) error {
	r, err := goTest(o, os.Stdout)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if len(r.bad) > 0 {
		return errFailed
	}
	return nil
}
