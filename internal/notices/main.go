// Command notices writes docs/LICENSES.md: the licences and notices of all modules that the binary is built with, on any of the
// platforms that it is released for, as they lie in the module cache.
//
//	go run ./internal/notices [-check]     `make notices`
//
// It is for `make` and for a test, which looks whether the file is up to date.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// platforms are those of a release.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}

func main() {
	check := flag.Bool("check", false, "change nothing; fail if the file is not up to date")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	modules, err := list(root)
	if err != nil {
		return err
	}
	text, err := write(modules)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "docs", "LICENSES.md")
	if !check {
		return os.WriteFile(path, text, 0o644) //nolint:gosec // everybody may read it
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, text) {
		return errors.New("docs/LICENSES.md is not up to date: run make notices")
	}
	return nil
}

// module is one that the binary is built with.
type module struct{ path, version, dir string }

// list gives the modules by path, and Go itself first.
func list(root string) ([]module, error) {
	found := map[module]bool{}
	for _, platform := range platforms {
		system, machine, _ := strings.Cut(platform, "/")
		c := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", "./cmd/damson")
		c.Dir, c.Stderr = root, os.Stderr
		c.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+machine, "CGO_ENABLED=0")
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", platform, err)
		}
		for line := range strings.Lines(string(out)) {
			var m module
			if n, _ := fmt.Sscan(line, &m.path, &m.version, &m.dir); n == 3 {
				found[m] = true
			}
		}
	}
	modules := make([]module, 0, len(found)+1)
	for m := range found {
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	return append([]module{{"Go", runtime.Version()[2:], strings.TrimSpace(string(out))}}, modules...), nil
}

// names of files that are licences or notices begin with these.
var names = []string{"license", "licence", "copying", "notice", "patents", "unlicense"}

const introduction = `# Licences

Damson is under the Apache License 2.0 ([LICENSE](../LICENSE)). The binary holds code of the following modules; what their authors ask to be shown is
below, word for word, once for all that say the same. %s writes this file.

| module | version | files |
|---|---|---|
`

// write makes the file.
func write(modules []module) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, introduction, "`make notices`")
	var texts []string
	of := map[string][]string{} // who has a text
	for _, m := range modules {
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			return nil, err
		}
		var files []string
		for _, entry := range entries {
			isOne := func(name string) bool { return strings.HasPrefix(strings.ToLower(entry.Name()), name) }
			if entry.IsDir() || !slices.ContainsFunc(names, isOne) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(m.dir, entry.Name()))
			if err != nil {
				return nil, err
			}
			key := tidied(string(text))
			if of[key] == nil {
				texts = append(texts, key)
			}
			of[key] = append(of[key], m.path)
			files = append(files, entry.Name())
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s %s has no licence", m.path, m.version)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.path, m.version, strings.Join(files, ", "))
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "\n## %s\n\n````text\n%s\n````\n", strings.Join(of[text], ", "), text)
	}
	return b.Bytes(), nil
}

// tidied takes off the spaces at the ends of lines.
func tidied(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	return strings.Join(lines, "\n")
}
