package demo

import (
	"io"
	"slices"
	"testing"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
)

func options(t *testing.T) Options {
	t.Helper()
	made, why, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if why != nil {
		t.Log(why)
	}
	return Options{
		Engine: made, Reference: interp.New(), Dir: t.TempDir(), Out: t.Output(), Fast: true,
		Recompiler: func(w io.Writer) (pvm.Engine, error) { return jit.New(interp.New(), jit.Options{PerfMap: w}) },
	}
}

func find(t *testing.T, name string) *Demo {
	t.Helper()
	list := All()
	at := slices.IndexFunc(list, func(d Demo) bool { return d.Name == name })
	if at < 0 {
		t.Fatalf("no demo %q", name)
	}
	return &list[at]
}

// TestDemos runs each demo, one after the other.
func TestDemos(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Name, func(t *testing.T) {
			story, err := Run(t.Context(), &d, options(t))
			if err != nil {
				t.Fatal(err)
			}
			if !story.Passed || len(story.Verdict) < 3 || len(story.Steps) < 3 {
				t.Errorf("%+v", story.Verdict)
			}
		})
	}
}
