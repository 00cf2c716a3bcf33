// Command table measures the engines beside native code and puts the figures in docs/BENCHMARKS.md.
//
//	go run ./bench/pvm/table [-runs 9] [-json] [-write docs/BENCHMARKS.md]
//
// One round runs every program on everything, C and the recompiler twice in turn, so that what disturbs the machine
// disturbs all alike, and samples of all that is small in between. Figures are medians over the rounds, never the best of them.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	runs := flag.Int("runs", 9, "rounds")
	interpreted := flag.Int("interp", 1, "rounds of the interpreter, which takes its time")
	asJSON := flag.Bool("json", false, "print JSON")
	write := flag.String("write", "", "put the figures between the marks of this `file`")
	flag.Parse()
	if err := run(*runs, *interpreted, *asJSON, *write); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(runs, interpreted int, asJSON bool, write string) error {
	if runs < 1 {
		return fmt.Errorf("-runs %d: want at least 1", runs)
	}
	r, err := newReport(runs, interpreted)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	var text bytes.Buffer
	r.markdown(&text)
	if write != "" {
		return splice(write, text.Bytes())
	}
	_, err = os.Stdout.Write(text.Bytes())
	return err
}

// The marks that stand around what this program writes.
const (
	begins = "<!-- begin: make bench-pvm -->\n"
	ends   = "<!-- end: make bench-pvm -->\n"
)

// splice replaces what stands between the marks.
func splice(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(old, []byte(begins))
	if !ok {
		return fmt.Errorf("%s has no line %q", path, begins)
	}
	_, after, ok := bytes.Cut(rest, []byte(ends))
	if !ok {
		return fmt.Errorf("%s has no line %q", path, ends)
	}
	// Not by append, which would write over what before and after share.
	return os.WriteFile(path, slices.Concat(before, []byte(begins), text, []byte(ends), after), 0o644)
}
