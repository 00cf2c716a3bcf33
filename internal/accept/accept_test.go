package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	events := []event{
		{Action: "output", Package: "damson/a", Test: "TestV", Output: "=== RUN   TestV\n"},
		{Action: "output", Package: "damson/a", Test: "TestV/x", Output: "suite stf/a: 4 vectors (2 tiny, 2 full), 0 skipped\n"},
		{Action: "output", Package: "damson/a", Test: "TestV", Output: "figure mutations: 17 blocks\n"},
		{Action: "pass", Package: "damson/a", Test: "TestV/x"},
		{Action: "pass", Package: "damson/a", Test: "TestV"},
		{Action: "output", Package: "damson/a", Output: "ok  \tdamson/a\t0.1s\n"},
		{Action: "pass", Package: "damson/a"},
		{Action: "output", Package: "damson/b", Test: "TestW/y", Output: "    b_test.go:7: wrong\n"},
		{Action: "fail", Package: "damson/b", Test: "TestW/y"},
		{Action: "fail", Package: "damson/b", Test: "TestW"},
		{Action: "output", Package: "damson/b", Test: "TestS", Output: "    kit.go:1: no vectors\n"},
		{Action: "skip", Package: "damson/b", Test: "TestS"},
		{Action: "output", Package: "damson/b", Output: "FAIL\tdamson/b\t0.1s\n"},
		{Action: "fail", Package: "damson/b"},
		{Action: "build-output", ImportPath: "damson/c", Output: "c.go:1: broken\n"},
		{Action: "build-fail", ImportPath: "damson/c"},
	}
	var out strings.Builder
	r := &report{suites: map[string]suite{}}
	seen := map[string]*strings.Builder{}
	for _, e := range events {
		r.take(e, seen, false, &out)
	}
	r.print(&out)
	if r.passed != 1 || r.failed != 1 || r.skipped != 1 {
		t.Errorf("%d passed, %d failed, %d skipped; want 1 of each", r.passed, r.failed, r.skipped)
	}
	if got := r.suites["stf/a"]; got.vectors != 4 || got.skipped != 0 {
		t.Errorf("suite %+v, want 4 vectors", got)
	}
	if want := []string{"damson/b TestW", "damson/b", "damson/c does not build"}; !slices.Equal(r.bad, want) {
		t.Errorf("bad %q, want %q", r.bad, want)
	}
	for _, want := range []string{
		"ok  \tdamson/a\t0.1s\n", "FAIL\tdamson/b\t0.1s\n", "b_test.go:7: wrong", "kit.go:1: no vectors", "c.go:1: broken",
		"figure mutations: 17 blocks\n", "1 passed, 1 failed, 1 skipped\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "=== RUN") {
		t.Errorf("output of a passed test is printed:\n%s", &out)
	}
}

func TestParseBench(t *testing.T) {
	got := parseBench("goos: linux\npkg: damson/bench/importer\nBenchmarkImport/family=safrole-2   \t 10\t 5000000 ns/op\t 5.5 p50-ms\t 3 allocs/op\nPASS\n")
	if len(got) != 1 || got[0].name != "bench/importer.Import/family=safrole-2" || got[0].value["p50-ms"] != 5.5 || got[0].value["allocs/op"] != 3 {
		t.Errorf("%+v", got)
	}
}

func TestSummary(t *testing.T) {
	s, err := summary("noise\n{\"steps\":3,\"imported\":2,\"rejected\":1,\"failed\":0,\"p50_ms\":1.5,\"failures\":[]}\n")
	if err != nil || s.Steps != 3 || s.Rejected != 1 || s.P50 != 1.5 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := summary("nothing"); err == nil {
		t.Error("no object, no error")
	}
}

func TestExcused(t *testing.T) {
	for file, want := range map[string]bool{
		"stf/safrole/safrole.asn":                    true,
		"fuzz-traces/1766241968/report-x.json":       true,
		"stf/safrole/full.tar.zst":                   false,
		"trie/derived-0.7.2-trie.json":               false,
		"stf/safrole/tiny/publish-tickets-1.bin":     false,
		"pvm/programs/inst_add_32.json":              false,
		"bandersnatch/srs/zcash-srs-2-11-uncompr.bi": true,
	} {
		if got := excused(file); got != want {
			t.Errorf("excused(%q) = %v", file, got)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(errors.Join(io.EOF, errors.New("two\nlines"))); got != "EOF; two; lines" {
		t.Errorf("%q", got)
	}
}

// A refusal is judged by what a person would need from it.
func TestJudge(t *testing.T) {
	bad := badFile{name: "cut.bin", names: namesOffset}
	for _, tc := range []struct {
		o    outcome
		want bool
	}{
		{outcome{stderr: "damson: import /x/cut.bin: offset 12: header.parent: input ends early\n", status: 1}, true},
		{outcome{stderr: "damson: import /x/cut.bin: input ends early\n", status: 1}, false},
		{outcome{stderr: "damson: offset 12: input ends early\n", status: 1}, false},
		{outcome{stderr: "cut.bin offset 12\nand more\n", status: 1}, false},
		{outcome{stderr: "cut.bin offset 12\n", status: 2}, false},
		{outcome{status: 1}, false},
	} {
		if err := bad.judge(&tc.o); (err == nil) != tc.want {
			t.Errorf("%+v: %v", tc.o, err)
		}
	}
}
