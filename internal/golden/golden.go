// Package golden compares what a test produced with a file that a person has reviewed.
//
// A golden file lies in testdata/ beside its test and is text. `go test ./that/package -update` writes what
// the test produces now, for `git diff` to show.
//
// [Equal] is for a whole file. [Cases] is for files of several cases, each of an input and the output that stands under it:
//
//	# comment
//	lower
//	add_64 r9, r7, r8
//	----
//	48 8d 14 18    lea rdx, [rax+rbx]
//
// A case begins with its command and ends at a blank line.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files with what tests produce now")

const rule = "----"

// Equal compares got with testdata/name.
func Equal(tb testing.TB, name, got string) {
	tb.Helper()
	at := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		write(tb, at, got)
		return
	}
	want, err := os.ReadFile(at)
	if err != nil {
		tb.Fatalf("%v (run with -update to make it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s differs (-want +got), -update rewrites it:\n%s", at, diff)
	}
}

// Case is one case of a golden file.
type Case struct {
	Command string // its first line
	Input   string // the lines down to the rule
	Line    int    // where the case begins
	head    string // comments and blank lines before it, kept as they are
	want    string
}

// Cases runs the function for each case of testdata/name as a subtest and compares what it returns with what
// stands under the case's rule.
func Cases(t *testing.T, name string, run func(t *testing.T, c *Case) string) {
	t.Helper()
	at := filepath.Join("testdata", filepath.FromSlash(name))
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	cases, tail := parse(t, at, string(text))
	if len(cases) == 0 {
		t.Fatalf("%s: no cases", at)
	}
	var rewritten strings.Builder
	for _, c := range cases {
		got := c.want
		t.Run(c.title(), func(t *testing.T) {
			got = ended(run(t, c))
			if strings.Contains("\n"+got, "\n\n") {
				t.Fatalf("%s:%d: output has a blank line, which would end the case", at, c.Line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" && !*update {
				t.Errorf("%s:%d: differs (-want +got), -update rewrites it:\n%s", at, c.Line, diff)
			}
		})
		rewritten.WriteString(c.head + c.Command + "\n" + c.Input + rule + "\n" + got)
	}
	if *update {
		write(t, at, rewritten.String()+tail)
	}
}

func (c *Case) title() string {
	first, _, _ := strings.Cut(c.Input, "\n")
	return strings.TrimSpace(c.Command + " " + first)
}

// parse takes a file apart so that its pieces, put together, are the file again.
func parse(tb testing.TB, at, text string) (cases []*Case, tail string) {
	tb.Helper()
	const (
		between = iota
		input
		output
	)
	state, head, number := between, "", 0
	for line := range strings.Lines(text) {
		number++
		bare := strings.TrimRight(line, "\r\n")
		switch {
		case state == output && bare == "":
			state, head = between, line
		case state == output:
			cases[len(cases)-1].want += ended(bare)
		case state == input && bare == rule:
			state = output
		case state == input:
			cases[len(cases)-1].Input += ended(bare)
		case bare == "" || bare[0] == '#':
			head += line
		default:
			cases = append(cases, &Case{Command: bare, Line: number, head: head})
			state, head = input, ""
		}
	}
	if state == input {
		tb.Fatalf("%s:%d: the last case has no %s", at, number, rule)
	}
	return cases, head
}

// ended returns s with a newline at its end, unless there is nothing to end.
func ended(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

func write(tb testing.TB, at, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}
