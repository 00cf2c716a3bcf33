package exec

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/klauspost/cpuid/v2"
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

// required is what the emitted code uses beyond the amd64 baseline.
var required = []cpuid.FeatureID{cpuid.BMI1, cpuid.BMI2, cpuid.LZCNT, cpuid.POPCNT, cpuid.CMOV}

func prepare() error {
	for _, feature := range required {
		if !cpuid.CPU.Supports(feature) {
			return fmt.Errorf("the processor lacks %v", feature)
		}
	}
	if !userGSBase() {
		return errors.New("the kernel does not let programs set the GS base")
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

// userGSBase asks the kernel whether RDGSBASE and WRGSBASE may be used.
func userGSBase() bool {
	const hwcap2, fsgsbase = 26, 2
	vector, err := unix.Auxv()
	if err != nil {
		return false
	}
	for _, entry := range vector {
		if entry[0] == hwcap2 {
			return entry[1]&fsgsbase != 0
		}
	}
	return false
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

// selfTestCode stores r5 at [r10] and leaves.
func selfTestCode() []byte {
	var a asm
	a.raw(0x49, 0x83, 0xef, 10)                         // sub r15, 10
	a.raw(0x67, 0x65, 0x88, 0x18)                       // mov gs:[eax], bl
	a.raw(0x65, 0x48, 0xc7, 0x04, 0x25)                 // mov qword ptr gs:[kind], 7
	return a.disp(OffsetKind).raw(7, 0, 0, 0, 0xc3).out // ret
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
