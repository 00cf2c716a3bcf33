package tidy

import (
	_ "embed"
	"path"
	"regexp"
	"strings"
	"testing"
)

//go:embed labels.txt
var labelList string

//go:embed sections.txt
var sectionList string

func set(list string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all[line] = true
		}
	}
	return all
}

var (
	label   = regexp.MustCompile(`\b(?:eq|sec|enum|app):[A-Za-z0-9:_-]*[A-Za-z0-9]`)
	section = regexp.MustCompile(`GP (?:§|App\. |[Aa]ppendix )([0-9]+|[A-J])((?:\.[0-9]+)*)\b`)
)

// TestCitations: whoever looks up what a comment cites must find it.
func TestCitations(t *testing.T) {
	labels, sections := set(labelList), set(sectionList)
	if len(labels) < 200 || len(sections) < 100 {
		t.Fatalf("%d labels, %d sections: the lists are not whole", len(labels), len(sections))
	}
	for _, f := range files(t) {
		if ext := path.Ext(f.name); ext != ".go" && ext != ".md" && ext != ".s" || f.dir() == "internal/tidy" {
			continue
		}
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			for _, cited := range label.FindAllString(line, -1) {
				if strings.Contains(line, "GP") && !labels[cited] {
					t.Errorf("%s:%d: the Gray Paper has no label %s", f.name, number, cited)
				}
			}
			for _, m := range section.FindAllStringSubmatch(line, -1) {
				if cited := m[1] + m[2]; !sections[cited] {
					t.Errorf("%s:%d: the Gray Paper has no section %s", f.name, number, cited)
				}
			}
		}
	}
}
