package engine

import (
	"testing"

	"damson/internal/pvm"
	"damson/internal/pvm/pvmvector"
	"damson/internal/vectors"
)

func TestVectors(t *testing.T) {
	each(t, func(t *testing.T, e pvm.Engine) {
		vectors.Each(t, "pvm/programs", ".json", func(t *testing.T, f *vectors.File) {
			v, err := pvmvector.Decode(f.Data)
			if err != nil {
				t.Fatal(err)
			}
			p, err := pvm.Decode(v.Program)
			if err != nil {
				t.Fatal(err)
			}
			c, err := e.Compile(p)
			if err != nil {
				t.Fatal(err)
			}
			m, err := v.Machine(e.NewMemory())
			if err != nil {
				t.Fatal(err)
			}
			defer m.Mem.Release()
			if err := v.Judge(m, c.Run(m)); err != nil {
				t.Error(err)
			}
		})
	})
}
