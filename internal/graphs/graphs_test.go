package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestUpToDate: the pictures are those of the figures.
func TestUpToDate(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

func TestRead(t *testing.T) {
	c := chart{heading: "Title", series: []series{{"one", "a"}, {"two", "b/c"}}}
	rows, err := c.read("# Title\n\nWords.\n\n| name | b/c | a |\n|---|---|---|\n| first | **1.5** ± 2 | – |\n\n| x | y | z |\n")
	if err != nil || len(rows) != 1 || rows[0].name != "first" || rows[0].values[0] != 0 || rows[0].values[1] != 1.5 {
		t.Errorf("%v %v", rows, err)
	}
	d := xml.NewDecoder(strings.NewReader(string(c.draw(rows))))
	for err = nil; err == nil; _, err = d.Token() {
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	for _, text := range []string{"", "# Title\n# Other\n| name | a | b/c |\n", "# Title\n| name | a | b/c |\n| x | y | 1 |\n"} {
		if rows, err := c.read(text); err == nil {
			t.Errorf("%q: %v", text, rows)
		}
	}
}
