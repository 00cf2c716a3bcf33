package jit

import (
	"bytes"
	"regexp"
	"testing"

	"damson/internal/nodiff"
	"damson/internal/pvm"
)

func TestPerfMap(t *testing.T) {
	var names bytes.Buffer
	e, err := New(nil, Options{PerfMap: &names})
	if err != nil {
		t.Skip(err)
	}
	p, err := pvm.Decode(nodiff.Generate(1).Case().Blob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(p); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(names.Bytes()), []byte("\n"))
	if len(lines) != len(p.Blocks) {
		t.Errorf("%d names for %d blocks", len(lines), len(p.Blocks))
	}
	for _, line := range lines {
		if !regexp.MustCompile(`^[0-9a-f]{7,8} [0-9a-f]+ pvm_[0-9a-f]{8}_\d+$`).Match(line) {
			t.Errorf("%q", line)
		}
	}
}
