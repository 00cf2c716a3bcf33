package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"damson/internal/vectors"
)

// unread lists the vector files that no test need open, and why.
var unread = []struct{ pattern, why string }{
	{"*/*.md", "text"},
	{"*.md", "text"},
	{"*.sh", "unpacks the archives"},
	{"*/*.asn", "schema"},
	{"*/*/*.asn", "schema"},
	{"pvm/schema.json", "schema"},
	{"trie/legacy-gp-0.2.2-trie.json", "of an older paper, wrong for ours"},
	{"fuzz-traces/*/report-*.json", "history of other implementations"},
	{"fuzz-traces/README.md", "text"},
	{"fuzz-traces/*/README.md", "text"},
	{"bandersnatch/srs/*", "input of our table generator, pinned by its hash"},
	{"fuzz-proto/*/*", "for the fuzz target, which part 2 builds"},
	{"chainspecs/*", "for the running node"},
}

// allVectors runs every test that reads official vectors, and fails for a vector file that none opened.
func allVectors() error {
	root, ok := vectors.Find()
	if !ok {
		return fmt.Errorf("no official vectors: set %s (README.md says where they come from)", vectors.Env)
	}
	packages, err := readers()
	if err != nil {
		return err
	}
	r, err := testAndCompare(root, testOptions{packages: packages, env: []string{"CI=true", vectors.Env + "=" + root}}, os.Stdout)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if len(r.bad) > 0 {
		return errFailed
	}
	return nil
}

// testAndCompare runs tests and adds to the report what vectors below root none of them opened.
func testAndCompare(root string, o testOptions, out io.Writer) (*report, error) {
	lists, err := os.MkdirTemp("", "opened")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(lists)
	o.count = 1 // an answer from the cache opens nothing
	o.env = append(o.env, vectors.OpenedEnv+"="+lists)
	r, err := goTest(o, out)
	if err != nil {
		return nil, err
	}
	unopened, err := unopened(root, lists)
	if err != nil {
		return nil, err
	}
	for suite, files := range bySuite(unopened) {
		r.failed++
		r.bad = append(r.bad, fmt.Sprintf("suite %s: %d files that no test opened, %s first", suite, len(files), files[0]))
	}
	slices.Sort(r.bad)
	return r, nil
}

// readers lists the packages whose tests import the vectors kit.
func readers() ([]string, error) {
	const format = `{{.ImportPath}} {{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}`
	command := exec.Command("go", "list", "-f", format, "./...")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if pkg, imports, _ := strings.Cut(line, " "); strings.Contains(imports, "damson/internal/vectors ") {
			found = append(found, pkg)
		}
	}
	return found, nil
}

func unopened(root, lists string) ([]string, error) {
	opened := map[string]bool{}
	entries, err := os.ReadDir(lists)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		list, err := os.ReadFile(filepath.Join(lists, entry.Name()))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(list)) {
			opened[strings.TrimSpace(line)] = true
		}
	}
	var missed []string
	err = filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		if file := filepath.ToSlash(rel); !opened[file] && !excused(file) && !opened[twin(file)] {
			missed = append(missed, file)
		}
		return nil
	})
	return missed, err
}

func bySuite(files []string) map[string][]string {
	suites := map[string][]string{}
	for _, file := range files {
		suite, rest, _ := strings.Cut(file, "/")
		if suite == "stf" {
			name, _, _ := strings.Cut(rest, "/")
			suite += "/" + name
		}
		suites[suite] = append(suites[suite], file)
	}
	return suites
}

// twin names the file that holds the same vector in the other form.
func twin(file string) string {
	if stem, ok := strings.CutSuffix(file, ".json"); ok {
		return stem + ".bin"
	}
	return strings.TrimSuffix(file, ".bin") + ".json"
}

func excused(file string) bool {
	for _, u := range unread {
		if ok, _ := path.Match(u.pattern, file); ok {
			return true
		}
	}
	return false
}
