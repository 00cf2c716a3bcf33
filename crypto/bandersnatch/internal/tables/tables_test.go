package tables

import (
	"encoding/hex"
	"testing"
)

// The figures written by gentables. Its own test compares them with the SRS file where that is at hand.
func TestFigures(t *testing.T) {
	want := map[int]struct {
		keys            int
		selector, first string
	}{
		512: {
			255, "92e630ae2b14e758ab0960e372172203f4c9a41777dadd529971d7ab9d23ab29fe0e9c85ec450505dde7f5ac038274cf",
			"8778bd08ac56d33bfb2d58085a6fe0c9cb1c8f7a546838617a3f3c58ff33332fbb649d0dfcc677b1c0d88413cfb72e9d",
		},
		1024: {767, "", ""},
		2048: {1791, "96c1b168e2dcc743f9eadda76c041db42d39f27a58418f88c0ea67656a224934e12b5dfc8f0f460a95c2d467fa41907b", ""},
	}
	for _, r := range Rings() {
		w := want[r.Domain]
		slots := r.Slots()
		if r.Keys != w.keys || len(slots) != w.keys {
			t.Errorf("domain %d: %d keys, %d slots, want %d", r.Domain, r.Keys, len(slots), w.keys)
		}
		px, py, selector := r.Commitments()
		if !px.IsInSubGroup() || !py.IsInSubGroup() || !selector.IsInSubGroup() {
			t.Errorf("domain %d: a commitment is outside G1", r.Domain)
		}
		if b := selector.Bytes(); w.selector != "" && hex.EncodeToString(b[:]) != w.selector {
			t.Errorf("domain %d: selector %x", r.Domain, b)
		}
		if b := slots[0].Bytes(); w.first != "" && hex.EncodeToString(b[:]) != w.first {
			t.Errorf("domain %d: first slot %x", r.Domain, b)
		}
		for i := range slots {
			if !slots[i].IsOnCurve() {
				t.Fatalf("domain %d: slot %d is not on the curve", r.Domain, i)
			}
		}
	}
	g2, tauG2 := Tau()
	if !g2.IsInSubGroup() || !tauG2.IsInSubGroup() || g2.Equal(&tauG2) {
		t.Error("the points of the second group are wrong")
	}
}

func BenchmarkSlots(b *testing.B) {
	rings := Rings()
	for b.Loop() {
		rings[2].Slots()
	}
}
