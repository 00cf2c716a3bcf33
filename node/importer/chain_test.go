package importer_test

import (
	"errors"
	"testing"

	"damson/internal/devchain"
	"damson/interp"
	"damson/node/importer"
	"damson/state/store"
	"damson/state/transition"
)

// TestKnownHeader imports a block into a store twice, and then its header with another body: a block that is known is not
// executed again, but only if it is that block.
func TestKnownHeader(t *testing.T) {
	c, err := devchain.Own(interp.New())
	if err != nil {
		t.Fatal(err)
	}
	im, err := importer.New(importer.Options{Params: c.Params, Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir(), store.Options{Params: c.Params})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	chain := importer.NewStoredChain(im, s)
	if err := chain.Put(c.Header.Hash(), c.Genesis); err != nil {
		t.Fatal(err)
	}
	var good []byte // the first block that is to be accepted
	for i := range c.Steps {
		if c.Steps[i].Refusal == "" {
			good = c.Steps[i].Block
			break
		}
	}
	for range 2 {
		if _, err := chain.Import(good); err != nil {
			t.Fatal(err)
		}
	}
	// The last octet counts the faults of E_D. In its place comes one fault, of zeros.
	other := append(append([]byte(nil), good[:len(good)-1]...), append([]byte{1}, make([]byte, 129)...)...)
	if _, err := chain.Import(other); !errors.Is(err, transition.ErrBadExtrinsicHash) {
		t.Errorf("the same header with another body: %v, want %v", err, transition.ErrBadExtrinsicHash)
	}
}
