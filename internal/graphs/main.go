// Command graphs draws the figures of docs/BENCHMARKS.md as pictures for the README: bars, in SVG that can be read on a light and
// on a dark page.
//
//	go run ./internal/graphs [-check]      `make graphs`
//
// It is for `make` and for a test, which looks whether the pictures are those of the figures.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// charts are the pictures there are. Columns are named as the table that follows the heading names them.
var charts = []chart{
	{
		file: "programs.svg", title: "PVM programs: CPU time, C by gcc -O2 is 1 (less is better)", heading: "Programs on the recompiler",
		series: []series{{"Damson, gas on", "jit/gcc"}, {"PolkaVM, gas on", "PolkaVM/gcc"}, {"wazero, no gas", "wazero/gcc"}}, mark: 1,
	},
	{
		file: "import.svg", title: "Import of a block over the fuzzing socket: ms, median (less is better)", heading: "Import over the fuzzing socket",
		series: []series{{"Damson", "Damson p50"}, {"PolkaJam, estimated", "PolkaJam p50"}, {"fastest other Go node", "other Go node p50"}},
	},
}

func main() {
	check := flag.Bool("check", false, "change nothing; fail if a picture is not that of the figures")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "graphs:", err)
		os.Exit(1)
	}
}

// run draws all charts of a repository.
func run(root string, check bool) error {
	text, err := os.ReadFile(filepath.Join(root, "docs", "BENCHMARKS.md"))
	if err != nil {
		return err
	}
	for i := range charts {
		c := &charts[i]
		rows, err := c.read(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
		path := filepath.Join(root, "docs", "images", c.file)
		drawn := c.draw(rows)
		if !check {
			if err := os.WriteFile(path, drawn, 0o644); err != nil { //nolint:gosec // everybody may see it
				return err
			}
			continue
		}
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(old, drawn) {
			return fmt.Errorf("%s is not what the figures say: run make graphs", path)
		}
	}
	return nil
}

// row is a group of bars.
type row struct {
	name   string
	values []float64 // of the series; 0 is none
}

// read finds the table of a chart: the first below its heading that has all columns.
func (c *chart) read(text string) ([]row, error) {
	_, below, found := strings.Cut(text, "# "+c.heading+"\n")
	if !found {
		return nil, fmt.Errorf("no heading %q", c.heading)
	}
	var columns []int
	var rows []row
	for line := range strings.Lines(below) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " *")
		}
		switch {
		case strings.HasPrefix(line, "#"):
			return nil, fmt.Errorf("no table below %q", c.heading)
		case columns == nil:
			columns = c.columns(cells)
		case strings.HasPrefix(line, "|--"):
		case strings.HasPrefix(line, "|"):
			r := row{name: cells[0]}
			for _, column := range columns {
				value, err := number(cells, column)
				if err != nil {
					return nil, err
				}
				r.values = append(r.values, value)
			}
			rows = append(rows, r)
		default:
			return rows, nil
		}
	}
	return rows, nil
}

// columns says where the series are, or nothing if they are not all there.
func (c *chart) columns(cells []string) []int {
	at := make([]int, 0, len(c.series))
	for _, s := range c.series {
		for i, cell := range cells {
			if cell == s.column {
				at = append(at, i)
			}
		}
	}
	if len(at) < len(c.series) {
		return nil
	}
	return at
}

// number reads "1.42** ± 0.09" as 1.42.
func number(cells []string, column int) (float64, error) {
	if column >= len(cells) {
		return 0, fmt.Errorf("%q has no column %d", cells, column)
	}
	word, _, _ := strings.Cut(cells[column], " ")
	word = strings.Trim(word, "*")
	if word == "–" || word == "" {
		return 0, nil
	}
	return strconv.ParseFloat(word, 64)
}
