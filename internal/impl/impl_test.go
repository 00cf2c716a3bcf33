package impl

import (
	"slices"
	"testing"
)

func TestTestAll(t *testing.T) {
	fast, faster, missing, foreign := true, true, false, true
	Register("p", "faster", &faster)
	Register("p", "fast", &fast)
	Register("p", "missing", &missing)
	Register("q", "foreign", &foreign)

	var seen [][4]bool
	TestAll(t, "p", func(*testing.T) { seen = append(seen, [4]bool{faster, fast, missing, foreign}) })
	want := [][4]bool{
		{true, false, false, true},
		{false, true, false, true},
		{false, false, false, true},
	}
	if !slices.Equal(seen, want) {
		t.Errorf("ran under %v, want %v", seen, want)
	}
	if !faster || !fast || missing {
		t.Error("switches were not put back")
	}
	if got := Variants("p"); !slices.Equal(got, []string{"faster", "fast", "generic"}) {
		t.Errorf("variants %v", got)
	}
}
