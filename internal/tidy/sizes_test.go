package tidy

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

const (
	maxFileLines     = 800
	maxFunctionLines = 70
)

// long lists the functions that may be longer, and why: one switch over every opcode, rounds written out.
var long = map[string]string{
	"interp.code.run":         "the dispatch loop",
	"crypto/blake2b.compress": "the rounds are written out, so that the words stay in registers",
}

// isTable reports whether a file is data: facts in a Go array need no seam.
func isTable(f file) bool {
	return f.generated() || strings.HasSuffix(f.name, "_table.go") || strings.HasSuffix(f.name, "_tables.go")
}

func TestFileLength(t *testing.T) {
	for _, f := range files(t) {
		if ext := path.Ext(f.name); ext != ".go" && ext != ".s" || isTable(f) {
			continue
		}
		if n := strings.Count(f.text, "\n"); n > maxFileLines {
			t.Errorf("%s: %d lines, %d is the limit: look for the seam", f.name, n, maxFileLines)
		}
	}
}

func TestFunctionLength(t *testing.T) {
	for _, s := range sources(t) {
		if isTable(s.file) {
			continue
		}
		for _, decl := range s.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			name := s.dir() + "." + functionName(f)
			if n := s.lines(f) - s.tableLines(f); n > maxFunctionLines && long[name] == "" {
				t.Errorf("%s: %s has %d lines, %d is the limit (the exceptions stand in the list long)",
					s.name, name, n, maxFunctionLines)
			}
		}
	}
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if id, ok := receiver.(*ast.Ident); ok {
		return id.Name + "." + f.Name.Name
	}
	return f.Name.Name
}

func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

// tableLines counts the lines of a test's tables, which one does not read as code.
func (s source) tableLines(f *ast.FuncDecl) int {
	if !s.isTest() {
		return 0
	}
	lines := 0
	ast.Inspect(f, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if ok {
			lines += s.lines(table) - 1
		}
		return !ok
	})
	return lines
}
