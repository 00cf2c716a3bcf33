package tidy

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unwanted are words that a reader of a public repository has no use for: places on somebody's machine, who
// worked how, and promises in place of an issue.
var unwanted = []struct {
	word *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`(^|[^\w.])/work/`), "a place on somebody's machine"},
	{regexp.MustCompile(`(^|[^\w.])/(root|home)/\w`), "a place on somebody's machine"},
	{regexp.MustCompile(`\.library\b`), "a place on somebody's machine"},
	{regexp.MustCompile(`\bshared/(spec|design|hooks)\b`), "not part of the repository: cite the Gray Paper or our docs"},
	{regexp.MustCompile(`(?i)\b(farm|assistant|sub-?agent|co-authored-by)s?\b`), "who worked how is not part of the code"},
	{regexp.MustCompile(`(?i)\b(this|previous|earlier|last|next) session\b`), "who worked when is not part of the code"},
	{regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`), "an open end is a numbered issue"},
}

func TestWords(t *testing.T) {
	for _, f := range files(t) {
		if f.name == "internal/tidy/words_test.go" || f.name == "LICENSE" {
			continue
		}
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			for _, u := range unwanted {
				if found := u.word.FindString(line); found != "" {
					t.Errorf("%s:%d: %q: %s", f.name, number, strings.TrimSpace(found), u.why)
				}
			}
		}
	}
}

// shapeless are package names that say nothing.
var shapeless = []string{"util", "utils", "common", "types", "manager", "helpers", "misc"}

func TestPackages(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		dir := s.dir()
		if slices.Contains(shapeless, path.Base(dir)) {
			t.Errorf("%s: the name says nothing", dir)
		}
		if s.isTest() && documented[dir] {
			continue
		}
		if _, seen := documented[dir]; !seen && !s.isTest() {
			documented[dir] = false
		}
		if doc := s.syntax.Doc; doc != nil && !s.isTest() && introduces(s, doc.Text()) {
			documented[dir] = true
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no comment says what it is, beginning with Package and its name (a command's with its name)", dir)
		}
	}
}

func introduces(s source, doc string) bool {
	switch {
	case under(s.dir(), "cmd"):
		name := path.Base(s.dir())
		return strings.HasPrefix(doc, "Command "+name+" ") || strings.HasPrefix(strings.ToLower(doc), name+" ")
	case s.syntax.Name.Name == "main":
		return true // a tool says what it writes in words of its own
	}
	return strings.HasPrefix(doc, "Package "+s.syntax.Name.Name+" ")
}

// TestUnsafe: whoever steps outside the language says why that is sound.
func TestUnsafe(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, spec := range s.syntax.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); name == "unsafe" && !strings.Contains(s.text, "SAFETY:") {
				t.Errorf("%s imports unsafe without a SAFETY: comment", s.name)
			}
		}
	}
}
