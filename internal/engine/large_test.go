package engine

import (
	"encoding/binary"
	"testing"

	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
)

// largeProgram has units of a few instructions, each of which may leave for the end of the program, a long way off; from
// there the start is a long way back. Short branches of some processors do not reach that far.
//
//	start:  add_imm_64 r7, r7, 1; store_ind_u32 [r9] = r7; branch_eq_imm r7, 0, end      (so many times)
//	end:    add_imm_64 r8, r8, -1; branch_ne_imm r8, 0, start; trap
func largeProgram(tb testing.TB, units int) *pvm.Program {
	tb.Helper()
	var code, mask []byte
	put := func(b ...byte) {
		for i := range b {
			if n := len(code) + i; n%8 == 0 {
				mask = append(mask, 0)
			}
		}
		mask[len(code)/8] |= 1 << (len(code) % 8)
		code = append(code, b...)
	}
	offset := func(head []byte, to int) []byte {
		return binary.LittleEndian.AppendUint32(head, uint32(to-len(code)))
	}
	const unit = 4 + 2 + 6 + 1
	end := units * unit
	for range units {
		put(149, 0x77, 1, 0)                  // add_imm_64
		put(122, 0x97)                        // store_ind_u32
		put(offset([]byte{81, 0x07}, end)...) // branch_eq_imm
		put(byte(pvm.Fallthrough))            //
	}
	put(149, 0x88, 0xff)                // add_imm_64
	put(offset([]byte{82, 0x08}, 0)...) // branch_ne_imm
	put(0)
	blob := []byte{0, 4}
	blob = append(blob, 0xe0, byte(len(code)), byte(len(code)>>8), byte(len(code)>>16))
	p, err := pvm.Decode(append(append(blob, code...), mask...))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestLargeProgram compares the recompiler with the interpreter where branches are long, with much gas and little.
func TestLargeProgram(t *testing.T) {
	const units = 170_000 // more than 2^21 octets of code, as the blob below needs
	p := largeProgram(t, units)
	e, why, err := New(JIT, jit.Options{})
	if err != nil || why != nil {
		t.Skip(err, why)
	}
	engines := []pvm.Engine{e, interp.New()}
	var outcomes [2][]Outcome
	for i, e := range engines {
		c, err := e.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		mem := e.NewMemory()
		mem.Reset()
		mem.Map(32, 1, pvm.Write)
		for _, steps := range []uint64{1, units/3 + 1, units, units + 1} {
			for _, gas := range []int64{10_000_000, int64(steps) * 4, int64(steps)*4 - 2, int64(steps)*2 + 7} {
				for _, at := range []uint64{32 << 12, 32<<12 + 4093, 33 << 12} { // the last two fault
					m := &pvm.Machine{Mem: mem, Gas: gas}
					m.Regs[7], m.Regs[8], m.Regs[9] = -steps, 2, at
					exit := c.Run(m)
					m.Mem = nil
					outcomes[i] = append(outcomes[i], Outcome{exit, *m})
				}
			}
		}
		mem.Release()
	}
	for i, got := range outcomes[0] {
		if want := outcomes[1][i]; got != want {
			t.Fatalf("run %d: got %v, want %v", i, got, want)
		}
	}
}
