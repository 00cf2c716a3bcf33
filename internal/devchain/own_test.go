package devchain

import (
	"testing"

	"damson/interp"
)

func TestOwn(t *testing.T) {
	c, err := Own(interp.New())
	for _, s := range c.Steps {
		t.Logf("%-40s %3d %s %s", s.Name, s.Slot, s.Post.Root(), s.Refusal)
	}
	if err != nil {
		t.Fatal(err)
	}
}
