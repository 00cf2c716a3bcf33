package exec

import (
	"errors"
	"fmt"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

// required is what the emitted code uses beyond the amd64 baseline.
var required = []cpuid.FeatureID{cpuid.BMI1, cpuid.BMI2, cpuid.LZCNT, cpuid.POPCNT, cpuid.CMOV}

// supported reports what keeps this processor and kernel from running the code.
func supported() error {
	for _, feature := range required {
		if !cpuid.CPU.Supports(feature) {
			return fmt.Errorf("the processor lacks %v", feature)
		}
	}
	if !userGSBase() {
		return errors.New("the kernel does not let programs set the GS base")
	}
	return nil
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

// selfTestCode stores r5 at [r10] and leaves.
func selfTestCode() []byte {
	var a asm
	a.raw(0x49, 0x83, 0xef, 10)                         // sub r15, 10
	a.raw(0x67, 0x65, 0x88, 0x18)                       // mov gs:[eax], bl
	a.raw(0x65, 0x48, 0xc7, 0x04, 0x25)                 // mov qword ptr gs:[kind], 7
	return a.disp(OffsetKind).raw(7, 0, 0, 0, 0xc3).out // ret
}

// synchronize does nothing: this processor notices when code is written.
func synchronize(uintptr, uintptr) {}
