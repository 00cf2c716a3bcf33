package engine

import (
	"testing"

	"damson/internal/pvm"
	"damson/jit"
)

// typical is a standard program like a service: 64 KiB read-only, 64 KiB initialised and 192 KiB zero, 64 KiB stack, and
// code that halts at once.
func typical(tb testing.TB) *pvm.Image {
	tb.Helper()
	code := []byte{0, 1, 2, 50, 0, 0b01} // jump_ind r0
	blob := []byte{0, 0, 1, 0, 0, 1, 48, 0, 0, 0, 1}
	blob = append(blob, make([]byte, 128<<10)...)
	blob = append(blob, byte(len(code)), 0, 0, 0)
	img, err := pvm.DecodeImage(append(blob, code...))
	if err != nil {
		tb.Fatal(err)
	}
	return img
}

func BenchmarkInstantiate(b *testing.B) {
	e, _, err := New(JIT, jit.Options{})
	if err != nil {
		b.Skip(err)
	}
	img := typical(b)
	c, err := e.Compile(img.Program)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m := &pvm.Machine{Mem: e.NewMemory(), Gas: 1000}
		if err := img.Start(m, nil); err != nil {
			b.Fatal(err)
		}
		if exit := c.Run(m); exit.Reason != pvm.Halt {
			b.Fatal(exit)
		}
		m.Mem.Release()
	}
}

// ecalli 0; jump back to it.
var pingCode = []byte{0, 1, 4, 10, 0, 40, 0xfe, 0b0101}

func BenchmarkHostCall(b *testing.B) {
	e, _, err := New(JIT, jit.Options{})
	if err != nil {
		b.Skip(err)
	}
	p, err := pvm.Decode(pingCode)
	if err != nil {
		b.Fatal(err)
	}
	c, err := e.Compile(p)
	if err != nil {
		b.Fatal(err)
	}
	m := &pvm.Machine{Mem: e.NewMemory(), Gas: 1 << 60}
	defer m.Mem.Release()
	for b.Loop() {
		if exit := c.Run(m); exit.Reason != pvm.HostCall {
			b.Fatal(exit, m.PC)
		}
		m.Regs[7]++
	}
}
