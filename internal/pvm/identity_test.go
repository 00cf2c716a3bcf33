package pvm

import (
	"bytes"
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
