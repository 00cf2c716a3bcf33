package invoke

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"damson/internal/pvm"
)

func TestMachines(t *testing.T) {
	e := refineEnv(t, entries{})
	blob := new(code).trap().blob()
	at, n := e.poke(room, blob), uint64(len(blob))
	e.panicked(8, nowhere, 1, 0)
	e.ok(8, resultHuh, at, n-1, 0)
	e.ok(8, resultHuh, at, 0, 0)
	e.ok(8, 0, at, n, 7)
	e.ok(8, 1, at, n, 1<<63)
	e.ok(8, 2, at, n, 0)
	e.ok(13, resultWho, 3)
	e.ok(13, 1<<63, 1)
	e.ok(13, resultWho, 1)
	e.ok(13, 7, 0)
	e.ok(8, 0, at, n, 5)
	e.ok(8, 1, at, n, 5)
	e.ok(8, 3, at, n, 5)
	e.poke(room, []byte{1, 2, 3}) // the machines have copies
	e.ok(11, resultOK, 3, 16, 1, 2)
	if e.poke(room+100, make([]byte, stateSize)); e.r.ref.machines.byIndex[3].blob[2] != blob[2] {
		t.Error("the blob is not copied")
	}
}

func TestPages(t *testing.T) {
	e := refineEnv(t, entries{})
	blob := new(code).trap().blob()
	e.ok(8, 0, e.poke(room, blob), uint64(len(blob)), 0)
	const last = 1<<20 - 1
	e.ok(11, resultWho, 1, 16, 1, 1)
	for _, bad := range [][3]uint64{
		{15, 1, 1},
		{16, 1, 5},
		{last, 1, 1},
		{16, last - 15, 1},
		{1 << 63, 1, 1},
		{16, ^uint64(0), 1},
		{16, ^uint64(15), 1},
		{16, 1, 3},
		{16, 1, 4}, // no access to keep
	} {
		e.ok(11, resultHuh, 0, bad[0], bad[1], bad[2])
	}
	e.ok(11, resultOK, 0, last-1, 1, 1)
	e.ok(11, resultOK, 0, 16, 0, 3)
	access := func(page uint32, want pvm.Access) {
		t.Helper()
		if got := e.r.ref.machines.byIndex[0].memory.Access(page); got != want {
			t.Errorf("page %d has access %d, want %d", page, got, want)
		}
	}
	data := e.poke(room, []byte("data"))
	e.ok(11, resultOK, 0, 20, 2, 2)
	e.ok(10, resultOK, 0, data, 20<<12, 4)
	e.ok(11, resultOK, 0, 20, 2, 3)
	access(20, pvm.Read)
	e.ok(9, resultOK, 0, room+100, 20<<12, 4)
	e.peekIs(room+100, "data")
	e.ok(11, resultOK, 0, 20, 1, 4)
	access(20, pvm.Write)
	access(21, pvm.Read)
	e.ok(11, resultHuh, 0, 20, 3, 4)
	e.ok(9, resultOK, 0, room+200, 20<<12, 4)
	e.peekIs(room+200, "data")
	e.ok(11, resultOK, 0, 20, 1, 1)
	access(20, pvm.Read)
	e.ok(9, resultOK, 0, room+200, 20<<12, 4)
	e.peekIs(room+200, "\x00\x00\x00\x00")
	e.ok(11, resultOK, 0, 20, 1, 0)
	access(20, pvm.None)
}

func TestPeekPoke(t *testing.T) {
	e := refineEnv(t, entries{})
	blob := new(code).trap().blob()
	e.ok(8, 0, e.poke(room, blob), uint64(len(blob)), 0)
	e.ok(11, resultOK, 0, 16, 1, 2)
	e.ok(11, resultOK, 0, 17, 1, 1)
	data := e.poke(room, []byte("data"))
	for _, tc := range []struct {
		number uint64
		regs   [4]uint64
		want   uint64
	}{
		{10, [4]uint64{0, data, 16<<12 + 4092, 4}, resultOK},
		{10, [4]uint64{0, data, 16<<12 + 4093, 4}, resultOOB},
		{10, [4]uint64{0, data, 1 << 40, 1}, resultOOB},
		{10, [4]uint64{0, data, 1 << 40, 0}, resultOK},
		{10, [4]uint64{1, data, 16 << 12, 4}, resultWho},
		{9, [4]uint64{0, room + 9, 16<<12 + 4092, 8}, resultOK},
		{9, [4]uint64{0, room + 9, 17<<12 + 4093, 4}, resultOOB},
		{9, [4]uint64{1, room + 9, 16 << 12, 4}, resultWho},
	} {
		e.ok(tc.number, tc.want, tc.regs[:]...)
	}
	e.peekIs(room+9, "data\x00\x00\x00\x00")
	e.panicked(9, 1, readOnly, 16<<12, 1)
	e.panicked(10, 1, nowhere, 16<<12, 1)
}

// machineState is what invoke reads and writes.
func machineState(gas uint64, registers ...uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, gas)
	for i := range pvm.Registers {
		v := uint64(0)
		if i < len(registers) {
			v = registers[i]
		}
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func TestInvoke(t *testing.T) {
	c := new(code)
	c.set(3, 33)
	c.call(77)
	c.set(4, 44)
	fault := uint64(len(c.octets))
	c.op(byte(pvm.StoreU8), 3, 0, 0, 2) // at 0x20000
	c.op(byte(pvm.JumpInd), 0)
	blob := c.blob()
	e := refineEnv(t, entries{})
	e.ok(8, 0, e.poke(room, blob), uint64(len(blob)), 0)
	at := e.poke(room+1000, machineState(100, 1<<32-1<<16))
	e.panicked(12, 0, readOnly)
	e.panicked(12, 1, uint64(room+roomSize-111))
	e.ok(12, resultWho, 1, at)

	step := func(reason, arg, gas, pc uint64, registers ...uint64) {
		t.Helper()
		e.ok(12, reason, 0, at, 12345)
		if reason != innerHost && reason != innerFault {
			arg = at
		}
		if got := e.r.m.Regs[8]; got != arg {
			t.Errorf("φ8 = %#x, want %#x", got, arg)
		}
		if got := e.peek(at, stateSize); !bytes.Equal(got, machineState(gas, registers...)) {
			t.Errorf("state %x", got)
		}
		if got := e.r.ref.machines.byIndex[0].pc; got != pc {
			t.Errorf("counter %d, want %d", got, pc)
		}
	}
	step(innerHost, 77, 98, 15, 1<<32-1<<16, 0, 0, 33)
	e.poke(at, machineState(1, 1<<32-1<<16, 0, 0, 33))
	step(innerOOG, 0, ^uint64(0), fault, 1<<32-1<<16, 0, 0, 33, 44)
	e.poke(at, machineState(50, 1<<32-1<<16, 0, 0, 33, 44))
	step(innerFault, 0x20000, 49, fault, 1<<32-1<<16, 0, 0, 33, 44)
	e.ok(11, resultOK, 0, 0x20, 1, 2)
	step(innerHalt, 0, 47, 0, 1<<32-1<<16, 0, 0, 33, 44)
	e.ok(9, resultOK, 0, room, 0x20000, 1)
	e.peekIs(room, "\x21")
	e.poke(at, machineState(^uint64(0)))
	e.ok(13, 0, 0)

	trap := new(code).trap().blob()
	e.ok(8, 0, e.poke(room, trap), uint64(len(trap)), 0)
	step(innerPanic, 0, ^uint64(0)-1, 0)
}

// TestMachineLimits checks that this node gives up where the Gray Paper sets no bound.
func TestMachineLimits(t *testing.T) {
	endless := new(code).op(byte(pvm.Jump), 0).blob()
	e := refineEnv(t, entries{})
	e.r.invoker.innerGas, e.r.invoker.innerBytes = 1000, 1<<20
	e.ok(8, 0, e.poke(room, endless), uint64(len(endless)), 0)
	at := e.poke(room+1000, machineState(600))
	e.ok(12, innerOOG, 0, at)
	e.poke(at, machineState(600))
	e.call(12, fails, 0, 0, at)
	if !errors.Is(e.r.failed, ErrInnerGas) {
		t.Errorf("error %v", e.r.failed)
	}
	e.ok(11, resultOK, 0, 16, 200, 2)
	e.call(11, fails, 0, 0, 300, 200, 2)
	if !errors.Is(e.r.failed, ErrInnerBytes) {
		t.Errorf("error %v", e.r.failed)
	}
	e.r.m.Regs[7] = 0
	e.ok(13, 0, 0)
	if e.r.ref.machines.bytes != 0 {
		t.Errorf("%d octets are held by no machine", e.r.ref.machines.bytes)
	}
	for range 1 << 20 {
		copy(e.r.m.Regs[7:], []uint64{room, uint64(len(endless)), 0})
		e.r.setGas(1000)
		if e.r.call(8) == fails {
			return
		}
	}
	t.Error("any number of machines")
}

// TestLargeBlobs names much memory that was never written to.
func TestLargeBlobs(t *testing.T) {
	e := refineEnv(t, entries{})
	e.r.m.Mem.Map(0x1000, 1<<19, pvm.Write) // 2 GiB of zeros
	e.ok(8, resultHuh, 0x1000000, 1<<31, 0)
	// no jump table, code of 2^20 octets
	head := []byte{0, 0, 0xd0, 0, 0}
	e.poke(0x1000000, head)
	size := uint64(len(head)) + 1<<20 + 1<<17
	e.ok(8, resultHuh, 0x1000000, size+1, 0)
	e.ok(8, 0, 0x1000000, size, 0)
}

// TestInnerPagesCountOnce maps the same pages over and over, which takes no more memory than once.
func TestInnerPagesCountOnce(t *testing.T) {
	trap := new(code).trap().blob()
	e := refineEnv(t, entries{})
	e.r.invoker.innerBytes = 4 << 20
	e.ok(8, 0, e.poke(room, trap), uint64(len(trap)), 0)
	for i := range uint64(100) {
		e.ok(11, resultOK, 0, 1020+i%7, 300, 1+i%2)
		e.ok(11, resultOK, 0, 1020+i%7, 300, i%5/4*3)
	}
	if got, want := e.r.ref.machines.bytes, innerSize(uint64(len(trap)))+306*pvm.PageSize; got != want {
		t.Errorf("%d octets, want %d", got, want)
	}
	e.ok(13, 0, 0)
	if e.r.ref.machines.bytes != 0 {
		t.Errorf("%d octets are held by no machine", e.r.ref.machines.bytes)
	}
}

// TestInnerHeapCounts has inner machines that take memory by sbrk, of which only some were given as pages.
func TestInnerHeapCounts(t *testing.T) {
	grow := new(code).set(3, 1<<20).op(byte(pvm.Sbrk), 3|3<<4).trap().blob()
	e := refineEnv(t, entries{})
	e.r.invoker.innerBytes = 4 << 20
	at := e.poke(room+1000, machineState(100))
	for i := range uint64(3) {
		e.ok(8, i, e.poke(room, grow), uint64(len(grow)), 0)
		e.ok(11, resultOK, i, 20, 1, 2)
		e.poke(at, machineState(100))
		e.ok(12, innerPanic, i, at)
		if got, want := e.r.ref.machines.bytes, (i+1)*(innerSize(uint64(len(grow)))+(256-16)*pvm.PageSize); got != want {
			t.Errorf("%d octets, want %d", got, want)
		}
	}
	e.poke(at, machineState(100))
	e.ok(12, innerPanic, 0, at)
	e.poke(at, machineState(100))
	e.call(12, fails, 0, 0, at)
	if !errors.Is(e.r.failed, ErrInnerBytes) {
		t.Errorf("error %v", e.r.failed)
	}
}
