package vectors

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tally counts the subtests of a suite, also those that run in parallel, and reports when all are done.
type tally struct {
	suite string

	mu                        sync.Mutex
	seen, tiny, full, skipped int
	ran                       int
}

func newTally(t *testing.T, suite string) *tally {
	c := &tally{suite: suite}
	t.Cleanup(func() {
		if c.skipped > 0 {
			t.Errorf("suite %s: %d vectors skipped; none may be", suite, c.skipped)
		}
		if c.ran > 0 {
			fmt.Fprintln(os.Stdout, c)
		}
	})
	return c
}

func (c *tally) run(t *testing.T, chain, name string, check func(t *testing.T)) {
	c.seen++
	t.Run(name, func(t *testing.T) {
		t.Cleanup(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.ran++
			switch {
			case t.Skipped():
				c.skipped++
			case chain == "tiny":
				c.tiny++
			case chain == "full":
				c.full++
			}
		})
		check(t)
	})
}

// String is the line that `make test` and `make accept` read.
func (c *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "suite %s: %d vectors", c.suite, c.ran)
	if c.tiny+c.full > 0 {
		fmt.Fprintf(&b, " (%d tiny, %d full)", c.tiny, c.full)
	}
	fmt.Fprintf(&b, ", %d skipped", c.skipped)
	if c.ran < c.seen {
		fmt.Fprintf(&b, ", %d left out by -run", c.seen-c.ran)
	}
	return b.String()
}

// Count prints the same line for a test that has no subtest for each vector, such as one that follows a trace.
func Count(t *testing.T, suite string, tiny, full int) {
	t.Helper()
	if tiny+full == 0 {
		t.Fatalf("suite %s: no vectors", suite)
	}
	c := &tally{suite: suite, seen: tiny + full, ran: tiny + full, tiny: tiny, full: full}
	fmt.Fprintln(os.Stdout, c)
}

// Figure prints a result that an acceptance point asks for, as a line that `make accept` quotes.
func Figure(t *testing.T, name, format string, args ...any) {
	t.Helper()
	fmt.Fprintf(os.Stdout, "figure %s: %s\n", name, fmt.Sprintf(format, args...))
}

// OpenedEnv names the variable that holds a folder where every test process lists the vector files that it
// has read, so that `make vectors` can fail for a file that no test opened.
const OpenedEnv = "DAMSON_VECTORS_OPENED"

var openedMu sync.Mutex

func opened(tb testing.TB, root, file string) {
	tb.Helper()
	dir := os.Getenv(OpenedEnv)
	if dir == "" {
		return
	}
	rel, err := filepath.Rel(root, file)
	if err != nil {
		tb.Fatal(err)
	}
	openedMu.Lock()
	defer openedMu.Unlock()
	list, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer list.Close()
	if _, err := fmt.Fprintln(list, filepath.ToSlash(rel)); err != nil {
		tb.Fatal(err)
	}
}
