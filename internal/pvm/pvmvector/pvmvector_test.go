package pvmvector_test

import (
	"slices"
	"testing"

	"damson/internal/pvm"
	"damson/internal/pvm/pvmvector"
	"damson/internal/vectors"
	"damson/interp"
)

// TestJudge runs vectors and then spoils what came of them, one thing at a time.
func TestJudge(t *testing.T) {
	judged := 0
	for f := range vectors.Files(t, "pvm/programs", ".json") {
		v, err := pvmvector.Decode(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pvm.Decode(v.Program)
		if err != nil {
			t.Fatal(err)
		}
		code, err := interp.New().Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.Machine(pvm.NewMemory())
		if err != nil {
			t.Fatal(err)
		}
		exit := code.Run(m)
		if err := v.Judge(m, exit); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
		judged++
		spoilt := []pvm.Machine{*m, *m, *m}
		spoilt[0].Gas--
		spoilt[1].PC++
		spoilt[2].Regs[12] ^= 1
		for i := range spoilt {
			if v.Judge(&spoilt[i], exit) == nil {
				t.Errorf("%s: spoilt machine %d passes", f.Path, i)
			}
		}
		if v.Judge(m, pvm.Exit{Reason: pvm.OutOfGas}) == nil {
			t.Errorf("%s: another status passes", f.Path)
		}
		writable := slices.IndexFunc(v.Pages, func(p pvmvector.Pages) bool { return p.Writable })
		if writable >= 0 {
			at := uint64(v.Pages[writable].Address) + 77
			var was [1]byte
			if !m.Mem.Read(was[:], at) || !m.Mem.Write(at, []byte{was[0] ^ 1}) || v.Judge(m, exit) == nil {
				t.Errorf("%s: spoilt memory passes", f.Path)
			}
		}
	}
	if judged == 0 {
		t.Error("no vector was judged")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{``, `{}`, `{"initial-regs":[1]}`, `{"program":[256]}`, `{"program":[-1]}`} {
		if _, err := pvmvector.Decode([]byte(text)); err == nil {
			t.Errorf("%s is a vector", text)
		}
	}
}
