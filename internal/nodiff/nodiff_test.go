package nodiff

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"damson/bench/programs"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/interp"
	"damson/jit"
)

var (
	update = flag.Bool("update", false, "write failing cases to testdata")
	seed   = flag.Uint64("nodiff.seed", 1, "first seed")
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
	sum := sideBySide(t, func(p *Pair, seed uint64) error {
		program := Generate(seed)
		d := p.Check(program.Case())
		if d == nil {
			return nil
		}
		c := Minimise(program, func(c *Case) bool { return p.Check(c) != nil }).Case()
		keep(t, fmt.Sprintf("generated-%d", seed), c)
		return fmt.Errorf("%w\nsmallest:\n%v%w\n%s", d, c, p.Check(c), List(c.Blob))
	})
	if rarest, least := sum.Rarest(); sum.Cases >= fullSize && least < leastOfAnOpcode {
		t.Errorf("opcode %v was executed %d times only, want %d", rarest, least, leastOfAnOpcode)
	}
	for r := range sum.Exits {
		if share := sum.Share(pvm.Reason(r)); share < leastOfAnExit {
			t.Errorf("%.2f %% of the runs ended with %v, want %.0f", 100*share, pvm.Reason(r), 100*leastOfAnExit)
		}
	}
}

// workloads are the code blobs of the benchmark's programs, the large one excepted.
func workloads(tb testing.TB) (blobs [][]byte) {
	tb.Helper()
	all, err := programs.All()
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range all {
		img, err := pvm.DecodeImage(p.Blob)
		if err != nil {
			tb.Fatal(err)
		}
		if code := img.Program.Blob(); len(code) < 1<<16 {
			blobs = append(blobs, code)
		}
	}
	return blobs
}

func TestMutated(t *testing.T) {
	blobs := workloads(t)
	sideBySide(t, func(p *Pair, seed uint64) error {
		return difference(p, Mutate(blobs[seed%uint64(len(blobs))], seed))
	})
}

func TestRaw(t *testing.T) {
	sideBySide(t, func(p *Pair, seed uint64) error { return difference(p, Raw(seed)) })
}

func FuzzGenerated(f *testing.F) {
	p := pair(f)
	for i := range uint64(16) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		program := Generate(seed)
		if d := p.Check(program.Case()); d != nil {
			small := Minimise(program, func(c *Case) bool { return p.Check(c) != nil }).Case()
			t.Fatalf("%v\nsmallest:\n%v%v\n%s", d, small, p.Check(small), List(small.Blob))
		}
	})
}

func FuzzEngines(f *testing.F) {
	p := pair(f)
	for i := range uint64(16) {
		c := Raw(i)
		f.Add(c.Blob, c.Gas, c.PC, c.Seed)
	}
	for _, blob := range workloads(f) {
		f.Add(blob, int64(5000), uint64(0), uint64(1))
	}
	f.Fuzz(func(t *testing.T, blob []byte, gas int64, pc, seed uint64) {
		c := Mutate(make([]byte, 16), seed)
		c.Blob, c.Gas, c.PC = blob, gas&0xffff, pc
		if d := p.Check(c); d != nil {
			t.Fatalf("%v\n%v\n%s", d, c, List(c.Blob))
		}
	})
}

// TestGolden runs the cases that once failed.
func TestGolden(t *testing.T) {
	p := pair(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if d := p.Check(c); d != nil {
				t.Fatal(d)
			}
		})
	}
}

// keep writes a failing case as a golden file, if -update says so.
func keep(t *testing.T, name string, c *Case) {
	t.Helper()
	if !*update {
		return
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".txt"), []byte(c.String()), 0o644); err != nil {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	for i := range uint64(100) {
		c := Generate(i).Case()
		got, err := Parse(c.String())
		if err != nil || got.String() != c.String() {
			t.Fatalf("%v: %v became %v", err, c, got)
		}
	}
}

// TestSabotage plants mistakes in the recompiler, one at a time, and wants each to be found within a minute.
func TestSabotage(t *testing.T) {
	pair(t)
	slowest := time.Duration(0)
	for n := 1; n <= jit.Sabotages; n++ {
		e, _, err := engine.New(engine.JIT, jit.Options{CacheBytes: 1 << 20, Sabotage: n})
		if err != nil {
			t.Fatal(err)
		}
		p := NewPair(e, interp.New())
		start := time.Now()
		for i := uint64(0); ; i++ {
			took := time.Since(start)
			slowest = max(slowest, took)
			if broken(p, Generate(*seed+i).Case()) {
				t.Logf("mistake %d: program %d, %v", n, i, took)
				break
			}
			if took > time.Minute {
				t.Errorf("mistake %d was not found in %d programs", n, i)
				break
			}
		}
	}
	vectors.Figure(t, "sabotage", "%d mistakes, the slowest found in %v", jit.Sabotages, slowest.Round(time.Millisecond))
}

// broken reports whether the engines differ on a case, or the recompiler finds its own mistake.
func broken(p *Pair, c *Case) (found bool) {
	defer func() { found = found || recover() != nil }()
	return p.Check(c) != nil
}
