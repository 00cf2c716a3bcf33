//go:build linux && (amd64 || arm64)

package exec

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Available reports why this process cannot run machine code, or nil. The first call reserves the arena, installs the
// signal handlers and tries both ways out of guest code.
var Available = sync.OnceValue(func() error {
	if err := prepare(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
})

func prepare() error {
	if err := supported(); err != nil {
		return err
	}
	if size := os.Getpagesize(); size != PageSize {
		return fmt.Errorf("the kernel's pages have %d octets", size)
	}
	if err := codeArena.open(); err != nil {
		return err
	}
	segv, urg := handlers()
	if err := chainHandler(unix.SIGSEGV, segv, &goSegv); err != nil {
		return err
	}
	if err := chainHandler(unix.SIGURG, urg, &goUrg); err != nil {
		return err
	}
	return selfTest()
}

// selfTest runs two instructions in a guest: a store that the guest may do, and one that it may not.
func selfTest() error {
	s, err := newSpace()
	if err != nil {
		return err
	}
	defer s.Close()
	blob := selfTestCode()
	code, err := Publish(len(blob), func(b []byte, _ uint32) { copy(b, blob) })
	if err != nil {
		return err
	}
	defer code.Free()
	s.Protect(16, 1, ReadWrite)
	c := s.Context()
	var regs [13]uint64
	for i := range regs {
		regs[i] = uint64(i) + 1<<40
	}
	regs[10] = 0x10000
	want := regs
	c.Gas = 1000
	s.Enter(code.Base(), &regs)
	if c.Kind != 7 || c.Gas != 990 || regs != want || s.Bytes()[0x10000] != 5 {
		return fmt.Errorf("self-test: left guest code with kind %d, gas %d", c.Kind, c.Gas)
	}
	regs[10] = 0x20000
	s.Enter(code.Base(), &regs)
	if c.Kind != KindFault || c.FaultAt != uint64(s.base)+0x20000 || c.FaultPC != uint64(code.Base())+4 || c.Gas != 980 {
		return fmt.Errorf("self-test: a fault at %#x was reported as kind %d at %#x", c.FaultPC, c.Kind, c.FaultAt)
	}
	return nil
}

// asm writes the few instructions of the self-test, which must not depend on the encoder that it may be used to doubt.
type asm struct{ out []byte }

func (a *asm) raw(b ...byte) *asm {
	a.out = append(a.out, b...)
	return a
}

func (a *asm) disp(v int32) *asm {
	return a.raw(byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}
