package interp

import (
	"testing"

	"damson/internal/pvm"
	"damson/internal/pvm/pvmvector"
	"damson/internal/vectors"
)

func TestVectors(t *testing.T) {
	vectors.Each(t, "pvm/programs", ".json", func(t *testing.T, f *vectors.File) {
		v, err := pvmvector.Decode(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pvm.Decode(v.Program)
		if err != nil {
			t.Fatal(err)
		}
		c := compile(p)
		for name, run := range map[string]func(*pvm.Machine) pvm.Exit{
			"run":   c.Run,
			"steps": func(m *pvm.Machine) pvm.Exit { return stepAll(c, m) },
		} {
			m, err := v.Machine(pvm.NewMemory())
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Judge(m, run(m)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// stepAll is Run one instruction at a time.
func stepAll(c *code, m *pvm.Machine) pvm.Exit {
	for {
		i, ok := c.program.Index(m.PC)
		if !ok {
			return stepNowhere(m)
		}
		if _, exit, stopped := c.step(m, i); stopped {
			return exit
		}
	}
}
