package main

import (
	"bytes"
	"os"
	"testing"

	"damson/crypto/bandersnatch/srs"
	"damson/internal/vectors"
)

// The committed tables are what the generator writes. The largest takes a second and a half.
func TestTablesAreGenerated(t *testing.T) {
	s, err := srs.Read(bytes.NewReader(vectors.Read(t, "bandersnatch/srs/zcash-srs-2-11-uncompressed.bin")))
	if err != nil {
		t.Fatal(err)
	}
	compare := func(name string, want []byte) {
		got, err := os.ReadFile("../tables/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes: run go generate", name)
		}
	}
	compare("tau.go", tau(s))
	domains := map[string]int{"ring512.go": 512}
	if vectors.Thorough() {
		domains["ring1024.go"], domains["ring2048.go"] = 1024, 2048
	}
	for name, domain := range domains {
		source, err := ring(s, domain)
		if err != nil {
			t.Fatal(err)
		}
		compare(name, source)
	}
}
