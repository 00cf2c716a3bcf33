package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSplice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	after := strings.Repeat("what stands behind must stay\n", 50)
	if err := os.WriteFile(path, []byte("before\n"+begins+"old\n"+ends+after), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a row\n", 40)
	for range 2 {
		if err := splice(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := "before\n" + begins + text + ends + after; string(got) != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if err := splice(os.DevNull, nil); err == nil {
		t.Error("a file without marks was written to")
	}
}
