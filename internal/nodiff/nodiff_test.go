package nodiff

import (
	"flag"
	"testing"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
)

var (
	count = flag.Int("nodiff.n", 20_000, "programs to generate")
	seed  = flag.Uint64("nodiff.seed", 1, "first seed")
)

// pair readies the recompiler against the interpreter.
func pair(tb testing.TB) *Pair {
	tb.Helper()
	e, why, err := engine.New(engine.JIT, jit.Options{CacheBytes: 1 << 20})
	if err != nil || why != nil {
		tb.Skip("no recompiler here: ", err)
	}
	p := NewPair(e, interp.New())
	tb.Cleanup(p.Close)
	return p
}

func TestGenerated(t *testing.T) {
	p := pair(t)
	n := *count
	if testing.Short() {
		n = min(n, 2000)
	}
	for i := range uint64(n) {
		program := Generate(*seed + i)
		if d := p.Check(program.Case()); d != nil {
			small := Minimise(program, func(c *Case) bool { return p.Check(c) != nil })
			c := small.Case()
			t.Fatalf("seed %d: %v\nsmallest:\n%v%v\n%s", *seed+i, d, c, p.Check(c), List(c.Blob))
		}
	}
	report(t, p)
}

// TestSabotage plants mistakes in the recompiler, one at a time, and wants each to be found.
func TestSabotage(t *testing.T) {
	pair(t)
	for n := 1; n <= jit.Sabotages; n++ {
		e, _, err := engine.New(engine.JIT, jit.Options{CacheBytes: 1 << 20, Sabotage: n})
		if err != nil {
			t.Fatal(err)
		}
		p := NewPair(e, interp.New())
		found := -1
		for i := 0; i < 50_000 && found < 0; i++ {
			if broken(p, Generate(*seed+uint64(i)).Case()) {
				found = i
			}
		}
		if found < 0 {
			t.Errorf("mistake %d was not found in 50,000 programs", n)
		} else {
			t.Logf("mistake %d: program %d", n, found)
		}
	}
}

// broken reports whether the engines differ on a case, or the recompiler finds its own mistake.
func broken(p *Pair, c *Case) (found bool) {
	defer func() { found = found || recover() != nil }()
	return p.Check(c) != nil
}

func report(t *testing.T, p *Pair) {
	t.Helper()
	total := int64(0)
	for _, n := range p.Tally.Exits {
		total += n
	}
	t.Logf("%d cases, %d instructions", p.Tally.Cases, p.Tally.Insts)
	for r, n := range p.Tally.Exits {
		t.Logf("%v: %.1f %%", pvm.Reason(r), 100*float64(n)/float64(total))
	}
}

func TestRaw(t *testing.T) {
	p := pair(t)
	n := *count
	if testing.Short() {
		n = min(n, 2000)
	}
	for i := range uint64(n) {
		c := Raw(*seed + i)
		if d := p.Check(c); d != nil {
			t.Fatalf("seed %d: %v\n%v\n%s", *seed+i, d, c, List(c.Blob))
		}
	}
	report(t, p)
}
