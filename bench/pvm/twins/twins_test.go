package twins

import (
	"encoding/binary"
	"testing"

	"damson/bench/programs"
)

// TestTwins: each twin computes what its program does.
func TestTwins(t *testing.T) {
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		twin := All[p.Name]
		if twin == nil {
			if p.Name != "bigcode" {
				t.Errorf("%s has no twin", p.Name)
			}
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			for _, r := range p.Runs {
				got := twin(binary.LittleEndian.Uint64(r.Arguments))
				if want := binary.LittleEndian.Uint64(r.Output); got != want {
					t.Errorf("%s: %#x, want %#x", r.Role, got, want)
				}
			}
		})
	}
}
