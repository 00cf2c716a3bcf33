package jit

import (
	"sync"
	"testing"

	"damson/internal/nodiff"
	"damson/internal/pvm"
)

func program(tb testing.TB, seed uint64) *pvm.Program {
	tb.Helper()
	p, err := pvm.Decode(nodiff.Generate(seed).Case().Blob)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

type fakeCode struct{ pvm.Code }

func TestCache(t *testing.T) {
	var c cache
	c.init(100)
	compiled := 0
	get := func(p *pvm.Program, size int) pvm.Code {
		t.Helper()
		code, err := c.get(p, func() (pvm.Code, int) { compiled++; return &fakeCode{}, size })
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	first, again := program(t, 1), program(t, 1)
	code := get(first, 40)
	if get(first, 40) != code || get(again, 40) != code || compiled != 1 {
		t.Fatalf("compiled %d times", compiled)
	}
	get(program(t, 2), 40)
	get(first, 40)         // used last: program 2 goes
	get(program(t, 3), 40) // too much
	if c.bytes != 80 || len(c.entries) != 2 || len(c.pointers) != 2 || c.recent.Len() != 2 {
		t.Fatalf("%d octets, %d entries, %d pointers", c.bytes, len(c.entries), len(c.pointers))
	}
	if get(first, 40) != code {
		t.Error("the program used last was thrown out")
	}
	before := compiled
	get(program(t, 4), unkept)
	get(program(t, 4), unkept)
	if compiled != before+2 || len(c.entries) != 2 {
		t.Errorf("%d entries after what is not to be kept", len(c.entries))
	}
	if _, err := c.get(program(t, 5), func() (pvm.Code, int) { return nil, unkept }); err == nil {
		t.Error("no error for no code")
	}
}

// TestCacheHammer compiles few programs from many goroutines, with a bound that keeps throwing them out.
func TestCacheHammer(t *testing.T) {
	e, err := New(nil, Options{CacheBytes: 4000})
	if err != nil {
		t.Skip(err)
	}
	var wg sync.WaitGroup
	for n := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(200) {
				if _, err := e.Compile(program(t, (n+i)%10)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestSpacesAreBounded(t *testing.T) {
	e, err := New(nil, Options{Spaces: 2})
	if err != nil {
		t.Skip(err)
	}
	var all []*pvm.Memory
	for range 4 {
		m := e.NewMemory()
		m.Reset()
		m.Map(16, 10, pvm.Write)
		all = append(all, m)
	}
	for _, m := range all {
		m.Release()
	}
	if len(e.spaces.idle) != 2 || e.spaces.pages != 20 {
		t.Errorf("%d idle with %d pages", len(e.spaces.idle), e.spaces.pages)
	}
	m := e.NewMemory()
	m.Map(16, 2*maxIdlePages, pvm.Write)
	m.Release()
	if e.spaces.pages > 20 {
		t.Errorf("%d pages kept", e.spaces.pages)
	}
}
