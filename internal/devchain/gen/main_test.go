package main

import (
	"bytes"
	"testing"

	"damson/internal/archive"
	"damson/internal/devchain"
	"damson/interp"

	"github.com/google/go-cmp/cmp"
)

// TestRegenerate authors the chain anew: what the binary carries must be just that.
func TestRegenerate(t *testing.T) {
	chain, err := devchain.Own(interp.New())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(devchain.OwnOutcomes, devchain.Outcomes(chain)); diff != "" {
		t.Errorf("own.txt differs (-carried +authored); go generate rewrites it, and what changed must be explained:\n%s", diff)
	}
	want := files(chain)
	err = archive.ReadFrom("own.tar.zst", bytes.NewReader(devchain.OwnArchive), func(name string, data []byte) error {
		if len(want) == 0 || name != want[0].name || !bytes.Equal(data, want[0].data) {
			t.Fatalf("%s is not what is authored", name)
		}
		want = want[1:]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) > 0 {
		t.Errorf("%d files are missing, the first is %s", len(want), want[0].name)
	}
	if size := len(devchain.OwnArchive); size > 512<<10 {
		t.Errorf("%d octets are too many to carry", size)
	}
}
