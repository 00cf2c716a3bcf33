package pvm

import (
	"errors"
	"slices"
	"testing"
)

// blobOf puts a program blob together whose code is less than 128 octets long.
func blobOf(code []byte, starts ...int) []byte {
	mask := make([]byte, (len(code)+7)/8)
	for _, at := range starts {
		mask[at/8] |= 1 << (at % 8)
	}
	return slices.Concat([]byte{0, 0, byte(len(code))}, code, mask)
}

func TestDeblob(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff} // 2^64 - 1
	for _, tc := range []struct {
		name string
		blob []byte
		good bool
	}{
		{"empty", nil, false},
		{"no code", []byte{0, 0, 0}, true},
		{"no code, entries of 8", []byte{0, 8, 0}, true},
		{"no length", []byte{0, 0}, false},
		{"one trap", []byte{0, 0, 1, 0, 1}, true},
		{"no mask", []byte{0, 0, 1, 0}, false},
		{"something behind", []byte{0, 0, 1, 0, 1, 0}, false},
		{"padding set", []byte{0, 0, 1, 0, 3}, false},
		{"mask of eight", append(append([]byte{0, 0, 8}, make([]byte, 8)...), 0xff), true},
		{"long form of 0", []byte{0x80, 0, 0, 0}, false},
		{"jump table", []byte{2, 1, 1, 0, 7, 0, 1}, true},
		{"jump table cut off", []byte{2, 4, 1, 0, 7, 0, 1}, false},
		{"count times size overflows", slices.Concat(huge, []byte{2, 0}), false},
		{"entries of nothing", slices.Concat(huge, []byte{0, 1, 0, 1}), true},
		{"entry of nine octets", []byte{1, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0}, true},
		{"entry over 64 bits", []byte{1, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1}, false},
		{"code too long", slices.Concat([]byte{0, 0}, huge), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Decode(tc.blob)
			if (err == nil) != tc.good || err != nil && !errors.Is(err, ErrBlob) {
				t.Fatalf("%v", err)
			}
			if tc.good {
				checkProgram(t, p)
			}
		})
	}
}

func TestOperands(t *testing.T) {
	for _, tc := range []struct {
		code []byte
		want Inst
	}{
		{[]byte{byte(Ecalli)}, Inst{Op: Ecalli}},
		{[]byte{byte(Ecalli), 0xff}, Inst{Op: Ecalli, X: ^uint64(0)}},
		{[]byte{byte(Ecalli), 0, 0, 0, 0x80, 1, 2}, Inst{Op: Ecalli, X: 0xffffffff80000000}},
		{[]byte{byte(LoadImm64), 0x1f, 1, 2, 3, 4, 5, 6, 7, 8}, Inst{Op: LoadImm64, A: 12, X: 0x0807060504030201}},
		{[]byte{byte(LoadImm64), 3, 1}, Inst{Op: LoadImm64, A: 3, X: 1}}, // zeros follow
		{[]byte{byte(StoreImmU8), 1, 0x80, 5}, Inst{Op: StoreImmU8, X: 0xffffffffffffff80, Y: 5}},
		{[]byte{byte(StoreImmU8), 7, 1, 2, 3, 4, 0xfe}, Inst{Op: StoreImmU8, X: 0x04030201, Y: 0xfffffffe}},
		{[]byte{byte(StoreImmU8), 0xf0}, Inst{Op: StoreImmU8}},
		{[]byte{byte(LoadImm), 0xff, 1, 2, 3, 4, 5}, Inst{Op: LoadImm, A: 12, X: 0x04030201}},
		{[]byte{byte(StoreImmIndU16), 0x15, 9, 8, 7}, Inst{Op: StoreImmIndU16, A: 5, X: 9, Y: 0x0708}},
		{[]byte{byte(BranchEqImm), 0x15, 9, 0}, Inst{Op: BranchEqImm, A: 5, X: 9, Y: 0}},
		{[]byte{byte(BranchEqImm), 0x15, 9, 1}, Inst{Op: BranchEqImm, A: 5, X: 9, Y: NoTarget}},
		{[]byte{byte(BranchEqImm), 0x15, 9, 0xff}, Inst{Op: BranchEqImm, A: 5, X: 9, Y: NoTarget}},
		{[]byte{byte(Jump)}, Inst{Op: Jump}},
		{[]byte{byte(Jump), 5}, Inst{Op: Jump, Y: NoTarget}},
		{[]byte{byte(MoveReg), 0x53}, Inst{Op: MoveReg, D: 3, A: 5}},
		{[]byte{byte(AddImm64), 0x53, 0xff}, Inst{Op: AddImm64, A: 3, B: 5, X: ^uint64(0)}},
		{[]byte{byte(BranchNe), 0xf3}, Inst{Op: BranchNe, A: 3, B: 12}},
		{[]byte{byte(LoadImmJumpInd), 0x21, 2, 1, 2, 3}, Inst{Op: LoadImmJumpInd, A: 1, B: 2, X: 0x0201, Y: 3}},
		{[]byte{byte(Add64), 0x21, 200}, Inst{Op: Add64, A: 1, B: 2, D: 12}},
		{[]byte{byte(Add64)}, Inst{Op: Add64}},
		{[]byte{99, 1, 2}, Inst{Op: Trap, Y: NoTarget}},
	} {
		p, err := Decode(blobOf(tc.code, 0))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Insts[0]; got != tc.want {
			t.Errorf("% x: %+v, want %+v", tc.code, got, tc.want)
		}
	}
}

// TestHole has an instruction so far from the next that execution goes on between the two.
func TestHole(t *testing.T) {
	code := make([]byte, 60)
	code[0], code[40] = byte(Fallthrough), byte(Fallthrough)
	p, err := Decode(blobOf(code, 0, 40))
	if err != nil {
		t.Fatal(err)
	}
	checkProgram(t, p)
	var pcs []uint64
	for i := range p.Insts {
		pcs = append(pcs, p.PC(uint32(i)))
	}
	if want := []uint64{0, 25, 40, 60}; !slices.Equal(pcs, want) {
		t.Fatalf("instructions at %v, want %v", pcs, want)
	}
	if _, ok := p.Index(24); ok {
		t.Error("an instruction at 24")
	}
}

func TestDjump(t *testing.T) {
	// fallthrough, trap; jump table: 1, 0, 5
	p, err := Decode([]byte{3, 1, 2, 1, 0, 5, 1, 0, 3})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[uint32]uint32{
		0: NoTarget, 1: NoTarget, 2: 1, 3: NoTarget, 4: 0, 6: NoTarget, 8: NoTarget, 1 << 31: NoTarget, ^uint32(0): NoTarget,
	} {
		if got := p.Djump(addr); got != want {
			t.Errorf("%d leads to %d, want %d", addr, got, want)
		}
	}
	p, err = Decode([]byte{3, 0, 1, 1, 1}) // three entries of no octets
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[uint32]uint32{0: NoTarget, 2: 0, 6: 0, 8: NoTarget} {
		if got := p.Djump(addr); got != want {
			t.Errorf("entries of nothing: %d leads to %d, want %d", addr, got, want)
		}
	}
}

// checkProgram compares a program with what GP §A.2 and §A.3 say, octet for octet.
func checkProgram(tb testing.TB, p *Program) {
	tb.Helper()
	b := &p.blob
	size := uint64(len(b.Code))
	skip := func(n uint64) uint64 {
		for j := uint64(0); j < 24; j++ {
			if at := n + 1 + j; at >= size || b.Mask[at/8]>>(at%8)&1 == 1 {
				return j
			}
		}
		return 24
	}
	starts := func(n uint64) bool { return n < size && b.Mask[n/8]>>(n%8)&1 == 1 }
	blocks := map[uint64]bool{0: true}
	for n := range size {
		if starts(n) && Ops[b.Code[n]].Flags.Has(Ends) && Opcode(b.Code[n]).Valid() {
			blocks[n+1+skip(n)] = true
		}
	}
	heads := map[uint32]bool{}
	for _, block := range p.Blocks {
		heads[block.First] = true
	}
	for i := range p.Insts {
		in, pc := &p.Insts[i], p.PC(uint32(i))
		if at, ok := p.Index(pc); !ok || at != uint32(i) {
			tb.Fatalf("instruction %d is at %d, where %d is", i, pc, at)
		}
		valid := starts(pc) && Opcode(b.Code[pc]).Valid()
		if valid && in.Op != Opcode(b.Code[pc]) || !valid && in.Op != Trap {
			tb.Fatalf("%v at %d", in.Op, pc)
		}
		if starts(pc) && i+1 < len(p.Insts) && p.PC(uint32(i+1)) != pc+1+skip(pc) {
			tb.Fatalf("after %d comes %d", pc, p.PC(uint32(i+1)))
		}
		if Ops[in.Op].Flags&(Branches|Jumps) != 0 && in.Y != NoTarget {
			if to := p.PC(in.Y); !heads[in.Y] || !blocks[to] || !starts(to) || !Opcode(b.Code[to]).Valid() {
				tb.Fatalf("%d jumps to %d, which begins no block", pc, to)
			}
		}
	}
	checkBlocks(tb, p)
	for i, to := range p.JumpTable {
		at := b.Jump(uint64(i))
		good := blocks[at] && starts(at) && Opcode(b.Code[at]).Valid()
		if good != (to != NoTarget) || good && (p.PC(to) != at || !heads[to]) {
			tb.Fatalf("jump table entry %d, which is %d, leads to %d", i, at, to)
		}
	}
	for pc := range size + 40 {
		_, ok := p.Index(pc)
		if starts(pc) && !ok {
			tb.Fatalf("no instruction at %d", pc)
		}
	}
}

// checkBlocks checks that the gas blocks cover the instructions and end where they must.
func checkBlocks(tb testing.TB, p *Program) {
	tb.Helper()
	if last := len(p.Insts) - 1; p.Insts[last].Op != Trap || p.PC(uint32(last)) != uint64(len(p.blob.Code)) {
		tb.Fatal("no trap at the end")
	}
	next := uint32(0)
	for _, block := range p.Blocks {
		if block.First != next || block.Cost == 0 {
			tb.Fatalf("block %+v, want one at %d", block, next)
		}
		next += block.Cost
		for i := block.First; i+1 < next; i++ {
			if Ops[p.Insts[i].Op].Flags&(Ends|CallsHost) != 0 {
				tb.Fatalf("block %+v has an end inside", block)
			}
		}
	}
	if next != uint32(len(p.Insts)) {
		tb.Fatalf("blocks hold %d of %d instructions", next, len(p.Insts))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{3, 1, 2, 1, 0, 5, 1, 0, 3})
	f.Add(blobOf(append(make([]byte, 60), 80, 0x15, 9, 1, 40), 0, 3, 40, 60))
	f.Fuzz(func(t *testing.T, blob []byte) {
		p, err := Decode(blob)
		if err != nil {
			return
		}
		checkProgram(t, p)
	})
}

func BenchmarkDecode(b *testing.B) {
	code := make([]byte, 1<<20)
	mask := make([]byte, len(code)/8)
	for i := 0; i+4 <= len(code); i += 4 {
		code[i], code[i+1], code[i+2] = byte(AddImm64), byte(i/4), byte(i)
		if i%40 == 0 {
			code[i] = byte(BranchNe)
		}
		mask[i/8] |= 1 << (i % 8)
	}
	blob := slices.Concat([]byte{0, 0, 0xd0, 0, 0}, code, mask)
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		if _, err := Decode(blob); err != nil {
			b.Fatal(err)
		}
	}
}
