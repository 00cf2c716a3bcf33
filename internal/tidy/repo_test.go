package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// root is the module's folder as seen from this one, where go test runs.
const root = "../.."

// file is a text file of the repository.
type file struct {
	name string // from the root, with slashes
	text string
}

func (f file) dir() string     { return path.Dir(f.name) }
func (f file) isTest() bool    { return strings.HasSuffix(f.name, "_test.go") }
func (f file) generated() bool { return generatedMark.MatchString(f.text) }

var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// source is a Go file, parsed.
type source struct {
	file
	syntax *ast.File
	set    *token.FileSet
}

// tool reports whether the file belongs to a program that only `go generate` or a person runs.
func (s source) tool() bool {
	return s.syntax.Name.Name == "main" && !strings.HasPrefix(s.name, "cmd/") || strings.Contains(s.text, "//go:build ignore")
}

var read = sync.OnceValues(func() ([]file, error) {
	var files []file
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if entry.IsDir() {
			if passedOver(name) {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(name) {
		case ".go", ".md", ".s", ".yml", ".txt", ".sh", "":
		default:
			return nil
		}
		if strings.Contains(name, "/testdata/") || name == "damson" {
			return nil
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		files = append(files, file{name, string(text)})
		return nil
	})
	return files, err
})

// passedOver are the folders that hold nothing of ours.
func passedOver(dir string) bool {
	switch dir {
	case ".git", "bin", "dist", ".cache":
		return true
	}
	return false
}

func files(t *testing.T) []file {
	t.Helper()
	all, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found below %s", len(all), root)
	}
	return all
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	for _, f := range files(t) {
		if path.Ext(f.name) != ".go" {
			continue
		}
		syntax, err := parser.ParseFile(set, f.name, f.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{f, syntax, set})
	}
	return all
}
