package exec

import "golang.org/x/sys/unix"

// isbOnEntry is 1 if the kernel does not offer what synchronize needs; then every entry of guest code pays for it.
var isbOnEntry uint32 = 1

// supported reports what keeps this processor and kernel from running the code. The instructions are those of any arm64.
func supported() error {
	const registerPrivateExpeditedSyncCore = 1 << 6
	if membarrier(registerPrivateExpeditedSyncCore) {
		isbOnEntry = 0
	}
	return nil
}

// membarrier makes the kernel do something on all processors that run this process, if it knows how.
func membarrier(command uintptr) bool {
	_, _, errno := unix.RawSyscall(unix.SYS_MEMBARRIER, command, 0, 0)
	return errno == 0
}

// flushCode makes the caches of instructions see what was written to memory, up to the synchronization of processors.
//
// SAFETY: the addresses are those of readable memory.
func flushCode(from, to uintptr)

// synchronize makes all processors see code that was written: the caches are made coherent, and whoever may have fetched
// ahead what was there before must begin again.
func synchronize(from, to uintptr) {
	flushCode(from, to)
	if isbOnEntry == 0 {
		const privateExpeditedSyncCore = 1 << 5
		membarrier(privateExpeditedSyncCore)
	}
}

// selfTestCode stores r5 at [r10] and leaves.
func selfTestCode() []byte {
	var a asm
	a.raw(0x73, 0x2a, 0x00, 0xf1)            // subs x19, x19, #10
	a.raw(0x85, 0x4a, 0x2a, 0x38)            // strb w5, [x20, w10, uxtw]
	a.raw(0xf0, 0x00, 0x80, 0x52)            // mov w16, #7
	a.raw(0x50, 0x0f, 0x00, 0xf9)            // str x16, [x26, #24]
	return a.raw(0x20, 0x03, 0x5f, 0xd6).out // ret x25
}
