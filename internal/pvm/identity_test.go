package pvm

import (
	"bytes"
	"hash/maphash"
	"testing"
)

func TestBlob(t *testing.T) {
	for _, blob := range [][]byte{
		{0, 0, 3, 1, 1, 0, 7},
		{2, 1, 3, 0, 1, 1, 1, 0, 7},
		{0xc2, 0, 0, 0, 3, 1, 1, 0, 7}, // more entries than octets, of none each
	} {
		p, err := Decode(blob)
		if err != nil {
			t.Log(err)
			continue
		}
		if !bytes.Equal(p.Blob(), blob) {
			t.Errorf("%x became %x", blob, p.Blob())
		}
	}
}

func TestSame(t *testing.T) {
	blobs := [][]byte{{0, 0, 3, 1, 1, 0, 7}, {0, 0, 3, 1, 1, 1, 7}, {0, 0, 3, 1, 1, 0, 5}, {2, 1, 3, 0, 1, 1, 1, 0, 7}, {1, 1, 3, 0, 1, 1, 0, 7}}
	seed := maphash.MakeSeed()
	for i, x := range blobs {
		for j, y := range blobs {
			p, err := Decode(x)
			if err != nil {
				t.Fatal(err)
			}
			q, err := Decode(y)
			if err != nil {
				t.Fatal(err)
			}
			if p.Same(q) != (i == j) || (p.Fingerprint(seed) == q.Fingerprint(seed)) != (i == j) || (p.Identity() == q.Identity()) != (i == j) {
				t.Errorf("%x and %x", x, y)
			}
		}
	}
}
