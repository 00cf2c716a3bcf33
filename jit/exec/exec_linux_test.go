//go:build linux && (amd64 || arm64)

package exec

import (
	"slices"
	"testing"
	"unsafe"
)

func TestAvailable(t *testing.T) {
	if err := Available(); err != nil {
		t.Fatal(err)
	}
}

func TestContextOffsets(t *testing.T) {
	var c Context
	for _, tc := range []struct {
		name   string
		offset uintptr
		want   int
	}{
		{"Gas", unsafe.Offsetof(c.Gas), OffsetGas},
		{"Entry", unsafe.Offsetof(c.Entry), OffsetEntry},
		{"Site", unsafe.Offsetof(c.Site), OffsetSite},
		{"Kind", unsafe.Offsetof(c.Kind), OffsetKind},
		{"FaultPC", unsafe.Offsetof(c.FaultPC), OffsetFault},
		{"FaultAt", unsafe.Offsetof(c.FaultAt), OffsetFault + 8},
		{"Nudged", unsafe.Offsetof(c.Nudged), OffsetNudged},
		{"Spill", unsafe.Offsetof(c.Spill), OffsetSpill0},
	} {
		if got := int(tc.offset) - PageSize; got != tc.want {
			t.Errorf("%s is at %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestRegions(t *testing.T) {
	s, err := NewSpace()
	if err != nil {
		t.Skip(err)
	}
	defer s.Close()
	var want [256]Access
	next := uint32(1)
	for range 20_000 {
		next = next*1664525 + 1013904223
		first, count := next>>8&0x7f, next>>16&0x3f+1
		a := Access(next >> 28 % 3)
		s.Protect(first, count, a)
		for i := first; i < first+count; i++ {
			want[i] = a
		}
		var got [256]Access
		for i, r := range s.regions {
			if r.from >= r.to || i > 0 && (s.regions[i-1].to > r.from || s.regions[i-1].to == r.from && s.regions[i-1].access == r.access) {
				t.Fatalf("regions %v", s.regions)
			}
			for p := r.from; p < r.to; p++ {
				got[p] = r.access
			}
		}
		if got != want {
			t.Fatalf("after protecting %d+%d as %d: %v", first, count, a, s.regions)
		}
	}
}

func TestTooManyMappings(t *testing.T) {
	s, err := NewSpace()
	if err != nil {
		t.Skip(err)
	}
	defer s.Close()
	for i := range uint32(3000) {
		s.Protect(100+2*i, 1, ReadWrite)
	}
	if s.Exact() {
		t.Fatal("3000 mappings are exact")
	}
	s.Bytes()[5000*PageSize] = 1
	s.Reset()
	if !s.Exact() || len(s.regions) != 0 {
		t.Fatal("not exact after a reset")
	}
	s.Protect(5000, 1, ReadOnly)
	if s.Bytes()[5000*PageSize] != 0 {
		t.Fatal("content survived a reset")
	}
}

func TestArena(t *testing.T) {
	if err := Available(); err != nil {
		t.Skip(err)
	}
	before := slices.Clone(codeArena.free)
	var codes []*Code
	for i := range 200 {
		size := 1 + i*i*7
		c, err := Publish(size, func(b []byte, base uint32) {
			if len(b) != size {
				t.Errorf("%d octets to fill, want %d", len(b), size)
			}
			b[0] = byte(i)
		})
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, c)
	}
	for i, c := range codes {
		if got := octets(c.Base(), 1)[0]; got != byte(i) {
			t.Fatalf("code %d begins with %d", i, got)
		}
	}
	for i := range codes {
		codes[i*77%len(codes)].Free()
	}
	if !slices.Equal(codeArena.free, before) {
		t.Fatalf("free before %v, after %v", before, codeArena.free)
	}
	if _, err := Publish(arenaSize+1, nil); err == nil {
		t.Fatal("more code than the arena holds")
	}
}

func BenchmarkEnter(b *testing.B) {
	s, err := NewSpace()
	if err != nil {
		b.Skip(err)
	}
	defer s.Close()
	blob := selfTestCode()
	code, err := Publish(len(blob), func(dst []byte, _ uint32) { copy(dst, blob) })
	if err != nil {
		b.Fatal(err)
	}
	defer code.Free()
	s.Protect(16, 1, ReadWrite)
	regs := [13]uint64{10: 0x10000}
	for b.Loop() {
		s.Enter(code.Base(), &regs)
	}
}
