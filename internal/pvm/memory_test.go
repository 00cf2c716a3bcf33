package pvm

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// model is memory as the paper has it, for a few pages.
type model struct {
	access map[uint32]Access
	data   map[uint32]byte
}

func (o *model) set(first, count uint32, a Access, wipe bool) {
	for page := first; page < first+count; page++ {
		if page < firstPage {
			continue
		}
		if wipe || a == None {
			for i := range uint32(PageSize) {
				delete(o.data, page*PageSize+i)
			}
		}
		o.access[page] = a
	}
}

func (o *model) allows(addr, n uint64, a Access) bool {
	for i := uint64(0); i < n; i += min(PageSize, max(1, n-1-i)) {
		if addr+i >= memorySize || o.access[uint32((addr+i)/PageSize)] < a {
			return false
		}
	}
	return n == 0 || addr < memorySize && addr+n <= memorySize && o.access[uint32((addr+n-1)/PageSize)] >= a
}

func (o *model) bytes(addr, n uint64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = o.data[uint32(addr)+uint32(i)]
	}
	return b
}

// TestMemoryAgainstModel does the same things at random to a memory and to the model.
func TestMemoryAgainstModel(t *testing.T) {
	forms(t, func(t *testing.T, m *Memory) {
		for seed := range uint64(30) {
			m.Reset()
			o := &model{map[uint32]Access{}, map[uint32]byte{}}
			r := rand.New(rand.NewPCG(seed, 0))
			for range 300 {
				oneThing(t, r, m, o)
			}
		}
	})
}

// oneThing works on the pages about the end of the first zone, about the end of the first leaf, and
// the last of all.
func oneThing(t *testing.T, r *rand.Rand, m *Memory, o *model) {
	t.Helper()
	base := []uint32{firstPage - 3, leafPages - 4, 2*leafPages - 2, pages - 6}[r.IntN(4)]
	first, count := base+uint32(r.IntN(6)), uint32(r.IntN(8))
	count = min(count, pages-first)
	addr := uint64(base)*PageSize + uint64(r.IntN(6*PageSize))
	n := []uint64{0, 1, 8, 100, PageSize, 3*PageSize + 5}[r.IntN(6)]
	switch a := Access(r.IntN(3)); r.IntN(8) {
	case 0:
		m.Map(first, count, a)
		o.set(first, count, a, true)
	case 1:
		m.Protect(first, count, a)
		o.set(first, count, a, false)
	case 2:
		src := content(int(n), byte(r.Uint32()))
		ok := o.allows(addr, n, Write)
		if m.Write(addr, src) != ok {
			t.Fatalf("write of %d to %#x", n, addr)
		}
		for i := range src {
			if ok {
				o.data[uint32(addr)+uint32(i)] = src[i]
			}
		}
	case 3:
		got, ok := m.View(addr, n)
		if ok != o.allows(addr, n, Read) || m.Readable(addr, n) != ok || m.Writable(addr, n) != o.allows(addr, n, Write) {
			t.Fatalf("view of %d at %#x: %v", n, addr, ok)
		}
		if ok && !bytes.Equal(got, o.bytes(addr, n)) {
			t.Fatalf("view of %d at %#x has other content", n, addr)
		}
	case 4:
		width := uint32(1) << r.IntN(4)
		got, ok := m.Load(uint32(addr), width)
		checkFault(t, m, o, uint32(addr), width, Read, ok)
		for i := range width {
			if ok && byte(got>>(8*i)) != o.data[uint32(addr)+i] {
				t.Fatalf("load of %d at %#x", width, addr)
			}
		}
	case 5:
		width, x := uint32(1)<<r.IntN(4), r.Uint64()
		ok := m.Store(uint32(addr), width, x)
		checkFault(t, m, o, uint32(addr), width, Write, ok)
		for i := range width {
			if ok {
				o.data[uint32(addr)+i] = byte(x >> (8 * i))
			}
		}
	case 6:
		to := uint64(base)*PageSize + uint64(r.IntN(3*PageSize))
		other := NewMemory()
		other.Map(base, 6, Write)
		ok := o.allows(addr, n, Read) && to >= firstPage*PageSize && to+n <= uint64(min(base+6, pages))*PageSize
		if m.CopyTo(other, to, addr, n) != (ok || n == 0) {
			t.Fatalf("copy of %d from %#x to %#x, want %v", n, addr, to, ok)
		}
		if got, _ := other.View(to, n); ok && !bytes.Equal(got, o.bytes(addr, n)) {
			t.Fatalf("copy of %d from %#x has other content", n, addr)
		}
	case 7:
		checkPages(t, m, o, uint32(addr))
		if m.Allows(uint64(first), uint64(count), a) != (count == 0 || o.allows(uint64(first)*PageSize, uint64(count)*PageSize, a)) {
			t.Fatalf("access %d to %d pages at %d", a, count, first)
		}
	}
}

// checkPages compares what the fast interpreter sees.
func checkPages(t *testing.T, m *Memory, o *model, addr uint32) {
	t.Helper()
	if p := m.ReadPage(addr); p != nil && (o.access[addr/PageSize] < Read || p[addr%PageSize] != o.data[addr]) {
		t.Fatalf("page to read at %#x", addr)
	}
	if p := m.WritePage(addr); p != nil && (o.access[addr/PageSize] < Write || p != m.ReadPage(addr)) {
		t.Fatalf("page to write at %#x", addr)
	}
}

// checkFault compares with GP §A.4, word for word.
func checkFault(t *testing.T, m *Memory, o *model, addr, width uint32, a Access, ok bool) {
	t.Helper()
	var want Exit
	bad := false
	for i := range width {
		if x := addr + i; !bad && o.access[x/PageSize] < a {
			bad = true
			want = Exit{PageFault, uint64(x / PageSize * PageSize)}
			if x < 1<<16 {
				want = Exit{Reason: Panic}
			}
		}
	}
	if got, faults := m.Fault(addr, width, a); got != want || faults != bad || ok == bad {
		t.Fatalf("%d octets at %#x: %v %v, want %v %v", width, addr, got, faults, want, bad)
	}
}

// TestWholeMemory gives access to everything, which must be cheap, and touches some.
func TestWholeMemory(t *testing.T) {
	m := NewMemory()
	allocated := testing.AllocsPerRun(10, func() { m.Map(firstPage, pages-firstPage-1, Write) })
	if allocated > 10 {
		t.Errorf("%v allocations to map everything", allocated)
	}
	const all = memorySize - firstPage*PageSize - PageSize
	if !m.Writable(firstPage*PageSize, all) || m.Readable(firstPage*PageSize, all+1) || m.Readable(0, 1) {
		t.Error("other pages were mapped")
	}
	if m.Readable(1, ^uint64(0)) || m.Readable(^uint64(0), 2) || !m.Readable(^uint64(0), 0) {
		t.Error("sizes wrap")
	}
	other := NewMemory()
	other.Map(firstPage, pages-firstPage-1, Write)
	m.Write(1<<31+5, []byte{7})
	if !m.CopyTo(other, firstPage*PageSize, firstPage*PageSize, all) {
		t.Fatal("cannot copy")
	}
	if other.Bought() > 2*runPages {
		t.Errorf("%d pages allocated to copy one", other.Bought())
	}
	if x, _ := other.Load(1<<31+5, 1); x != 7 {
		t.Error("the one octet was not copied")
	}
}

func TestSbrk(t *testing.T) {
	img, err := DecodeImage(imageOf(nil, []byte{1}, 1, PageSize))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Mem: NewMemory()}
	if err := img.Start(m, nil); err != nil {
		t.Fatal(err)
	}
	end := uint64(2*ZoneSize + 2*PageSize)
	for _, step := range []struct{ by, want uint64 }{
		{0, end},
		{1, end},
		{0, end + 1},
		{PageSize - 1, end + 1},
		{0, end + PageSize},
		{1 << 32, 0},
		{^uint64(0), 0},
		{stackTop - PageSize - ZoneSize - end - PageSize + 1, 0}, // one too many
		{stackTop - PageSize - ZoneSize - end - PageSize, end + PageSize},
		{1, 0},
		{0, stackTop - PageSize - ZoneSize},
	} {
		if got := m.Mem.Sbrk(step.by); got != step.want {
			t.Fatalf("sbrk(%d) is %#x, want %#x", step.by, got, step.want)
		}
	}
	bare := NewMemory()
	if bare.Sbrk(0) != 0 || bare.Sbrk(20*PageSize) != 0 || bare.Sbrk(0) != 20*PageSize {
		t.Error("without a layout the heap begins at 0")
	}
	if bare.Access(firstPage-1) != None || bare.Access(firstPage) != Write || bare.Access(20) != None {
		t.Error("sbrk without a layout opened other pages")
	}
}

// TestBorrowed makes a page writable that holds what other memories read too.
func TestBorrowed(t *testing.T) {
	img, err := DecodeImage(imageOf([]byte{1, 2, 3}, nil, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Mem: NewMemory()}
	for range 2 {
		if err := img.Start(m, nil); err != nil {
			t.Fatal(err)
		}
		if got, ok := m.Mem.View(ZoneSize, 4); !ok || !bytes.Equal(got, []byte{1, 2, 3, 0}) {
			t.Fatalf("read-only data is %v", got)
		}
		m.Mem.Protect(firstPage, 1, Write)
		m.Mem.Write(ZoneSize, []byte{9})
		if got, _ := m.Mem.View(ZoneSize, 4); !bytes.Equal(got, []byte{9, 2, 3, 0}) {
			t.Fatalf("what was read-only data is %v", got)
		}
	}
}
