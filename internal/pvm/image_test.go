package pvm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// imageOf puts a standard program together whose code is one trap.
func imageOf(ro, rw []byte, heapPages uint16, stack uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(ro)))[:3]
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rw)))[:6]
	b = binary.LittleEndian.AppendUint16(b, heapPages)
	b = binary.LittleEndian.AppendUint32(b, stack)[:11]
	b = append(append(b, ro...), rw...)
	code := []byte{0, 0, 1, 0, 1}
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(code))), code...)
}

// expected is GP eq:memlayout for one octet.
func expected(i uint64, o, w, a []byte, z, s uint64) (byte, Access) {
	const zz, zi = ZoneSize, InputSize
	page := func(x int) uint64 { return wholePages(uint64(x)) }
	at := func(from uint64, b []byte) byte {
		if i-from < uint64(len(b)) {
			return b[i-from]
		}
		return 0
	}
	heap := 2*zz + zones(uint64(len(o)))
	args := uint64(1<<32 - zz - zi)
	switch {
	case zz <= i && i < zz+page(len(o)):
		return at(zz, o), Read
	case heap <= i && i < heap+page(len(w))+z*PageSize:
		return at(heap, w), Write
	case 1<<32-2*zz-zi-wholePages(s) <= i && i < 1<<32-2*zz-zi:
		return 0, Write
	case args <= i && i < args+page(len(a)):
		return at(args, a), Read
	}
	return 0, None
}

func content(n int, first byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// TestStart loads several programs one after the other into one memory, which is used and grown in
// between, and compares it at the edges of every page with the paper's formula.
func TestStart(t *testing.T) {
	forms(t, func(t *testing.T, mem *Memory) {
		m := &Machine{Mem: mem}
		for _, tc := range []struct{ o, w, a, z, s int }{
			{0, 0, 0, 0, 0},
			{1, 1, 1, 1, 1},
			{4096, 4096, 4096, 0, 4096},
			{70000, 5000, 9000, 40, 65536},
			{65536, 65536, 0, 0, 5000},
			{3, 2 << 20, 10, 3, 1 << 20},
			{1, 1, 1 << 24, 65535, 1<<24 - 1},
		} {
			o, w, a := content(tc.o, 1), content(tc.w, 2), content(tc.a, 3)
			img, err := DecodeImage(imageOf(o, w, uint16(tc.z), uint32(tc.s)))
			if err != nil {
				t.Fatal(err)
			}
			for again := range 3 {
				a := a[:len(a)-len(a)/2*again/2]
				if err := img.Start(m, a); err != nil {
					t.Fatal(err)
				}
				for page := uint64(0); page < pages; page++ {
					if page%leafPages == 0 && mem.top[page/leafPages] == shared[None] {
						if _, access := expected(page*PageSize, o, w, a, uint64(tc.z), uint64(tc.s)); access == None {
							page += leafPages/2 - 1 // nothing here; look again in the middle
							continue
						}
					}
					for _, i := range []uint64{page * PageSize, page*PageSize + PageSize - 1} {
						x, access := expected(i, o, w, a, uint64(tc.z), uint64(tc.s))
						got, ok := mem.Load(uint32(i), 1)
						if mem.Access(uint32(page)) != access || ok != (access != None) || byte(got) != x {
							t.Fatalf("%+v, time %d: %#x is %d with access %d, want %d with %d", tc, again, i, got, mem.Access(uint32(page)), x, access)
						}
					}
				}
				spoil(t, m)
			}
		}
	})
}

// spoil does with the memory what a program may do.
func spoil(t *testing.T, m *Machine) {
	t.Helper()
	end := m.Mem.HeapEnd()
	if end != m.Mem.Sbrk(3*PageSize+1) {
		t.Fatal("sbrk does not give what was the end")
	}
	if !m.Mem.Writable(end, 4*PageSize) || m.Mem.Readable(end+4*PageSize, 1) {
		t.Fatal("sbrk opened other pages than four")
	}
	for _, at := range []uint64{end, end - 1, end + 3*PageSize, stackTop - 1, stackTop - PageSize} {
		if m.Mem.Writable(at, 1) != m.Mem.Write(at, []byte{0xee}) {
			t.Fatal("what can be written cannot")
		}
	}
	for page := uint32(0x20); page < 0x60; page++ {
		m.Mem.Store(page*PageSize+17, 8, ^uint64(0))
	}
}

func TestStartRegisters(t *testing.T) {
	img, err := DecodeImage(imageOf(nil, nil, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Mem: NewMemory(), Regs: [Registers]uint64{5: 5}}
	if err := img.Start(m, make([]byte, 77)); err != nil {
		t.Fatal(err)
	}
	want := [Registers]uint64{0: 0xffff0000, 1: 0xfefe0000, 7: 0xfeff0000, 8: 77}
	if m.Regs != want {
		t.Errorf("registers %x, want %x", m.Regs, want)
	}
	if err := img.Start(m, make([]byte, InputSize+1)); !errors.Is(err, ErrImage) {
		t.Errorf("too long arguments: %v", err)
	}
}

func TestDecodeImage(t *testing.T) {
	good := imageOf([]byte{1}, []byte{2}, 3, 4)
	for n := range good {
		if _, err := DecodeImage(good[:n]); !errors.Is(err, ErrImage) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
	if _, err := DecodeImage(append(bytes.Clone(good), 0)); !errors.Is(err, ErrImage) {
		t.Error("an octet behind is not refused")
	}
	if _, err := DecodeImage(imageOf(nil, nil, 65535, 1<<24-1)); err != nil {
		t.Errorf("the most heap and stack: %v", err)
	}
	bad := bytes.Clone(good)
	bad[len(bad)-1] = 3 // in the mask's padding
	if _, err := DecodeImage(bad); !errors.Is(err, ErrBlob) || !errors.Is(err, ErrImage) {
		t.Errorf("bad code: %v", err)
	}
}

func FuzzDecodeImage(f *testing.F) {
	f.Add(imageOf([]byte{1}, []byte{2}, 3, 4), []byte{5})
	f.Fuzz(func(t *testing.T, blob, args []byte) {
		img, err := DecodeImage(blob)
		if err != nil {
			return
		}
		m := &Machine{Mem: NewMemory()}
		if err := img.Start(m, args); err != nil {
			t.Fatal(err)
		}
		if got, ok := m.Mem.View(m.Regs[7], m.Regs[8]); !ok || !bytes.Equal(got, args) {
			t.Fatal("the arguments are not there")
		}
	})
}

func BenchmarkStart(b *testing.B) {
	img, err := DecodeImage(imageOf(make([]byte, 64<<10), make([]byte, 64<<10), 48, 64<<10))
	if err != nil {
		b.Fatal(err)
	}
	args := make([]byte, 1000)
	b.Run("memory=same", func(b *testing.B) {
		m := &Machine{Mem: NewMemory()}
		for b.Loop() {
			if err := img.Start(m, args); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("memory=reset", func(b *testing.B) {
		m := &Machine{Mem: NewMemory()}
		for b.Loop() {
			m.Mem.Reset()
			if err := img.Start(m, args); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("memory=new", func(b *testing.B) {
		for b.Loop() {
			if err := img.Start(&Machine{Mem: NewMemory()}, args); err != nil {
				b.Fatal(err)
			}
		}
	})
}
