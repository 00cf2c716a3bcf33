package jit

import (
	"testing"

	"damson/internal/nodiff"
	"damson/internal/pvm"
)

// TestLocate finds every access to guest memory in the code of many programs, and wants it to belong to an instruction that
// makes one, or to the ones in front of that which compute the address.
func TestLocate(t *testing.T) {
	found := 0
	for seed := range uint64(2000) {
		p, err := pvm.Decode(nodiff.Generate(seed).Case().Blob)
		if err != nil {
			t.Fatal(err)
		}
		l := lowered(t, p)
		text := l.a.Bytes()
		c := &code{program: p, labels: l.labels, sites: l.sites, notes: l.notes()}
		again := newLowerer(&lowerings, false)
		for at := codeFrom; at < len(text); {
			size, why := inspect(text[at:])
			if why != "" {
				t.Fatal(why)
			}
			if text[at] == 0x67 && text[at+1] == 0x65 || text[at] == 0x66 && text[at+1] == 0x67 {
				found++
				checkSite(t, p, again.locate(c, uint32(at)))
			}
			at += size
		}
	}
	t.Logf("%d accesses", found)
	if found < 10_000 {
		t.Error("too few")
	}
}

func checkSite(t *testing.T, p *pvm.Program, s site) {
	t.Helper()
	for i := s.inst; i <= s.inst+maxFused; i++ {
		if pvm.Ops[p.Insts[i].Op].Flags&(pvm.Loads|pvm.Stores) != 0 {
			return
		}
	}
	t.Fatalf("an access belongs to instruction %d, %v", s.inst, p.Insts[s.inst])
}
