package tidy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// top is all that may stand in the repository's root.
var top = []string{
	".ci", ".dockerignore", ".git", ".github", ".gitignore", ".gitattributes", ".golangci.yml", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "NOTICE", "README.md",
	"go.mod", "go.sum",
	"bench", "cmd", "crypto", "docs", "internal", "interp", "jit", "net", "node", "state",
}

func TestTree(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(top, entry.Name()) && !ignored(entry.Name()) {
			t.Errorf("%s has no place in the root (top)", entry.Name())
		}
	}
}

func ignored(name string) bool {
	return exec.Command("git", "-C", root, "check-ignore", "-q", name).Run() == nil
}

// targets is the one list of what make is asked for.
var targets = strings.Fields(`build test race vectors conformance fuzz nodiff sim bench bench-pvm bench-diff
	profile-import generate graphs notices man docs release fmt lint tidy check accept clean`)

func TestMakefileTargets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):.*##`).FindAllStringSubmatch(string(text), -1) {
		if m[1] != "help" {
			found = append(found, m[1])
		}
	}
	if !slices.Equal(found, targets) {
		t.Errorf("targets of the Makefile\n%q, want\n%q", found, targets)
	}
}

// TestEngines: each package below jit that says which machine it is for is jit/exec or lower.
func TestEngines(t *testing.T) {
	for _, s := range sources(t) {
		if under(s.dir(), "jit") && !under(s.dir(), "jit/exec") && strings.Contains(s.text, "\n//go:build") {
			t.Errorf("%s: only jit/exec has build tags", s.name)
		}
	}
}
